/**
 * A shard of the index is compared with the promises themselves: each is asked how it stands, a few at
 * a time, and what the index has wrong is put right. This is what finds a settlement of which a crash
 * has kept the index from hearing; and what repairs a shard when an admin says so.
 *
 * It survives its own crash: how far it has come is stored with every step.
 */
import type { Env } from "../env.ts";
import { roomFor } from "../in-memory.ts";
import { logFailure } from "../log.ts";
import type { IndexEntry } from "../machine/index-entry.ts";

const KEY = "check";
/** So many objects are woken together, and the others come in between. */
const AT_A_TIME = 50;
/** Together with the above some 200 a second. */
export const STEP_MS = 250;

export interface Check {
  /** Of all, or of those that a crash can have left behind: who is settled stays as it is. */
  which: "all" | "pending";
  startedAt: number;
  /** The last id that was compared. */
  after: string;
  compared: number;
  /** How many the index had wrong. */
  repaired: number;
  /** Absent while it is under way. */
  doneAt?: number;
  /** Of the process in which it began, where the deployment tells them apart. */
  run?: string;
}

interface World {
  env: Env;
  storage: DurableObjectStorage;
  ids(which: Check["which"], after: string, limit: number): string[];
  isWrong(entry: IndexEntry): boolean;
  put(entries: IndexEntry[]): Promise<void>;
}

export class Checking {
  #world: World;
  /** As stored; `null` until this life has looked, for it is asked with every put. */
  #last: Check | undefined | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  get last(): Check | undefined {
    if (this.#last === null) this.#last = this.#world.storage.kv.get<Check>(KEY);
    return this.#last;
  }

  get isUnderWay(): boolean {
    const { last } = this;
    return last !== undefined && last.doneAt === undefined;
  }

  /** Nothing to compare: as if it had been done. */
  pass(now: number, run: string | undefined): void {
    const check: Check = {
      which: "pending",
      startedAt: now,
      after: "",
      compared: 0,
      repaired: 0,
      doneAt: now,
      ...(run !== undefined && { run }),
    };
    this.#store(check);
  }

  /** From the beginning; one of all is not cut short by one of the pending. */
  start(which: Check["which"], now: number, run: string | undefined): Check {
    const all = which === "all" || (this.isUnderWay && this.last?.which === "all");
    const check: Check = {
      which: all ? "all" : "pending",
      startedAt: now,
      after: "",
      compared: 0,
      repaired: 0,
      ...(run !== undefined && { run }),
    };
    this.#store(check);
    return check;
  }

  /** The next few. A step that is cut short is taken again. */
  async step(now: number): Promise<void> {
    const check = this.last;
    if (!check || check.doneAt !== undefined) return;
    const ids = this.#world.ids(check.which, check.after, AT_A_TIME);
    const told = await Promise.allSettled(
      ids.map(async (id) => {
        await roomFor(this.#world.env, id);
        return this.#world.env.PROMISES.getByName(id).indexEntry();
      }),
    );
    const entries = told.flatMap((answer) => {
      if (answer.status === "fulfilled") return answer.value;
      // One that does not answer must not stop the others; the next check asks again.
      logFailure("a promise did not answer the index", answer.reason);
      return [];
    });
    // What the others say meanwhile is no fault of the index.
    const repaired = entries.filter((entry) => this.#world.isWrong(entry)).length;
    if (entries.length > 0) await this.#world.put(entries);
    // Started anew meanwhile: then this step was of the one before.
    if (this.last?.startedAt !== check.startedAt) return;
    this.#store({
      ...check,
      after: ids.at(-1) ?? check.after,
      compared: check.compared + ids.length,
      repaired: check.repaired + repaired,
      ...(ids.length < AT_A_TIME && { doneAt: now }),
    });
  }

  #store(check: Check): void {
    this.#world.storage.kv.put(KEY, check);
    this.#last = check;
  }
}
