/**
 * Tells everyone who is owed the end of a promise: tasks that await it, in their own objects, and
 * listeners, wherever they are. A row stays until its owner has it; a message may come twice and
 * changes nothing the second time. What fails is tried again at {@link Outbox.dueAt}.
 */
import type { Env } from "../env.ts";
import type { PromiseRecord, SettledPromise } from "../machine/promise.ts";
import { unblock } from "./delivery.ts";
import type { Subscribers } from "./subscribers.ts";

const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 5 * 60 * 1000;
/** A listener that has not taken its message by then will not: it must not wake us for ever. */
const GIVE_UP_MS = 3 * 24 * 60 * 60 * 1000;
const AT_A_TIME = 50;

export class Outbox {
  #env: Env;
  #subscribers: Subscribers;
  #failures = 0;
  #running: Promise<void> | undefined;

  constructor(env: Env, subscribers: Subscribers) {
    this.#env = env;
    this.#subscribers = subscribers;
  }

  /** When to try what is still owed; `null` when nothing is. */
  dueAt(now: number): number | null {
    if (this.#subscribers.size === 0) return null;
    return now + Math.min(AGAIN_MS * 2 ** this.#failures, AGAIN_MS_MAX);
  }

  /** What is being sent now, if anything. */
  get sent(): Promise<void> | undefined {
    return this.#running;
  }

  /** @param record as it is stored: before that nobody may be told */
  deliver(record: SettledPromise, now: number, at?: number): Promise<void> {
    this.#running ??= this.#run(record, now, at).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The promise is disposed of, and its rows with it: best effort, for there is nothing to keep. */
  wake({ id, birth }: PromiseRecord): void {
    for (const awaiter of this.#subscribers.awaiters) {
      const told = Promise.resolve(this.#env.PROMISES.getByName(awaiter).resume(id, birth));
      told.catch((error: unknown) => console.error(error));
    }
  }

  async #run(record: SettledPromise, now: number, at?: number): Promise<void> {
    const { awaiters, listeners } = this.#subscribers;
    const told = await allDone([
      ...awaiters.map((awaiter) => () => this.#resume(record, awaiter, at)),
      ...listeners.map((listener) => () => this.#unblock(record, listener, now, at)),
    ]);
    this.#failures = told ? 0 : this.#failures + 1;
  }

  async #resume({ id, birth }: SettledPromise, awaiter: string, at?: number): Promise<boolean> {
    await this.#env.PROMISES.getByName(awaiter).resume(id, birth, at);
    this.#subscribers.removeAwaiter(awaiter);
    return true;
  }

  async #unblock(
    record: SettledPromise,
    listener: string,
    now: number,
    at?: number,
  ): Promise<boolean> {
    const isOver = now - record.settledAt > GIVE_UP_MS;
    const taken = isOver || (await unblock(this.#env, record, listener, at));
    if (taken) this.#subscribers.removeListener(listener);
    return taken;
  }
}

/** @returns whether all came true; one that fails does not stop the others */
async function allDone(works: (() => Promise<boolean>)[]): Promise<boolean> {
  let done = true;
  for (let first = 0; first < works.length; first += AT_A_TIME) {
    const slice = works.slice(first, first + AT_A_TIME);
    const results = await Promise.allSettled(slice.map((work) => work()));
    done &&= results.every((result) => result.status === "fulfilled" && result.value);
  }
  return done;
}
