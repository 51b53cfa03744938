/**
 * How many each filter finds, now: counted by the server when something has happened, at most once a
 * second, and now and then besides, because time passes too (what is due soon is a matter of it).
 */
import type { SearchQuery } from "../../../../../../client/src/search.ts";
import { promises } from "../api/promises.ts";
import { Store } from "../live/store.ts";
import { FILTERS, queryOf, type OwnFilter } from "./filters.ts";

/** By the key of a filter; of somebody's own by {@link ownKey}. */
export const counts = new Store<Readonly<Record<string, number>>>({});

const AT_MOST_EVERY_MS = 1000;
const AT_LEAST_EVERY_MS = 15_000;

export function ownKey({ name }: Pick<OwnFilter, "name">): string {
  return `own ${name}`;
}

export class Counting {
  readonly #counted: { key: string; query: SearchQuery }[];
  readonly #stop = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isCounting = false;
  /** Something has happened since the last count began. */
  #isStale = false;

  constructor(own: readonly OwnFilter[]) {
    this.#counted = [
      ...FILTERS.map(({ key, query }) => ({ key, query })),
      ...own.map((filter) => ({ key: ownKey(filter), query: queryOfOwn(filter) })),
    ];
    void this.#count();
    void this.#listen();
  }

  #hear(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    if (!this.#isCounting) this.#countIn(AT_MOST_EVERY_MS);
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** To all that happens, whichever list is shown. Who may not be told is served by the clock. */
  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    try {
      for await (const _ of promises.inbox({ limit: 1 }, { signal })) this.#hear();
    } catch {
      // Stopped, or refused: then the list that is shown says so.
    }
  }

  #countIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#count(), ms);
  }

  async #count(): Promise<void> {
    this.#isCounting = true;
    this.#isStale = false;
    if (!document.hidden) {
      const found = await Promise.allSettled(this.#counted.map((one) => this.#ask(one)));
      if (this.#stop.signal.aborted) return;
      const known = found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      counts.set({ ...counts.value, ...Object.fromEntries(known) });
    }
    this.#isCounting = false;
    this.#countIn(this.#isStale ? AT_MOST_EVERY_MS : AT_LEAST_EVERY_MS);
  }

  async #ask({ key, query }: { key: string; query: SearchQuery }) {
    const { signal } = this.#stop;
    const asked = { ...query, count: true, limit: 1, view: "summary" } as const;
    const { count = 0 } = await promises.search(asked, { signal }).page();
    return [key, count] as const;
  }
}

function queryOfOwn({ base, text }: OwnFilter): SearchQuery {
  const filter = FILTERS.find(({ key }) => key === base) ?? FILTERS.at(-1)!;
  return queryOf({ filter, text, sort: undefined });
}
