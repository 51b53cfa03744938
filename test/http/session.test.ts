/**
 * The session of a browser: how its cookie is set and ended, that it lets in as its key would, and that
 * nobody but our own pages can make a browser use it.
 */
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { app } from "../../src/http/app.ts";
import { localPathOf } from "../../src/http/pages/dashboard-sign-in.tsx";
import { isFromOurPages, isNotFromElsewhere } from "../../src/http/session-origin.ts";
import { create, promiseAt } from "../object/runtime.ts";
import { ADMIN, bearer, guarded, keyFor, LOOPBACK_ENV, NOBODY, ORIGIN, send } from "./guarded.ts";

const SECRET = "the-first-key";
const FORM = { "content-type": "application/x-www-form-urlencoded" };
const OURS = { "sec-fetch-site": "same-origin" };

function signIn(key: string, headers: Record<string, string> = {}) {
  return send(NOBODY, { method: "POST", path: "/session", body: { key }, headers });
}

function signInByForm(fields: Record<string, string>, headers: Record<string, string> = {}) {
  const body = new URLSearchParams(fields).toString();
  return send(NOBODY, { method: "POST", path: "/session", body, headers: { ...FORM, ...headers } });
}

/** The cookie as a browser sends it back. */
async function cookieOf(key: string): Promise<Record<string, string>> {
  const { headers } = await signIn(key);
  return { cookie: headers.get("set-cookie")!.split(";")[0]! };
}

async function at(url: string, init: RequestInit, env: Env): Promise<Response> {
  return app.fetch(new Request(url, init), env, createExecutionContext());
}

