/**
 * A JWT as a principal: which claims give which scopes and prefixes. Whether it is genuine is jwt.ts's
 * matter, whose keys are believed is jwks.ts's.
 *
 * - `scope` (words, RFC 8693) or `scopes` (a list): ours are taken, others mean nothing here.
 * - `prefixes`: patterns, as a key has them. `prefix`: the beginning of ids, as Resonate's server has
 *   it: "" is all. Neither: none.
 * - `role: "admin"`, Resonate's too: everything. A token of Resonate's knows no scopes; one with a
 *   `prefix` and without a word of scopes may do all but administer.
 */
import { LIMITS, SCOPES, type Scope } from "../../client/src/protocol.ts";
import type { JwtSettings } from "../env.ts";
import { signersOf } from "./jwks.ts";
import { claimsOf, faultOfClaims, headerOf, type Claims } from "./jwt.ts";
import { fullPrincipal, prefixesOf, type Principal } from "./principal.ts";

const NAME_CHARACTERS_MAX = 200;
const WORKERS: Scope[] = ["create", "read", "await", "settle"];

/** A principal, or why a genuine token is none; `undefined` for what is not genuine. */
export async function principalOfToken(
  token: string,
  settings: JwtSettings,
  now: number,
): Promise<Principal | { fault: string } | undefined> {
  const header = headerOf(token);
  if (!header) return undefined;
  const claims = await claimsOf(token, await signersOf(header, settings, now));
  if (!claims) return undefined;
  const fault = faultOfClaims(claims, settings, now);
  return fault === undefined ? principalOf(claims) : { fault };
}

export function looksLikeToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

function principalOf(claims: Claims): Principal | { fault: string } {
  const { sub, role } = claims;
  const name = typeof sub === "string" && sub !== "" ? sub.slice(0, NAME_CHARACTERS_MAX) : "jwt";
  if (role === "admin") return fullPrincipal(name, "jwt");
  const prefixes = prefixesIn(claims);
  // As of a key: a search asks for each of them.
  if (prefixes.length > LIMITS.keyPrefixesMax && prefixes !== "all") {
    return { fault: `has more than ${LIMITS.keyPrefixesMax} prefixes` };
  }
  return { name, kind: "jwt", scopes: scopesOf(claims), prefixes };
}

function scopesOf({ scope, scopes, prefix }: Claims): Set<Scope> {
  if (scope === undefined && scopes === undefined) {
    return new Set(prefix === undefined ? [] : WORKERS);
  }
  const words = typeof scope === "string" ? scope.split(" ") : [];
  const named = new Set([...words, ...textsIn(scopes)]);
  return new Set(SCOPES.filter((known) => named.has(known)));
}

function prefixesIn({ prefix, prefixes }: Claims): Principal["prefixes"] {
  const beginnings = textsIn(prefix).map((text) => (text.endsWith("*") ? text : `${text}*`));
  return prefixesOf([...beginnings, ...textsIn(prefixes)]);
}

/** A text is a list of one. */
function textsIn(claim: unknown): string[] {
  return [claim].flat().filter((item) => typeof item === "string");
}
