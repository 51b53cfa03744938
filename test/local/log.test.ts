/**
 * What the server says of its requests: an id on every answer, and the log, of which each line is an
 * object. Held against a real server, whose output is read as whoever runs it would.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { temporaryData } from "./command.ts";
import { eventually } from "../eventually.ts";

const KEY = "the-first-key";
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

let data: string;
let cleanups: (() => unknown)[];
let output: string;

beforeEach(() => {
  const temporary = temporaryData();
  data = temporary.data;
  cleanups = [temporary.remove];
  output = "";
});

afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

async function start(env: Record<string, string> = {}): Promise<Server> {
  const server = await startServer({ data, env, log: (text) => (output += text) });
  cleanups.push(() => server.kill());
  return server;
}

/** Every line that the server has printed, each an object. */
function entries(): Record<string, unknown>[] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function ask(server: Server, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (init.body) headers.set("content-type", "application/json");
  return fetch(`${server.url}${path}`, { redirect: "manual", ...init, headers });
}

/** The entry of that request, as soon as it is there. */
function entryOf(requestId: string, message = "request"): Promise<Record<string, unknown>> {
  return eventually(async () => {
    const found = entries().filter((entry) => {
      return entry["requestId"] === requestId && entry["message"] === message;
    });
    expect(found).toHaveLength(1);
    return found[0]!;
  });
}

describe("a request id", () => {
  it("is on every answer: the caller's own, or else one that is drawn", async () => {
    const server = await start({ LOG: "off" });
    await ask(server, "/promises/a", { method: "PUT", body: "{}" });
    const etag = (await ask(server, "/promises/a")).headers.get("etag") ?? "";
    const requests: [string, RequestInit][] = [
      ["/promises/a", {}],
      ["/promises/a", { method: "HEAD" }],
      ["/promises/a", { headers: { "if-none-match": etag } }],
      ["/promises/a", { headers: { origin: server.url } }],
      ["/promises/a", { method: "OPTIONS", headers: { origin: server.url } }],
      ["/promises/a?wait=1ms", {}],
      ["/promises/none", {}],
      ["/promises/%00", {}],
      ["/promises/b", { method: "PUT", body: "{" }],
      ["/nowhere", {}],
      ["/health", { method: "POST" }],
      ["/health", {}],
      ["/docs", {}],
      ["/openapi.json", {}],
      ["/schedules", {}],
    ];
    const drawn = new Set<string>();
    for (const [path, init] of requests) {
      const free = (await ask(server, path, init)).headers.get("x-request-id") ?? "";
      expect(free, path).toMatch(UUID);
      drawn.add(free);
      const headers = { ...(init.headers as object), "x-request-id": "caller/1.2:3=@+x" };
      const named = await ask(server, path, { ...init, headers });
      expect(named.headers.get("x-request-id"), path).toBe("caller/1.2:3=@+x");
    }
    expect(drawn.size).toBe(requests.length);
  });

  it.each([
    ["with a space", "a b"],
    ["with a quote", 'a"b'],
    ["too long", "x".repeat(129)],
    ["with a letter beyond ASCII", "\u00e4"],
    ["twice", "a, b"],
    ["empty", ""],
  ])("%s is not taken over", async (_, given) => {
    const server = await start();
    const { headers } = await ask(server, "/health", { headers: { "x-request-id": given } });
    expect(headers.get("x-request-id")).toMatch(UUID);
  });

  it("may be read by a page elsewhere", async () => {
    const server = await start({ API_KEYS: KEY });
    const { headers } = await ask(server, "/health", { headers: { origin: "https://a.example" } });
    expect(headers.get("access-control-expose-headers")).toContain("x-request-id");
  });
});

