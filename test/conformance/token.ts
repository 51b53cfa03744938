/**
 * JSON Web Tokens made by hand, honest ones and others: WebCrypto and nothing else, so that what is
 * wrong with a token is what the test says.
 */

export type Algorithm = "EdDSA" | "ES256" | "RS256";

const PARAMS = {
  EdDSA: { name: "Ed25519" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  RS256: {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
} as const;

type Members = Record<string, unknown>;

/** Somebody who makes tokens. */
export interface Signer {
  alg: Algorithm;
  /** The public half, as it stands in a JWKS. */
  jwk: Members;
  sign(claims: Members, header?: Members): Promise<string>;
}

export async function createSigner(
  alg: Algorithm,
  kid?: string,
  { modulusLength = 2048 } = {},
): Promise<Signer> {
  const params = alg === "RS256" ? { ...PARAMS.RS256, modulusLength } : PARAMS[alg];
  const pair = await crypto.subtle.generateKey(params, true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("no pair");
  const exported = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const { key_ops: _, ext: __, ...jwk } = { key_ops: [], ext: true, ...exported };
  const name = kid === undefined ? {} : { kid };
  return {
    alg,
    jwk: { ...jwk, ...name },
    async sign(claims, header = {}) {
      const signed = `${part({ alg, typ: "JWT", ...name, ...header })}.${part(claims)}`;
      const bytes = new TextEncoder().encode(signed);
      const signature = await crypto.subtle.sign(params, pair.privateKey, bytes);
      return `${signed}.${base64url(new Uint8Array(signature))}`;
    },
  };
}

/** A token signed by HMAC with whatever somebody could take for its secret. */
export async function signWithHmac(
  claims: Members,
  header: Members,
  secret: string,
): Promise<string> {
  const params = { name: "HMAC", hash: "SHA-256" };
  const raw = new TextEncoder().encode(secret);
  const key = await crypto.subtle.importKey("raw", raw, params, false, ["sign"]);
  const signed = `${part(header)}.${part(claims)}`;
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(signed));
  return `${signed}.${base64url(new Uint8Array(mac))}`;
}

/** One that ends in an hour. */
export function claims(more: Members = {}): Members {
  return { sub: "ada", exp: Math.floor(Date.now() / 1000) + 3600, ...more };
}

export function part(value: unknown): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)));
}

export function base64url(bytes: Uint8Array): string {
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
