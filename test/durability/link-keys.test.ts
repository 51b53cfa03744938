/**
 * Links through rotations of their keys, restarts, crashes and revocations: each lives exactly as
 * long as it was promised, and the keys that nobody has set are kept for their owner only (issue 3,
 * "Key rotation, redeploy, revocation").
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";

const JSON_TYPE = { "content-type": "application/json" };
const A = randomBytes(32).toString("base64");
const B = randomBytes(32).toString("base64");

let data: string;
let server: Server;
let log: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "durable-promises-keys-"));
  log = "";
});
afterEach(async () => {
  await server?.kill();
  rmSync(data, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<void> {
  server = await startServer({ data, env, log: (text) => (log += text) });
}

async function restart(env: Record<string, string> = {}): Promise<void> {
  await server.stop();
  await start(env);
}

async function send(method: string, path: string, body?: unknown) {
  const response = await fetch(server.url + path, {
    method,
    ...(body !== undefined && { headers: JSON_TYPE, body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

interface Link {
  id: string;
  path: string;
  token: string;
  expiresOn: number;
}

async function link(promise: string, more: object = {}): Promise<Link> {
  await send("PUT", `/promises/${promise}`, {});
  const { status, text } = await send("POST", "/links", { promise, ...more });
  expect(status, text).toBe(201);
  const { id, url, expiresOn } = JSON.parse(text) as { id: string; url: string; expiresOn: number };
  const { pathname } = new URL(url);
  return { id, path: pathname, token: pathname.slice(3), expiresOn };
}

const look = async ({ path }: Link): Promise<number> => (await send("GET", path)).status;
const decide = async ({ path }: Link): Promise<number> =>
  (await send("POST", path, { state: "RESOLVED" })).status;
const stateOf = async (id: string): Promise<string> =>
  (JSON.parse((await send("GET", `/promises/${id}`)).text) as { state: string }).state;

describe("when the keys change", () => {
  test("old links live while their key is there, new ones are signed by the first", async () => {
    await start({ LINK_KEYS: `a:${A}` });
    const old = await link("p/old");
    const callback = await link("p/callback", { allow: "callback" });
    const revoked = await link("p/revoked");
    expect(old.token).toMatch(/^a\./);
    await send("DELETE", `/links/${revoked.id}`);

    await restart({ LINK_KEYS: `b:${B},a:${A}` });
    const fresh = await link("p/fresh");
    expect(fresh.token).toMatch(/^b\./);
    for (const one of [old, fresh]) expect(await look(one)).toBe(200);
    expect(await look(revoked)).toBe(404);
    expect(await decide(revoked)).toBe(404);
    expect((await send("POST", callback.path, {})).status).toBe(200);
    expect(await stateOf("p/callback")).toBe("RESOLVED");

    await restart({ LINK_KEYS: `b:${B}` });
    expect(await look(old)).toBe(404);
    expect(await decide(old)).toBe(404);
    expect((await send("POST", callback.path, {})).status).toBe(404);
    expect(await stateOf("p/old")).toBe("PENDING");
    expect(await look(fresh)).toBe(200);

    // It is the key that is gone, not the link.
    await restart({ LINK_KEYS: `b:${B},a:${A}` });
    expect(await decide(old)).toBe(200);
    expect(await decide(fresh)).toBe(200);
    expect(await stateOf("p/old")).toBe("RESOLVED");
  });

  test("another key under an old name opens nothing", async () => {
    await start({ LINK_KEYS: `a:${A}` });
    const old = await link("p");
    await restart({ LINK_KEYS: `a:${B}` });
    expect(await look(old)).toBe(404);
    expect(await decide(old)).toBe(404);
    expect(await stateOf("p")).toBe("PENDING");
  });

  test("an old key under another name opens nothing either: a name is signed with the rest", async () => {
    await start({ LINK_KEYS: `a:${A}` });
    const old = await link("p");
    await restart({ LINK_KEYS: `b:${A}` });
    expect(await look(old)).toBe(404);
    const renamed = { ...old, path: `/l/b${old.token.slice(1)}` };
    expect(await look(renamed)).toBe(404);
  });

  test("a link can be revoked whose key is gone, and stays so when the key is back", async () => {
    await start({ LINK_KEYS: `a:${A}` });
    const old = await link("p");
    await restart({ LINK_KEYS: `b:${B}` });
    expect((await send("DELETE", `/links/${old.id}`)).status).toBe(204);
    await restart({ LINK_KEYS: `b:${B},a:${A}` });
    expect(await look(old)).toBe(404);
    expect(await decide(old)).toBe(404);
  });

  test.each([
    ["too short", `a:${randomBytes(16).toString("base64")}`],
    ["without a name", A],
    ["not base64", "a:***secret***"],
    ["the second is bad", `a:${A},b:short`],
  ])(
    "a setting that makes no sense stops the start, and is not repeated: %s",
    async (_name, keys) => {
      const failure = await start({ LINK_KEYS: keys }).then(
        () => "",
        (error: Error) => error.message,
      );
      expect(failure).toContain("LINK_KEYS");
      expect(failure).not.toContain(keys);
      expect(failure).not.toContain(A);
      expect(log).not.toContain(keys);
    },
  );
});

describe("a link lives exactly as long as it was promised", () => {
  test("through restarts and rotations, not a moment longer or shorter", async () => {
    await start({ LINK_KEYS: `a:${A}` });
    const short = await link("p/short", { expiresIn: "10s" });
    const long = await link("p/long", { expiresIn: "1h" });
    await restart({ LINK_KEYS: `b:${B},a:${A}` });
    let wasGood = false;
    await vi.waitUntil(
      async () => {
        const asked = Date.now();
        const status = await look(short);
        if (Date.now() < short.expiresOn) expect(status).toBe(200);
        if (asked >= short.expiresOn) expect(status).toBe(404);
        wasGood ||= status === 200;
        return asked >= short.expiresOn;
      },
      { timeout: 40_000, interval: 5 },
    );
    expect(wasGood).toBe(true);
    expect(await decide(short)).toBe(404);
    expect(await look(long)).toBe(200);
    expect(await stateOf("p/short")).toBe("PENDING");
  });

  test("even if it ends while nothing runs", async () => {
    await start({ LINK_KEYS: `a:${A}` });
    const short = await link("p", { expiresIn: "5s" });
    expect(await look(short)).toBe(200);
    await server.kill();
    await vi.waitUntil(() => Date.now() >= short.expiresOn, { timeout: 20_000, interval: 5 });
    await start({ LINK_KEYS: `a:${A}` });
    expect(await look(short)).toBe(404);
    expect(await decide(short)).toBe(404);
  });

  test("and knows after a crash what was revoked and used", async () => {
    await start();
    const used = await link("p/used", { audience: "Ada" });
    const revoked = await link("p/revoked");
    const good = await link("p/good");
    expect(await decide(used)).toBe(200);
    expect((await send("DELETE", `/links/${revoked.id}`)).status).toBe(204);
    await server.kill();
    await start();
    expect(await look(revoked)).toBe(404);
    expect(await decide(revoked)).toBe(404);
    expect((await send("GET", used.path)).text).toContain('"who":"Ada"');
    const { text } = await send("GET", "/links?promise=p/used");
    expect(text).toContain('"standing":"used"');
    expect(await decide(good)).toBe(200);
  });
});

const secretsOf = () =>
  JSON.parse(readFileSync(join(data, "secrets.json"), "utf8")) as Record<string, string>;

describe("the keys that nobody has set", () => {
  test("are drawn once, for their owner's eyes only, and outlive restarts and crashes", async () => {
    await start();
    const path = join(data, "secrets.json");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const drawn = readFileSync(path, "utf8");
    expect(Object.keys(secretsOf()).toSorted()).toEqual(["LINK_KEYS", "RECEIPT_KEYS"]);
    const old = await link("p");
    const keys = (await send("GET", "/.well-known/jwks.json")).text;
    await server.kill();
    await start();
    expect(readFileSync(path, "utf8")).toBe(drawn);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await send("GET", "/.well-known/jwks.json")).text).toBe(keys);
    expect(await decide(old)).toBe(200);
    const receipt = await send("GET", "/receipts/p");
    await restart();
    expect((await send("GET", "/receipts/p")).text.split(".")[1]).toBeDefined();
    expect(receipt.status).toBe(200);
  });

  test("are not those of another folder", async () => {
    await start();
    const one = secretsOf();
    await server.stop();
    rmSync(data, { recursive: true });
    await start();
    expect(secretsOf()["LINK_KEYS"]).not.toBe(one["LINK_KEYS"]);
    expect(secretsOf()["RECEIPT_KEYS"]).not.toBe(one["RECEIPT_KEYS"]);
  });

  test("give way to a setting, and are not lost by it", async () => {
    await start();
    const local = await link("p/local");
    expect(local.token).toMatch(/^local\./);
    await restart({ LINK_KEYS: `a:${A}` });
    expect(await look(local)).toBe(404);
    expect((await link("p/set")).token).toMatch(/^a\./);
    await restart();
    expect(await look(local)).toBe(200);
  });

  test("and tokens are in no log, no answer, and no other file", async () => {
    await start();
    const secret = "whsec_c2VjcmV0LW9mLWEtdmVyaWZpZXI=";
    const made = await link("p/a", { uses: 5 });
    const verifier = { scheme: "standard-webhooks", secrets: [secret] };
    const callback = await link("p/b", { allow: "callback", verifier });
    const answers = [
      await send("GET", made.path),
      await send("POST", made.path, { state: "NONE" }),
      await send("POST", `${made.path}x`, {}),
      await send("PUT", made.path),
      await send("POST", callback.path, { forged: true }),
      await send("GET", "/links?promise=p/b"),
      await send("POST", "/links", { promise: "p/a", allow: "callback", verifier: { scheme: 1 } }),
      await send("POST", made.path, { state: "RESOLVED" }),
      await send("GET", "/receipts/p/a"),
      await send("GET", "/.well-known/jwks.json"),
    ];
    await server.stop();
    const keys = Object.values(secretsOf()).map((text) => text.slice(text.indexOf(":") + 1));
    for (const hidden of [...keys, secret]) {
      for (const { text } of answers) expect(text).not.toContain(hidden);
      expect(log).not.toContain(hidden);
    }
    for (const { token } of [made, callback]) expect(log).not.toContain(token);
    for (const name of readdirSync(data)) {
      if (name === "secrets.json" || !statSync(join(data, name)).isFile()) continue;
      const kept = readFileSync(join(data, name), "utf8");
      for (const hidden of keys) expect(kept.includes(hidden), name).toBe(false);
    }
  });
});
