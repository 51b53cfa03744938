/**
 * The audit log over HTTP: what an administrator does, and what somebody does by hand, each with who,
 * what, to what, from where, in which request, and what came of it.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AuditAct, AuditEntry, AuditPage } from "../../client/src/protocol.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, startService, type Answer, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

const ROOT = { authorization: "Bearer the-first-key" };
const CLI = { "x-client": "cli/1.0" };
const DASHBOARD = { "x-client": "dashboard" };

let service: Service;
beforeAll(async () => {
  service = await startService({
    env: { API_KEYS: "the-first-key", LINK_KEYS: `k1:${btoa("x".repeat(32))}` },
  });
});
afterAll(() => service.stop());

type Headers = Record<string, string>;

function send(method: string, path: string, body?: unknown, headers: Headers = {}) {
  const given = { headers: { ...ROOT, ...headers }, ...(body !== undefined && { body }) };
  return service.send(method, path, given);
}

async function audit(query = "", headers: Headers = ROOT): Promise<AuditPage> {
  const answer = await service.send("GET", `/audit${query}`, { headers });
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  return JSON.parse(answer.text) as AuditPage;
}

/** What the log says of one request, with what has come of it. */
async function notedOf(requestId: string): Promise<AuditEntry[]> {
  return eventually(async () => {
    const { entries } = await audit("?limit=1000");
    const found = entries.filter(({ request }) => request === requestId);
    expect(found.every(({ status }) => status !== undefined)).toBe(true);
    return found;
  });
}

/** Asks, and holds what is noted of it against what should be. */
async function expectNoted(
  did: AuditAct,
  on: string | undefined | ((answer: Answer) => string),
  [method, path, body]: [method: string, path: string, body?: unknown],
  { from = "api", headers = {} }: { from?: string; headers?: Headers } = {},
): Promise<Answer> {
  const request = freshId("request");
  const before = Date.now();
  const answer = await send(method, path, body, { ...headers, "x-request-id": request });
  expect(answer.status, answer.text).toBeLessThan(300);
  const noted = await notedOf(request);
  expect(noted).toEqual([
    {
      at: expect.any(Number),
      who: "secret-1",
      kind: "secret",
      did,
      ...(on !== undefined && { on: typeof on === "string" ? on : on(answer) }),
      from,
      request,
      status: answer.status,
    },
  ]);
  expect(noted[0]?.at).toBeGreaterThanOrEqual(before - 1000);
  return answer;
}

const idOf = ({ text }: Answer): string => (JSON.parse(text) as { id: string }).id;

describe("an administrator's acts are noted", () => {
  test("keys, and never the key itself", async () => {
    const body = { name: "ci", scopes: ["read"], prefixes: ["a/*"] };
    const made = await expectNoted("key.create", idOf, ["POST", "/keys", body]);
    await expectNoted("key.revoke", idOf(made), ["DELETE", `/keys/${idOf(made)}`]);
    const { key } = JSON.parse(made.text) as { key: string };
    expect(JSON.stringify(await audit("?limit=1000"))).not.toContain(key);
  });

  test("webhooks", async () => {
    const body = { url: "https://example.com/hook", filter: { prefix: freshId("none") } };
    const made = await expectNoted("webhook.create", idOf, ["POST", "/webhooks", body]);
    const at = `/webhooks/${idOf(made)}`;
    await expectNoted("webhook.change", idOf(made), ["PATCH", at, { disabled: true }]);
    await expectNoted("webhook.rotate", idOf(made), ["POST", `${at}/rotate`]);
    const redeliver = ["POST", `${at}/redeliver`, { all: true }] as [string, string, unknown];
    await expectNoted("webhook.redeliver", idOf(made), redeliver);
    await expectNoted("webhook.delete", idOf(made), ["DELETE", at]);
    expect(JSON.stringify(await audit("?limit=1000"))).not.toContain("whsec_");
  });

  test("a purge, a disposal, a rebuild of the index", async () => {
    const id = freshId("purged");
    await send("PUT", `/promises/${id}`, {});
    await send("PATCH", `/promises/${id}`, { state: "RESOLVED" });
    await expectNoted("promise.purge", id, ["DELETE", `/promises/${id}`]);
    const dispose = ["POST", "/promise/dispose", { promiseId: id }] as [string, string, unknown];
    await expectNoted("promise.dispose", id, dispose);
    await expectNoted("index.rebuild", undefined, ["POST", "/index/rebuild"]);
    await expectNoted("index.rebuild", "3", ["POST", "/index/rebuild?shard=3"]);
  });

  test("with what came of it, also when that is nothing", async () => {
    const id = freshId("pending");
    await send("PUT", `/promises/${id}`, {});
    const refused = await send("DELETE", `/promises/${id}`, undefined, { "x-request-id": id });
    expect(refused.status).toBe(409);
    expect(await notedOf(id)).toMatchObject([{ did: "promise.purge", on: id, status: 409 }]);
  });

  test("under the name of who has done it", async () => {
    const body = { name: "the janitor", scopes: ["admin"], prefixes: ["*"] };
    const { key } = JSON.parse((await send("POST", "/keys", body)).text) as { key: string };
    const headers = { authorization: `Bearer ${key}`, "x-request-id": freshId("janitor") };
    await send("POST", "/index/rebuild?shard=0", undefined, headers);
    expect(await notedOf(headers["x-request-id"])).toMatchObject([
      { who: "the janitor", kind: "key" },
    ]);
  });
});

async function fresh(): Promise<string> {
  const id = freshId("hand");
  await send("PUT", `/promises/${id}`, { timeout: "1h" });
  return id;
}

