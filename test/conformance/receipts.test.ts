/**
 * Receipts: how a promise ended, signed, so that it can be shown to somebody who does not trust the
 * bearer. Checked here by the published keys and WebCrypto alone (issue 3, section 4; RFC 7515, 8037).
 */
import { createHash, generateKeyPairSync, verify } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SettledBy, Vote } from "../../client/src/protocol.ts";
import { answerOf, decide, makeLink, promiseAndLink, recordAt } from "./link.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, startService, type Service } from "./service.ts";

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

interface Jwk {
  kid: string;
  kty: string;
  crv: string;
  x: string;
  alg: string;
  use: string;
}

interface Claims {
  iss: string;
  sub: string;
  iat: number;
  jti: string;
  promise: { id: string; state: string; createdOn: number; completedOn: number };
  settledBy?: SettledBy;
  votes?: Vote[];
  valueSha256: string;
}

async function keysOf(at: Service): Promise<Jwk[]> {
  const answer = await at.send("GET", "/.well-known/jwks.json");
  expect(answer.status).toBe(200);
  // SAFETY: the tests assert what it really is.
  return (JSON.parse(answer.text) as { keys: Jwk[] }).keys;
}

/** As somebody does who has the receipt and the address of the keys, and nothing else. */
async function verified(
  jws: string,
  at: Service = service,
): Promise<{ header: Jwk; claims: Claims }> {
  const [head = "", body = "", signature = "", ...rest] = jws.split(".");
  expect(rest).toEqual([]);
  const parsed = [head, body].map((part): unknown =>
    JSON.parse(Buffer.from(part, "base64url").toString()),
  );
  // SAFETY: as above.
  const [header, claims] = parsed as [Jwk, Claims];
  const jwk = (await keysOf(at)).find(({ kid }) => kid === header.kid);
  expect(jwk, "the key is not published").toBeDefined();
  const { kty, crv, x } = jwk!;
  const key = await crypto.subtle.importKey("jwk", { kty, crv, x }, "Ed25519", false, ["verify"]);
  const signed = new TextEncoder().encode(`${head}.${body}`);
  const bytes = Buffer.from(signature, "base64url");
  expect(await crypto.subtle.verify("Ed25519", key, bytes, signed)).toBe(true);
  bytes[0]! ^= 1;
  expect(await crypto.subtle.verify("Ed25519", key, bytes, signed)).toBe(false);
  return { header, claims };
}

