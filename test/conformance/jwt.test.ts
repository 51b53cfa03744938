/**
 * JSON Web Tokens on a real server: who is believed, for how long, for what; keys fixed by a setting
 * and keys at a URL that change while the server runs (RFC 7519, RFC 8725).
 */
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectRefusal } from "./refusal.ts";
import { freshId, problemOf, startService, type Answer, type Service } from "./service.ts";
import { claims, createSigner, part, signWithHmac, type Signer } from "./token.ts";
import { eventually } from "../eventually.ts";

const ISSUER = "https://issuer.example";
const AUDIENCE = "promises";
/** What a token says, by when it is made: a table is read long before its tests run. */
type Told = (nowS: number) => object;

function nowInS(): number {
  return Math.floor(Date.now() / 1000);
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function own(...prefixes: string[]): { prefixes: string[] } {
  return { prefixes };
}

/** What says that it may create and read in a corner. */
function good(more: object = {}): Record<string, unknown> {
  const own = { iss: ISSUER, aud: AUDIENCE, scope: "create read", prefixes: ["team-a/*"] };
  return claims({ ...own, ...more });
}

/** What says that it may read everything. */
function reader(): Record<string, unknown> {
  return claims({ iss: ISSUER, aud: AUDIENCE, prefix: "", scope: "read" });
}

/** Whether it was let in, whatever it may do. */
async function isBelieved(service: Service, token: string): Promise<boolean> {
  const { status, text } = await service.read("anything", bearer(token));
  expect([401, 403, 404], text).toContain(status);
  return status !== 401;
}

describe("keys of the setting JWT_KEYS", () => {
  let service: Service;
  let signers: Signer[];
  let named: Signer;
  beforeAll(async () => {
    named = await createSigner("EdDSA", "named");
    signers = [
      named,
      await createSigner("EdDSA", "ed"),
      await createSigner("ES256", "ec"),
      await createSigner("RS256", "rsa"),
      await createSigner("ES256"),
    ];
    const keys = JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });
    service = await startService({
      env: { JWT_KEYS: keys, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE },
    });
  });
  afterAll(() => service.stop());

  test("are enough to close the server: nobody comes in without a token", async () => {
    expectRefusal(await service.read("x"), "unauthorized");
    expect((await service.send("GET", "/health")).status).toBe(200);
  });

  test("each of the three algorithms is believed", async () => {
    for (const signer of signers)
      expect(await isBelieved(service, await signer.sign(good()))).toBe(true);
  });

  test("a token may do what its scopes say, where its prefixes say", async () => {
    const headers = bearer(await named.sign(good()));
    const id = `team-a/${freshId()}`;
    expect((await service.create(id, {}, headers)).status).toBe(201);
    expect((await service.read(id, headers)).status).toBe(200);
    expectRefusal(await service.settle(id, { state: "RESOLVED" }, headers), "forbidden");
    expectRefusal(await service.create(`team-b/${id}`, {}, headers), "forbidden");
    expectRefusal(await service.read("team-b/x", headers), "not_found");
    expectRefusal(await service.send("GET", "/keys", { headers }), "forbidden");
  });

  const ALL = ["create", "read", "await", "settle"];
  test.each<[string, object, string[], string[], string[]]>([
    ["scope as words", { scope: "read openid settle", ...own("*") }, ["read", "settle"], ["a"], []],
    [
      "scopes as a list",
      { scope: undefined, scopes: ["create"], ...own("*") },
      ["create"],
      ["a"],
      [],
    ],
    ["scopes as one text", { scope: undefined, scopes: "read", ...own("*") }, ["read"], ["a"], []],
    ["both", { scope: "read", scopes: ["create"], ...own("*") }, ["read", "create"], ["a"], []],
    ["a scope in capitals", { scope: "READ", ...own("*") }, [], [], ["a"]],
    ["a scope with a namespace", { scope: "promises:read", ...own("*") }, [], [], ["a"]],
    ["a scope that is a number", { scope: 1, ...own("*") }, [], [], ["a"]],
    ["no scopes, and patterns", { scope: undefined, ...own("*") }, [], [], ["a"]],
    ["an exact id", { scope: "read", ...own("a/b") }, ["read"], ["a/b"], ["a/b/c", "a", "a/bc"]],
    ["several", { scope: "read", ...own("a/*", "b/*") }, ["read"], ["a/x", "b/x"], ["c/x", "a"]],
    ["no prefixes", { scope: "read", prefixes: undefined }, ["read"], [], ["a"]],
    ["an empty list", { scope: "read", ...own() }, ["read"], [], ["a"]],
    ["prefixes of no text", { scope: "read", prefixes: [1, null, {}] }, ["read"], [], ["a", "1"]],
    [
      "Resonate's prefix",
      { scope: undefined, prefixes: undefined, prefix: "t" },
      ALL,
      ["t", "t/x", "tx"],
      ["a"],
    ],
    [
      "Resonate's empty prefix",
      { scope: undefined, prefixes: undefined, prefix: "" },
      ALL,
      ["a"],
      [],
    ],
    [
      "Resonate's prefix and scopes",
      { scope: "read", prefixes: undefined, prefix: "t" },
      ["read"],
      ["t"],
      ["a"],
    ],
    [
      "Resonate's admin",
      { scope: undefined, prefixes: undefined, role: "admin" },
      [...ALL, "admin"],
      ["a"],
      [],
    ],
    ["another role", { scope: "read", prefixes: undefined, role: "user" }, ["read"], [], ["a"]],
    ["a list of roles", { scope: undefined, ...own("*"), role: ["admin"] }, [], [], ["a"]],
    ["admin as a scope", { scope: "admin", ...own("a/*") }, [...ALL, "admin"], ["a/x"], ["b"]],
  ])("%s", async (_, more, scopes, inside, outside) => {
    const headers = bearer(await named.sign(good(more)));
    const id = [...inside, ...outside][0]!;
    const calls: [string, () => Promise<Answer>][] = [
      ["read", () => service.read(id, headers)],
      ["await", () => service.send("GET", `${service.address(id)}?wait=1ms`, { headers })],
      ["settle", () => service.settle(id, { state: "DONE" }, headers)],
      ["create", () => service.create(id, { tags: 1 }, headers)],
      ["admin", () => service.send("GET", "/keys", { headers })],
    ];
    for (const [scope, call] of calls) {
      const answer = await call();
      const isRefused = answer.status === 403 && problemOf(answer).detail.includes("scope");
      expect(isRefused, `${scope}: ${answer.text}`).toBe(!scopes.includes(scope));
    }
    if (!scopes.includes("read")) return;
    // What is outside cannot be told from what is not there, so something must be there.
    const root = bearer(await named.sign(good({ role: "admin" })));
    for (const one of [...inside, ...outside]) await service.create(one, {}, root);
    for (const one of inside) expect((await service.read(one, headers)).status, one).toBe(200);
    for (const one of outside) expect((await service.read(one, headers)).status, one).toBe(404);
  });

  test.each<[string, Told, RegExp]>([
    ["without an end", () => ({ exp: undefined }), /exp/],
    ["with an end of no number", () => ({ exp: "tomorrow" }), /exp/],
    ["that has ended", (nowS) => ({ exp: nowS - 1 }), /expired/],
    ["not valid for two minutes yet", (nowS) => ({ nbf: nowS + 120 }), /nbf/],
    ["with an nbf of no number", () => ({ nbf: "now" }), /nbf/],
    ["made in two minutes", (nowS) => ({ iat: nowS + 120 }), /iat/],
    ["with an iat of no number", () => ({ iat: null }), /iat/],
    ["of another issuer", () => ({ iss: "https://evil.example" }), /iss/],
    ["of no issuer", () => ({ iss: undefined }), /iss/],
    ["of a list of issuers", () => ({ iss: [ISSUER] }), /iss/],
    ["for another audience", () => ({ aud: "others" }), /aud/],
    ["for no audience", () => ({ aud: undefined }), /aud/],
    ["for others", () => ({ aud: ["a", "b"] }), /aud/],
    [
      "with a hundred prefixes",
      () => ({ prefixes: Array.from({ length: 100 }, String) }),
      /prefixes/,
    ],
  ])("a genuine token %s is refused, and told why", async (_, told, why) => {
    const answer = await service.read("x", bearer(await named.sign(good(told(nowInS())))));
    expect(expectRefusal(answer, "unauthorized").detail).toMatch(why);
    expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer .*error="invalid_token"/);
  });

  test.each<[string, Told]>([
    ["valid in half a minute", (nowS) => ({ nbf: nowS + 30 })],
    ["made in half a minute", (nowS) => ({ iat: nowS + 30 })],
    ["for several, us among them", () => ({ aud: ["others", AUDIENCE] })],
    ["without a name", () => ({ sub: undefined })],
    ["with a name of no text", () => ({ sub: { a: 1 } })],
  ])("a token %s is believed", async (_, told) => {
    expect(await isBelieved(service, await named.sign(good(told(nowInS()))))).toBe(true);
  });

  test("the header must say what the key does, and no more", async () => {
    const headers: object[] = [
      { alg: "none" },
      { alg: "HS256" },
      { alg: "RS256" },
      { alg: "ES256" },
      { alg: "eddsa" },
      { alg: ["EdDSA"] },
      { alg: undefined },
      { crit: ["exp"] },
      { crit: [] },
      { typ: "JWE" },
      { typ: 1 },
      { kid: 1 },
      { kid: null },
      { kid: "ed" },
      { kid: "unknown" },
      { kid: "__proto__" },
    ];
    for (const header of headers) {
      const token = await named.sign(good(), { ...header });
      expect(await isBelieved(service, token), JSON.stringify(header)).toBe(false);
    }
    for (const header of [
      { typ: "at+jwt" },
      { typ: undefined },
      { typ: "application/JWT" },
      { kid: undefined },
    ]) {
      const token = await named.sign(good(), { ...header });
      expect(await isBelieved(service, token), JSON.stringify(header)).toBe(true);
    }
  });

  test("a key that the token brings along is not believed (jwk, jku, x5u)", async () => {
    const stranger = await createSigner("EdDSA", "named");
    for (const header of [
      { jwk: stranger.jwk },
      { jku: "http://127.0.0.1:1/" },
      { x5u: "http://127.0.0.1:1/" },
    ]) {
      expect(await isBelieved(service, await stranger.sign(good(), header))).toBe(false);
    }
  });

  test("HMAC with a public key as its secret is not believed", async () => {
    for (const { jwk } of signers) {
      const { n, x } = jwk as { n?: string; x?: string };
      for (const secret of [JSON.stringify(jwk), n ?? x ?? "-", "secret"]) {
        for (const alg of ["HS256", "RS256", "ES256", "EdDSA", "none"]) {
          const token = await signWithHmac(good(), { alg, kid: jwk["kid"] }, secret);
          expect(await isBelieved(service, token)).toBe(false);
        }
      }
    }
  });

  test("no signature, another's signature, another's claims are not believed", async () => {
    const token = await named.sign(good());
    const other = await named.sign(good({ sub: "eve" }));
    const [head = "", body = "", signature = ""] = token.split(".");
    const [, otherBody, otherSignature] = other.split(".");
    const forged = [
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${otherBody}.${signature}`,
      `${head}.${body}.${otherSignature}`,
      `${head}.${part(good({ role: "admin" }))}.${signature}`,
      `${part({ alg: "none" })}.${body}.`,
      `${part({ alg: "none" })}.${body}.${signature}`,
      `${head}.${body}.${signature}=`,
      `${head}.${body}.${signature}.`,
      `.${head}.${body}.${signature}`,
      `${head}.${body}.${signature.slice(0, -2)}`,
      `${head}.${body}.${"A".repeat(signature.length)}`,
      `${token}x`,
    ];
    for (const one of forged) expect(await isBelieved(service, one), one).toBe(false);
  });

  test("a WebSocket may offer it as a subprotocol, an envelope carry it", async () => {
    const token = await named.sign(good({ prefix: "" }));
    const body = {
      kind: "promise.get",
      head: { corrId: "1", version: "2026-04-01", auth: token },
      data: { id: "x" },
    };
    expect((await service.send("POST", "/", { body })).status).toBe(404);
    body.head.auth = `${token}x`;
    expect((await service.send("POST", "/", { body })).status).toBe(401);
  });
});

test("without JWT_AUDIENCE a token for somebody is not one for us", async () => {
  const signer = await createSigner("ES256");
  const keys = JSON.stringify({ keys: [signer.jwk] });
  const service = await startService({ env: { JWT_KEYS: keys } });
  try {
    expect(await isBelieved(service, await signer.sign(claims()))).toBe(true);
    expect(await isBelieved(service, await signer.sign(claims({ aud: "others" })))).toBe(false);
  } finally {
    await service.stop();
  }
});

test("a key is believed only for what it is: weak, private, for encryption, of another algorithm", async () => {
  const [weak, encrypting, other, good] = await Promise.all([
    createSigner("RS256", "weak", { modulusLength: 1024 }),
    createSigner("ES256", "enc"),
    createSigner("ES256", "other"),
    createSigner("ES256", "good"),
  ]);
  const jwks = [
    weak.jwk,
    { ...encrypting.jwk, use: "enc" },
    { ...other.jwk, alg: "ES384" },
    { ...good.jwk, use: "sig", alg: "ES256", key_ops: ["verify"] },
  ];
  const service = await startService({ env: { JWT_KEYS: JSON.stringify({ keys: jwks }) } });
  try {
    for (const signer of [weak, encrypting, other]) {
      expect(await isBelieved(service, await signer.sign(claims()))).toBe(false);
    }
    expect(await isBelieved(service, await good.sign(claims()))).toBe(true);
  } finally {
    await service.stop();
  }
});

test.each<[string, Record<string, string>, string]>([
  ["JWT_KEYS of no JSON", { JWT_KEYS: "{" }, "JWT_KEYS"],
  ["JWT_KEYS without keys", { JWT_KEYS: '{"keys":[]}' }, "JWT_KEYS"],
  ["a shared secret", { JWT_KEYS: '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}' }, "JWT_KEYS"],
  [
    "a private key",
    { JWT_KEYS: '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"","d":"c2VjcmV0"}]}' },
    "JWT_KEYS",
  ],
  [
    "a URL without an audience",
    { JWT_JWKS_URL: "https://a.example/", JWT_ISSUER: "a" },
    "JWT_AUDIENCE",
  ],
  [
    "a URL without an issuer",
    { JWT_JWKS_URL: "https://a.example/", JWT_AUDIENCE: "a" },
    "JWT_ISSUER",
  ],
  [
    "a URL without TLS",
    { JWT_JWKS_URL: "http://a.example/", JWT_ISSUER: "a", JWT_AUDIENCE: "a" },
    "JWT_JWKS_URL",
  ],
])("%s stops the start, by name, without the secret", async (_, env, name) => {
  const failure: unknown = await startService({ env }).catch((error: unknown) => error);
  expect(String(failure)).toContain(name);
  expect(String(failure)).not.toContain("c2VjcmV0");
});

describe("keys at JWT_JWKS_URL", () => {
  let issuer: HttpServer;
  let answer: { status: number; body: string; location?: string };
  let asked = 0;
  const url = () => `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`;
  const publish = (...signers: Signer[]) =>
    (answer = { status: 200, body: JSON.stringify({ keys: signers.map(({ jwk }) => jwk) }) });
  beforeAll(async () => {
    issuer = createServer((_, response) => {
      asked += 1;
      const { status, body, location } = answer;
      response.writeHead(status, { ...(location && { location }) }).end(body);
    });
    await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => issuer.close());

  async function start(): Promise<Service> {
    asked = 0;
    return startService({
      env: { JWT_JWKS_URL: url(), JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE },
    });
  }

  test("are asked for once, and again for a new key, but not for each unknown one", async () => {
    const [first, second, stranger] = await Promise.all([
      createSigner("RS256", "2026-10"),
      createSigner("EdDSA", "2026-11"),
      createSigner("EdDSA", "stranger"),
    ]);
    publish(first);
    const service = await start();
    try {
      for (let n = 0; n < 10; n += 1)
        expect(await isBelieved(service, await first.sign(reader()))).toBe(true);
      expect(asked).toBe(1);
      // Just asked, so whatever is unknown now is believed to be nobody's.
      for (let n = 0; n < 10; n += 1) {
        expect(await isBelieved(service, await stranger.sign(reader(), { kid: `junk-${n}` }))).toBe(
          false,
        );
      }
      expect(asked).toBe(1);
      publish(first, second);
      const token = await second.sign(reader());
      await eventually(async () => expect(await isBelieved(service, token)).toBe(true), {
        forMs: 40_000,
        everyMs: 1000,
      });
      expect(asked).toBe(2);
      expect(await isBelieved(service, await first.sign(reader()))).toBe(true);
      expect(await isBelieved(service, await stranger.sign(reader(), { kid: "2026-11" }))).toBe(
        false,
      );
    } finally {
      await service.stop();
    }
  });

  test.each<[string, typeof answer]>([
    ["fails", { status: 500, body: "" }],
    ["answers no JSON", { status: 200, body: "<html>" }],
    ["answers no keys", { status: 200, body: '{"keys":{}}' }],
    ["answers too much", { status: 200, body: `{"keys":[],"x":"${"x".repeat(300_000)}"}` }],
    ["leads elsewhere", { status: 302, body: "", location: "http://127.0.0.1:1/" }],
  ])(
    "an issuer that %s: 503 with Retry-After for what could be true, 401 for what is not",
    async (_, given) => {
      const signer = await createSigner("ES256", "k");
      answer = given;
      const service = await start();
      try {
        const token = await signer.sign(reader());
        const refused = await service.read("x", bearer(token));
        expectRefusal(refused, "unavailable");
        expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
        expectRefusal(await service.read("x", bearer(token)), "unavailable");
        expect(asked).toBe(1);
        expectRefusal(
          await service.read("x", bearer(token.replace(/^[^.]+/, part({ alg: "none" })))),
          "unauthorized",
        );
        expectRefusal(await service.read("x", bearer("junk")), "unauthorized");
        publish(signer);
        await eventually(
          async () => expect((await service.read("x", bearer(token))).status).toBe(404),
          { everyMs: 500 },
        );
      } finally {
        await service.stop();
      }
    },
  );
});
