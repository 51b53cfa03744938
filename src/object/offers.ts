/**
 * Offers of this object's task, after they are stored. Nobody waits for one: an offer that is lost is
 * made again when the task's own timer says so.
 *
 * A worker that cannot do what it is given lets go of it at once, and a released task is due at once:
 * without a brake the two would play ball as fast as the wire allows. So each release in a row waits
 * twice as long as the one before; the task's timer bounds that, and any progress resets it.
 */
import type { Env } from "../env.ts";
import type { PromiseRecord } from "../machine/promise.ts";
import type { TaskCommand } from "../machine/task-command.ts";
import { noteOffer, offer, withdraw } from "./delivery.ts";

const BRAKE_MS = 20;
const BRAKE_MS_MAX = 4000;

export class Offers {
  #env: Env;
  #park: (version: number) => void;
  #sending: Promise<void> | undefined;
  #latest = 0;
  #bounces = 0;

  /** @param park called when an inbox keeps the offer for the first worker who comes */
  constructor(env: Env, park: (version: number) => void) {
    this.#env = env;
    this.#park = park;
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
      console.error(error);
    });
  }

  async #send(record: PromiseRecord, version: number, number: number, at?: number): Promise<void> {
    const brakeMs = this.#bounces < 2 ? 0 : Math.min(BRAKE_MS * 2 ** this.#bounces, BRAKE_MS_MAX);
    if (brakeMs > 0 && at === undefined) await scheduler.wait(brakeMs);
    if (number !== this.#latest) return;
    if (at !== undefined) return noteOffer(this.#env, record, version);
    const offered = await offer(this.#env, record, version);
    // A newer offer knows better than this one.
    if (offered === "parked" && number === this.#latest) this.#park(version);
  }

  /** A task that was parked and is not free any more need not wait in the inbox. */
  withdraw(before: PromiseRecord, after: PromiseRecord): void {
    if (before.task?.state !== "pending" || !before.task.parked) return;
    if (after.task?.state === "pending") return;
    withdraw(this.#env, before).catch((error: unknown) => console.error(error));
  }
}
