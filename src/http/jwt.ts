/**
 * Whether a JSON Web Token is true, and what it says. The key's type decides the algorithm, and the
 * token must say the same: no `none`, no HMAC with a public key, nothing that a sender could choose
 * (RFC 8725, 3.1). Nothing of a token is believed before its signature.
 *
 * It knows neither where keys come from nor what a claim allows, and reads no clock.
 */

/** What a key of each type signs with, and how the runtime calls it. */
const ALGORITHMS = {
  EdDSA: { kty: "OKP", crv: "Ed25519", members: ["crv", "x"], params: { name: "Ed25519" } },
  ES256: {
    kty: "EC",
    crv: "P-256",
    members: ["crv", "x", "y"],
    params: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  },
  RS256: {
    kty: "RSA",
    crv: undefined,
    members: ["n", "e"],
    params: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  },
} as const;
export type Algorithm = keyof typeof ALGORITHMS;

/** NIST has thought less to be weak since 2014 (SP 800-131A). */
const RSA_BITS_MIN = 2048;
/** Clocks differ; an end is kept to the second all the same. */
const LEEWAY_S = 60;
/** A token is a header: beyond this no honest one goes. */
export const TOKEN_CHARACTERS_MAX = 8192;

export interface VerifyKey {
  kid: string | undefined;
  algorithm: Algorithm;
  key: CryptoKey;
}

export interface TokenHeader {
  alg: Algorithm;
  kid: string | undefined;
}

export type Claims = Record<string, unknown>;

/** Who must have made it, for whom. */
export interface Expected {
  issuer: string | undefined;
  audience: string | undefined;
}

/** A key of a JWKS. @returns `undefined` for one that signs nothing which we would believe */
export async function importKey(jwk: unknown): Promise<VerifyKey | undefined> {
  if (!isObject(jwk)) return undefined;
  const found = Object.entries(ALGORITHMS).find(
    ([, { kty, crv }]) => jwk["kty"] === kty && (crv === undefined || jwk["crv"] === crv),
  );
  if (!found) return undefined;
  // SAFETY: an entry of the table has a key of the table.
  const algorithm = found[0] as Algorithm;
  const { alg = algorithm, use = "sig", key_ops: ops = ["verify"], kid } = jwk;
  if (
    !isNameOf(alg, algorithm) ||
    use !== "sig" ||
    !(Array.isArray(ops) && ops.includes("verify"))
  ) {
    return undefined;
  }
  const { kty, members, params } = ALGORITHMS[algorithm];
  // Only what is public: a private key that somebody published by mistake stays a public one here.
  const named = Object.fromEntries(members.map((name) => [name, jwk[name]]));
  try {
    const key = await crypto.subtle.importKey("jwk", { kty, ...named }, params, false, ["verify"]);
    const bits = (key.algorithm as { modulusLength?: number }).modulusLength ?? RSA_BITS_MIN;
    if (bits < RSA_BITS_MIN) return undefined;
    return { kid: typeof kid === "string" ? kid : undefined, algorithm, key };
  } catch {
    return undefined;
  }
}

/** @returns `undefined` for what is no token of a kind that we believe */
export function headerOf(token: string): TokenHeader | undefined {
  if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
  const [head, ...rest] = token.split(".");
  const header = rest.length === 2 ? jsonOf(head) : undefined;
  if (!header) return undefined;
  const { alg, kid, typ = "JWT", crit } = header;
  if (typeof alg !== "string" || !Object.hasOwn(ALGORITHMS, alg)) return undefined;
  if (kid !== undefined && typeof kid !== "string") return undefined;
  // `crit` names what must be understood (RFC 7515, 4.1.11), and we understand none of it.
  if (crit !== undefined || typeof typ !== "string") return undefined;
  if (!/^(?:application\/)?(?:at\+)?jwt$/i.test(typ)) return undefined;
  // SAFETY: just looked up.
  return { alg: alg as Algorithm, kid };
}

/** RFC 9864 has given EdDSA with Ed25519 a name of its own, which some write into their keys. */
function isNameOf(alg: unknown, algorithm: Algorithm): boolean {
  return alg === algorithm || (alg === "Ed25519" && algorithm === "EdDSA");
}

/** The keys that may have signed it; one without a `kid` may have any. */
export function keysFor({ alg, kid }: TokenHeader, keys: readonly VerifyKey[]): VerifyKey[] {
  return keys.filter((key) => key.algorithm === alg && (kid === undefined || key.kid === kid));
}

/** @returns what a token with that signature says; `undefined` when none of the keys made it */
export async function claimsOf(
  token: string,
  keys: readonly VerifyKey[],
): Promise<Claims | undefined> {
  const [, body, signature] = token.split(".");
  const bytes = bytesOf(signature);
  if (!bytes) return undefined;
  const signed = new TextEncoder().encode(token.slice(0, token.lastIndexOf(".")));
  for (const key of keys) if (await isSignedBy(key, bytes, signed)) return jsonOf(body);
  return undefined;
}

async function isSignedBy(
  { key, algorithm }: VerifyKey,
  signature: Uint8Array,
  signed: Uint8Array,
): Promise<boolean> {
  try {
    return await crypto.subtle.verify(ALGORITHMS[algorithm].params, key, signature, signed);
  } catch {
    // Of a length that no signature has: workerd of 2026-08-15 throws, for Ed25519.
    return false;
  }
}

/** Why a token that is genuine does not let anybody in now, as the end of a sentence. */
export function faultOfClaims(
  claims: Claims,
  { issuer, audience }: Expected,
  now: number,
): string | undefined {
  const { exp, nbf, iat, iss, aud } = claims;
  const seconds = now / 1000;
  if (typeof exp !== "number") return "does not say when it ends (exp)";
  if (exp <= seconds) return "has expired";
  if (nbf !== undefined && !isBefore(nbf, seconds)) return "is not valid yet (nbf)";
  if (iat !== undefined && !isBefore(iat, seconds)) return "comes from the future (iat)";
  if (issuer !== undefined && iss !== issuer) return "comes from another issuer (iss)";
  // RFC 7519, 4.1.3: who is not named by an `aud` that is there must refuse the token.
  if (audience === undefined ? aud !== undefined : ![aud].flat().includes(audience)) {
    return "is for another audience (aud)";
  }
  return undefined;
}

function isBefore(instant: unknown, seconds: number): boolean {
  return typeof instant === "number" && instant <= seconds + LEEWAY_S;
}

function jsonOf(part: string | undefined): Record<string, unknown> | undefined {
  const bytes = bytesOf(part);
  if (!bytes) return undefined;
  try {
    const value: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
    );
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** base64url, in its one spelling: a token must not have several. */
function bytesOf(part: string | undefined): Uint8Array | undefined {
  if (part === undefined || !/^[\w-]+$/.test(part)) return undefined;
  try {
    const base64 = part.replaceAll("-", "+").replaceAll("_", "/");
    const binary = atob(base64);
    if (btoa(binary).replace(/=+$/, "") !== base64) return undefined;
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
