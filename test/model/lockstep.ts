// Takes one step on the machine and the same step on the model, side by side, and says every rule
// that the step broke. Storage is one map from id to record, as an object would keep it: write ??
// record. It refuses to choose steps (random.ts does) and to know what is right (the model and the
// invariants do).

import { isDeepStrictEqual } from "node:util";

import { decide, project } from "../../src/machine/promise.ts";
import type { Import } from "../../src/machine/import.ts";
import type {
  Command,
  Create,
  Decision,
  PromiseRecord,
  Settle,
} from "../../src/machine/promise.ts";
import { NEVER } from "../../client/src/protocol.ts";
import { INVARIANTS, isSettled } from "./invariants.ts";
import type { Awaiter, Turn } from "./invariants.ts";
import { Model } from "./model.ts";
import type { Answer, Terms, View, Wish } from "./model.ts";

export interface Machine {
  decide: typeof decide;
  project: typeof project;
}

/** The model knows promises only: the task that lies in the record of some has tests of its own. */
export const MACHINE: Machine = {
  decide(...asked) {
    const { record, write, ...decision } = decide(...asked);
    return {
      ...decision,
      record: record && judged(record),
      ...(write !== undefined && { write: write && judged(write) }),
    };
  },
  project: (...asked) => judged(project(...asked)),
};

/** Nor does it count how often a deadline was moved. */
function judged(record: PromiseRecord): PromiseRecord {
  const { task: _, extended: __, ...rest } = record;
  return rest;
}

/** One line of a trace. `read` asks what is there; `await` asks to be told, now or later. */
export interface Step {
  now: number;
  id: string;
  command: Exclude<Command, Import> | { kind: "read" } | { kind: "await" };
}

export interface Broken {
  rule: string;
  sentence: string;
}

/** What is there when nobody asks: the same after a step as after the time until the next one. */
const LEFT = { asked: "time", outcome: "left alone" };

export class Lockstep {
  readonly model = new Model();
  readonly #machine: Machine;
  readonly #records = new Map<string, PromiseRecord | null>();
  readonly #awaiters = new Map<string, Awaiter[]>();
  readonly #said = new Map<string, View>();
  readonly #seen = new Map<string, View | null>();

  constructor(machine: Machine = MACHINE) {
    this.#machine = machine;
  }

  take({ now, id, command }: Step): { outcome: string; shown: View | null; broken: Broken[] } {
    const broken = this.#letTimePass(now);
    const record = this.#records.get(id) ?? null;
    const before = this.#see(record, now);

    const answer = this.#ask(record, command, now);
    const next = answer.write === undefined ? record : frozen(answer.write);
    this.#records.set(id, next);
    const shown: View | null = answer.record;
    this.#tell(id, record, answer);

    const turn = { asked: command.kind, outcome: answer.outcome, before, shown };
    const around = this.#around(id, now);
    broken.push(...this.#judge(id, { ...turn, ...around, now }));
    broken.push(...compare(turn, ask(this.model, { now, id, command })));
    broken.push(...compare({ ...LEFT, shown: around.after }, this.#expected(id, now)));
    this.#remember(id, shown, next === null);
    if (command.kind === "await" && !isSettled(shown)) this.#awaitersOf(id).push({ told: [] });
    return { outcome: answer.outcome, shown, broken };
  }

  #ask(record: PromiseRecord | null, command: Step["command"], now: number): Decision | Look {
    if (command.kind !== "read" && command.kind !== "await") {
      return this.#machine.decide(record, frozen(command), now);
    }
    const seen = record && this.#machine.project(record, now);
    return { outcome: seen?.state ?? "absent", record: seen };
  }

  /** Time alone is a turn too, for every promise: what was settled stays, what is seen agrees. */
  #letTimePass(now: number): Broken[] {
    const broken: Broken[] = [];
    for (const id of this.#records.keys()) {
      const around = this.#around(id, now);
      const { after: shown, stored } = around;
      const turn = { ...LEFT, before: this.#seen.get(id) ?? null, shown };
      broken.push(...this.#judge(id, { ...turn, ...around, now }));
      broken.push(...compare(turn, this.#expected(id, now)));
      this.#remember(id, shown, stored === null);
    }
    return broken;
  }

  #expected(id: string, now: number): Answer {
    return { outcome: LEFT.outcome, view: this.model.look(id, now) };
  }

  #around(id: string, now: number): Omit<Turn, "asked" | "outcome" | "before" | "shown" | "now"> {
    const record = this.#records.get(id) ?? null;
    const once = this.#wake(record, now);
    return {
      after: this.#see(record, now),
      stored: record,
      said: this.#said.get(id) ?? null,
      awaiters: this.#awaitersOf(id),
      once: this.#see(once, now),
      twice: this.#see(this.#wake(once, now), now),
    };
  }

  #wake(record: PromiseRecord | null, now: number): PromiseRecord | null {
    const { write } = this.#machine.decide(record, { kind: "wake" }, now);
    return write === undefined ? record : write;
  }

  #see(record: PromiseRecord | null, now: number): View | null {
    return record && this.#machine.project(record, now);
  }

  /** The shell's duty: whoever waits hears of the one decision that ends the wait. */
  #tell(id: string, from: PromiseRecord | null, { outcome, write, record }: Decision | Look): void {
    if (from !== null && from.state !== "pending") return;
    const isWritten = write !== undefined && write?.state !== "pending";
    if (!isWritten && outcome !== "disposed") return;
    const shown: View | null = record;
    for (const { told } of this.#awaitersOf(id)) told.push(isSettled(shown) ? shown : "disposed");
  }

  #judge(id: string, turn: Turn): Broken[] {
    // Someone may wait for an id that nobody created (example surface): nothing is owed yet.
    const isNobodys = turn.stored === null && turn.before === null && turn.outcome !== "disposed";
    const awaiters = isNobodys ? [] : turn.awaiters;
    return Object.entries(INVARIANTS).flatMap(([rule, holds]) => {
      const sentence = holds({ ...turn, awaiters });
      return sentence === null ? [] : [{ rule, sentence: `${id}: ${sentence}` }];
    });
  }

