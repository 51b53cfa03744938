/**
 * Resonate's protocol over HTTP, as far as it concerns one promise and its task: envelope, statuses,
 * leases and versions (RULES.md, section 2; RESONATE.md, section 2).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

const data = mkdtempSync(join(MEMORY, "durable-promises-rpc-"));
const NEVER = Number.MAX_SAFE_INTEGER;
const TARGET = { "resonate:target": "poll://any@workers" };
let server: Server;
let number = 0;

beforeAll(async () => {
  server = await startServer({ data });
});

afterAll(async () => {
  await server.stop();
  rmSync(data, { recursive: true, force: true });
});

interface Reply {
  http: number;
  kind: string;
  head: { corrId: string; status: number; version: string };
  /** A string in errors; what the tests look at is said by their expectations. */
  data: Record<string, unknown> & string;
  text: string;
}

async function post(body: string, path = "/"): Promise<Reply> {
  const response = await fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  const text = await response.text();
  return { http: response.status, text, ...JSON.parse(text) };
}

async function call(kind: string, asked: unknown): Promise<Reply> {
  const head = { corrId: `c${(number += 1)}`, version: "2026-04-01" };
  const reply = await post(JSON.stringify({ kind, head, data: asked }));
  expect(reply).toMatchObject({ kind, head: { ...head, status: reply.http } });
  return reply;
}

function freshId(): string {
  return `rpc/${(number += 1)}`;
}

const action = (kind: string, asked: unknown) => ({ kind, head: {}, data: asked });
const create = (id: string, rest = {}) => ({ id, timeoutAt: NEVER, param: {}, tags: {}, ...rest });
const settle = (id: string, value = {}) => ({ id, state: "resolved", value });

async function held(ttl: number, rest = {}): Promise<string> {
  const id = freshId();
  const promise = create(id, { tags: TARGET, ...rest });
  const reply = await call("task.create", {
    pid: "w",
    ttl,
    action: action("promise.create", promise),
  });
  expect(reply).toMatchObject({ http: 200, data: { task: { state: "acquired", version: 1 } } });
  return id;
}

/**
 * A task whose lease is over, as nobody was heard of, while one beside it is kept by beats; again with
 * a longer lease where the machine was too slow for the beats.
 */
async function withBeats(ttl: number): Promise<string> {
  let lastAt = Date.now();
  const heard = await held(ttl);
  const silent = await held(ttl);
  let gap = 0;
  const tasks = [
    { id: heard, version: 1 },
    { id: silent, version: 7 },
  ];
  await eventually(async () => {
    const askedAt = Date.now();
    await call("task.heartbeat", { pid: "w", tasks });
    gap = Math.max(gap, Date.now() - lastAt);
    lastAt = askedAt;
    expect(await call("task.get", { id: silent })).toMatchObject({
      data: { task: { state: "pending", version: 1 } },
    });
  });
  const { data: still } = await call("task.get", { id: heard });
  gap = Math.max(gap, Date.now() - lastAt);
  // A lease that was over between two beats was lost by rights.
  if (gap >= ttl && ttl < 8_000) return withBeats(2 * ttl);
  expect(still["task"]).toMatchObject({ state: "acquired", pid: "w", ttl });
  return silent;
}

describe("the envelope", () => {
  test.each([
    ["no JSON", "{", "unknown", "0"],
    ["no object", "[]", "unknown", "0"],
    ["no head", '{"kind":"promise.get","data":{}}', "unknown", "0"],
    [
      "data that is no object",
      '{"kind":"promise.get","head":{"corrId":"x","version":"2026-04-01"},"data":[]}',
      "unknown",
      "0",
    ],
    [
      "an unknown kind",
      '{"kind":"promise.no","head":{"corrId":"x","version":"2026-04-01"},"data":{}}',
      "promise.no",
      "x",
    ],
    [
      "another version",
      '{"kind":"promise.get","head":{"corrId":"x","version":"2025-01-01"},"data":{"id":"a"}}',
      "promise.get",
      "x",
    ],
    [
      "a name of every object",
      '{"kind":"constructor","head":{"corrId":"x","version":"2026-04-01"},"data":{}}',
      "constructor",
      "x",
    ],
  ])("with %s is a 400 that says why", async (_, body, kind, corrId) => {
    const reply = await post(body);
    expect(reply).toMatchObject({ http: 400, kind, head: { corrId, status: 400 } });
    expect(typeof reply.data).toBe("string");
  });

  test("is understood at /rpc too", async () => {
    const head = { corrId: "1", version: "2026-04-01" };
    const body = JSON.stringify({ kind: "promise.get", head, data: { id: freshId() } });
    expect(await post(body, "/rpc")).toMatchObject({ http: 404, data: "Promise not found" });
  });
});

