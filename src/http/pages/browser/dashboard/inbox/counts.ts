/**
 * How many each filter finds, now: counted by the server when something has happened, and now
 * and then besides, because time passes too (what is due soon is a matter of it).
 */
import { STATES, type State } from "../../../../../../client/src/protocol.ts";
import type { SearchQuery } from "../../../../../../client/src/search.ts";
import { promises } from "../api/promises.ts";
import { Store } from "../live/store.ts";
import { FILTERS, queryOf, type OwnFilter } from "./filters.ts";

/** Filters of {@link FILTERS} that are of states alone. */
const BY_STATE: Readonly<Record<string, readonly State[]>> = {
  waiting: ["PENDING"],
  failed: ["REJECTED", "REJECTED_CANCELED", "REJECTED_TIMEDOUT"],
  all: STATES,
};

/** By the key of a filter; of somebody's own by {@link ownKey}. */
export const counts = new Store<Readonly<Record<string, number>>>({});

/** Each is a question to every shard of the index: where something happens all the time, seldom. */
const FIRST_WAIT_MS = 1000;
const WAIT_MS_MAX = 5000;
const AT_LEAST_EVERY_MS = 15_000;

export function ownKey({ name }: Pick<OwnFilter, "name">): string {
  return `own ${name}`;
}

export class Counting {
  readonly #counted: { key: string; query: SearchQuery }[];
  readonly #stop = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waitMs = FIRST_WAIT_MS;
  #isCounting = false;
  /** Something has happened since the last count began. */
  #isStale = false;

  constructor(own: readonly OwnFilter[]) {
    this.#counted = [
      ...FILTERS.filter(({ key }) => !(key in BY_STATE)).map(({ key, query }) => ({ key, query })),
      ...own.map((filter) => ({ key: ownKey(filter), query: queryOfOwn(filter) })),
    ];
    void this.#count();
    void this.#listen();
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** To all that happens, whichever list is shown. */
  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    try {
      for await (const _ of promises.inbox({ limit: 1 }, { signal })) this.#hear();
    } catch {
      // Stopped, or refused: then the list that is shown says so.
    }
  }

  #hear(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    if (!this.#isCounting) this.#countIn(this.#waitMs);
  }

  #countIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#count(), ms);
  }

  async #count(): Promise<void> {
    this.#isCounting = true;
    this.#isStale = false;
    if (!document.hidden) {
      const asked = [this.#askStates(), ...this.#counted.map((one) => this.#ask(one))];
      const found = await Promise.allSettled(asked);
      if (this.#stop.signal.aborted) return;
      const known = found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
      counts.set({ ...counts.value, ...Object.fromEntries(known) });
    }
    this.#isCounting = false;
    this.#waitMs = this.#isStale ? Math.min(2 * this.#waitMs, WAIT_MS_MAX) : FIRST_WAIT_MS;
    this.#countIn(this.#isStale ? this.#waitMs : AT_LEAST_EVERY_MS);
  }

  /** Of those that ask for states alone one question answers all. */
  async #askStates(): Promise<[string, number][]> {
    const stats = await promises.stats({ signal: this.#stop.signal });
    return Object.entries(BY_STATE).map(([key, states]) => [
      key,
      states.reduce((sum, state) => sum + stats.promises[state], 0),
    ]);
  }

  async #ask({ key, query }: { key: string; query: SearchQuery }): Promise<[string, number][]> {
    const { signal } = this.#stop;
    const asked = { ...query, count: true, limit: 1, view: "summary" } as const;
    const { count = 0 } = await promises.search(asked, { signal }).page();
    return [[key, count]];
  }
}

function queryOfOwn({ base, text }: OwnFilter): SearchQuery {
  const filter = FILTERS.find(({ key }) => key === base) ?? FILTERS.at(-1)!;
  return queryOf({ filter, text, sort: undefined });
}
