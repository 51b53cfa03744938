/**
 * Tells everyone who is owed something: the end of the promise to the tasks that await it, in their own
 * objects, and to listeners, wherever they are; events to webhooks; steps of an escalation to those
 * whom they name. A row stays until its owner has it; a message may come twice and
 * changes nothing the second time. What fails is tried again at {@link Outbox.dueAt}.
 */
import type { Env } from "../env.ts";
import { isSettled, type PromiseRecord, type SettledPromise } from "../machine/promise.ts";
import { notify, unblock } from "./delivery.ts";
import type { Orphan, OwedEvent, Subscribers } from "./subscribers.ts";

const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 5 * 60 * 1000;
/** A listener that has not taken its message by then will not: it must not wake us for ever. */
const GIVE_UP_MS = 3 * 24 * 60 * 60 * 1000;
const AT_A_TIME = 50;

interface Told {
  id(): string;
  /** Of the life that it has now. */
  birth(): string | undefined;
  /** Tells the index that there is nothing any more. @returns whether it was heard */
  tellRemoval(): Promise<boolean>;
}

export class Outbox {
  #env: Env;
  #subscribers: Subscribers;
  #failures = 0;
  #running: Promise<void> | undefined;

  #promise: Told;

  constructor(env: Env, subscribers: Subscribers, promise: Told) {
    this.#env = env;
    this.#subscribers = subscribers;
    this.#promise = promise;
  }

  /** Somebody has registered for the end. */
  get isAwaited(): boolean {
    const { awaiters, listeners } = this.#subscribers;
    return awaiters.length + listeners.length > 0;
  }

  /** When to try what is owed by now; `null` when nothing is. */
  dueAt(now: number, settled: boolean): number | null {
    if (this.#subscribers.size === 0) return null;
    const { notices, events, orphans, removal } = this.#subscribers;
    if (!settled && !removal && notices.length + events.length + orphans.length === 0) return null;
    return now + Math.min(AGAIN_MS * 2 ** this.#failures, AGAIN_MS_MAX);
  }

  /** What is being sent now, if anything. */
  get sent(): Promise<void> | undefined {
    return this.#running;
  }

  /** @param record as it is stored: before that nobody may be told */
  deliver(record: PromiseRecord | null, now: number, at?: number): Promise<void> {
    this.#running ??= this.#run(record, now, at).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(record: PromiseRecord | null, now: number, at?: number): Promise<void> {
    const told = await allDone([
      ...this.#subscribers.orphans.map((orphan) => () => this.#wake(orphan, at)),
      ...(this.#subscribers.removal ? [() => this.#tellRemoval()] : []),
      ...(record ? this.#tellNow(record) : []),
      ...(record && isSettled(record) ? this.#tellTheEnd(record, now, at) : []),
    ]);
    this.#failures = told ? 0 : this.#failures + 1;
  }

  #tellNow(record: PromiseRecord): (() => Promise<boolean>)[] {
    const { notices, events } = this.#subscribers;
    return [
      ...notices.map((step) => () => this.#notify(record, step)),
      ...events.map((event) => () => this.#enqueue(record, event)),
    ];
  }

  #tellTheEnd(record: SettledPromise, now: number, at?: number): (() => Promise<boolean>)[] {
    const { awaiters, listeners } = this.#subscribers;
    return [
      ...awaiters.map((awaiter) => () => this.#resume(record, awaiter, at)),
      ...listeners.map((listener) => () => this.#unblock(record, listener, now, at)),
    ];
  }

  async #notify(record: PromiseRecord, step: number): Promise<boolean> {
    const told = await notify(this.#env, record, step);
    if (told) this.#subscribers.removeNotice(step);
    return told;
  }

  /** The endpoint's own object goes on from there. */
  async #enqueue(record: PromiseRecord, event: OwedEvent): Promise<boolean> {
    const { type, webhook } = event;
    await this.#env.WEBHOOKS.getByName(webhook).enqueue({ type, record });
    this.#subscribers.removeEvent(event);
    return true;
  }

  async #resume({ id, birth }: SettledPromise, awaiter: string, at?: number): Promise<boolean> {
    await this.#env.PROMISES.getByName(awaiter).resume(id, birth, at);
    // The row may be one of another life by now, which has not ended.
    if (this.#promise.birth() === birth) this.#subscribers.removeAwaiter(awaiter);
    return true;
  }

  async #tellRemoval(): Promise<boolean> {
    const isHeard = await this.#promise.tellRemoval();
    if (isHeard) this.#subscribers.removeRemoval();
    return isHeard;
  }

  async #wake(orphan: Orphan, at?: number): Promise<boolean> {
    await this.#env.PROMISES.getByName(orphan.awaiter).resume(this.#promise.id(), orphan.birth, at);
    this.#subscribers.removeOrphan(orphan);
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
    if (taken && this.#promise.birth() === record.birth) this.#subscribers.removeListener(listener);
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
