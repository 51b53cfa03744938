/**
 * The secret part of a link's URL: which promise and link it is for, until when, and a signature, so
 * that a bad one is refused before any object is touched. HMAC-SHA-256; of several keys the first
 * signs and all verify, so that rotating keys breaks no link.
 *
 * `<key id>.<claims>.<signature>`, the latter two base64url. A token is a secret: it is never logged.
 */
import type { SigningKey } from "../env.ts";

export interface LinkClaims {
  promiseId: string;
  linkId: string;
  expiresAt: number;
  /** `page`: a person opens it. `callback`: a system posts to it. Neither works in place of the other. */
  use: "page" | "callback";
}

const HMAC = { name: "HMAC", hash: "SHA-256" };
/** Claims have an id of up to 1,024 bytes twice, once escaped; more is no token of ours. */
const TOKEN_CHARACTERS_MAX = 8192;

export async function signLink(claims: LinkClaims, keys: SigningKey[]): Promise<string> {
  const [key] = keys;
  if (!key) throw new Error("no key to sign links with");
  const { promiseId, linkId, expiresAt, use } = claims;
  const text = encode(
    new TextEncoder().encode(JSON.stringify([promiseId, linkId, expiresAt, use])),
  );
  const signed = `${key.id}.${text}`;
  const signature = await crypto.subtle.sign(HMAC, await imported(key), bytesOf(signed));
  return `${signed}.${encode(new Uint8Array(signature))}`;
}

/** @returns `undefined` for what was not signed by one of the keys, or is for something else */
export async function verifyLink(
  token: string,
  use: LinkClaims["use"],
  keys: SigningKey[],
): Promise<LinkClaims | undefined> {
  if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
  const [keyId, text, signature, ...rest] = token.split(".");
  const key = keys.find(({ id }) => id === keyId);
  if (!key || text === undefined || signature === undefined || rest.length > 0) return undefined;
  const mac = decode(signature);
  // One spelling of a signature, or a token would have several.
  if (!mac || encode(mac) !== signature) return undefined;
  const isOurs = await crypto.subtle.verify(
    HMAC,
    await imported(key),
    mac,
    bytesOf(`${keyId}.${text}`),
  );
  return isOurs ? claimsOf(text, use) : undefined;
}

function claimsOf(text: string, use: LinkClaims["use"]): LinkClaims | undefined {
  // SAFETY: it is signed, so it is what signLink wrote.
  const [promiseId, linkId, expiresAt, signedUse] = JSON.parse(
    new TextDecoder().decode(decode(text)),
  ) as [string, string, number, LinkClaims["use"]];
  return signedUse === use ? { promiseId, linkId, expiresAt, use } : undefined;
}

const importedKeys = new Map<string, Promise<CryptoKey>>();

function imported({ secret }: SigningKey): Promise<CryptoKey> {
  const known = importedKeys.get(secret);
  if (known) return known;
  const bytes = Uint8Array.from(atob(secret), (character) => character.charCodeAt(0));
  const key = crypto.subtle.importKey("raw", bytes, HMAC, false, ["sign", "verify"]);
  importedKeys.set(secret, key);
  return key;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function encode(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function decode(text: string): Uint8Array | undefined {
  if (!/^[\w-]*$/.test(text)) return undefined;
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
