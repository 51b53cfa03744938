/**
 * The orders of a search: by which number an entry stands where, how the pages of the shards become
 * one, and where the next page begins. A place is a number and an id, so that a page goes on where the
 * one before has ended, whatever came and went in between.
 */
import { NEVER, type Sort } from "../../client/src/protocol.ts";
import { compareIds } from "./ids.ts";
import type { PromiseEntry } from "./index-entry.ts";

export interface Order {
  by: "created" | "settled" | "deadline" | "id";
  descending: boolean;
}

/** Where an entry stands in an order. */
export interface Place {
  /** 0 in the order of ids. */
  key: number;
  id: string;
}

/** An entry, and where it stands. */
export interface Found {
  key: number;
  entry: PromiseEntry;
}

export interface FoundPage {
  found: Found[];
  /** Where to go on; left out at the end. */
  next?: Place;
}

export function orderOf(sort: Sort): Order {
  const descending = sort.startsWith("-");
  // SAFETY: the type says what is left.
  return { by: sort.slice(descending ? 1 : 0) as Order["by"], descending };
}

/**
 * @param entry projected
 * @param asOf when the first page was asked for: who moves while pages are read stays where it was
 * @returns `undefined` for what has no place in this order
 */
export function keyOf(entry: PromiseEntry, by: Order["by"], asOf: number): number | undefined {
  switch (by) {
    case "created":
      return entry.createdAt;
    case "settled":
      return entry.settledAt;
    case "deadline":
      return entry.timeoutAt === NEVER ? undefined : deadlineAt(entry, asOf);
    case "id":
      return 0;
    default:
      return by satisfies never;
  }
}

/** Its deadline as it was then. */
function deadlineAt({ moved = [], timeoutAt }: PromiseEntry, asOf: number): number {
  return moved.find(({ until }) => until > asOf)?.timeoutAt ?? timeoutAt;
}

/** Of pages that were all asked for `limit + 1`, each in this order. */
export function mergePages(pages: readonly Found[][], order: Order, limit: number): FoundPage {
  const all = pages.flat();
  all.sort((a, b) => compareFound(a, b, order));
  const found = all.slice(0, limit);
  const last = found.at(-1);
  return {
    found,
    ...(all.length > limit && last && { next: { key: last.key, id: last.entry.id } }),
  };
}

/**
 * The shards, by number, whose next entries may belong on the page: each was asked for `share`, has
 * given as many, and the last of them is on the page.
 */
export function mayHaveMore(
  pages: readonly Found[][],
  order: Order,
  share: number,
  limit: number,
): number[] {
  if (share > limit) return [];
  const end = mergePages(pages, order, limit + 1).found[limit];
  return pages.flatMap((page, shard) => {
    const last = page[share - 1];
    return last && (!end || compareFound(last, end, order) <= 0) ? [shard] : [];
  });
}

/** By their numbers; those that have the same by their ids, which go up in both directions. */
function compareFound(a: Found, b: Found, { by, descending }: Order): number {
  const direction = descending ? -1 : 1;
  const ids = compareIds(a.entry.id, b.entry.id);
  return by === "id" ? ids * direction : (a.key - b.key) * direction || ids;
}
