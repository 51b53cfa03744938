/**
 * A live list: the client's inbox of a query, kept in a model, with more pages as they are asked for.
 * Changes come in bursts, so readers are told once a frame.
 */
import type { PromiseSummary, Sort } from "../../../../../../client/src/protocol.ts";
import type { SearchQuery } from "../../../../../../client/src/search.ts";
import { promises } from "../api/promises.ts";
import { Store } from "../live/store.ts";
import { ListModel } from "./list-model.ts";

export interface ListState {
  /** `refused`: the search makes no sense, or may not be. */
  status: "connecting" | "live" | "refused";
  rows: readonly PromiseSummary[];
  hasMore: boolean;
  /** As many as are kept at most. */
  isFull: boolean;
  error?: unknown;
}

export const PAGE = 200;
const MORE = 500;
/** What is farther down is found by narrowing the search; a browser would hold it all in memory. */
const ROWS_MAX = 20_000;
/** How far "from now" may be off. */
const AGAIN_MS = 300_000;

export class LiveList {
  readonly state = new Store<ListState>({
    status: "connecting",
    rows: [],
    hasMore: false,
    isFull: false,
  });
  readonly #query: SearchQuery & { sort: Sort };
  readonly #stop = new AbortController();
  readonly #model: ListModel;
  #isLoading = false;
  #isTelling = false;

  constructor(query: SearchQuery & { sort: Sort }) {
    this.#query = query;
    this.#model = new ListModel(query.sort);
    void this.#follow();
  }

  close(): void {
    this.#stop.abort();
  }

  indexOf(id: string): number {
    return this.#model.indexOf(id);
  }

  async loadMore(): Promise<void> {
    const { cursor, rows } = this.#model;
    if (this.#isLoading || cursor === null || rows.length >= ROWS_MAX) return;
    this.#isLoading = true;
    this.#model.expectPage();
    try {
      const page = await this.#search(MORE).page(cursor);
      // Begun anew meanwhile: then the cursor is of a list that is no more.
      if (this.#model.cursor === cursor) this.#model.addPage(page.promises, page.cursor);
      this.#tell();
    } catch (error) {
      if (!this.#stop.signal.aborted) this.state.set({ ...this.state.value, error });
    } finally {
      this.#isLoading = false;
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    try {
      while (!signal.aborted)
        await this.#followFor(movesWithTime(this.#query) ? AGAIN_MS : undefined);
    } catch (error) {
      if (signal.aborted) return;
      this.state.set({ ...this.state.value, status: "refused", error });
    }
  }

  /** What "within a day" means is settled when the line is opened: after a while it is opened again. */
  async #followFor(ms: number | undefined): Promise<void> {
    const limit = Math.min(Math.max(PAGE, this.#model.rows.length), MORE);
    const over = new AbortController();
    const timer = ms === undefined ? undefined : setTimeout(() => over.abort(), ms);
    const signal = AbortSignal.any([this.#stop.signal, over.signal]);
    try {
      for await (const event of promises.inbox({ ...this.#query, limit }, { signal })) {
        this.#model.apply(event);
        this.#tell("live");
      }
    } catch (error) {
      if (!over.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #search(limit: number) {
    const { signal } = this.#stop;
    return promises.search({ ...this.#query, limit, view: "summary" }, { signal });
  }

  #tell(status = this.state.value.status): void {
    if (status !== this.state.value.status) this.#publish(status);
    if (this.#isTelling) return;
    this.#isTelling = true;
    // Not by frames: a page that nobody looks at has none, and must not pile up either.
    setTimeout(() => {
      this.#isTelling = false;
      this.#publish(this.state.value.status);
    }, 16);
  }

  #publish(status: ListState["status"]): void {
    const { rows, cursor } = this.#model;
    this.state.set({
      status,
      rows: [...rows],
      hasMore: cursor !== null,
      isFull: rows.length >= ROWS_MAX,
    });
  }
}

function movesWithTime({ createdAfter, settledAfter, deadlineBefore }: SearchQuery): boolean {
  return [createdAfter, settledAfter, deadlineBefore].some(
    (instant) => typeof instant === "string" && /^[+-]/.test(instant),
  );
}
