/**
 * A simulated runtime for real promise objects: their storage, alarms and clocks, and the calls
 * between them as letters that whoever plays delivers, loses, doubles or reorders. Only one object
 * runs at a time, from one event until nothing of it is left to run, so that a play is the same
 * every time.
 *
 * A crash comes between two events: what was written is durable, what was in memory is gone, what was
 * being served fails. (Dying before a write is durable is dying before the event: the runtime holds
 * back what an object says until it is.) It knows nothing of what the objects do.
 */
import { vi } from "vitest";
import type { Env } from "../../../src/env.ts";
import { PromiseObject } from "../../../src/object/promise-object.ts";
import { Disk } from "./disk.ts";

export const START = Date.UTC(2030, 0, 1);
/** Rounds after which nothing is left to run: the longest chain of awaits in `src/` is far shorter. */
const ROUNDS = 60;

const NO_WEBHOOKS = { version: 1, endpoints: [] };

/** One life of an object, from its first event to a crash. `undefined` stands for the edge. */
export interface Life {
  id: string;
  object: PromiseObject;
  serving: Set<Letter>;
  isOver: boolean;
  inAlarm: boolean;
}

/** A call on its way, or its answer on the way back. */
export interface Letter {
  number: number;
  from: Life | undefined;
  to: string;
  method: string;
  args: unknown[];
  /** Absent on the way there. */
  answer?: { value: unknown } | { error: unknown };
  /** The network's own: nobody waits for its answer. */
  isCopy: boolean;
  settle: (answer: NonNullable<Letter["answer"]>) => void;
}

interface Timer {
  at: number;
  number: number;
  life: Life | undefined;
  fire: () => void;
}

interface Actor {
  disk: Disk;
  life: Life | undefined;
  /** How far its clock is ahead. */
  aheadMs: number;
}

export type Call = (to: string, method: string, args: unknown[]) => Promise<unknown>;

/** Bends calls between objects, for planted faults. */
export type BendCall = (call: Call) => Call;

let played: World | undefined;

function play(world: World): void {
  played = world;
}

export class World {
  readonly letters: Letter[] = [];
  /** Tasks that were offered to somebody, and when, by their own clock. */
  readonly offers: { id: string; version: number; at: number }[] = [];
  readonly env: Env;
  now = START;
  #actors = new Map<string, Actor>();
  #timers: Timer[] = [];
  #running: Life | undefined;
  #count = 0;
  #bendCall: BendCall;

  constructor(bendCall: BendCall = (call) => call) {
    play(this);
    this.#bendCall = bendCall;
    this.env = this.#envOf(() => undefined);
  }

  /** Ever higher: an instant in a history. */
  tally(): number {
    this.#count += 1;
    return this.#count;
  }

  get timers(): readonly { at: number; life: { id: string } | undefined }[] {
    return this.#timers;
  }

  get ids(): string[] {
    return [...this.#actors.keys()];
  }

  disk(id: string): Disk {
    return this.#actor(id).disk;
  }

  setAhead(id: string, ms: number): void {
    this.#actor(id).aheadMs = ms;
  }

  clockOf(id: string): number {
    return this.now + this.#actor(id).aheadMs;
  }

  clock(): number {
    return this.#running ? this.clockOf(this.#running.id) : this.now;
  }

  /** It arrives: the call is served, or the answer read. */
  async deliver(letter: Letter): Promise<void> {
    this.#take(letter);
    if (letter.answer) {
      if (letter.isCopy || letter.from?.isOver) return;
      const { answer } = letter;
      await this.run(letter.from, () => letter.settle(answer));
      return;
    }
    const life = this.#lifeOf(letter.to);
    life.serving.add(letter);
    await this.run(life, () => this.#serve(letter, life));
  }

  /** It never arrives, and the caller learns that there is no answer. */
  async lose(letter: Letter): Promise<void> {
    letter.answer = { error: new Error("Network connection lost.") };
    await this.deliver(letter);
  }

  /** A second one like it, that may arrive whenever it likes. */
  double(letter: Letter): Letter {
    const copy = { ...letter, number: this.tally(), isCopy: true };
    this.letters.push(copy);
    return copy;
  }

  /** Whatever is on its way, and what comes of it; the clock stands still. */
  async deliverAll(): Promise<void> {
    for (let left = 2000; this.letters[0]; left -= 1) {
      if (left === 0) throw new Error("the letters have no end");
      await this.deliver(this.letters[0]);
    }
  }

  nextTimer(): Timer | undefined {
    return this.#timers.toSorted((a, b) => a.at - b.at || a.number - b.number)[0];
  }

  async fire(timer: Timer): Promise<void> {
    this.#timers = this.#timers.filter((other) => other !== timer);
    await this.run(timer.life, timer.fire);
  }

  isAlarmDue(id: string): boolean {
    const { disk } = this.#actor(id);
    return disk.alarmAt !== null && disk.alarmAt <= this.clockOf(id);
  }

  /** When it rings, by the world's clock. */
  alarmAt(id: string): number {
    const { disk, aheadMs } = this.#actor(id);
    return disk.alarmAt === null ? Infinity : disk.alarmAt - aheadMs;
  }

  /** The alarm rings, due or not. */
  async alarm(id: string): Promise<void> {
    const { disk } = this.#actor(id);
    const life = this.#lifeOf(id);
    disk.alarmAt = null;
    life.inAlarm = true;
    const end = (error?: unknown): void => {
      life.inAlarm = false;
      if (error !== undefined && !life.isOver) disk.alarmAt ??= this.clockOf(id) + 2000;
    };
    await this.run(life, () => {
      life.object.alarm({ isRetry: false, retryCount: 0, scheduledTime: this.now }).then(
        () => end(),
        (error: unknown) => end(error),
      );
    });
  }

  /** What the object had in memory is gone, and whoever waits for it learns so. */
  crash(id: string): void {
    const actor = this.#actor(id);
    const { life } = actor;
    if (!life) return;
    actor.life = undefined;
    life.isOver = true;
    this.#timers = this.#timers.filter((timer) => timer.life !== life);
    for (const letter of life.serving) {
      letter.answer = { error: new Error("The object was reset.") };
      this.letters.push(letter);
    }
    // The runtime calls an alarm again that did not end.
    if (life.inAlarm) actor.disk.alarmAt ??= this.clockOf(id);
  }

  /** One event: `work`, and all that follows from it at once. */
  async run(life: Life | undefined, work: () => void): Promise<void> {
    this.#running = life;
    work();
    for (let round = 0; round < ROUNDS; round += 1) await Promise.resolve();
    this.#running = undefined;
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = { at: this.now + ms, number: this.tally(), life: this.#running, fire: resolve };
      this.#timers.push(timer);
      signal?.addEventListener("abort", () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        reject(new Error("aborted"));
      });
    });
  }

