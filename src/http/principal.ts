/**
 * Who calls, and what they may do to which ids, as data: scopes say what, prefixes say where. Pure:
 * it knows neither requests nor keys, and touches nothing.
 *
 * A pattern is an id, or the beginning of ids and a `*`: `team-a/*` is all that begins with `team-a/`,
 * `*` is all. Only the last character of a pattern is special.
 */
import type { Scope } from "../../client/src/protocol.ts";
import { covers } from "../machine/ids.ts";

export interface Principal {
  name: string;
  scopes: ReadonlySet<Scope>;
  /** Patterns. */
  prefixes: readonly string[] | "all";
  /** `anyone`: at an address that is open, nobody was asked who they are. */
  kind: "key" | "jwt" | "loopback" | "secret" | "anyone";
}

export function fullPrincipal(name: string, kind: Principal["kind"]): Principal {
  return { name, kind, scopes: new Set(["admin"]), prefixes: "all" };
}

/** Who may do nothing: the handler of an open address has to find a right of another kind. */
export const ANYONE: Principal = {
  name: "anyone",
  kind: "anyone",
  scopes: new Set(),
  prefixes: [],
};

/** @param prefixes patterns, of which `*` takes in all others */
export function prefixesOf(prefixes: readonly string[]): Principal["prefixes"] {
  return prefixes.includes("*") ? "all" : prefixes;
}

/** The one question: may they do this to that id? */
export function may(principal: Principal, scope: Scope, id: string): boolean {
  return hasScope(principal, scope) && reaches(principal, id);
}

/** Admin is every scope. */
export function hasScope({ scopes }: Principal, scope: Scope): boolean {
  return scopes.has(scope) || scopes.has("admin");
}

export function reaches({ prefixes }: Principal, id: string): boolean {
  return prefixes === "all" || prefixes.some((pattern) => covers(pattern, id));
}

/** Everything, everywhere: nothing more needs to be asked about them. */
export function isFull({ scopes, prefixes }: Principal): boolean {
  return prefixes === "all" && scopes.has("admin");
}

/** Whether all that a pattern takes in is within reach: nobody gives away more than they have. */
export function reachesAll({ prefixes }: Principal, pattern: string): boolean {
  if (prefixes === "all") return true;
  if (!isOpen(pattern)) return prefixes.some((own) => covers(own, pattern));
  const beginning = pattern.slice(0, -1);
  return prefixes.some((own) => isOpen(own) && beginning.startsWith(own.slice(0, -1)));
}

/**
 * A group of workers has no id, and no slash in its name; it stands for the ids below it. So
 * `team-a/*` reaches the group `team-a`; `team-a*` and `team-a-workers` reach `team-a-workers`.
 */
export function reachesGroup(principal: Principal, group: string): boolean {
  return reaches(principal, group) || reaches(principal, `${group}/`);
}

export function isOpen(pattern: string): boolean {
  return pattern.endsWith("*");
}
