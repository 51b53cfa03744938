/**
 * Receipts: how a promise ended, signed, so that it can be shown to somebody who does not trust the
 * bearer. A compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037); whoever checks it takes the
 * public keys from `/.well-known/jwks.json`. Of several keys the first signs, all are published.
 *
 * The value itself is not in it, only its digest: a receipt may travel farther than the value may.
 */
import { readConfig, type Env, type SigningKey } from "../env.ts";
import { isSettled, settlerOf, type SettledPromise } from "../machine/promise.ts";
import { shownVotes } from "../machine/quorum.ts";
import { payloadText, promiseUrl } from "../machine/resource.ts";
import type { C } from "./edge.ts";
import { Refusal } from "./errors.ts";
import { encode } from "./link-token.ts";
import { idOfPath, refuseQuery } from "./parse.ts";
import { originOf } from "./promises.ts";

/** What a receipt says. Instants in seconds, as in every JWT (RFC 7519). */
export interface Receipt {
  iss: string;
  /** The promise's URL. */
  sub: string;
  iat: number;
  /** One for each life of an id and each settlement. */
  jti: string;
  promise: { id: string; state: string; createdOn: number; completedOn: number };
  /** Who and how; where it came from is nobody's business. */
  settledBy?: SettledPromise["settledBy"];
  votes?: ReturnType<typeof shownVotes>;
  /** SHA-256 of the value as the resource has it, base64url. */
  valueSha256: string;
}

/** `GET /receipts/:id`, where `:id` is the promise's. */
export async function readReceipt(c: C): Promise<Response> {
  const id = idOfPath(c.req.url, "/receipts/");
  refuseQuery(c.req.url);
  const record = await c.env.PROMISES.getByName(id).get();
  if (!record) throw new Refusal("not_found", `There is no promise "${id}"`, { field: "id" });
  if (!isSettled(record)) {
    throw new Refusal("pending", "There is a receipt only of what has ended", { field: "id" });
  }
  const jws = await receiptOf(record, originOf({ request: c.req.raw, env: c.env }), c.env);
  if (jws === undefined) {
    throw new Refusal("not_configured", "This deployment has no RECEIPT_KEYS, so it signs nothing");
  }
  const headers = { "content-type": "application/jose", "cache-control": "private, no-store" };
  return new Response(jws, { headers });
}

/** `undefined` without a key to sign with. */
export async function receiptOf(
  record: SettledPromise,
  origin: string,
  env: Env,
): Promise<string | undefined> {
  const [key] = readConfig(env).receiptKeys;
  if (!key) return undefined;
  const { id, birth, state, createdAt, settledAt, votes, value } = record;
  const settledBy = settlerOf(record);
  const digest = await crypto.subtle.digest("SHA-256", bytesOf(payloadText(value)));
  const receipt: Receipt = {
    iss: origin,
    sub: promiseUrl(origin, id),
    iat: Math.floor(settledAt / 1000),
    jti: `${birth}.settled`,
    promise: { id, state: state.toUpperCase(), createdOn: createdAt, completedOn: settledAt },
    ...(settledBy && { settledBy }),
    ...(votes && { votes: shownVotes(votes) }),
    valueSha256: encode(new Uint8Array(digest)),
  };
  return sign(receipt, key);
}

/** `GET /.well-known/jwks.json` */
export async function jwks(c: C): Promise<Response> {
  const { receiptKeys } = readConfig(c.env);
  const keys = await Promise.all(
    receiptKeys.map(async (key) => {
      // SAFETY: a key exported as "jwk" is one.
      const jwk = (await crypto.subtle.exportKey("jwk", await imported(key))) as JsonWebKey;
      return { kty: "OKP", crv: "Ed25519", x: jwk.x, kid: key.id, use: "sig", alg: "EdDSA" };
    }),
  );
  return c.json({ keys }, 200, { "cache-control": "public, max-age=300" });
}

async function sign(receipt: Receipt, key: SigningKey): Promise<string> {
  const header = { alg: "EdDSA", kid: key.id, typ: "receipt+jwt" };
  const parts = [header, receipt].map((part) => encode(bytesOf(JSON.stringify(part))));
  const signed = parts.join(".");
  const signature = await crypto.subtle.sign("Ed25519", await imported(key), bytesOf(signed));
  return `${signed}.${encode(new Uint8Array(signature))}`;
}

const importedKeys = new Map<string, Promise<CryptoKey>>();

function imported({ secret }: SigningKey): Promise<CryptoKey> {
  const known = importedKeys.get(secret);
  if (known) return known;
  const bytes = Uint8Array.from(atob(secret), (character) => character.charCodeAt(0));
  // Extractable, because the public half is taken from it.
  const key = crypto.subtle.importKey("pkcs8", bytes, "Ed25519", true, ["sign"]);
  importedKeys.set(secret, key);
  return key;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