describe("LOG=all", () => {
  it("says of each request what it was, where it went, who asked and what came of it", async () => {
    const server = await start({ LOG: "all", API_KEYS: KEY });
    const headers = { authorization: `Bearer ${KEY}`, "x-request-id": "one" };
    await ask(server, "/promises/a/b", { method: "PUT", body: "{}", headers });
    expect(await entryOf("one")).toEqual({
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: "info",
      message: "request",
      requestId: "one",
      method: "PUT",
      route: "/promises/:id+",
      status: 201,
      ms: expect.any(Number),
      principal: "secret-1",
      principalKind: "secret",
      promise: "a/b",
      outcome: "created",
    });
  });

  it("names the promise of a body, and the kind of Resonate's protocol", async () => {
    const server = await start({ LOG: "all" });
    await ask(server, "/promises", {
      method: "POST",
      body: '{"id":"made"}',
      headers: { "x-request-id": "two" },
    });
    expect(await entryOf("two")).toMatchObject({ route: "/promises", promise: "made" });
    const head = { corrId: "1", version: "2026-04-01" };
    const body = JSON.stringify({ kind: "promise.get", head, data: { id: "made" } });
    await ask(server, "/", { method: "POST", body, headers: { "x-request-id": "three" } });
    expect(await entryOf("three")).toMatchObject({
      route: "/",
      kind: "promise.get",
      promise: "made",
      status: 200,
      principalKind: "loopback",
    });
  });

  it("never shows a token, a query, a header or a body", async () => {
    const server = await start({ LOG: "all", API_KEYS: KEY });
    const secret = "s3cr3t";
    const headers = { authorization: `Bearer ${secret}`, cookie: secret, "x-request-id": "x" };
    const tried = [
      ["GET", `/l/${secret}`],
      ["POST", `/c/${secret}`],
      ["GET", `/promises/a?key=${secret}`],
      ["GET", `/${secret}`],
      ["POST", "/promises"],
      ["POST", "/"],
    ] as const;
    for (const [method, path] of tried) {
      const body = method === "POST" ? { body: JSON.stringify({ kind: secret, secret }) } : {};
      await ask(server, path, { method, headers, ...body });
    }
    await eventually(async () => {
      expect(entries().filter(({ requestId }) => requestId === "x")).toHaveLength(tried.length);
    });
    expect(output).not.toContain(secret);
  });
});

describe("LOG=errors, the default", () => {
  it("is silent about what works, and about everyday refusals", async () => {
    const server = await start();
    await ask(server, "/promises/a", { method: "PUT", body: "{}" });
    await ask(server, "/promises/a", { method: "PATCH", body: '{"state":"RESOLVED"}' });
    const lost = await ask(server, "/promises/a", {
      method: "PATCH",
      body: '{"state":"REJECTED"}',
    });
    expect(lost.status).toBe(403);
    for (const path of ["/promises/a", "/promises/none", "/promises/%00", "/nowhere"]) {
      await ask(server, path);
    }
    // What comes after them in the log is there, so they would be too.
    await ask(server, "/health", { headers: { origin: "http://evil.example" } });
    const headers = { origin: "http://evil.example", "x-request-id": "last" };
    expect((await ask(server, "/promises/a", { headers })).status).toBe(403);
    await entryOf("last");
    expect(entries()).toHaveLength(1);
  });

  it("tells of who is not let in", async () => {
    const server = await start({ API_KEYS: KEY });
    const headers = { authorization: "Bearer wrong", "x-request-id": "knock" };
    await ask(server, "/promises/a", { headers });
    expect(await entryOf("knock")).toMatchObject({ level: "warn", status: 401, promise: "a" });
  });

  it("tells of a failure of ours twice: what the caller got, and what went wrong", async () => {
    const first = await start({ INDEX_SHARDS: "2" });
    const schedule = '{"cron":"@daily","promiseTimeout":"1h"}';
    await ask(first, "/schedules/a", { method: "PUT", body: schedule });
    await first.stop();
    const server = await start({ INDEX_SHARDS: "3" });
    const headers = { "x-request-id": "failed" };
    expect((await ask(server, "/schedules?limit=5", { headers })).status).toBe(500);
    expect(await entryOf("failed")).toMatchObject({ level: "error", route: "/schedules" });
    expect(await entryOf("failed", "a request failed")).toMatchObject({
      level: "error",
      url: `${server.url}/schedules?<query>`,
      error: expect.stringMatching(/INDEX_SHARDS was 2/),
    });
  });
});

it("LOG=off says nothing of requests", async () => {
  const server = await start({ LOG: "off", API_KEYS: KEY });
  expect((await ask(server, "/promises/a")).status).toBe(401);
  await server.stop();
  expect(output).toBe("");
});

it("another LOG refuses to start, and is named", async () => {
  await expect(start({ LOG: "loud" })).rejects.toThrow(
    /LOG must be off or errors or all, not "loud"/,
  );
});

it("with TRACE everything works as without, where nothing takes the spans", async () => {
  const server = await start({ TRACE: "on" });
  expect((await ask(server, "/promises/a", { method: "PUT", body: "{}" })).status).toBe(201);
  const settle = { method: "PATCH", body: '{"state":"RESOLVED"}' };
  expect((await ask(server, "/promises/a", settle)).status).toBe(201);
  expect((await ask(server, "/promises/a?wait=1s")).status).toBe(200);
});
