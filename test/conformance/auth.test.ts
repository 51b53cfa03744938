/**
 * Closed by default: without keys only this machine is answered, with keys only who holds one, and
 * without either nobody (issue: "CORS", "API_KEYS", "503 not_configured").
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL } from "../../client/src/protocol.ts";
import { openSocket, openStream } from "./awaiter.ts";
import { nodeRequest, rawRequest } from "./raw-request.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, startService, type Answer, type Service } from "./service.ts";

const UPGRADE = {
  connection: "upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** Every request that reads or writes a promise, with these headers. */
async function everyCall(
  service: Service,
  id: string,
  headers: Record<string, string>,
): Promise<[string, Answer][]> {
  const path = `/promises/${id}`;
  const calls: [string, string, (string | undefined)?, Record<string, string>?][] = [
    ["POST", "/promises", "{}"],
    ["PUT", path, "{}"],
    ["PATCH", path, '{"state":"RESOLVED"}'],
    ["GET", path],
    ["GET", path, undefined, { accept: "text/event-stream" }],
    ["GET", path, undefined, { prefer: "wait=1" }],
    ["GET", path, undefined, UPGRADE],
    ["DELETE", path],
    ...["peek", "await", "resolve", "reject", "dispose"].flatMap(
      (operation): [string, string, string][] => [
        ["POST", `/promise/${operation}`, JSON.stringify({ promiseId: id, errorMessage: "x" })],
        [
          "POST",
          `/durablePromiseServer/${operation}`,
          JSON.stringify({ request: { promiseName: id, errorMessage: "x" } }),
        ],
      ],
    ),
  ];
  const answers: [string, Answer][] = [];
  for (const [method, target, body, more] of calls) {
    const given = { headers: { ...headers, ...more }, ...(body === undefined ? {} : { body }) };
    answers.push([`${method} ${target}`, await nodeRequest(service, method, target, given)]);
  }
  return answers;
}

describe("open: on a loopback address, without keys", () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.stop());

  test.each([
    ["http://evil.example"],
    ["https://evil.example"],
    ["http://localhost.evil.example"],
    ["http://127.0.0.1.evil.example"],
    ["http://evil.example:8080"],
    ["http://192.168.1.2"],
    ["http://0.0.0.0"],
    ["http://localhost@evil.example"],
    ["file://"],
    ["null"],
    ["localhost"],
    ["chrome-extension://abcdef"],
  ])(
    "a page of the origin %j is answered 403 on every call, and changes nothing",
    async (origin) => {
      const id = freshId("foreign");
      for (const [call, answer] of await everyCall(service, id, { origin })) {
        expect(expectRefusal(answer, "forbidden").detail, call).not.toBe("");
        expect(answer.headers.get("access-control-allow-origin"), call).toBeNull();
      }
      expectRefusal(await service.read(id), "not_found");
    },
  );

  test.each([
    ["evil.example"],
    ["evil.example:80"],
    ["localhost.evil.example"],
    ["127.0.0.1.evil.example"],
    ["192.168.1.2:8080"],
  ])("the host %s is answered 403 (DNS rebinding), and changes nothing", async (host) => {
    const id = freshId("rebound");
    for (const [call, answer] of await everyCall(service, id, { host })) {
      expect(answer.status, call).toBe(403);
      expectRefusal(answer, "forbidden");
    }
    // Its pages are the attacker's origin, so same-origin is no excuse.
    for (const [call, answer] of await everyCall(service, id, { host, origin: `http://${host}` })) {
      expect(answer.status, call).toBe(403);
    }
    expectRefusal(await service.read(id), "not_found");
  });

  test("a whole URL as the request's target does not bring in a foreign host", async () => {
    const id = freshId("absolute-form");
    const answer = await rawRequest(service, "PUT", `http://evil.example/promises/${id}`, "{}");
    // RFC 9112 section 3.2.2: the target counts and Host does not. workerd itself answers 500 to
    // this form, whatever the host; we only ask that nothing comes of it.
    expect(answer.status, answer.text).toBeGreaterThanOrEqual(400);
    expectRefusal(await service.read(id), "not_found");
  });

  test.each([
    ["http://localhost:3000"],
    ["http://127.0.0.1:5173"],
    ["http://[::1]:8080"],
    ["https://localhost"],
  ])(
    "a page of the origin %s is answered, and may read the answer and its headers",
    async (origin) => {
      const id = freshId("local");
      const preflight = await nodeRequest(service, "OPTIONS", `/promises/${id}`, {
        headers: {
          origin,
          "access-control-request-method": "PATCH",
          "access-control-request-headers": "content-type,idempotency-key,strict,authorization",
        },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get("access-control-allow-origin")).toBe(origin);
      expect(preflight.headers.get("access-control-allow-methods")).toContain("PATCH");
      for (const name of ["content-type", "idempotency-key", "strict", "authorization"]) {
        expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain(
          name,
        );
      }
      const absent = await service.read(id, { origin });
      expectRefusal(absent, "not_found");
      const created = await service.create(id, {}, { origin });
      expect(created.status).toBe(201);
      const twice = await service.create(id, {}, { origin });
      expectRefusal(twice, "exists");
      const bad = await service.create(id, "[", { origin });
      expectRefusal(bad, "invalid_request");
      for (const answer of [absent, created, twice, bad]) {
        expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
        expect(answer.headers.get("vary")?.toLowerCase()).toContain("origin");
        const exposed = answer.headers.get("access-control-expose-headers")?.toLowerCase();
        for (const name of ["etag", "promise-outcome", "preference-applied", "location"])
          expect(exposed).toContain(name);
      }
      const stream = await openStream(service, id, { origin });
      expect(stream.headers.get("access-control-allow-origin")).toBe(origin);
      stream.close();
    },
  );

  test("a preflight of a foreign page allows it nothing", async () => {
    const answer = await nodeRequest(service, "OPTIONS", "/promises/x", {
      headers: { origin: "http://evil.example", "access-control-request-method": "PATCH" },
    });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  });

  test("loopback names are no foreign host", async () => {
    for (const host of [
      `localhost:${service.port}`,
      `127.0.0.1:${service.port}`,
      `[::1]:${service.port}`,
      "LOCALHOST",
    ]) {
      expect(
        (await nodeRequest(service, "GET", "/promises/nobody", { headers: { host } })).status,
        host,
      ).toBe(404);
    }
  });
});

