/**
 * The life of an API key on a real server: made by an admin, shown once, good for what it was made
 * for, and for nothing once it is revoked or has ended; also across a crash.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS, type ApiKey } from "../../client/src/protocol.ts";
import { startServer, type Server } from "../../src/local/server.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, startService, type Answer, type Service } from "./service.ts";
import { eventually, withTime } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

const ROOT = { authorization: "Bearer the-first-one" };

type Made = ApiKey & { key: string };

let service: Service;
beforeAll(async () => {
  service = await startService({ env: { API_KEYS: "the-first-one" } });
});
afterAll(() => service.stop());

function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

function ask(body: unknown, headers = ROOT): Promise<Answer> {
  return service.send("POST", "/keys", { body, headers });
}

async function make(body: object = {}, headers = ROOT): Promise<Made> {
  const all = { name: "test", scopes: ["create", "read"], prefixes: ["team-a/*"], ...body };
  const answer = await ask(all, headers);
  expect(answer.status, answer.text).toBe(201);
  return JSON.parse(answer.text) as Made;
}

async function list(headers = ROOT): Promise<ApiKey[]> {
  const { text } = await service.send("GET", "/keys", { headers });
  return (JSON.parse(text) as { keys: ApiKey[] }).keys;
}

describe("a key", () => {
  test("is shown once, when it is made, and does what it was made for", async () => {
    const before = Date.now();
    const { key, ...shown } = await make({ name: "ci", expiresIn: "1h" });
    expect(key).toMatch(/^dp_[0-9A-Za-z]{22,}$/);
    expect(shown).toEqual({
      id: expect.stringMatching(/^[\da-f]{16}$/),
      name: "ci",
      scopes: ["create", "read"],
      prefixes: ["team-a/*"],
      createdAt: expect.any(Number),
      expiresAt: shown.createdAt + 3_600_000,
    });
    expect(shown.createdAt).toBeGreaterThanOrEqual(before);
    expect(await list()).toContainEqual(shown);
    expect((await service.send("GET", "/keys", { headers: ROOT })).text).not.toContain(key);

    const id = `team-a/${freshId()}`;
    expect((await service.create(id, {}, bearer(key))).status).toBe(201);
    expect((await service.read(id, bearer(key))).status).toBe(200);
    expectRefusal(await service.settle(id, { state: "RESOLVED" }, bearer(key)), "forbidden");
    expectRefusal(await service.create(`team-b/${freshId()}`, {}, bearer(key)), "forbidden");
  });

  test("is like no other", async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => make()));
    expect(new Set(keys.map(({ key }) => key)).size).toBe(20);
    expect(new Set(keys.map(({ id }) => id)).size).toBe(20);
  });

  test("revoked is at once worth nothing here, and nobody can revoke it twice", async () => {
    const { key, id } = await make();
    const promise = `team-a/${freshId()}`;
    expectRefusal(await service.read(promise, bearer(key)), "not_found");
    const revoke = () => service.send("DELETE", `/keys/${id}`, { headers: ROOT });
    expect((await revoke()).status).toBe(204);
    expectRefusal(await service.read(promise, bearer(key)), "unauthorized");
    expectRefusal(await revoke(), "key_not_found");
    expect((await list()).map((one) => one.id)).not.toContain(id);
  });

  test("that has ended is worth nothing, to the millisecond", async () => {
    const { key, expiresAt = 0 } = await withTime(1_500, async (ms) => {
      const made = await make({ expiresIn: ms });
      expectRefusal(await service.read("team-a/x", bearer(made.key)), "not_found");
      return made;
    });
    await eventually(() => expect(Date.now()).toBeGreaterThan(expiresAt));
    expectRefusal(await service.read("team-a/x", bearer(key)), "unauthorized");
  });

  test("that is not one, by a little, is none", async () => {
    const { key } = await make();
    for (const wrong of [
      key.slice(0, -1),
      `${key}0`,
      key.toLowerCase(),
      key.slice(3),
      `dp_${key}`,
    ]) {
      expectRefusal(await service.read("team-a/x", bearer(wrong)), "unauthorized");
    }
  });

  test.each([
    ["no name", { name: undefined }, "name"],
    ["an empty name", { name: "" }, "name"],
    ["a long name", { name: "x".repeat(LIMITS.keyNameCharactersMax + 1) }, "name"],
    ["a name of two lines", { name: "a\nb" }, "name"],
    ["no scopes", { scopes: undefined }, "scopes"],
    ["an empty list of scopes", { scopes: [] }, "scopes"],
    ["a scope that is none", { scopes: ["write"] }, /^scopes/],
    ["no prefixes", { prefixes: undefined }, "prefixes"],
    ["an empty list of prefixes", { prefixes: [] }, "prefixes"],
    ["an empty prefix", { prefixes: [""] }, /^prefixes/],
    ["a lone surrogate", { prefixes: ["\ud800*"] }, /^prefixes/],
    ["a control character", { prefixes: ["a\u0000*"] }, /^prefixes/],
    ["a prefix that is no list", { prefixes: "*" }, "prefixes"],
    ["too many prefixes", { prefixes: Array.from({ length: 17 }, (_, n) => `${n}*`) }, "prefixes"],
    ["a bad expiry", { expiresIn: "soon" }, "expiresIn"],
    ["a field too many", { key: "mine" }, "key"],
  ])("with %s is not made", async (_, body, field) => {
    const all = { name: "test", scopes: ["read"], prefixes: ["*"], ...body };
    expectRefusal(await ask(all), "invalid_request", field);
  });
});

describe("an admin of some prefixes", () => {
  let admin: Made;
  let headers: typeof ROOT;
  beforeAll(async () => {
    admin = await make({ name: "team a's admin", scopes: ["admin"] });
    headers = { authorization: `Bearer ${admin.key}` };
  });

  test.each([["*"], ["team-*"], ["team-a*"], ["team-a"], ["team-b/x"], ["t"]])(
    "gives nobody %s",
    async (prefix) => {
      const body = { name: "more", scopes: ["read"], prefixes: ["team-a/x", prefix] };
      expectRefusal(await ask(body, headers), "forbidden");
    },
  );

  test("gives its own and less, and sees and revokes no others", async () => {
    const own = await make({ prefixes: ["team-a/b/*", "team-a/x"] }, headers);
    const other = await make({ prefixes: ["team-b/*"] });
    const mixed = await make({ prefixes: ["team-a/*", "team-b/*"] });
    const ids = (await list(headers)).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([own.id, admin.id]));
    expect(ids).not.toContain(other.id);
    expect(ids).not.toContain(mixed.id);
    for (const { id } of [other, mixed, { id: "0123456789abcdef" }, { id: "nonsense" }]) {
      const answer = await service.send("DELETE", `/keys/${id}`, { headers });
      expectRefusal(answer, "key_not_found");
    }
    expect((await service.read("team-b/x", bearer(other.key))).status).toBe(404);
    expect((await service.send("DELETE", `/keys/${own.id}`, { headers })).status).toBe(204);
  });
});

describe("on disk", () => {
  let folder: string;
  let server: Server;
  const start = () => startServer({ data: folder, env: { API_KEYS: "the-first-one" } });
  const send = async (
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: object,
  ) => {
    const init = { method, headers: { ...headers, "content-type": "application/json" } };
    const response = await fetch(server.url + path, {
      ...init,
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(MEMORY, "durable-promises-keys-"));
    server = await start();
  });
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("a key and a revocation outlive a crash, and no file has a key in it", async () => {
    const body = { name: "kept", scopes: ["read"], prefixes: ["*"] };
    const made = await Promise.all([1, 2].map(() => send("POST", "/keys", ROOT, body)));
    const [kept, revoked] = made.map(({ text }) => JSON.parse(text) as Made);
    expect((await send("DELETE", `/keys/${revoked!.id}`, ROOT)).status).toBe(204);
    await server.kill();
    server = await start();
    expect((await send("GET", "/promises/x", bearer(kept!.key))).status).toBe(404);
    expect((await send("GET", "/promises/x", bearer(revoked!.key))).status).toBe(401);
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const file of files.filter((one) => one.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name), "latin1");
      expect(bytes.includes(kept!.key), file.name).toBe(false);
    }
  });

  test("keys that nobody made leave no files behind", async () => {
    await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        send("GET", "/promises/x", bearer(`dp_${n}${"x".repeat(30)}`)),
      ),
    );
    const before = (await readdir(folder, { recursive: true })).length;
    for (let n = 0; n < 40; n += 1) {
      const key = `dp_${n}${"y".repeat(30)}`;
      expect((await send("GET", `/promises/unknown-${n}`, bearer(key))).status).toBe(401);
    }
    const after = (await readdir(folder, { recursive: true })).length;
    expect(after).toBeLessThanOrEqual(before + 12);
  });
});
