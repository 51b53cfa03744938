/**
 * A list that a search has found, kept in its order while promises come, change and go. Pages are
 * added at its end; what happens beyond the last loaded page is none of its business until that page
 * comes. Pure: it asks nobody and knows no screen.
 */
import type { ListEvent, PromiseSummary, Sort } from "../../../../../../client/src/protocol.ts";

export class ListModel {
  readonly #compare: (a: PromiseSummary, b: PromiseSummary) => number;
  #rows: PromiseSummary[] = [];
  readonly #byId = new Map<string, PromiseSummary>();
  /** The last row of the last page; absent when everything is here. */
  #horizon: PromiseSummary | undefined;
  #cursor: string | null = null;
  /** What was heard while a page is on its way, by id; `undefined`: it is not found any more. */
  #meanwhile: Map<string, PromiseSummary | undefined> | undefined;

  constructor(sort: Sort) {
    this.#compare = compareBy(sort);
  }

  get rows(): readonly PromiseSummary[] {
    return this.#rows;
  }

  /** Where the next page begins; `null`: there is none. */
  get cursor(): string | null {
    return this.#cursor;
  }

  /** @returns whether anything has changed */
  apply(event: ListEvent): boolean {
    switch (event.type) {
      case "page":
        this.#rows = [];
        this.#byId.clear();
        this.#meanwhile = undefined;
        this.addPage(event.promises, event.cursor);
        return true;
      case "added":
      case "changed":
        this.#meanwhile?.set(event.promise.id, event.promise);
        return this.#put(event.promise);
      case "removed":
        this.#meanwhile?.set(event.id, undefined);
        return this.#remove(event.id);
      default:
        return event satisfies never;
    }
  }

  /** The page after those that are here is asked for: {@link addPage} will bring it. */
  expectPage(): void {
    this.#meanwhile = new Map();
  }

  /** The page after those that are here. What came over the live line meanwhile is newer. */
  addPage(promises: readonly PromiseSummary[], cursor: string | null): void {
    const heard = this.#meanwhile ?? new Map<string, PromiseSummary | undefined>();
    this.#meanwhile = undefined;
    const fresh = promises.filter(({ id }) => !this.#byId.has(id) && !heard.has(id));
    for (const promise of fresh) this.#byId.set(promise.id, promise);
    this.#rows = [...this.#rows, ...fresh].toSorted(this.#compare);
    this.#cursor = cursor;
    this.#horizon = cursor === null ? undefined : (promises.at(-1) ?? this.#horizon);
    for (const promise of heard.values()) if (promise) this.#put(promise);
  }

  /** Where it is now; -1 for what is not here. */
  indexOf(id: string): number {
    const known = this.#byId.get(id);
    if (!known) return -1;
    const index = this.#place(known);
    return this.#rows[index] === known ? index : this.#rows.indexOf(known);
  }

  #put(promise: PromiseSummary): boolean {
    const before = this.#remove(promise.id);
    if (this.#horizon && this.#compare(promise, this.#horizon) > 0) return before;
    this.#byId.set(promise.id, promise);
    this.#rows.splice(this.#place(promise), 0, promise);
    return true;
  }

  #remove(id: string): boolean {
    const index = this.indexOf(id);
    if (index === -1) return false;
    this.#rows.splice(index, 1);
    this.#byId.delete(id);
    return true;
  }

  /** The first index whose row does not come before it. */
  #place(promise: PromiseSummary): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#rows[middle]!, promise) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** As the server sorts: ties in the order of ids, whichever way the rest goes. */
export function compareBy(sort: Sort): (a: PromiseSummary, b: PromiseSummary) => number {
  const isDown = sort.startsWith("-");
  const field = sort.replace("-", "");
  const keyOf = ({ createdOn, completedOn, timeout }: PromiseSummary): number =>
    field === "created" ? createdOn : field === "settled" ? (completedOn ?? 0) : timeout;
  return (a, b) => {
    const byId = a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
    if (field === "id") return isDown ? -byId : byId;
    const byKey = keyOf(a) - keyOf(b);
    return (isDown ? -byKey : byKey) || byId;
  };
}