  #remember(id: string, shown: View | null, over: boolean): void {
    const seen = over ? null : shown;
    this.#seen.set(id, seen);
    if (isSettled(seen)) this.#said.set(id, seen);
    if (!over) return;
    this.#said.delete(id);
    this.#awaiters.set(
      id,
      this.#awaitersOf(id).filter(({ told }) => told.length === 0),
    );
  }

  #awaitersOf(id: string): Awaiter[] {
    const awaiters = this.#awaiters.get(id) ?? [];
    this.#awaiters.set(id, awaiters);
    return awaiters;
  }
}

type Look = { outcome: string; record: PromiseRecord | null; write?: undefined };

function compare(turn: Pick<Turn, "outcome" | "asked" | "shown">, expected: Answer): Broken[] {
  const actual = { outcome: turn.outcome, view: turn.shown };
  if (isDeepStrictEqual(actual, expected)) return [];
  const [here, there] = [actual, expected].map((answer) => JSON.stringify(answer));
  return [
    { rule: "answers agree with the model", sentence: `${turn.asked}: ${here}, not ${there}` },
  ];
}

function ask(model: Model, { now, id, command }: Step): Answer {
  switch (command.kind) {
    case "create":
      return model.create(id, termsOf(command), command.strict, now);
    case "settle":
      return model.settle(id, wishOf(command), now);
    case "extend":
      return model.extend(id, command.timeoutAt, now);
    case "purge":
    case "dispose":
    case "wake":
      return model[command.kind](id, now);
    case "read":
    case "await": {
      const view = model.look(id, now);
      return { outcome: view?.state ?? "absent", view };
    }
    default:
      return command satisfies never;
  }
}

function termsOf(create: Create): Terms {
  const { birth, param, tags, timeoutAt, onTimeout, retentionMs, idempotencyKey } = create;
  return {
    birth,
    param,
    tags,
    timeoutAt,
    ...(onTimeout !== undefined && { onTimeout }),
    ...(retentionMs !== undefined && { retentionMs }),
    ...(idempotencyKey !== undefined && { idempotencyKeyForCreate: idempotencyKey }),
  };
}

function wishOf({ state, value, strict, idempotencyKey, orCreate }: Settle): Wish {
  const key = idempotencyKey === undefined ? {} : { key: idempotencyKey };
  const wish = { claim: { state, value, ...key }, strict };
  if (orCreate === undefined) return wish;
  const { id: _, ...terms } = orCreate;
  return { ...wish, ifMissing: { param: {}, tags: {}, timeoutAt: NEVER, ...terms } };
}

/** A machine that changes what it was given would cheat both sides at once; so it throws. */
function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
