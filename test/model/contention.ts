// What clients draw who all want the same few promises at once: two tasks that may wait for each
// other, one external promise and one internal. Settling is rare, because after it there is little
// left to fight for. A client aims with the versions that any of them has seen.

import {
  ask,
  createAction,
  creation,
  settleAction,
  settlement,
  TARGET,
} from "./protocol-request.ts";
import type { Creation, Request } from "./protocol-request.ts";
import type { Random } from "./seeded.ts";
import type { Response } from "./protocol-history.ts";

/** Longer than any history: time must do nothing in it. */
const TTL_MS = 600_000;
const STATES = ["resolved", "rejected", "rejected_canceled"] as const;

export class Contention {
  readonly #random: Random;
  readonly #versions = new Map<string, number>();
  readonly #name: string;

  constructor(random: Random, name: string) {
    this.#random = random;
    this.#name = name;
  }

  get tasks(): [string, string] {
    return [`${this.#name}.t`, `${this.#name}.u`];
  }

  get external(): string {
    return `${this.#name}.e`;
  }

  get ids(): string[] {
    return [...this.tasks, this.external, `${this.#name}.i`];
  }

  /** Everything is there from the start, but for what the clients make of it. */
  creations(): Request[] {
    return this.ids.map((id) => ask.create(this.#creation(id)));
  }

  learn({ body: { task } }: Response): void {
    if (task) this.#versions.set(task.id, Math.max(task.version, this.#versionOf(task.id)));
  }

  draw(client: number, count: number): Request {
    const { chance, pick } = this.#random;
    const id = pick(this.tasks);
    const other = pick(this.ids);
    const version = chance(0.9) ? this.#versionOf(id) : pick([0, 1, 2, 3]);
    // Every request's data is its own, so that no loser's value can pass for the winner's.
    const settle = settlement(other, pick(STATES), { data: `${count}` });
    switch (pick(KINDS)) {
      case "acquire":
        return ask.acquire(id, version, `w${client}`, TTL_MS);
      case "taskCreate":
        return ask.taskCreate(this.#creation(id), `w${client}`, TTL_MS);
      case "suspend":
        return ask.suspend(id, version, this.#awaited());
      case "release":
        return ask.release(id, version);
      case "halt":
        return ask.halt(id);
      case "continue":
        return ask.continue(id);
      case "callback":
        return ask.callback(other, id);
      case "listener":
        return ask.listener(other, "poll://any@nobody");
      case "heartbeat":
        return ask.heartbeat(`w${client}`, [{ id, version }]);
      case "fence":
        return this.#fence(version, settle);
      case "fulfill":
        return chance(0.3)
          ? ask.fulfill(id, version, { ...settle, id })
          : ask.fulfill(id, 99, { ...settle, id });
      case "settle":
        return chance(0.25) ? ask.settle(settle) : ask.get(other);
      case "get":
        return ask.get(other);
      default:
        return ask.taskGet(id);
    }
  }

  /** Only one of the two reaches for the other: both at once would stand in each other's way. */
  #fence(version: number, settle: ReturnType<typeof settlement>): Request {
    const { chance, pick } = this.#random;
    const [first, second] = this.tasks;
    const holder = pick([first, second]);
    const targets = this.ids.filter((id) => id !== first && id !== holder);
    const id = pick(targets);
    const isRare = chance(0.15);
    const action = isRare ? settleAction({ ...settle, id }) : createAction(this.#creation(id));
    return ask.fence(holder, holder === second ? this.#versionOf(second) : version, action);
  }

  #awaited(): string[] {
    const { chance, pick } = this.#random;
    const one = chance(0.9) ? pick([this.external, this.external, ...this.tasks]) : pick(this.ids);
    return chance(0.4) ? [...new Set([one, pick([this.external, ...this.tasks])])] : [one];
  }

  #creation(id: string): Creation {
    if (this.tasks.includes(id)) return creation(id, { tags: TARGET });
    const tags = id === this.external ? { "resonate:external": "true" } : {};
    return creation(id, { tags });
  }

  #versionOf(id: string): number {
    return this.#versions.get(id) ?? 0;
  }
}

const KINDS = (
  "acquire acquire acquire acquire acquire taskCreate suspend suspend suspend suspend suspend " +
  "release release halt continue callback callback listener heartbeat fence fence " +
  "fulfill settle settle get get taskGet taskGet taskGet taskGet"
).split(" ");