describe("with keys", () => {
  const keys = ["first-key", "second-key"];
  let service: Service;
  beforeAll(async () => {
    service = await startService({ env: { API_KEYS: keys.join(",") } });
  });
  afterAll(() => service.stop());

  test.each<[string, Record<string, string>]>([
    ["no key", {}],
    ["a wrong key", { authorization: "Bearer wrong" }],
    ["the beginning of a key", { authorization: "Bearer first-ke" }],
    ["a key and more", { authorization: "Bearer first-key1" }],
    ["both keys as the list", { authorization: "Bearer first-key,second-key" }],
    ["an empty key", { authorization: "Bearer " }],
    ["no scheme", { authorization: "first-key" }],
    ["Basic", { authorization: `Basic ${Buffer.from("first-key:").toString("base64")}` }],
    ["a key in another case", { authorization: "Bearer FIRST-KEY" }],
    ["a key in a cookie", { cookie: "authorization=Bearer first-key" }],
    ["a key as a foreign subprotocol", { "sec-websocket-protocol": "first-key" }],
    ["a wrong key as a subprotocol", { "sec-websocket-protocol": "durable-promise, bearer.wrong" }],
  ])("%s is a 401 that says Bearer, on every call, and changes nothing", async (_name, headers) => {
    const id = freshId("locked");
    for (const [call, answer] of await everyCall(service, id, headers)) {
      expect(answer.status, call).toBe(401);
      expectRefusal(answer, "unauthorized");
      expect(answer.headers.get("www-authenticate"), call).toMatch(/^Bearer\b/);
    }
    expectRefusal(await service.read(id, { authorization: "Bearer first-key" }), "not_found");
  });

  test.each([
    ["Bearer first-key"],
    ["Bearer second-key"],
    ["bearer first-key"],
    ["BEARER second-key"],
  ])("%s opens every call (RFC 9110: the scheme has no case)", async (authorization) => {
    const id = freshId("unlocked");
    const headers = { authorization };
    expect((await service.create(id, {}, headers)).status).toBe(201);
    const stream = await openStream(service, id, headers);
    expect((await stream.next())?.type).toBe("pending");
    expect((await service.settle(id, { state: "RESOLVED" }, headers)).status).toBe(201);
    expect((await stream.next())?.type).toBe("settled");
    expect((await service.read(id, headers)).status).toBe(200);
    const body = { promiseId: id };
    expect((await service.send("POST", "/promise/peek", { body, headers })).text).toBe("{}");
    expect((await service.send("DELETE", service.address(id), { headers })).status).toBe(204);
  });

  test("a WebSocket shows its key as a subprotocol, which is never echoed", async () => {
    const id = freshId("socket");
    for (const key of keys) {
      const socket = await openSocket(service, id, [SUBPROTOCOL, BEARER_SUBPROTOCOL_PREFIX + key]);
      expect(socket.protocol).toBe(SUBPROTOCOL);
      expect(await socket.next()).toEqual({ type: "absent", id });
      socket.close();
    }
    for (const protocols of [
      [SUBPROTOCOL],
      [SUBPROTOCOL, "bearer.wrong"],
      [SUBPROTOCOL, "bearer."],
      [],
    ]) {
      await expect(openSocket(service, id, protocols)).rejects.toThrow(/no WebSocket/);
    }
  });

  test("what holds no promise is open: health, the document, the page of it", async () => {
    expect((await service.send("GET", "/health")).status).toBe(200);
    for (const path of ["/openapi.json", "/docs"]) {
      expect([200, 401], path).toContain((await service.send("GET", path)).status);
    }
  });

  test("a preflight needs no key, and a refusal may be read by the page that caused it", async () => {
    const origin = "https://app.example";
    const preflight = await nodeRequest(service, "OPTIONS", "/promises/x", {
      headers: {
        origin,
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect(preflight.status).toBe(204);
    expect(["*", origin]).toContain(preflight.headers.get("access-control-allow-origin"));
    // A wildcard would not cover Authorization (Fetch standard), so it must be named.
    expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain(
      "authorization",
    );
    expect(preflight.headers.get("access-control-allow-methods")).toContain("PUT");
    const refused = await service.read("x", { origin });
    expectRefusal(refused, "unauthorized");
    const opened = await service.read("x", { origin, authorization: "Bearer first-key" });
    expectRefusal(opened, "not_found");
    for (const answer of [refused, opened]) {
      expect(["*", origin]).toContain(answer.headers.get("access-control-allow-origin"));
      expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
    }
  });

  test("an answer to a key is not kept for those without", async () => {
    const id = freshId("private");
    const headers = { authorization: "Bearer first-key" };
    await service.create(id, { timeout: 1 }, headers);
    const answer = await service.read(id, headers);
    expect(answer.headers.get("cache-control")).toContain("private");
    const etag = answer.headers.get("etag") ?? "";
    expectRefusal(await service.read(id, { "if-none-match": etag }), "unauthorized");
  });

  test("the key is in no answer", async () => {
    const id = freshId("secret");
    const headers = { authorization: "Bearer first-key" };
    const calls: [string, string, (string | undefined)?, Record<string, string>?][] = [
      ["GET", service.address(id)],
      ["PUT", service.address(id), "{}"],
      ["PUT", service.address(id), "{}"],
      ["PATCH", service.address(id), "[]"],
      ["PATCH", service.address(id), '{"state":"RESOLVED"}'],
      ["GET", service.address(id), undefined, { accept: "text/html" }],
      ["GET", service.address(id), undefined, { accept: "text/event-stream" }],
      ["POST", "/promise/resolve", "{}"],
      ["GET", "/nowhere"],
      ["OPTIONS", service.address(id)],
    ];
    for (const [method, target, body, more] of calls) {
      const given = { headers: { ...headers, ...more }, ...(body === undefined ? {} : { body }) };
      const answer = await service.send(method, target, given);
      expect(answer.text + JSON.stringify([...answer.headers]), target).not.toContain("first-key");
    }
  });
});

describe("not configured: reachable from elsewhere, and no keys", () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService({ host: "0.0.0.0" });
  });
  afterAll(() => service.stop());

  test("everything but /health is a 503 that says so, with any key", async () => {
    const id = freshId("unconfigured");
    for (const headers of [
      {},
      { authorization: "Bearer anything" },
      { authorization: "Bearer " },
      { authorization: "Bearer undefined" },
    ]) {
      for (const [call, answer] of await everyCall(service, id, headers)) {
        expect(answer.status, call).toBe(503);
        expectRefusal(answer, "not_configured");
      }
    }
    for (const path of ["/docs", "/openapi.json", "/", "/nowhere"]) {
      expect((await service.send("GET", path)).status, path).toBe(503);
    }
    const health = await service.send("GET", "/health");
    expect([health.status, health.text]).toEqual([200, '{"status":"ok"}']);
  });

  test.each([[""], [","], [" , "]])(
    "a list of keys without a key (%j) opens nothing",
    async (list) => {
      const unlocked = await startService({ host: "0.0.0.0", env: { API_KEYS: list } });
      try {
        for (const headers of [{}, { authorization: "Bearer " }, { authorization: "Bearer" }]) {
          const answer = await unlocked.send("GET", "/promises/x", { headers });
          expect([401, 503], answer.text).toContain(answer.status);
        }
      } finally {
        await unlocked.stop();
      }
    },
  );
});
