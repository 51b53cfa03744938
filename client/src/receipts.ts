/**
 * Receipts: how a promise ended, signed by its server, so that it can be shown to somebody who trusts
 * neither the bearer nor the line. A compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037),
 * verified with WebCrypto.
 *
 * Only EdDSA, whatever a header says: an algorithm that its sender may choose protects nobody.
 */
import { answerOf } from "./calls.ts";
import { ReceiptError } from "./errors.ts";
import { promisePath } from "./id.ts";
import { type CallOptions, resolveOptions, type Target } from "./options.ts";
import type { SettledBy, SettledState, Vote } from "./protocol.ts";
import { send } from "./send.ts";
import { type Answer, judge } from "./transport.ts";

/** What a receipt says. Instants of a JWT (`iat`) are in seconds, those of the promise in ms. */
export interface Receipt {
  /** The origin of the server. */
  iss: string;
  /** The promise's URL. */
  sub: string;
  iat: number;
  /** One for each life of an id and each settlement. */
  jti: string;
  promise: { id: string; state: SettledState; createdOn: number; completedOn: number };
  settledBy?: SettledBy;
  votes?: Vote[];
  /** SHA-256 of `value` as it stands in the answer of the server, base64url: not the value itself. */
  valueSha256: string;
}

export interface SignedReceipt {
  /** To be kept, and shown. */
  jws: string;
  /** What it says. Not verified: whoever does not trust the line asks {@link verifyReceipt}. */
  receipt: Receipt;
}

/** Whose receipts are believed: keys at hand, or a server of which they are fetched. */
export type ReceiptKeys =
  | { jwks: { keys: readonly object[] } }
  | {
      /** As for {@link DurablePromises}; the keys are at `/.well-known/jwks.json` below it. */
      url: string;
      fetch?: typeof globalThis.fetch;
    };

/** The receipts of promises: `promises.receipts`. */
export class Receipts {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /**
   * How the promise ended, signed.
   *
   * @throws ApiError with code `pending` while it has not, or `not_configured` where the deployment
   *   signs nothing.
   * @throws NotFoundError if nobody has created it.
   * @example const { jws, receipt } = await promises.receipts.get("orders/42/approval");
   */
  async get(promiseId: string, options: CallOptions = {}): Promise<SignedReceipt> {
    const path = promisePath(promiseId).replace("/promises/", "/receipts/");
    const headers = { accept: "application/jose" };
    const call = { method: "GET", path, headers } as const;
    const { body } = await send(this.#target, call, options, judgeJws);
    const jws = String(body);
    return { jws, receipt: partsOf(jws).receipt };
  }
}

/**
 * What a receipt says, once it is sure who signed it. Compare `promise.id` with the promise you
 * asked about: a receipt of another one is genuine too.
 *
 * @throws ReceiptError, whose `code` says why it is not to be trusted.
 * @throws ApiError or ConnectionError if the keys cannot be had.
 * @example const receipt = await verifyReceipt(jws, { url: "https://promises.example.com" });
 */
export async function verifyReceipt(
  jws: string,
  keys: ReceiptKeys,
  options: CallOptions = {},
): Promise<Receipt> {
  const { kid, signed, signature, receipt } = partsOf(jws);
  const listed = "jwks" in keys ? keys.jwks.keys : await keysAt(keys, options);
  const jwk = listed.find((key) => isEd25519(key) && key.kid === kid);
  if (!jwk) throw new ReceiptError("receipt_unknown_key", "no key of that name is trusted");
  if (!(await isSignedBy(jwk, signature, signed))) {
    throw new ReceiptError("receipt_forged", "the signature does not fit the receipt");
  }
  return receipt;
}

async function isSignedBy(
  jwk: object,
  signature: Uint8Array<ArrayBuffer>,
  signed: string,
): Promise<boolean> {
  const { x } = jwk as { x?: string };
  const publicKey = { kty: "OKP", crv: "Ed25519", ...(x !== undefined && { x }) };
  const key = await crypto.subtle
    .importKey("jwk", publicKey, "Ed25519", false, ["verify"])
    .catch((cause: unknown) => {
      // A runtime that does not know the algorithm says so itself.
      if ((cause as Error).name === "NotSupportedError") throw cause;
      throw new ReceiptError("receipt_unknown_key", "the key of that name is none", cause);
    });
  return crypto.subtle.verify("Ed25519", key, signature, new TextEncoder().encode(signed));
}

/** Public: our own token is nobody's business there. */
async function keysAt(
  { url, fetch }: Extract<ReceiptKeys, { url: string }>,
  options: CallOptions,
): Promise<readonly object[]> {
  const target = resolveOptions({ url, token: "", ...(fetch && { fetch }) });
  const verdict = await send(target, { method: "GET", path: "/.well-known/jwks.json" }, options);
  return answerOf<{ keys: object[] }>(verdict, "keys", "keys").keys;
}

function isEd25519(key: object): key is { kid?: string } {
  const { kty, crv } = key as { kty?: unknown; crv?: unknown };
  return kty === "OKP" && crv === "Ed25519";
}

function partsOf(jws: string) {
  const parts = typeof jws === "string" ? jws.split(".") : [];
  const [header, payload] = [jsonIn(parts[0]), jsonIn(parts[1])];
  const signature = bytesIn(parts[2]);
  const isOurs =
    parts.length === 3 &&
    header?.["alg"] === "EdDSA" &&
    header["typ"] === "receipt+jwt" &&
    typeof header["kid"] === "string" &&
    // Of extensions that must be understood we understand none (RFC 7515, 4.1.11).
    !("crit" in header);
  const isReceipt = typeof payload?.["promise"] === "object" && payload["promise"] !== null;
  if (!isOurs || !isReceipt || signature?.length !== 64) {
    throw new ReceiptError("receipt_malformed", "this is not a receipt");
  }
  // SAFETY: what it says is believed only when its signature was.
  const receipt = payload as unknown as Receipt;
  return { kid: header["kid"], signed: `${parts[0]}.${parts[1]}`, signature, receipt };
}

function jsonIn(part: string | undefined): Record<string, unknown> | undefined {
  const bytes = bytesIn(part);
  if (!bytes) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // Not UTF-8, or not JSON.
  }
}

/** base64url without padding (RFC 7515, 2). */
function bytesIn(part: string | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (part === undefined || !/^[\w-]+$/.test(part) || part.length % 4 === 1) return undefined;
  const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** A receipt is text, not JSON; a refusal is what it always is. */
function judgeJws(answer: Answer, now: number): ReturnType<typeof judge> {
  const { status, text } = answer;
  return status === 200 && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)
    ? { status, outcome: undefined, body: text }
    : judge(answer, now);
}
