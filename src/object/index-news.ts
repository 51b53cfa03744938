/**
 * What the index is told of a promise, and when: its birth by an alarm, every change at once, its
 * deletion until that was heard, and after a crash what may not have been heard. How it is told is
 * indexing.ts's matter.
 */
import type { Env } from "../env.ts";
import {
  nextRevision,
  promiseEntry,
  removedEntry,
  type IndexEntry,
} from "../machine/index-entry.ts";
import { isSettled, type PromiseRecord } from "../machine/promise.ts";
import { delayedUntil } from "../machine/task-state.ts";
import { Indexing } from "./indexing.ts";

/** So long after its end a promise that is looked at in a new life of its object tells the index again. */
const HEALED_MS = 60 * 60 * 1000;

/** A task whose first offer is farther off than this must be found before it. */
const FAR_OFF_MS = 10_000;

export class IndexNews {
  #id: () => string;
  #indexing: Indexing;
  #revision = 0;

  constructor(env: Env, waitUntil: (work: Promise<void>) => void, id: () => string) {
    this.#id = id;
    this.#indexing = new Indexing(env, waitUntil);
  }

  /** When an alarm must tell what is not told yet; `null` when nothing is owed. */
  get dueAt(): number | null {
    return this.#indexing.dueAt;
  }

  /**
   * After a turn that has written. Returns at once.
   *
   * @param alarmsFrom the instant; `undefined` where the clock is driven, and there are no alarms
   */
  changed(
    stored: PromiseRecord | null,
    write: PromiseRecord | null,
    alarmsFrom: number | undefined,
  ): void {
    const entry = this.entryOf(write, stored);
    const { dueAt } = this;
    // Due by now, an alarm is telling it.
    const isUntold = !stored || (dueAt !== null && dueAt > (alarmsFrom ?? 0));
    // Who is to execute it is asked for at once; without alarms there is no later.
    const canWait = write !== null && !isSettled(write) && !write.task;
    if (isUntold && canWait && alarmsFrom !== undefined) this.#indexing.note(entry, alarmsFrom);
    // Settled in the turn of its birth, it is told of at once; the alarm is for a crash before that. A
    // task that goes on has alarms of its own, soon enough.
    else {
      const goesOn = write?.task !== undefined && !isSettled(write) && !isFarOff(write, alarmsFrom);
      this.#indexing.push(entry, stored || goesOn ? undefined : alarmsFrom);
    }
  }

  /** A crash may have kept the index from hearing; what it knows already changes nothing there. */
  seen(record: PromiseRecord, now: () => number): void {
    if (this.#indexing.isBegun || !isSettled(record)) return;
    if (now() - record.settledAt < HEALED_MS) this.#indexing.push(this.entryOf(record));
  }

  /** For an alarm: an earlier life may have set it to tell the index. */
  async tell(stored: PromiseRecord | null, now: () => number): Promise<void> {
    if (!this.#indexing.isBegun && stored) this.#indexing.push(this.entryOf(stored));
    await this.#indexing.tell(now);
  }

  /** @returns whether it was heard that there is nothing any more */
  async tellRemoval(now: () => number): Promise<boolean> {
    if (!this.#indexing.isBegun) this.#indexing.push(this.entryOf(null));
    await this.#indexing.tell(now);
    return this.dueAt === null;
  }

  /** @param last what was there before, if there is nothing now */
  entryOf(record: PromiseRecord | null, last: PromiseRecord | null = null): IndexEntry {
    this.#revision = nextRevision(this.#revision, Date.now());
    const revision = this.#revision;
    if (record) return promiseEntry(record, { revision });
    const before = last && { last: promiseEntry(last, { revision }) };
    return removedEntry("promise", this.#id(), { revision, ...before });
  }
}

function isFarOff({ tags }: PromiseRecord, now: number | undefined): boolean {
  return delayedUntil(tags) > (now ?? 0) + FAR_OFF_MS;
}
