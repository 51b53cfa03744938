/**
 * How fresh a shard of the index is, measured by what it is told: an entry's stamp says when it was the
 * truth, and it comes later than that. What the index was never told nobody knows.
 */
import type { IndexEntry } from "../machine/index-entry.ts";
import { TOGETHER_MS, UNTOLD_MS } from "./index-gathering.ts";

/** A new promise is told of so much later, on purpose. */
const LEAST_MS = UNTOLD_MS + TOGETHER_MS;
/** What came late so long ago says nothing of now. */
const REMEMBERED_MS = 60_000;

export class Lag {
  #worstMs = LEAST_MS;
  #worstAt = 0;

  heard(entries: readonly IndexEntry[], now: number): void {
    if (now - this.#worstAt > REMEMBERED_MS) this.#worstMs = LEAST_MS;
    for (const { revision } of entries) {
      const lateMs = now - revision / 1000;
      if (lateMs < this.#worstMs) continue;
      this.#worstMs = lateMs;
      this.#worstAt = now;
    }
  }

  freshUntil(now: number): number {
    const isRecent = now - this.#worstAt <= REMEMBERED_MS;
    return Math.floor(now - (isRecent ? this.#worstMs : LEAST_MS));
  }
}