async function receiptOf(id: string, at: Service = service): Promise<Claims> {
  const answer = await at.send("GET", `/receipts/${id}`);
  expect(answer.status, answer.text).toBe(200);
  return (await verified(answer.text, at)).claims;
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("base64url");

describe("the keys", () => {
  test("are public, and only that", async () => {
    const answer = await service.send("GET", "/.well-known/jwks.json");
    expect(answer.headers.get("content-type")).toMatch(/^application\/(jwk-set\+)?json/);
    expect(answer.text).not.toContain('"d"');
    for (const key of await keysOf(service)) {
      expect(key).toEqual({
        kty: "OKP",
        crv: "Ed25519",
        x: expect.stringMatching(/^[\w-]{43}$/),
        kid: expect.any(String),
        use: "sig",
        alg: "EdDSA",
      });
    }
  });
});

describe("a receipt", () => {
  test("verifies, and says who, how, when and what", async () => {
    const { id, link } = await promiseAndLink(service, { audience: "ada@example.com" });
    const data = '{"n":12345678901234567890.10, "s":"\\u00e9"}';
    await decide(service, link, `{"state":"RESOLVED","value":{"data":${data}}}`);
    const record = await recordAt(service, id);
    const answer = await service.send("GET", `/receipts/${id}`);
    expect(answer.headers.get("content-type")).toBe("application/jose");
    expect(answer.headers.get("cache-control")).toContain("no-store");
    const { header, claims } = await verified(answer.text);
    expect(header).toMatchObject({ alg: "EdDSA", typ: "receipt+jwt" });
    expect(claims).toEqual({
      iss: service.url,
      sub: record.url,
      iat: Math.floor((record.completedOn ?? 0) / 1000),
      jti: expect.any(String),
      promise: {
        id,
        state: "RESOLVED",
        createdOn: record.createdOn,
        completedOn: record.completedOn,
      },
      settledBy: { how: "link", who: "ada@example.com", link: link.id },
      valueSha256: digestOf(`{"data":${data}}`),
    });
    expect(answer.text).not.toContain(link.token);
  });

  test("holds for the value as the resource has it, byte for byte", async () => {
    const id = freshId("digest");
    await service.create(id);
    await service.settle(id, '{"state":"REJECTED","value":{"headers":{"a":"b"},"data": [1 ,2.0]}}');
    const { text } = await service.read(id);
    const value = text.slice(text.indexOf('"value":') + 8, text.indexOf(',"timeout"'));
    expect((await receiptOf(id)).valueSha256).toBe(digestOf(value));
    const empty = freshId("digest");
    await service.create(empty);
    await service.settle(empty, { state: "RESOLVED" });
    expect((await receiptOf(empty)).valueSha256).toBe(digestOf("{}"));
  });

  test.each(["", "a/b/", "Ω ", "%2F?#"])("is found under an id with %j in it", async (part) => {
    const id = `${freshId("receipt")}${part}x`;
    await service.create(id);
    await service.settle(id, { state: "RESOLVED" });
    const claims = await receiptOf(encodeURIComponent(id));
    expect(claims.promise.id).toBe(id);
  });

  test("names the votes", async () => {
    const id = freshId("voted");
    await service.create(id, { quorum: { approvals: 2, of: 3 } });
    for (const audience of ["Ada", "Bob"]) {
      await decide(service, await makeLink(service, id, { audience }));
    }
    const { votes, settledBy } = await receiptOf(id);
    expect(votes).toEqual((await recordAt(service, id)).votes);
    expect(votes).toMatchObject([
      { by: "Ada", approves: true },
      { by: "Bob", approves: true },
    ]);
    expect(settledBy?.who).toBe("Bob");
  });

  test("is there however it ended: by a caller, a callback, the escalation, the deadline", async () => {
    const ends: [string, object, (id: string) => Promise<unknown>][] = [
      ["api", {}, (id) => service.settle(id, { state: "REJECTED" })],
      [
        "callback",
        {},
        async (id) => decide(service, await makeLink(service, id, { allow: "callback" }), 1),
      ],
      ["escalation", { escalation: [{ after: 0, settle: { state: "REJECTED" } }] }, async () => {}],
      ["deadline", { timeout: 1 }, async () => {}],
      [
        "example",
        {},
        (id) => service.send("POST", "/promise/resolve", { body: { promiseId: id, value: 1 } }),
      ],
    ];
    for (const [how, more, end] of ends) {
      const id = freshId(how);
      await service.create(id, more);
      await end(id);
      const { promise, settledBy } = await receiptOf(id);
      const record = await recordAt(service, id);
      expect(promise).toEqual({
        id,
        state: record.state,
        createdOn: record.createdOn,
        completedOn: record.completedOn,
      });
      expect(settledBy, how).toMatchObject({ how });
    }
  });

  test("is the same each time, and another in another life of the id", async () => {
    const id = freshId("lives");
    await service.create(id);
    await service.settle(id, { state: "RESOLVED" });
    const first = await service.send("GET", `/receipts/${id}`);
    expect((await service.send("GET", `/receipts/${id}`)).text).toBe(first.text);
    await service.send("DELETE", service.address(id));
    expectRefusal(await service.send("GET", `/receipts/${id}`), "not_found", "id");
    await service.create(id);
    await service.settle(id, { state: "RESOLVED" });
    const { claims } = await verified(first.text);
    expect((await receiptOf(id)).jti).not.toBe(claims.jti);
  });

  test("is none for what is pending, unknown, or no id", async () => {
    const id = freshId("pending");
    await service.create(id);
    expectRefusal(await service.send("GET", `/receipts/${id}`), "pending");
    expectRefusal(await service.send("GET", `/receipts/${freshId("absent")}`), "not_found");
    expectRefusal(await service.send("GET", "/receipts/%00"), "invalid_request", "id");
    expectRefusal(await service.send("GET", `/receipts/${id}?x=1`), "invalid_request");
  });
});

describe("who has lost", () => {
  test("over the API is told the winner's record and receipt", async () => {
    const { id, link } = await promiseAndLink(service, { audience: "Ada" });
    await decide(service, link);
    const lost = await service.settle(id, { state: "REJECTED" });
    const problem = expectRefusal(lost, "already_resolved");
    expect(problem.promise).toEqual(await recordAt(service, id));
    expect(problem.receipt, "no receipt in the answer").toBeTypeOf("string");
    const { claims } = await verified(problem.receipt ?? "");
    expect(claims.settledBy).toEqual({ how: "link", who: "Ada", link: link.id });
  });

  test("by a link is told who won, and the winner's receipt", async () => {
    const { id, link } = await promiseAndLink(service, { audience: "Ada" });
    const second = await makeLink(service, id, { audience: "Bob" });
    await decide(service, link);
    const lost = await decide(service, second);
    expect(lost.status).toBe(409);
    expect(answerOf(lost).settledBy).toEqual({ how: "link", who: "Ada", link: link.id });
    const { receipt } = JSON.parse(lost.text) as { receipt?: string };
    expect(receipt, "no receipt in the answer").toBeTypeOf("string");
    expect((await verified(receipt ?? "")).claims.promise.id).toBe(id);
  });
});

function pair() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { publicKey, der: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64") };
}

describe("with keys of one's own", () => {
  test("the first signs, all are published, the issuer is the public address", async () => {
    const [one, two] = [pair(), pair()];
    const url = "https://promises.example.com";
    const own = await startService({
      env: { RECEIPT_KEYS: `r2:${two.der},r1:${one.der}`, PUBLIC_URL: url },
    });
    try {
      expect((await keysOf(own)).map(({ kid }) => kid)).toEqual(["r2", "r1"]);
      const id = freshId("own");
      await own.create(id);
      await own.settle(id, { state: "RESOLVED" });
      const { text } = await own.send("GET", `/receipts/${id}`);
      const { header, claims } = await verified(text, own);
      expect(header.kid).toBe("r2");
      expect([claims.iss, claims.sub]).toEqual([url, `${url}/promises/${id}`]);
      const [head, body, signature = ""] = text.split(".");
      const isRight = verify(
        null,
        Buffer.from(`${head}.${body}`),
        two.publicKey,
        Buffer.from(signature, "base64url"),
      );
      expect(isRight).toBe(true);
    } finally {
      await own.stop();
    }
  });

  test("a caller needs the scope to read; the public keys are everybody's", async () => {
    const guarded = await startService({ env: { API_KEYS: "k" } });
    try {
      const key = { authorization: "Bearer k" };
      const id = freshId("guarded");
      await guarded.create(id, {}, key);
      await guarded.settle(id, { state: "RESOLVED" }, key);
      expectRefusal(await guarded.send("GET", `/receipts/${id}`), "unauthorized");
      const answer = await guarded.send("GET", `/receipts/${id}`, { headers: key });
      await verified(answer.text, guarded);
    } finally {
      await guarded.stop();
    }
  });
});
