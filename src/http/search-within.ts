/**
 * A search that keeps to the caller's prefixes: one range of ids after the other, in their order, so
 * that a page, and the cursor that it ends with, never name an id from in between.
 */
import { compareIds, endOfPrefix } from "../machine/ids.ts";
import { isOpen, type Principal } from "./principal.ts";
import type { Bounds, IdPage, PageAsked } from "./search.ts";

/** @param search one page of the ids that begin with `prefix` */
export async function searchWithin(
  prefixes: Principal["prefixes"],
  { limit, cursor }: PageAsked,
  search: (bounds: Bounds) => Promise<IdPage>,
): Promise<IdPage> {
  if (prefixes === "all") return search({ limit, cursor });
  const ids: string[] = [];
  for (const pattern of inOrder(prefixes)) {
    if (cursor !== undefined && isBehind(pattern, cursor)) continue;
    const last = ids.at(-1);
    if (ids.length >= limit && last !== undefined) return { ids, cursor: last };
    if (isOpen(pattern)) {
      const prefix = pattern.slice(0, -1);
      const page = await search({ limit: limit - ids.length, cursor, prefix });
      ids.push(...page.ids);
      if (page.cursor !== undefined) return { ids, cursor: page.cursor };
    } else {
      // Whether it is there, who reads the page will see.
      ids.push(pattern);
    }
  }
  return { ids };
}

/** Without those that others take in. */
function inOrder(prefixes: readonly string[]): string[] {
  const beginnings = prefixes.filter(isOpen).map((pattern) => pattern.slice(0, -1));
  const apart = [...new Set(prefixes)].filter((pattern) => {
    const beginning = isOpen(pattern) ? pattern.slice(0, -1) : pattern;
    return !beginnings.some(
      (other) => beginning.startsWith(other) && !(isOpen(pattern) && beginning === other),
    );
  });
  return apart.toSorted((a, b) => compareIds(startOf(a), startOf(b)));
}

/** Whether all that it takes in is on the pages before. */
function isBehind(pattern: string, cursor: string): boolean {
  if (!isOpen(pattern)) return compareIds(pattern, cursor) <= 0;
  const end = endOfPrefix(pattern.slice(0, -1));
  return end !== undefined && compareIds(end, cursor) <= 0;
}

function startOf(pattern: string): string {
  return isOpen(pattern) ? pattern.slice(0, -1) : pattern;
}
