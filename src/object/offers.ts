/**
 * Offers of this object's task, after they are stored. Nobody waits for one: an offer that is lost is
 * made again when the task's own timer says so.
 *
 * A worker that cannot do what it is given lets go of it at once, and a released task is due at once:
 * without a brake the two would play ball as fast as the wire allows. So each release in a row waits
 * twice as long as the one before; the task's timer bounds that, and any progress resets it.
 */
import type { Env } from "../env.ts";
import { logFailure } from "../log.ts";
import type { PromiseRecord } from "../machine/promise.ts";
import type { TaskCommand } from "../machine/task-command.ts";
import { noteOffer, offer, withdraw } from "./delivery.ts";

const BRAKE_MS = 20;
const BRAKE_MS_MAX = 4000;

export interface TaskHands {
  /** Still to be taken at this version? */
  isFree(version: number): boolean;
  /** An inbox keeps the offer for the first worker who comes. */
  park(version: number): void;
}

export class Offers {
  #env: Env;
  #task: TaskHands;
  #sending: Promise<void> | undefined;
  #latest = 0;
  #bounces = 0;

  constructor(env: Env, task: TaskHands) {
    this.#env = env;
    this.#task = task;
  }

  /** What is being sent now, if anything. */
  get sent(): Promise<void> | undefined {
    return this.#sending;
  }

  /** What is asked of the task. */
  heard(kind: TaskCommand["kind"]): void {
    if (kind === "task.release") this.#bounces += 1;
    if (kind === "task.suspend" || kind === "task.resume") this.#bounces = 0;
  }

  send(record: PromiseRecord, version: number, at?: number): void {
    this.#latest += 1;
    this.#sending = this.#send(record, version, this.#latest, at).catch((error: unknown) => {
      logFailure("a task could not be offered", error, { promise: record.id });
    });
  }

  async #send(record: PromiseRecord, version: number, number: number, at?: number): Promise<void> {
    const brakeMs = this.#bounces < 2 ? 0 : Math.min(BRAKE_MS * 2 ** this.#bounces, BRAKE_MS_MAX);
    if (brakeMs > 0 && at === undefined) await scheduler.wait(brakeMs);
    if (number !== this.#latest) return;
    // While it was held back, somebody may have taken it, or it may be over.
    if (brakeMs > 0 && at === undefined && !this.#task.isFree(version)) return;
    if (at !== undefined) return noteOffer(this.#env, record, version);
    const offered = await offer(this.#env, record, version);
    // A newer offer knows better than this one.
    if (offered === "parked" && number === this.#latest) this.#task.park(version);
  }

  /** A task that was parked and is not free any more need not wait in the inbox. */
  withdraw(before: PromiseRecord, after: PromiseRecord): void {
    if (before.task?.state !== "pending" || !before.task.parked) return;
    if (after.task?.state === "pending") return;
    withdraw(this.#env, before).catch((error: unknown) =>
      logFailure("an offer could not be withdrawn", error, { promise: before.id }),
    );
  }
}
