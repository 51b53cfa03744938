/**
 * The same work on the peer: create is to submit a workflow, settle to resolve its promise, get to
 * peek, await to await over HTTP. No bars: another product with other promises; for orientation only.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMs } from "../cost.ts";
import { Line } from "../line.ts";
import { ask, runLoad, type Operation, type Sample } from "../load.ts";
import type { Plan, RowName } from "../plan.ts";
import { latencyOf, throughputOf, type PeerRow, type Side } from "../row.ts";
import { CREATE_BODY, SETTLE_BODY } from "../target.ts";
import type { Restate } from "./restate.ts";

/** An await over HTTP gives no sign that it has begun. */
const AWAITS_BEGIN_MS = 500;

export async function peerRows(
  restate: Restate,
  plan: Plan,
  wanted: ReadonlySet<RowName>,
): Promise<PeerRow[]> {
  const { ids, reads, warmIds, lifecycles, repetitions } = plan;
  const rows: PeerRow[] = [];
  function add(name: string, unit: PeerRow["unit"], peer: Side): void {
    rows.push({ name, unit, peer });
  }
  if (wanted.has("create") || wanted.has("settle")) {
    const [created, settled] = await repeat(restate, repetitions, [
      { operations: ids, operation: (n) => creating(`c${n}-`) },
      { operations: ids, operation: (n) => settling(`c${n}-`) },
    ]);
    add("create", "op/s", throughputOf(created!));
    add("settle", "op/s", throughputOf(settled!));
  }
  if (wanted.has("get")) {
    for (const state of ["pending", "settled"]) {
      await runLoad(restate, warmIds, creating(state));
      if (state === "settled") await runLoad(restate, warmIds, settling(state));
      const reading: Operation = async (line, index) => {
        await ask(line, 200, "POST", path(`${state}${index % warmIds}`, "get"));
      };
      const phase = { operations: reads, operation: () => reading };
      const [read] = await repeat(restate, repetitions, [phase]);
      add(`get ${state}`, "op/s", throughputOf(read!));
    }
  }
  if (wanted.has("lifecycle")) {
    const phase = { operations: lifecycles, operation: (n: number) => living(restate, `l${n}-`) };
    const [lived] = await repeat(restate, repetitions, [phase]);
    add("lifecycle", "op/s", throughputOf(lived!));
  }
  if (wanted.has("wake")) {
    for (const { awaiters, repetitions: times } of plan.wakeUps) {
      const samples: Sample[] = [];
      for (let n = 0; n <= times; n += 1) {
        const sample = await wake(restate, `w${awaiters}-${n}`, awaiters);
        if (n > 0) samples.push(sample);
      }
      add(`wake-up, ${awaiters} awaiting`, "ms", latencyOf(samples));
    }
  }
  return rows;
}

async function repeat(
  restate: Restate,
  repetitions: number,
  phases: { operations: number; operation(n: number): Operation }[],
): Promise<Sample[][]> {
  const samples = phases.map((): Sample[] => []);
  for (let n = 0; n <= repetitions; n += 1) {
    for (const [index, { operations, operation }] of phases.entries()) {
      const sample = await runLoad(restate, operations, operation(n));
      if (n > 0) samples[index]!.push(sample);
    }
  }
  return samples;
}

function creating(prefix: string): Operation {
  return async (line, index) => {
    await ask(line, 202, "POST", path(`${prefix}${index}`, "run/send"), CREATE_BODY);
  };
}

function settling(prefix: string): Operation {
  return async (line, index) => {
    await ask(line, 200, "POST", path(`${prefix}${index}`, "settle"), SETTLE_BODY);
  };
}

function living(restate: Restate, prefix: string): Operation {
  return async (line, index) => {
    const id = `${prefix}${index}`;
    await ask(line, 202, "POST", path(id, "run/send"), CREATE_BODY);
    const awaiter = await Line.open(restate.port);
    const told = ask(awaiter, 200, "POST", path(id, "await"));
    await ask(line, 200, "POST", path(id, "settle"), SETTLE_BODY);
    await told;
    awaiter.end();
  };
}

async function wake(restate: Restate, id: string, count: number): Promise<Sample> {
  const settler = await Line.open(restate.port);
  await ask(settler, 202, "POST", path(id, "run/send"), CREATE_BODY);
  const awaiters: Line[] = [];
  for (let n = 0; n < count; n += 1) awaiters.push(await Line.open(restate.port));
  const told = awaiters.map(async (awaiter) => {
    await ask(awaiter, 200, "POST", path(id, "await"));
    return performance.now();
  });
  await sleep(AWAITS_BEGIN_MS);
  const cpuBefore = cpuMs(restate.pids);
  const generatorBefore = process.cpuUsage();
  const from = performance.now();
  await ask(settler, 200, "POST", path(id, "settle"), SETTLE_BODY);
  const latenciesMs = (await Promise.all(told)).map((at) => at - from);
  const { user, system } = process.cpuUsage(generatorBefore);
  for (const line of [settler, ...awaiters]) line.end();
  return {
    operations: count,
    elapsedMs: Math.max(...latenciesMs),
    serverCpuMs: cpuMs(restate.pids) - cpuBefore,
    generatorCpuMs: (user + system) / 1000,
    latenciesMs,
  };
}

function path(id: string, handler: string): string {
  return `/promise/${id}/${handler}`;
}
