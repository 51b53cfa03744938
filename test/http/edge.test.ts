/** What every request passes and every answer has: limits of size and rate, security headers. */
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../client/src/protocol.ts";
import { app } from "../../src/http/app.ts";
import { ADMIN, guarded, keyFor, bearer, LOOPBACK_ENV, NOBODY, send } from "./guarded.ts";

const PATHS = [
  "/health",
  "/promises/x",
  "/schedules",
  "/nowhere",
  "/openapi.json",
  "/docs",
  "/keys",
];

describe("security headers", () => {
  it.each(PATHS)("are on %s, whoever asks", async (path) => {
    for (const caller of [NOBODY, ADMIN]) {
      const { headers } = await send(caller, { method: "GET", path });
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
      expect(headers.get("strict-transport-security")).toBeNull();
      if (headers.get("content-type")?.includes("json")) continue;
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
    }
  });

  it("hold to TLS where there is TLS", async () => {
    for (const path of PATHS) {
      const request = new Request(`https://promises.example${path}`);
      const { headers } = await app.fetch(request, guarded({}), createExecutionContext());
      expect(headers.get("strict-transport-security"), path).toMatch(/^max-age=\d{7,}$/);
    }
  });
});

describe("the size of a request", () => {
  it("is limited: a URL to 414, headers to 431", async () => {
    const long = `/promises/${"x".repeat(LIMITS.urlCharactersMax)}`;
    for (const path of [long, `/keys?${long}`]) {
      expect((await send(ADMIN, { method: "GET", path })).status).toBe(414);
      expect((await send(NOBODY, { method: "GET", path })).status).toBe(414);
    }
    const large = { "x-large": "x".repeat(LIMITS.headersBytesMax) };
    for (const [method, path] of [
      ["GET", "/keys"],
      ["POST", "/"],
      ["GET", "/nowhere"],
    ] as const) {
      expect((await send(ADMIN, { method, path, headers: large })).status).toBe(431);
    }
    const accept = { accept: "text/html;q=0.1,".repeat(LIMITS.headersBytesMax / 16) };
    const asked = { method: "GET", path: "/promises/x", headers: accept };
    expect((await send(ADMIN, asked)).status).toBe(431);
  });

  it("is not too small for the longest id", async () => {
    const id = "%F0%9F%98%80".repeat(LIMITS.idBytesMax / 4);
    const asked = { method: "GET", path: `/promises/${id}?wait=1ms` };
    expect((await send(ADMIN, asked)).status).toBe(404);
  });
});

describe("the rate of a principal", () => {
  it("is limited by name, with 429 and when to come again", async () => {
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => {
      keys.push(key);
      return { success: key !== "key:busy" };
    };
    const env = guarded({ RATE_LIMIT: { limit } });
    const asked = { method: "GET", path: "/promises/x" };
    const { key } = await keyFor(["read"], ["*"], { name: "busy" });
    const busy = await send({ headers: bearer(key) }, asked, env);
    expect(busy.status).toBe(429);
    expect(busy.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(JSON.parse(busy.text)).toMatchObject({ code: "too_many_requests" });
    expect((await send(ADMIN, asked, env)).status).toBe(404);
    expect((await send(NOBODY, asked, env)).status).toBe(401);
    expect(keys).toEqual(["key:busy", "secret:secret-1"]);
  });

  it("is nobody's business on this machine", async () => {
    const env = { ...LOOPBACK_ENV, RATE_LIMIT: { limit: async () => ({ success: false }) } };
    expect((await send(NOBODY, { method: "GET", path: "/promises/x" }, env)).status).toBe(404);
  });
});

describe("parameters", () => {
  it.each([
    ["GET", "/webhooks", "limit"],
    ["GET", "/audit", "who"],
    ["GET", "/links", "promise"],
    ["GET", "/promises/x", "wait"],
    ["POST", "/index/rebuild", "shard"],
  ])("of %s %s are known, and sent once", async (method, path, name) => {
    for (const [query, field] of [
      [`${name}=1&${name}=1`, name],
      [`${name}=1&colour=red`, "colour"],
    ]) {
      const answer = await send(ADMIN, { method, path: `${path}?${query}` });
      expect(answer.status, query).toBe(400);
      expect(JSON.parse(answer.text), query).toMatchObject({ code: "invalid_request", field });
    }
  });
});