  #serve(letter: Letter, life: Life): void {
    const answer = (given: NonNullable<Letter["answer"]>): void => {
      if (life.isOver) return;
      life.serving.delete(letter);
      letter.answer = structuredClone(given);
      this.letters.push(letter);
    };
    // SAFETY: a letter is written by a stub, whose types have named a method.
    const methods = life.object as unknown as Record<string, (...args: unknown[]) => unknown>;
    const served = (async () => methods[letter.method]!(...structuredClone(letter.args)))();
    served.then(
      (value) => answer({ value }),
      (error: unknown) => answer({ error }),
    );
  }

  #take(letter: Letter): void {
    const place = this.letters.indexOf(letter);
    if (place === -1) throw new Error(`no such letter: ${letter.method} to ${letter.to}`);
    this.letters.splice(place, 1);
  }

  #actor(id: string): Actor {
    let actor = this.#actors.get(id);
    if (!actor) {
      actor = { disk: new Disk(), life: undefined, aheadMs: 0 };
      this.#actors.set(id, actor);
    }
    return actor;
  }

  #lifeOf(id: string): Life {
    const actor = this.#actor(id);
    if (actor.life) return actor.life;
    const ctx = {
      id: { name: id },
      storage: actor.disk.storage,
      getWebSockets: () => [],
      waitUntil: (work: Promise<unknown>) => void work.catch(() => undefined),
    };
    const env = this.#envOf(() => life);
    // SAFETY: the part of the runtime's state that promise objects use.
    const object = new PromiseObject(ctx as unknown as DurableObjectState, env);
    const life: Life = { id, object, serving: new Set(), isOver: false, inAlarm: false };
    actor.life = life;
    return life;
  }

  #envOf(lifeOf: () => Life | undefined): Env {
    const call = this.#bendCall(
      (to, method, args) =>
        new Promise((resolve, reject) => {
          this.letters.push({
            number: this.tally(),
            from: lifeOf(),
            to,
            method,
            args: structuredClone(args),
            isCopy: false,
            settle: (answer) => {
              if ("error" in answer) reject(answer.error);
              else resolve(answer.value);
            },
          });
        }),
    );
    const stub = (to: string): object =>
      new Proxy(
        {},
        {
          get:
            (_, method: string) =>
            (...args: unknown[]) =>
              call(to, method, args),
        },
      );
    const inbox = {
      offer: async ({ id, version }: { id: string; version: number }) => {
        this.offers.push({ id, version, at: this.clockOf(id) });
        return "sent";
      },
      forget: async () => undefined,
    };
    const env = {
      PROMISES: { getByName: stub },
      INBOXES: { getByName: () => inbox },
      INDEX: { getByName: () => ({ put: async () => undefined }) },
      WEBHOOK_REGISTRY: { getByName: () => ({ snapshot: async () => NO_WEBHOOKS }) },
    };
    // SAFETY: the bindings that promise objects and the edge's kinds use.
    return env as unknown as Env;
  }
}

/** The base class of objects in a world; the runtime's own takes no state but the runtime's. */
class SimulatedObject {
  ctx: DurableObjectState;
  env: Env;

  constructor(ctx: DurableObjectState, env: Env) {
    this.ctx = ctx;
    this.env = env;
  }
}

/** Once in a test file: from then on the clock is the played world's, and the objects are too. */
export function playWorlds(): void {
  Object.setPrototypeOf(PromiseObject, SimulatedObject);
  vi.spyOn(Date, "now").mockImplementation(() => played?.clock() ?? START);
  vi.stubGlobal("scheduler", {
    wait: (ms: number, { signal }: { signal?: AbortSignal } = {}) => played?.wait(ms, signal),
  });
}
