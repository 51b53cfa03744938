/**
 * Who guesses keys, tokens and links is told to stay away, by where they come from; who has a good one
 * never is, also beside a guesser, and also where all addresses are one.
 */
import { describe, expect, it, vi } from "vitest";
import { LIMITS, SCOPES, type Problem } from "../../client/src/protocol.ts";
import type { Env } from "../../src/env.ts";
import { claims, createSigner } from "../conformance/token.ts";
import {
  ADMIN,
  bearer,
  guarded,
  keyFor,
  LOOPBACK_ENV,
  NOBODY,
  send,
  signer,
  type Asked,
  type Given,
} from "./guarded.ts";

const LOOK: Asked = { method: "GET", path: "/promises/x" };
const MANY = LIMITS.guessesMax;
const strange = await createSigner("ES256", "test");
const forged = await strange.sign(claims({ role: "admin" }));
/** A signature as long as a real one, by nobody. */
const madeUp = `k1.${"e30".repeat(9)}.${"A".repeat(43)}`;

const GUESSES: Record<string, Asked> = {
  "a word": { ...LOOK, headers: bearer("hunter2") },
  "a key that nobody made": { ...LOOK, headers: bearer(`dp_${"0".repeat(32)}`) },
  "a JWT that somebody else signed": { ...LOOK, headers: bearer(forged) },
  "a key on a WebSocket": {
    ...LOOK,
    headers: { upgrade: "websocket", "sec-websocket-protocol": "durable-promise, bearer.hunter2" },
  },
  "a key in the envelope": {
    method: "POST",
    path: "/",
    body: { kind: "promise.get", head: { corrId: "1", auth: "hunter2" }, data: {} },
  },
  "a link": { method: "GET", path: `/l/${madeUp}` },
  "a link's form": {
    method: "POST",
    path: `/l/${madeUp}`,
    body: "outcome=resolved",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  },
  "a callback": { method: "POST", path: `/c/${madeUp}`, body: {} },
};

const from = (ip: string, { headers, ...asked }: Asked = LOOK): Asked => ({
  ...asked,
  headers: { ...headers, "cf-connecting-ip": ip },
});

async function guess(env: Env, ip: string, times: number, asked = GUESSES["a word"]!) {
  let given: Given | undefined;
  for (let n = 0; n < times; n += 1) given = await send(NOBODY, from(ip, asked), env);
  return given!;
}

function expectTooMany({ status, headers, text }: Given): void {
  expect(status, text).toBe(429);
  const retryAfterS = Number(headers.get("retry-after"));
  expect(retryAfterS).toBeGreaterThan(0);
  expect(retryAfterS).toBeLessThanOrEqual(LIMITS.guessesWindowMs / 1000);
  // SAFETY: by its type.
  expect((JSON.parse(text) as Problem).code).toBe("too_many_requests");
}