describe("a promise", () => {
  test("is the same over this protocol and over REST, its data to the letter", async () => {
    const id = freshId();
    const asked = `{"id":"${id}","timeoutAt":${NEVER},"param":{"data":{"n":12345678901234567890}},"tags":{}}`;
    const head = '{"corrId":"1","version":"2026-04-01"}';
    const made = await post(`{"kind":"promise.create","head":${head},"data":${asked}}`);
    expect(made.text).toContain('"param":{"data":{"n":12345678901234567890}}');
    const rest = await fetch(`${server.url}/promises/${id}`);
    expect(await rest.json()).toMatchObject({ id, state: "PENDING" });
    expect(await call("promise.settle", settle(id, { data: "dg==" }))).toMatchObject({
      http: 200,
      data: { promise: { id, state: "resolved", value: { data: "dg==" } } },
    });
  });

  test("that a person has settled with plain JSON is what an SDK can read", async () => {
    const id = freshId();
    await call("promise.create", create(id, { tags: { "resonate:scope": "global" } }));
    await fetch(`${server.url}/promises/${id}`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: '{"state":"RESOLVED","value":{"data":{"approved":true}}}',
    });
    const { data: answer } = await call("promise.get", { id });
    const { value } = answer["promise"] as { value: { data: string } };
    expect(JSON.parse(atob(value.data))).toEqual({ approved: true });
  });

  test("that exists, or is settled, comes back as it is", async () => {
    const id = freshId();
    await call("promise.create", create(id, { tags: { a: "1" } }));
    expect(await call("promise.create", create(id, { tags: { b: "2" } }))).toMatchObject({
      http: 200,
      data: { promise: { tags: { a: "1" } } },
    });
    await call("promise.settle", settle(id));
    expect(
      await call("promise.settle", { id, state: "rejected", value: { data: "x" } }),
    ).toMatchObject({ http: 200, data: { promise: { state: "resolved", value: {} } } });
  });

  test("past its deadline is settled, and so is its task (C8)", async () => {
    const id = freshId();
    const { data: made } = await call("promise.create", create(id, { timeoutAt: 5, tags: TARGET }));
    expect(made["promise"]).toMatchObject({
      state: "rejected_timedout",
      createdAt: 5,
      settledAt: 5,
      timeoutAt: 5,
    });
    expect(await call("task.get", { id })).toMatchObject({
      data: { task: { state: "fulfilled" } },
    });
  });
});

describe("a task", () => {
  test("is taken by exactly one of many who want it", async () => {
    const id = freshId();
    await call("promise.create", create(id, { tags: TARGET }));
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        call("task.acquire", { id, version: 0, pid: `w${n}`, ttl: 60_000 }),
      ),
    );
    expect(replies.map(({ http }) => http).toSorted((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 19 }, () => 409),
    ]);
  });

  test("is fulfilled by its holder, and its promise with it; nobody else can", async () => {
    const id = await held(60_000);
    const fulfill = (version: number) => ({
      id,
      version,
      action: action("promise.settle", settle(id, { data: "1" })),
    });
    expect(await call("task.fulfill", fulfill(0))).toMatchObject({ http: 409 });
    expect(await call("task.fulfill", fulfill(1))).toMatchObject({
      http: 200,
      data: { promise: { state: "resolved", value: { data: "1" } } },
    });
    expect(await call("task.fulfill", fulfill(1))).toMatchObject({ http: 409 });
    expect(await call("task.get", { id })).toMatchObject({
      data: { task: { id, state: "fulfilled", version: 1, resumes: 0 } },
    });
  });

  test("comes free when its lease is over, and not while its holder is heard of", async () => {
    const silent = await withBeats(500);
    // The next holder has the next version; the one who came back late has nothing any more.
    expect(
      await call("task.acquire", { id: silent, version: 1, pid: "x", ttl: 60_000 }),
    ).toMatchObject({ data: { task: { version: 2 } } });
    expect(await call("task.release", { id: silent, version: 1 })).toMatchObject({ http: 409 });
  });

  test("keeps its lease through kill -9, and loses it on time", async () => {
    const long = await held(60_000);
    const short = await held(200);
    await server.kill();
    server = await startServer({ data });
    expect(await call("task.get", { id: long })).toMatchObject({
      data: { task: { state: "acquired", version: 1, pid: "w" } },
    });
    await eventually(async () =>
      expect(await call("task.get", { id: short })).toMatchObject({
        data: { task: { state: "pending" } },
      }),
    );
  });

  test("is halted and continued, and released", async () => {
    const id = await held(60_000);
    expect(await call("task.halt", { id })).toMatchObject({ http: 200, data: {} });
    expect(await call("task.release", { id, version: 1 })).toMatchObject({ http: 409 });
    expect(await call("task.continue", { id })).toMatchObject({ http: 200 });
    expect(await call("task.continue", { id })).toMatchObject({ http: 409 });
    await call("task.acquire", { id, version: 1, pid: "w", ttl: 60_000 });
    expect(await call("task.release", { id, version: 2 })).toMatchObject({ http: 200 });
    expect(await call("task.get", { id })).toMatchObject({ data: { task: { state: "pending" } } });
  });

  test.each(["task.get", "task.acquire", "task.release", "task.halt", "task.continue"])(
    "that nobody has: %s is a 404, also for a promise without target",
    async (kind) => {
      const id = freshId();
      const asked = { id, version: 0, pid: "w", ttl: 1 };
      expect(await call(kind, asked)).toMatchObject({ http: 404 });
      await call("promise.create", create(id));
      expect(await call(kind, asked)).toMatchObject({ http: 404 });
    },
  );

  test("of a promise without target cannot be created", async () => {
    const id = freshId();
    const ask = (tags: object) =>
      call("task.create", {
        pid: "w",
        ttl: 1000,
        action: action("promise.create", create(id, { tags })),
      });
    expect(await ask({})).toMatchObject({ http: 400 });
    await call("promise.create", create(id));
    expect(await ask(TARGET)).toMatchObject({ http: 422 });
  });

  test.each([
    ["ttl", { pid: "w", ttl: 0 }],
    ["ttl", { pid: "w", ttl: 1.5 }],
    ["pid", { pid: "", ttl: 1 }],
    ["version", { pid: "w", ttl: 1, version: -1 }],
    ["id", { pid: "w", ttl: 1, id: "" }],
  ])("is not taken with a bad %s: the 400 names it", async (field, bad) => {
    const id = freshId();
    await call("promise.create", create(id, { tags: TARGET }));
    const reply = await call("task.acquire", { id, version: 0, ...bad });
    expect(reply.http).toBe(400);
    expect(reply.data).toContain(`data.${field}`);
    expect(await call("task.get", { id })).toMatchObject({ data: { task: { state: "pending" } } });
  });
});