describe("signing in", () => {
  it("sets a cookie that no script can read and no other site sends", async () => {
    const { status, headers, text } = await signIn(SECRET);
    expect([status, text]).toEqual([204, ""]);
    expect(headers.get("set-cookie")).toBe(
      `dp_session=${SECRET}; Path=/; HttpOnly; SameSite=Strict`,
    );
    expect(headers.get("cache-control")).toBe("no-store");
  });

  it("over TLS sets one that belongs to this host alone", async () => {
    const answer = await at(
      "https://promises.example/session",
      {
        method: "POST",
        body: JSON.stringify({ key: SECRET }),
        headers: { "content-type": "application/json" },
      },
      guarded({}),
    );
    expect(answer.headers.get("set-cookie")).toBe(
      `__Host-dp_session=${SECRET}; Path=/; HttpOnly; SameSite=Strict; Secure`,
    );
  });

  it("takes PUBLIC_URL's word for TLS, where a proxy ends it", async () => {
    const env = guarded({ PUBLIC_URL: "https://promises.example" });
    const body = JSON.stringify({ key: SECRET });
    const headers = { "content-type": "application/json" };
    const answer = await at(`${ORIGIN}/session`, { method: "POST", body, headers }, env);
    const cookie = answer.headers.get("set-cookie")!;
    expect(cookie).toMatch(/^__Host-dp_session=.*; Secure$/);
    const asked = { headers: { cookie: cookie.split(";")[0]! } };
    expect((await at(`${ORIGIN}/session`, asked, env)).status).toBe(200);
  });

  it("with a key that is not known sets nothing", async () => {
    const { status, headers } = await signIn("wrong");
    expect(status).toBe(401);
    expect(headers.get("set-cookie")).toBeNull();
  });

  it.each([
    ["nothing", {}],
    ["an empty key", { key: " " }],
    ["another field", { key: SECRET, more: 1 }],
    ["what is no text", { key: 1 }],
    ["what no cookie holds", { key: "x".repeat(4001) }],
  ])("with %s is a 400", async (_, body) => {
    const { status, headers } = await send(NOBODY, { method: "POST", path: "/session", body });
    expect(status).toBe(400);
    expect(headers.get("set-cookie")).toBeNull();
  });

  it("keeps a key of any characters", async () => {
    const env = guarded({ API_KEYS: "a;b=%ü" });
    const body = JSON.stringify({ key: "a;b=%ü" });
    const headers = { "content-type": "application/json" };
    const answer = await at(`${ORIGIN}/session`, { method: "POST", body, headers }, env);
    const cookie = answer.headers.get("set-cookie")!.split(";")[0]!;
    expect((await at(`${ORIGIN}/session`, { headers: { cookie } }, env)).status).toBe(200);
  });

  it("by a form leads on, and back to the form when the key is not good", async () => {
    const good = await signInByForm({ key: SECRET, next: "/dashboard/schedules?id=a" });
    expect(good.status).toBe(303);
    expect(good.headers.get("location")).toBe("/dashboard/schedules?id=a");
    expect(good.headers.get("set-cookie")).toContain("HttpOnly");
    const bad = await signInByForm({ key: "wrong-key-of-mine", next: "/?filter=all" });
    expect(bad.status).toBe(401);
    expect(bad.headers.get("content-type")).toContain("text/html");
    expect(bad.headers.get("set-cookie")).toBeNull();
    expect(bad.text).toContain('role="alert"');
    expect(bad.text).toContain('value="/?filter=all"');
    // What was typed is not in the page, nor in its history.
    expect(bad.text).not.toContain("wrong-key-of-mine");
  });

  it.each([
    ["https://evil.example/", "/"],
    ["//evil.example", "/"],
    ["/\\evil.example", "/"],
    ["/?x=\\evil", "/"],
    ["/dashboard/\nx", "/"],
    ["javascript:alert(1)", "/"],
    ["/l/token", "/"],
    ["", "/"],
    ["/", "/"],
    ["/?filter=all", "/?filter=all"],
    ["/dashboard/promises/a/b?x", "/dashboard/promises/a/b?x"],
  ])("leads from %j to %j", (next, path) => {
    expect(localPathOf(next)).toBe(path);
  });

  it("is nobody's to do for others", async () => {
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site", origin: "https://sub.localhost" },
    ]) {
      const forms = await signInByForm({ key: SECRET }, headers);
      expect(forms.status, JSON.stringify(headers)).toBe(403);
      expect(forms.headers.get("set-cookie")).toBeNull();
      const out = await send(NOBODY, { method: "DELETE", path: "/session", headers });
      expect(out.status, JSON.stringify(headers)).toBe(403);
    }
    // Of a page without referrer, a form's origin is `null`; that it is ours is said besides.
    expect((await signInByForm({ key: SECRET }, { ...OURS, origin: "null" })).status).toBe(303);
  });

  it("leads to any place of the dashboard, whatever letters its address has", async () => {
    const next = "/dashboard/promises/caf\u00E9/\u{1F600}?q=%20a";
    const { status, headers } = await signInByForm({ key: SECRET, next });
    const led = "/dashboard/promises/caf%C3%A9/%F0%9F%98%80?q=%20a";
    expect([status, headers.get("location")]).toEqual([303, led]);
  });

  it("is not asked of who needs no key", async () => {
    const path = "/dashboard/sign-in?next=/dashboard/groups";
    const { status, headers } = await send(NOBODY, { method: "GET", path }, LOOPBACK_ENV);
    expect([status, headers.get("location")]).toEqual([303, "/dashboard/groups"]);
    const asked = { method: "POST", path: "/session", body: { key: "any" } };
    const given = await send(NOBODY, asked, LOOPBACK_ENV);
    expect([given.status, given.headers.get("set-cookie")]).toEqual([204, null]);
  });
});

describe("signing out", () => {
  it("ends the cookie, signed in or not", async () => {
    for (const headers of [{}, await cookieOf(SECRET), { cookie: "dp_session=wrong" }]) {
      const asked = { method: "DELETE", path: "/session", headers: { ...headers, ...OURS } };
      const { status, headers: given } = await send(NOBODY, asked);
      expect(status).toBe(204);
      expect(given.get("set-cookie")).toBe(
        "dp_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
      );
    }
  });
});

