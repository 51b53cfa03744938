// What clients draw who all want the same few promises at once: one task or two, one or two external
// promises to wait for, and an internal one. They share what any of them was told last, so that most
// requests are what the task seems ready for, and race for it. Settling is rare, because after it
// there is little left to fight for.

import type { Response } from "./protocol-history.ts";
import {
  ask,
  createAction,
  creation,
  settleAction,
  settlement,
  TARGET,
} from "./protocol-request.ts";
import type { Creation, Request, Settlement } from "./protocol-request.ts";
import type { Random } from "./seeded.ts";

/** Longer than any history: time must do nothing in it. */
const TTL_MS = 600_000;
const STATES = ["resolved", "rejected", "rejected_canceled"] as const;

/** What is asked of a task that seems to be in a state; the rest is asked at any time. */
const READY: Record<string, string> = {
  pending: "acquire acquire acquire acquire taskCreate halt",
  acquired: "suspend suspend suspend fence fence fence callback release heartbeat halt fulfill",
  suspended: "settle settle get taskGet taskGet taskGet callback halt",
  halted: "continue continue continue taskGet settle",
  fulfilled: "get taskGet",
};
const ANY =
  "get get taskGet taskGet taskGet acquire taskCreate suspend fence release heartbeat " +
  "continue callback listener settle";

interface Belief {
  state: string;
  version: number;
}

export class Contention {
  readonly tasks: string[];
  readonly externals: string[];
  readonly ids: string[];
  readonly #random: Random;
  readonly #beliefs = new Map<string, Belief>();

  constructor(random: Random, name: string) {
    const isPair = random.chance(0.5);
    this.#random = random;
    this.tasks = isPair ? [`${name}.t`, `${name}.u`] : [`${name}.t`];
    this.externals = isPair ? [`${name}.e`] : [`${name}.e`, `${name}.f`];
    this.ids = [...this.tasks, ...this.externals, `${name}.i`];
  }

  /** The first requests: some exist before the race, some come to be in it. */
  creations(): Request[] {
    const early = this.ids.filter(() => this.#random.chance(0.8));
    return early.map((id) => ask.create(this.#creation(id)));
  }

  learn({ kind, data }: Request, { status, body }: Response): void {
    if (body.task) this.#beliefs.set(body.task.id, body.task);
    const next = AFTER[`${kind} ${status}`];
    if (next === undefined || !("id" in data)) return;
    this.#beliefs.set(data.id, { ...this.#belief(data.id), state: next });
  }

  draw(client: number, count: number): Request {
    const { chance, pick } = this.#random;
    const id = pick(this.tasks);
    const belief = this.#belief(id);
    const version = chance(0.93) ? belief.version : pick([0, 1, 2, 3]);
    const other = pick(this.ids);
    // Every request's data is its own, so that no loser's value can pass for the winner's.
    const settle = settlement(other, pick(STATES), { data: `${count}` });
    const ready = READY[belief.state] ?? ANY;
    switch (pick((chance(0.7) ? ready : ANY).split(" "))) {
      case "acquire":
        return ask.acquire(id, version, `w${client}`, TTL_MS);
      case "taskCreate":
        return ask.taskCreate(this.#creation(id), `w${client}`, TTL_MS);
      case "suspend":
        return ask.suspend(id, version, this.#awaited(id));
      case "release":
        return ask.release(id, version);
      case "halt":
        return chance(0.3) ? ask.halt(id) : ask.taskGet(id);
      case "continue":
        return ask.continue(id);
      case "callback":
        return ask.callback(other, id);
      case "listener":
        return ask.listener(other, "poll://any@nobody");
      case "heartbeat":
        return ask.heartbeat(`w${client}`, [{ id, version }]);
      case "fence":
        return this.#fence(id, version, settle);
      case "fulfill":
        return ask.fulfill(id, chance(0.15) ? version : 99, { ...settle, id });
      case "settle":
        return this.#settle(settle);
      case "get":
        return ask.get(other);
      default:
        return ask.taskGet(id);
    }
  }

  #settle(settle: Settlement): Request {
    const { chance, pick } = this.#random;
    if (chance(0.04)) return ask.settle(settle);
    return chance(0.15) ? ask.settle({ ...settle, id: pick(this.externals) }) : ask.get(settle.id);
  }

  /** The first task is nobody's target: two that reach for each other stand in each other's way. */
  #fence(id: string, version: number, settle: Settlement): Request {
    const { chance, pick } = this.#random;
    const targets = this.ids.filter((other) => other !== id && other !== this.tasks[0]);
    const target = pick(targets);
    const isSettle = chance(this.externals.includes(target) ? 0.3 : 0.05);
    return ask.fence(
      id,
      version,
      isSettle ? settleAction({ ...settle, id: target }) : createAction(this.#creation(target)),
    );
  }

  #awaited(id: string): string[] {
    const { chance, pick } = this.#random;
    if (chance(0.05)) return pick([[], [id], [pick(this.ids), pick(this.ids)]]);
    const others = [...this.externals, ...this.tasks].filter((other) => other !== id);
    return chance(0.5) ? others : [pick(others)];
  }

  #creation(id: string): Creation {
    if (this.tasks.includes(id)) return creation(id, { tags: TARGET });
    const tags = this.externals.includes(id) ? { "resonate:external": "true" } : {};
    return creation(id, { tags });
  }

  #belief(id: string): Belief {
    return this.#beliefs.get(id) ?? { state: "unknown", version: 0 };
  }
}

const AFTER: Record<string, string> = {
  "task.suspend 200": "suspended",
  "task.release 200": "pending",
  "task.continue 200": "pending",
  "task.halt 200": "halted",
  "task.fulfill 200": "fulfilled",
  "task.fence 200": "acquired",
};
