/**
 * Receipts through the client: fetched from a real server, verified with its published keys, and
 * everything that is not one refused. The forgeries are made with `node:crypto`, not with our code.
 */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  AlreadySettledError,
  isConnectionError,
  isNotFoundError,
  isReceiptError,
  verifyReceipt,
} from "../../client/src/index.ts";
import { newId, startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

async function settled(): Promise<{ id: string; jws: string }> {
  const id = `${newId()}/ü ?`;
  await world.direct.create(id);
  await world.direct.resolve(id, { n: 1 });
  const { jws } = await world.direct.receipts.get(id);
  return { id, jws };
}

async function publishedKeys(): Promise<{ keys: object[] }> {
  const answer = await fetch(`${world.url}/.well-known/jwks.json`);
  return (await answer.json()) as { keys: object[] };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "trusted",
    (error: unknown) => (isReceiptError(error) ? error.code : String(error)),
  );
}

describe("a receipt", () => {
  test("says how the promise ended, and is verified by the server's keys", async () => {
    const id = newId();
    const { createdOn } = await world.direct.create(id);
    const { completedOn } = await world.direct.resolve(id, { n: 1 });
    const { jws, receipt } = await world.direct.receipts.get(id);
    expect(receipt).toMatchObject({
      iss: world.url,
      sub: `${world.url}/promises/${id}`,
      promise: { id, state: "RESOLVED", createdOn, completedOn },
      settledBy: { how: "api" },
      valueSha256: expect.stringMatching(/^[\w-]{43}$/),
    });
    const jwks = await publishedKeys();
    expect(await verifyReceipt(jws, { url: world.url })).toEqual(receipt);
    expect(await verifyReceipt(jws, { url: `${world.url}/` })).toEqual(receipt);
    expect(await verifyReceipt(jws, { jwks })).toEqual(receipt);
    // Its bytes are the ones that the digest is of.
    const text = await (await fetch(`${world.url}/promises/${id}`)).text();
    const value = /"value":(\{.*?\}\}),/.exec(text)![1]!;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(value));
    expect(Buffer.from(digest).toString("base64url")).toBe(receipt.valueSha256);
  });

  test("there is none of what is pending, or not there", async () => {
    const id = newId();
    await expect(world.direct.receipts.get(id)).rejects.toSatisfy(isNotFoundError);
    await world.direct.create(id);
    await expect(world.direct.receipts.get(id)).rejects.toMatchObject({ code: "pending" });
  });

  test("comes with a settle that lost", async () => {
    const { id, jws } = await settled();
    const error: unknown = await world.direct.reject(id).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AlreadySettledError);
    const { receipt } = error as AlreadySettledError;
    expect(receipt).toBe(jws);
    const { promise } = await verifyReceipt(receipt!, { url: world.url });
    expect(promise).toMatchObject({ id, state: "RESOLVED" });
  });
});

/** A key pair that is nobody's, and what it signs. */
function forger(kid = "local") {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const jwks = { keys: [{ ...publicKey.export({ format: "jwk" }), kid }] };
  return { jwks, privateKey };
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const HEADER = { alg: "EdDSA", kid: "local", typ: "receipt+jwt" };
const CLAIMS = { promise: { id: "a", state: "RESOLVED" } };

function signed(key: KeyObject, header: object = HEADER, claims: unknown = CLAIMS): string {
  const content = `${encode(header)}.${encode(claims)}`;
  return `${content}.${sign(null, Buffer.from(content), key).toString("base64url")}`;
}

describe("what is not to be trusted", () => {
  test("is signed by another key, under our name or its own", async () => {
    const { privateKey, jwks } = forger();
    const forged = signed(privateKey);
    expect(await codeOf(verifyReceipt(forged, { jwks }))).toBe("trusted");
    expect(await codeOf(verifyReceipt(forged, { url: world.url }))).toBe("receipt_forged");
    const unknown = signed(privateKey, { ...HEADER, kid: "theirs" });
    expect(await codeOf(verifyReceipt(unknown, { url: world.url }))).toBe("receipt_unknown_key");
    expect(await codeOf(verifyReceipt(forged, { jwks: { keys: [] } }))).toBe("receipt_unknown_key");
  });

  test("is a receipt of which one character is another", async () => {
    const { jws } = await settled();
    const jwks = await publishedKeys();
    for (let at = 0; at < jws.length - 1; at += 7) {
      const other = jws[at] === "A" ? "B" : "A";
      const changed = jws.slice(0, at) + other + jws.slice(at + 1);
      expect(await codeOf(verifyReceipt(changed, { jwks }))).toMatch(/^receipt_/);
    }
  });

  const { privateKey, jwks } = forger();
  const good = signed(privateKey);
  const [header = "", claims = "", signature = ""] = good.split(".");
  test.each([
    ["nothing", ""],
    ["no JSON", "a.b.c"],
    ["no signature", `${header}.${claims}`],
    ["an empty signature", `${header}.${claims}.`],
    ["four parts", `${good}.${signature}`],
    ["padding", `${good}=`],
    ["a line break", `${good}\n`],
    ["no algorithm", signed(privateKey, { ...HEADER, alg: "none" })],
    ["another algorithm", signed(privateKey, { ...HEADER, alg: "HS256" })],
    ["a token of another kind", signed(privateKey, { ...HEADER, typ: "JWT" })],
    ["an extension", signed(privateKey, { ...HEADER, crit: ["b64"], b64: false })],
    ["a key without a name", signed(privateKey, { alg: "EdDSA", typ: "receipt+jwt" })],
    ["other claims", signed(privateKey, HEADER, {})],
    ["no claims", signed(privateKey, HEADER, null)],
  ])("is %s", async (_, jws) => {
    expect(await codeOf(verifyReceipt(jws, { jwks }))).toBe("receipt_malformed");
  });

  test("is a key of another kind, even of the right name", async () => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const keys = [
      { ...publicKey.export({ format: "jwk" }), kid: "local" },
      { kty: "OKP", crv: "Ed25519", x: "short", kid: "local" },
    ];
    for (const key of keys) {
      expect(await codeOf(verifyReceipt(good, { jwks: { keys: [key] } }))).toBe(
        "receipt_unknown_key",
      );
    }
  });
});

describe("the keys", () => {
  test("are asked for without our own token", async () => {
    const asked: (string | undefined)[] = [];
    const stranger = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.setHeader("content-type", "application/json").end('{"keys": []}');
    });
    await new Promise<void>((resolve) => void stranger.listen(0, "127.0.0.1", resolve));
    process.env["DURABLE_PROMISES_TOKEN"] = "secret";
    try {
      const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
      const { jws } = await settled();
      expect(await codeOf(verifyReceipt(jws, { url }))).toBe("receipt_unknown_key");
      expect(asked).toEqual([undefined]);
    } finally {
      delete process.env["DURABLE_PROMISES_TOKEN"];
      stranger.close();
    }
  });

  test("that cannot be had are no verdict", async () => {
    const { jws } = await settled();
    const url = "http://127.0.0.1:9";
    await expect(verifyReceipt(jws, { url }, { timeout: 200 })).rejects.toSatisfy(
      (error: unknown) =>
        isConnectionError(error) || (error as { code?: string }).code === "timeout",
    );
  });
});
