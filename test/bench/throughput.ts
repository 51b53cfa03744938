/**
 * The rows that count operations in a second: create, settle, get and the whole life of a promise.
 * The servers take turns, in an order that turns round with every repetition, so that whatever else
 * the machine does hits both.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openAwaiter } from "./awaiter.ts";
import { ask, runLoad, type Operation, type Sample } from "./load.ts";
import type { Plan } from "./plan.ts";
import { makeRow, READ_BAR, throughputOf, WRITE_BAR, type Row, type Sides } from "./row.ts";
import { CREATE_BODY, SETTLE_BODY, type Target } from "./target.ts";

/** One closed loop on one server in one repetition. */
interface Phase {
  operations: number;
  /** Ids that no earlier phase has touched. */
  newIds: number;
  /** So long after it there is something left to do, which is not the next one's work. */
  quietMs?: number;
  operation(target: Target, repetition: number): Operation;
}

/** What is created in a repetition is settled in it. */
export async function createAndSettle(targets: readonly Target[], plan: Plan): Promise<Row[]> {
  const { ids, repetitions } = plan;
  const [created, settled] = await alternate(targets, repetitions, [
    {
      operations: ids,
      newIds: ids,
      // The index is told of a birth a second later: see the rows of its share.
      quietMs: 2000,
      operation: (target, n) => creating(target, `c${n}-`),
    },
    { operations: ids, newIds: 0, operation: (target, n) => settling(target, `c${n}-`) },
  ]);
  const shared = { unit: "op/s", repetitions, writes: true, bar: WRITE_BAR } as const;
  return [
    makeRow({ name: "create", ...shared }, throughputs(created!)),
    makeRow({ name: "settle", ...shared }, throughputs(settled!)),
  ];
}

/**
 * Reads of promises that are in memory, as those that somebody waits for are. Both sides store and
 * answer the same bytes: the floor is given, as its value, what ours answers.
 */
export async function get(targets: readonly Target[], plan: Plan): Promise<Row[]> {
  const { reads, warmIds, repetitions } = plan;
  const shared = { unit: "op/s", repetitions, writes: false, bar: READ_BAR } as const;
  const rows: Row[] = [];
  for (const name of ["pending", "settled"]) {
    let answer = CREATE_BODY;
    for (const target of oursFirst(targets)) {
      await target.pace(warmIds);
      await runLoad(target, warmIds, creating(target, name, answer));
      if (target.name === "floor") continue;
      if (name === "settled") await runLoad(target, warmIds, settling(target, name));
      answer = await answerOf(target, target.path(`${name}0`));
    }
    const [read] = await alternate(targets, repetitions, [
      { operations: reads, newIds: 0, operation: (target) => reading(target, name, warmIds) },
    ]);
    rows.push(makeRow({ name: `get ${name}`, ...shared }, throughputs(read!)));
  }
  return rows;
}

/** Create, await on a WebSocket, settle, be told: one after the other, as one caller would. */
export async function lifecycle(targets: readonly Target[], plan: Plan): Promise<Row[]> {
  const { lifecycles, repetitions } = plan;
  const [lived] = await alternate(targets, repetitions, [
    {
      operations: lifecycles,
      newIds: lifecycles,
      operation: (target, n) => living(target, `l${n}-`),
    },
  ]);
  const note =
    "ours arms an alarm for the deadline once somebody waits: a write more than the floor";
  const heading = { name: "lifecycle", unit: "op/s", repetitions, writes: true, note } as const;
  return [makeRow(heading, throughputs(lived!))];
}

function oursFirst(targets: readonly Target[]): Target[] {
  return targets.toSorted(
    (one, other) => Number(one.name === "floor") - Number(other.name === "floor"),
  );
}

async function answerOf({ port }: Target, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}

function creating(target: Target, prefix: string, body = CREATE_BODY): Operation {
  return async (line, index) => {
    await ask(line, 201, "PUT", target.path(`${prefix}${index}`), body);
  };
}

function settling(target: Target, prefix: string): Operation {
  return async (line, index) => {
    await ask(line, 201, "PATCH", target.path(`${prefix}${index}`), SETTLE_BODY);
  };
}

function reading(target: Target, prefix: string, ids: number): Operation {
  return async (line, index) => {
    await ask(line, 200, "GET", target.path(`${prefix}${index % ids}`));
  };
}

function living(target: Target, prefix: string): Operation {
  return async (line, index) => {
    const path = target.path(`${prefix}${index}`);
    await ask(line, 201, "PUT", path, CREATE_BODY);
    const awaiter = await openAwaiter(target, path);
    await ask(line, 201, "PATCH", path, SETTLE_BODY);
    await awaiter.told;
  };
}

/** Runs the phases on both servers, once to warm up and `repetitions` times to measure. */
async function alternate(
  targets: readonly Target[],
  repetitions: number,
  phases: readonly Phase[],
): Promise<Sides<Sample[]>[]> {
  const samples = phases.map((): Sides<Sample[]> => ({ ours: [], floor: [] }));
  for (let repetition = 0; repetition <= repetitions; repetition += 1) {
    for (const [index, { operations, newIds, quietMs = 0, operation }] of phases.entries()) {
      for (const target of repetition % 2 === 0 ? targets : targets.toReversed()) {
        if (newIds > 0) await target.pace(newIds);
        const sample = await runLoad(target, operations, operation(target, repetition));
        if (repetition > 0) samples[index]![target.name].push(sample);
        await sleep(quietMs);
      }
    }
  }
  return samples;
}

function throughputs({ ours, floor }: Sides<Sample[]>) {
  return { ours: throughputOf(ours), floor: throughputOf(floor) };
}