describe("a session", () => {
  it("lets in as its key does, and says as whom", async () => {
    const { key } = await keyFor(["read", "settle"], ["team-a/*"], { name: "Ada" });
    const session = { headers: await cookieOf(key) };
    const { status, text } = await send(session, { method: "GET", path: "/session" });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({
      name: "Ada",
      kind: "key",
      scopes: ["read", "settle"],
      prefixes: ["team-a/*"],
      at: expect.any(Number),
    });
    expect((await send(session, { method: "GET", path: "/keys" })).status).toBe(403);
    expect((await send(session, { method: "GET", path: "/promises/team-a/x" })).status).toBe(404);
  });

  it("that was revoked, has expired or was made up is a 401", async () => {
    const { id, key } = await keyFor(["admin"], ["*"]);
    const session = { headers: await cookieOf(key) };
    const asked = { method: "GET", path: "/session" };
    expect((await send(session, asked)).status).toBe(200);
    await send(ADMIN, { method: "DELETE", path: `/keys/${id}` });
    expect((await send(session, asked)).status).toBe(401);
    const ended = await keyFor(["admin"], ["*"], { expiresIn: 0 });
    for (const value of [ended.key, "made-up", "%E0%A4%A", ""]) {
      const headers = { cookie: `other=1; dp_session=${value}` };
      expect((await send({ headers }, asked)).status, value).toBe(401);
    }
  });

  it("counts for who says nothing else only", async () => {
    const session = await cookieOf(SECRET);
    const asked = { method: "GET", path: "/session" };
    expect((await send({ headers: session }, asked)).status).toBe(200);
    for (const authorization of ["Bearer wrong", "Basic YTpi", "Bearer"]) {
      expect((await send({ headers: { ...session, authorization } }, asked)).status).toBe(401);
    }
    const { key } = await keyFor(["read"], ["*"], { name: "headers" });
    const both = await send({ headers: { ...session, ...bearer(key) } }, asked);
    expect(JSON.parse(both.text).name).toBe("headers");
  });

  it("over TLS is not one that a neighbour of the domain could have set", async () => {
    const headers = { cookie: `dp_session=${SECRET}` };
    expect((await at("https://promises.example/session", { headers }, guarded({}))).status).toBe(
      401,
    );
    const ours = { cookie: `__Host-dp_session=${SECRET}` };
    const answer = await at("https://promises.example/session", { headers: ours }, guarded({}));
    expect(answer.status).toBe(200);
  });

  it("keeps what it was shown from who comes after it in the same browser", async () => {
    const { headers } = await send(ADMIN, { method: "PUT", path: "/promises/vary", body: {} });
    expect(headers.get("cache-control")).toBe("no-store");
    const shown = await send(ADMIN, { method: "GET", path: "/promises/vary" });
    expect(shown.headers.get("vary")).toContain("cookie");
  });
});

