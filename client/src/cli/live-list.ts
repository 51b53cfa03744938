/**
 * The list that events describe, and how it stands now. Pure: takes an event, says how the list is.
 */
import { type ListEvent, NEVER, type PromiseSummary, type Sort } from "../index.ts";

/** What nobody can look at is not kept: a list that only grows would fill the memory. */
const KEPT_MAX = 10_000;

export class LiveList {
  readonly #sort: Sort;
  readonly #promises = new Map<string, PromiseSummary>();
  /** Whether all are listed: then who is not was not found before. */
  isWhole = true;
  /** So many are found in all: those that are not listed too, unless they have come or gone unseen. */
  count = 0;

  constructor(sort: Sort = "-created") {
    this.#sort = sort;
  }

  apply(event: ListEvent): void {
    switch (event.type) {
      case "page":
        this.#promises.clear();
        for (const promise of event.promises) this.#promises.set(promise.id, promise);
        this.count = event.count;
        this.isWhole = event.cursor === null;
        return;
      case "added":
      case "changed":
        // Either may be said twice, and after an absence "changed" of what was added meanwhile.
        if (!this.#promises.has(event.promise.id) && (this.isWhole || event.type === "added")) {
          this.count += 1;
        }
        if (this.#promises.size < KEPT_MAX || this.#promises.has(event.promise.id)) {
          this.#promises.set(event.promise.id, event.promise);
        }
        return;
      case "removed":
        // May name what was never in the list.
        if (this.#promises.delete(event.id)) this.count -= 1;
        return;
      default:
        return event satisfies never;
    }
  }

  /** The first of them, in order. */
  first(count: number): PromiseSummary[] {
    const all = Array.from(this.#promises.values());
    all.sort((a, b) => compare(a, b, this.#sort));
    return all.slice(0, count);
  }
}

/** As the server sorts: ties are in the order of ids. */
export function compare(a: PromiseSummary, b: PromiseSummary, sort: Sort): number {
  const [key, sign] = sort.startsWith("-") ? [sort.slice(1), -1] : [sort, 1];
  const byId = a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
  switch (key) {
    case "created":
      return sign * (a.createdOn - b.createdOn) || byId;
    case "settled":
      return sign * ((a.completedOn ?? NEVER) - (b.completedOn ?? NEVER)) || byId;
    case "deadline":
      return sign * (a.timeout - b.timeout) || byId;
    default:
      return sign * byId;
  }
}
