// What a sequential test talks to: something that speaks the protocol under a clock that is given to
// it. The model is one, a server with the debug surface is another, and no test asks which.

import type { Response } from "./protocol-history.ts";
import { step } from "./protocol-model.ts";
import type { Request } from "./protocol-request.ts";
import { EMPTY } from "./protocol-state.ts";
import type { State } from "./protocol-state.ts";
import { drain, RETRY_MS, tick } from "./protocol-time.ts";

export interface Subject {
  ask: (request: Request, now: number) => Promise<Response>;
  /** Everything that is due happens. */
  tick: (now: number) => Promise<void>;
  snap: () => Promise<Snapshot>;
  /** Forgets everything. */
  reset: () => Promise<void>;
}

/** What no request of a client shows, by id. */
export interface Snapshot {
  /** `lease` and when it ends, or `retry` and when it was offered last. */
  timers: Map<string, [kind: string, at: number]>;
  /** The version that was last offered. */
  offers: Map<string, number>;
  callbacks: Map<string, string[]>;
  listeners: Map<string, string[]>;
}

/** The model, all that a settlement owes being paid before the next request. */
export class ModelSubject implements Subject {
  readonly #step: typeof step;
  #state: State = EMPTY;
  #offers = new Map<string, number>();

  /** Another `step` is for faults, planted to see that they are found. */
  constructor(answer = step) {
    this.#step = answer;
  }

  ask(request: Request, now: number): Promise<Response> {
    const { status, body, state } = this.#step(this.#state, request, now);
    this.#state = drain(state, now);
    return Promise.resolve({ status, body });
  }

  tick(now: number): Promise<void> {
    const { state, sent } = tick(this.#state, now);
    this.#state = state;
    for (const message of sent) {
      if (message.kind === "execute") this.#offers.set(message.id, message.version);
    }
    return Promise.resolve();
  }

  snap(): Promise<Snapshot> {
    const timers: Snapshot["timers"] = new Map();
    const lives = Object.entries(this.#state);
    for (const [id, { task }] of lives) {
      if (task?.lease) timers.set(id, ["lease", task.lease.until]);
      if (task?.offerAt !== undefined) timers.set(id, ["retry", task.offerAt - RETRY_MS]);
    }
    return Promise.resolve({
      timers,
      offers: new Map(this.#offers),
      callbacks: new Map(lives.map(([id, { callbacks }]) => [id, [...callbacks]])),
      listeners: new Map(lives.map(([id, { listeners }]) => [id, [...listeners]])),
    });
  }

  reset(): Promise<void> {
    this.#state = EMPTY;
    this.#offers.clear();
    return Promise.resolve();
  }
}
