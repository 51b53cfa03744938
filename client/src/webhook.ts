/**
 * Webhooks by the rules of Standard Webhooks (its specification 1.0.0): what the server signs, and
 * what its receiver verifies. WebCrypto only, so that it runs wherever either does.
 *
 * It sends nothing, keeps nothing, and does not remember which messages have come before.
 */
import { WebhookError } from "./errors.ts";
import type { WebhookEvent } from "./protocol.ts";

/** The three headers that make a message a signed one. */
export interface WebhookHeaders {
  "webhook-id": string;
  "webhook-timestamp": string;
  "webhook-signature": string;
}

/** A request as the platform has it, or what is left of one where a framework has read it. */
export type SignedMessage =
  | { headers: Headers; arrayBuffer(): Promise<ArrayBuffer> }
  | {
      headers: Headers | Record<string, string | string[] | undefined>;
      /** To the letter: parsed and written again it is another one. */
      body: string | Uint8Array;
    };

export interface VerifyOptions {
  /**
   * How old a message may be, and how far the sender's clock may be ahead.
   * @default 5 minutes
   */
  toleranceMs?: number;
  /** @default Date.now() */
  now?: number;
}

const PREFIX = "whsec_";
const SECRET_BYTES = 32;
const TOLERANCE_MS = 5 * 60 * 1000;
/** A rotation needs two. Each one that a stranger sends costs us a digest of the whole body. */
const SIGNATURES_MAX = 10;

/** Not every runtime's types have it under its name. */
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** A secret that nobody else has: 256 random bits. */
export function newSecret(): string {
  return PREFIX + base64Of(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
}

/**
 * The headers of a message, with a signature for each secret that is valid now.
 *
 * @param message.timestamp ms since the epoch, of this attempt; the header has whole seconds
 * @throws TypeError for a secret that is none.
 */
export async function signWebhook(message: {
  id: string;
  timestamp: number;
  body: string;
  secrets: readonly string[];
}): Promise<WebhookHeaders> {
  const { id, body, secrets } = message;
  const timestamp = String(Math.floor(message.timestamp / 1000));
  const content = contentOf(id, timestamp, utf8.encode(body));
  const signatures = secrets.map(async (secret) => {
    const signature = await crypto.subtle.sign("HMAC", await keyOf(secret), content);
    return `v1,${base64Of(new Uint8Array(signature))}`;
  });
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": (await Promise.all(signatures)).join(" "),
  };
}

/**
 * The event in a message, once it is sure who sent it. Look up its `webhook-id` before you act: a
 * message may come twice.
 *
 * @param secrets while a secret is replaced, both
 * @throws WebhookError, whose `code` says why it is not to be trusted.
 * @throws TypeError for a secret that is none.
 * @example const event = await verifyWebhook(request, "whsec_…");
 */
export async function verifyWebhook<T = WebhookEvent>(
  message: SignedMessage,
  secrets: string | readonly string[],
  { toleranceMs = TOLERANCE_MS, now = Date.now() }: VerifyOptions = {},
): Promise<T> {
  const id = headerOf(message, "webhook-id");
  const timestamp = headerOf(message, "webhook-timestamp");
  const signatures = signaturesIn(headerOf(message, "webhook-signature"));
  if (!/^\d{1,12}$/.test(timestamp)) {
    throw new WebhookError("webhook_unsigned", "webhook-timestamp is not in seconds");
  }
  if (Math.abs(now - Number(timestamp) * 1000) > toleranceMs) {
    throw new WebhookError("webhook_stale", `webhook-timestamp is not within ${toleranceMs} ms`);
  }
  const body = await bytesOf(message);
  const content = contentOf(id, timestamp, body);
  const keys = await Promise.all([secrets].flat().map(keyOf));
  if (!(await isSigned(content, signatures, keys))) {
    throw new WebhookError("webhook_forged", "no signature fits the body and the secret");
  }
  try {
    // SAFETY: its sender has the secret, so it is what that sender says it is.
    return JSON.parse(strictUtf8.decode(body)) as T;
  } catch (cause) {
    throw new WebhookError("webhook_unreadable", "the body is not JSON", cause);
  }
}

/** In constant time for each pair, by the runtime. */
async function isSigned(
  content: Uint8Array<ArrayBuffer>,
  signatures: Uint8Array<ArrayBuffer>[],
  keys: Key[],
): Promise<boolean> {
  const pairs = keys.flatMap((key) => signatures.map((signature) => ({ key, signature })));
  const fits = await Promise.all(
    pairs.map(({ key, signature }) => crypto.subtle.verify("HMAC", key, signature, content)),
  );
  return fits.includes(true);
}

/** Those that are ours: `v1a` is by another method, and what cannot be read fits nothing. */
function signaturesIn(header: string): Uint8Array<ArrayBuffer>[] {
  const listed = header.split(" ");
  if (listed.length > SIGNATURES_MAX) {
    throw new WebhookError("webhook_unsigned", "webhook-signature has too many signatures");
  }
  return listed
    .filter((signature) => signature.startsWith("v1,"))
    .flatMap((signature) => bytesOfBase64(signature.slice(3)) ?? []);
}

function headerOf({ headers }: SignedMessage, name: string): string {
  const value =
    headers instanceof Headers
      ? headers.get(name)
      : Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  if (typeof value === "string" && value !== "") return value;
  throw new WebhookError("webhook_unsigned", `the header ${name} is missing`);
}

async function bytesOf(message: SignedMessage): Promise<Uint8Array> {
  if ("arrayBuffer" in message) return new Uint8Array(await message.arrayBuffer());
  return typeof message.body === "string" ? utf8.encode(message.body) : message.body;
}

/** Our ids and timestamps have no full stop in them: no two messages have the same content. */
function contentOf(id: string, timestamp: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = utf8.encode(`${id}.${timestamp}.`);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return content;
}

function keyOf(secret: string): Promise<Key> {
  const bytes = bytesOfBase64(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  // What was received is not shown: it may be somebody's secret after all.
  if (!bytes?.length) throw new TypeError(`a webhook's secret must be ${PREFIX} and base64`);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]);
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
