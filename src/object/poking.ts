/**
 * Parked tasks, when a worker comes: each one's promise is poked, that it may offer its task again.
 * Oldest first, a few at a time, one pass at a time however many workers come. It deletes no row that
 * a promise has not disowned: the others go when their offer is sent.
 */
import { log } from "../log.ts";
import type { InboxStore, ParkedTask } from "./inbox-store.ts";
import type { Workers } from "./workers.ts";

const AT_ONCE = 20;
/** So many rows are read at once: memory is bounded, however long the backlog. */
const READ_MAX = 1000;

export interface PokingHands {
  /** @returns `false` when the promise had nothing to offer */
  poke: (taskId: string) => PromiseLike<boolean>;
  /** Called when `owed` has become another. */
  changed: () => void;
}

export class Poking {
  #store: InboxStore;
  #workers: Workers;
  #hands: PokingHands;
  #running: Promise<void> | undefined;
  #again = false;
  #owed = false;

  constructor(store: InboxStore, workers: Workers, hands: PokingHands) {
    this.#store = store;
    this.#workers = workers;
    this.#hands = hands;
  }

  /** Somebody is connected who has not been offered all that he may take: an alarm must see to it. */
  get owed(): boolean {
    return this.#owed;
  }

  /** Somebody has come. A pass that is under way is followed by another. */
  start(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (this.#again) {
      this.#again = false;
      failures = await this.#pass();
    }
    this.#owe(failures > 0);
    if (failures > 0) log("error", "parked tasks could not be poked", { tasks: failures });
  }

  /** All that was parked before it began. @returns how many are still to be poked */
  async #pass(): Promise<number> {
    const upTo = this.#store.newNumber();
    let failures = 0;
    for (let after = 0; ;) {
      const tasks = this.#store.parkedFor(this.#workers.pids, after, upTo, READ_MAX);
      if (tasks.length === 0) return failures;
      // Before the first is poked: a crash must find the alarm set.
      this.#owe(true);
      for (let first = 0; first < tasks.length; first += AT_ONCE) {
        const slice = tasks.slice(first, first + AT_ONCE);
        const poked = await Promise.all(slice.map((task) => this.#poke(task)));
        failures += poked.filter((done) => !done).length;
        // Calls within one process are one unbroken chain: others must come in between, a second
        // worker for instance, who takes its part (a whole server stood still, seen 2026-11-23).
        await scheduler.wait(1);
        // The next one who comes begins anew.
        if (this.#workers.pids.length === 0) return 0;
      }
      after = tasks.at(-1)!.number;
    }
  }

  async #poke({ id, number }: ParkedTask): Promise<boolean> {
    try {
      // An offer that came in the meantime has made it another row.
      if (!(await this.#hands.poke(id))) this.#store.unpark(id, number);
      return true;
    } catch {
      // Its object is moving or busy, and the alarm comes back to it.
      return false;
    }
  }

  #owe(owed: boolean): void {
    if (this.#owed === owed) return;
    this.#owed = owed;
    this.#hands.changed();
  }
}