describe("who guesses", () => {
  it.each(Object.entries(GUESSES))("%s, too often, is told to stay away", async (_, asked) => {
    const env = guarded({});
    const last = await guess(env, "192.0.2.1", MANY, asked);
    expect([401, 404]).toContain(last.status);
    expectTooMany(await guess(env, "192.0.2.1", 1, asked));
    // Whatever they guess: it is all the same door.
    expectTooMany(await guess(env, "192.0.2.1", 1, GUESSES["a link"]));
    expect((await guess(env, "192.0.2.2", 1, asked)).status).toBe(last.status);
  });

  it("is a person with a browser, perhaps, and sees a page", async () => {
    const env = guarded({});
    const html = { ...GUESSES["a link"]!, headers: { accept: "text/html" } };
    expect((await guess(env, "192.0.2.1", MANY, html)).status).toBe(404);
    const { status, headers, text } = await guess(env, "192.0.2.1", 1, html);
    expect([status, headers.get("content-type")]).toEqual([429, "text/html; charset=utf-8"]);
    expect(headers.get("retry-after")).toMatch(/^\d+$/);
    expect(text).toContain("<h1>");
  });

  it("moves about in a /64 of IPv6 addresses for nothing", async () => {
    const env = guarded({});
    for (let n = 0; n < MANY; n += 1) await guess(env, `2001:db8:1:2:${n.toString(16)}::1`, 1);
    expectTooMany(await guess(env, "2001:db8:1:2:ffff:1:2:3", 1));
    expect((await guess(env, "2001:db8:1:3::1", 1)).status).toBe(401);
  });

  it("cannot choose where they come from where nobody says it but they", async () => {
    const env = guarded({});
    const ask = (n: number) =>
      send(NOBODY, { ...from(`192.0.2.${n}`, GUESSES["a word"]), local: true }, env);
    const most = LIMITS.guessesFromAnywhereMax;
    for (let n = 0; n < most; n += 1) expect((await ask(n)).status).toBe(401);
    expectTooMany(await ask(most));
  });

  it("is forgotten when the time is over, and counted anew", async () => {
    const env = guarded({});
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const { headers } = await guess(env, "192.0.2.1", MANY + 1);
      vi.setSystemTime(Date.now() + Number(headers.get("retry-after")) * 1000 - 1);
      expectTooMany(await guess(env, "192.0.2.1", 1));
      vi.setSystemTime(Date.now() + 1);
      expect((await guess(env, "192.0.2.1", 1)).status).toBe(401);
      expectTooMany(await guess(env, "192.0.2.1", MANY));
    } finally {
      vi.useRealTimers();
    }
  });

  it("is forgotten before the memory is full: the oldest goes", async () => {
    const env = guarded({});
    await guess(env, "first", MANY);
    for (let n = 0; n < LIMITS.guessersMax - 1; n += 1) await guess(env, `other-${n}`, 1);
    expectTooMany(await guess(env, "first", 1));
    await guess(env, "one-more", 1);
    expect((await guess(env, "first", 1)).status).toBe(401);
  });

  it("is limited by the binding too, apart from principals", async () => {
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => {
      keys.push(key);
      return { success: false };
    };
    const env = guarded({ RATE_LIMIT: { limit } });
    expectTooMany(await guess(env, "192.0.2.1", 1));
    expectTooMany(await guess(env, "192.0.2.1", 1, GUESSES["a callback"]));
    expect(keys).toEqual(["guess:192.0.2.1", "guess:192.0.2.1"]);
  });
});

describe("who has a good one", () => {
  it("is never slowed, whoever guesses from where they are", async () => {
    const busy = {
      limit: async ({ key }: { key: string }) => ({ success: !key.startsWith("guess") }),
    };
    for (const env of [guarded({}), guarded({ RATE_LIMIT: busy })]) {
      const { key } = await keyFor([...SCOPES], ["*"]);
      const tokens = [key, await signer.sign(claims({ role: "admin" }))];
      const made = await send(ADMIN, { method: "PUT", path: "/promises/guessed", body: {} }, env);
      expect([200, 201, 409]).toContain(made.status);
      const paths = await Promise.all([linkTo("choose", env), linkTo("callback", env)]);
      await guess(env, "192.0.2.1", MANY + 1);
      for (const headers of [ADMIN.headers, ...tokens.map(bearer)]) {
        expect((await send({ headers }, from("192.0.2.1"), env)).status).toBe(404);
      }
      const [page, callback] = paths;
      const look = { method: "GET", path: page };
      expect((await send(NOBODY, from("192.0.2.1", look), env)).status).toBe(200);
      const post = { method: "POST", path: callback, body: {} };
      expect((await send(NOBODY, from("192.0.2.1", post), env)).status).toBe(200);
      expectTooMany(await guess(env, "192.0.2.1", 1));
    }
  });

  it("is no guesser with a link or a token of ours that has ended, nor without any", async () => {
    const env = guarded({});
    await send(ADMIN, { method: "PUT", path: "/promises/guessed", body: {} }, env);
    const ended = [
      { method: "GET", path: await linkTo("choose", env, { expiresIn: 0 }) },
      { method: "POST", path: await linkTo("callback", env, { expiresIn: 0 }), body: {} },
      { ...LOOK, headers: bearer(await signer.sign(claims({ role: "admin", exp: 1 }))) },
      LOOK,
    ];
    for (const asked of ended) {
      const { status } = await guess(env, "192.0.2.1", MANY + 1, asked);
      expect([401, 404]).toContain(status);
    }
    expect((await guess(env, "192.0.2.1", 1)).status).toBe(401);
  });

  it("is on this machine, where a link may be guessed wrong too", async () => {
    const link = { method: "GET", path: `/l/${madeUp}` };
    for (let n = 0; n <= MANY; n += 1) await send(NOBODY, from("x", link), LOOPBACK_ENV);
    expect((await send(NOBODY, from("x"), LOOPBACK_ENV)).status).toBe(404);
  });
});

async function linkTo(allow: string, env: Env, more: object = {}): Promise<string> {
  const body = { promise: "guessed", allow, ...more };
  const { status, text } = await send(ADMIN, { method: "POST", path: "/links", body }, env);
  expect(status, text).toBe(201);
  return new URL(JSON.parse(text).url).pathname;
}