describe("a page elsewhere", () => {
  const id = "session/forged";
  const settle = { method: "PATCH", path: `/promises/${id}`, body: { state: "RESOLVED" } };

  it.each<[string, Record<string, string>]>([
    ["says nothing of where it comes from", {}],
    ["is of another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    ["is of a neighbour", { origin: "http://sub.localhost", "sec-fetch-site": "same-site" }],
    ["is of another port", { origin: "http://localhost:3000" }],
    ["hides its origin", { origin: "null" }],
    ["only looks as if", { origin: "http://localhost.evil.example" }],
    ["says two things", { origin: ORIGIN, "sec-fetch-site": "cross-site" }],
  ])("changes nothing with somebody's session when it %s", async (_, headers) => {
    await promiseAt(id).apply(create(id));
    const session = { headers: { ...(await cookieOf(SECRET)), ...headers } };
    const { status, text } = await send(session, settle);
    expect(status).toBe(403);
    expect(JSON.parse(text).code).toBe("forbidden");
    expect(await promiseAt(id).get()).toMatchObject({ state: "pending" });
  });

  it("opens no line", async () => {
    const session = await cookieOf(SECRET);
    const asked = { method: "GET", path: `/promises/${id}` };
    const upgrade = { upgrade: "websocket" };
    const stream = { accept: "text/event-stream" };
    const other = { origin: "https://evil.example" };
    for (const headers of [
      upgrade,
      { ...upgrade, ...other },
      { ...stream, ...other },
      { ...stream, "sec-fetch-site": "same-site" },
      { ...stream, "sec-fetch-site": "cross-site" },
    ]) {
      const { status } = await send({ headers: session }, { ...asked, headers });
      expect(status, JSON.stringify(headers)).toBe(403);
    }
    for (const headers of [{ ...upgrade, origin: ORIGIN }, { ...stream, ...OURS }, stream]) {
      const { status } = await send({ headers: session }, { ...asked, headers });
      expect([101, 200], JSON.stringify(headers)).toContain(status);
    }
  });

  it("is given no leave to read", async () => {
    const headers = { ...(await cookieOf(SECRET)), origin: ORIGIN };
    const given = await send({ headers }, { method: "GET", path: "/session" });
    expect(given.headers.get("access-control-allow-credentials")).toBeNull();
  });

  it("is told from ours, which settle with a session", async () => {
    const session = await cookieOf(SECRET);
    for (const [n, proof] of [{ origin: ORIGIN }, OURS].entries()) {
      const own = `session/own/${n}`;
      await promiseAt(own).apply(create(own));
      const asked = { ...settle, path: `/promises/${own}` };
      expect((await send({ headers: { ...session, ...proof } }, asked)).status).toBe(201);
    }
  });

  it("may lead somebody here, for it does not see what they see", () => {
    const navigate = { "sec-fetch-mode": "navigate", "sec-fetch-site": "cross-site" };
    expect(isFromOurPages(new Request(ORIGIN, { headers: navigate }), undefined)).toBe(true);
    const posted = new Request(ORIGIN, { headers: navigate, method: "POST" });
    expect(isFromOurPages(posted, undefined)).toBe(false);
    expect(isNotFromElsewhere(posted, undefined)).toBe(false);
  });

  it("takes no work away by leading somebody to where workers ask for it", async () => {
    const session = await cookieOf(SECRET);
    const asked = { method: "GET", path: "/poll/default/somebody" };
    for (const site of ["same-site", "none"]) {
      const navigate = { "sec-fetch-mode": "navigate", "sec-fetch-site": site };
      const { status } = await send({ headers: { ...session, ...navigate } }, asked);
      expect(status, site).toBe(403);
    }
  });

  it("is not the page that a proxy brings by TLS", () => {
    const headers = { origin: "https://promises.example" };
    const inside = new Request("http://promises.example/", { method: "POST", headers });
    expect(isFromOurPages(inside, undefined)).toBe(true);
    const renamed = new Request("http://10.0.0.7:8787/", { method: "POST", headers });
    expect(isFromOurPages(renamed, undefined)).toBe(false);
    expect(isFromOurPages(renamed, "https://promises.example")).toBe(true);
  });
});

describe("the pages of the dashboard", () => {
  it("are the same for everybody, and hold nobody's data", async () => {
    const paths = ["/", "/dashboard/promises/session/forged", "/dashboard/webhooks?id=x"];
    const headers = { accept: "text/html" };
    for (const path of paths) {
      const asked = { method: "GET", path, headers };
      const [anyone, admin] = [await send(NOBODY, asked), await send(ADMIN, asked)];
      expect(anyone.status).toBe(200);
      expect(admin.text).toBe(anyone.text);
      expect(anyone.headers.get("cache-control")).toBe("no-store");
      expect(anyone.headers.get("referrer-policy")).toBe("same-origin");
      const policy = anyone.headers.get("content-security-policy")!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("connect-src 'self' ws://localhost wss://localhost");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(anyone.text).not.toMatch(/<script(?![^>]* src=)|<style| style=| on\w+=/);
    }
  });

  it("are for browsers: a program at / is told where the rest is", async () => {
    for (const accept of [undefined, "application/json", "*/*"]) {
      const asked = { method: "GET", path: "/", headers: { ...(accept && { accept }) } };
      const { status, text } = await send(NOBODY, asked);
      expect(status).toBe(200);
      expect(JSON.parse(text)).toMatchObject({ openapi: "/openapi.json" });
    }
  });
});