describe("by hand", () => {
  const SCHEDULE = { cron: "@daily", promiseTimeout: "1h" };
  test.each([
    ["the dashboard", "dashboard", DASHBOARD],
    ["the command line", "cli", CLI],
  ])("%s: settling, extending, schedules and links are noted", async (_, from, headers) => {
    const id = await fresh();
    const by = { from, headers };
    const at = `/promises/${id}`;
    await expectNoted("promise.extend", id, ["PATCH", at, { timeout: "2h" }], by);
    const link = await expectNoted("link.create", idOf, ["POST", "/links", { promise: id }], by);
    await expectNoted("link.revoke", idOf(link), ["DELETE", `/links/${idOf(link)}`], by);
    await expectNoted("promise.settle", id, ["PATCH", at, { state: "REJECTED_CANCELED" }], by);
    const schedule = `/schedules/${id}`;
    await expectNoted("schedule.create", id, ["PUT", schedule, SCHEDULE], by);
    await expectNoted("schedule.change", id, ["PATCH", schedule, { paused: true }], by);
    await expectNoted("schedule.run", id, ["POST", schedule], by);
    await expectNoted("schedule.delete", id, ["DELETE", schedule], by);
  });

  test("a program is no dashboard for a cookie that it has besides its key", async () => {
    const id = await fresh();
    const headers = { cookie: "a=b; dp_session=x" };
    await send("PATCH", `/promises/${id}`, { state: "RESOLVED" }, headers);
    expect((await audit(`?on=${id}`)).entries).toEqual([]);
    const body = { name: "n", scopes: ["read"], prefixes: [`${id}/*`] };
    await expectNoted("key.create", idOf, ["POST", "/keys", body], { headers });
  });

  test("a browser that is signed in is the dashboard, whatever it calls itself", async () => {
    const id = await fresh();
    const session = await service.send("POST", "/session", { body: { key: "the-first-key" } });
    const cookie = session.headers.get("set-cookie")?.split(";")[0] ?? "";
    expect(cookie).toMatch(/^dp_session=./);
    const headers = { cookie, "sec-fetch-site": "same-origin", "x-client": "curl" };
    const body = { state: "RESOLVED" };
    const settled = await service.send("PATCH", `/promises/${id}`, { headers, body });
    expect(settled.status, settled.text).toBe(201);
    await eventually(async () => {
      const { entries } = await audit(`?on=${id}`);
      expect(entries).toMatchObject([
        { did: "promise.settle", from: "dashboard", who: "secret-1", kind: "secret" },
      ]);
    });
  });

  test("what a program does is not", async () => {
    const id = await fresh();
    await send("PATCH", `/promises/${id}`, { timeout: "2h" });
    await send("PATCH", `/promises/${id}`, { state: "RESOLVED" });
    await send("PUT", `/schedules/${id}`, SCHEDULE);
    await send("DELETE", `/schedules/${id}`);
    await send("POST", "/links", { promise: id });
    expect((await audit(`?on=${id}`)).entries).toEqual([]);
  });

  test("what is malformed or forbidden is nobody's act", async () => {
    const id = await fresh();
    await send("PATCH", `/promises/${id}`, { state: "DONE" }, CLI);
    await send("PATCH", `/promises/${id}`, { state: "RESOLVED" }, { ...CLI, authorization: "" });
    expect((await audit(`?on=${id}`)).entries).toEqual([]);
  });
});

describe("the list", () => {
  test("comes in pages, the newest first, each entry once", async () => {
    const prefix = freshId("list");
    for (let n = 0; n < 9; n += 1) {
      await send("PUT", `/promises/${prefix}/${n}`, {});
      await send("PATCH", `/promises/${prefix}/${n}`, { state: "RESOLVED" }, CLI);
    }
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const next = cursor === undefined ? "" : `&cursor=${cursor}`;
      const page = await audit(`?limit=4&on=${prefix}/*${next}`);
      expect(page.entries.length).toBeLessThanOrEqual(4);
      ids.push(...page.entries.map(({ on = "" }) => on));
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(ids).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => `${prefix}/${n}`));
  });

  test("finds by who, by what, by both", async () => {
    const id = freshId("found");
    await send("PUT", `/promises/${id}`, { timeout: "1h" });
    await send("PATCH", `/promises/${id}`, { timeout: "2h" }, CLI);
    await send("PATCH", `/promises/${id}`, { state: "RESOLVED" }, DASHBOARD);
    const dids = async (query: string): Promise<AuditAct[]> =>
      (await audit(`?on=${id}&${query}`)).entries.map(({ did }) => did);
    await eventually(async () =>
      expect(await dids("did=promise.*")).toEqual(["promise.settle", "promise.extend"]),
    );
    expect(await dids("did=promise.extend")).toEqual(["promise.extend"]);
    expect(await dids("who=secret-1")).toHaveLength(2);
    expect(await dids("who=somebody")).toEqual([]);
    expect(await dids("did=key.*")).toEqual([]);
  });

  test.each([
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["cursor=x", "cursor"],
    ["cursor=MS9h", "cursor"],
    ["did=promise", "did"],
    ["did=x*", "did"],
    ["who=", "who"],
    ["when=1", "when"],
    ["on=a&on=b", "on"],
  ])("%s is refused", async (query, field) => {
    expectRefusal(await send("GET", `/audit?${query}`), "invalid_request", field);
  });

  test("is for who may do everything everywhere", async () => {
    for (const [scopes, prefixes] of [
      [["admin"], ["a/*"]],
      [["read", "settle"], ["*"]],
    ]) {
      const made = await send("POST", "/keys", { name: "n", scopes, prefixes });
      const { key } = JSON.parse(made.text) as { key: string };
      const authorization = `Bearer ${key}`;
      expectRefusal(await send("GET", "/audit", undefined, { authorization }), "forbidden");
    }
  });
});
