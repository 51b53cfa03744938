/**
 * The rows of Resonate's SDK, unmodified and end to end: from a call in this process to its result
 * here, through our server and, where work is given away, a worker process. One call after the other,
 * as what is asked is how long one takes.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { claims } from "./claims.ts";
import { cpuMs } from "./cost.ts";
import { idleWorkers } from "./idle-workers.ts";
import type { Sample } from "./load.ts";
import type { Plan } from "./plan.ts";
import { absoluteRow, latencyOf, type Row } from "./row.ts";
import { connectSdk } from "./sdk-connect.ts";
import { FLOWS, register, type Flow, type Measured, type World } from "./sdk-flows.ts";
import { median } from "./stats.ts";
import { stopLater, type Target } from "./target.ts";

const ROUNDS = 5;

export async function sdk(targets: readonly Target[], plan: Plan): Promise<Row[]> {
  const target = targets.find(({ name }) => name === "ours")!;
  return [...(await flows(target, plan)), ...(await claims(target, plan)), await idleWorkers(plan)];
}

async function flows(target: Target, plan: Plan): Promise<Row[]> {
  const url = `http://127.0.0.1:${target.port}`;
  const stopWorker = await startWorker(url);
  const resonate = await connectSdk(url, "bench-callers");
  register(resonate);
  try {
    const rows: Row[] = [];
    for (const flow of FLOWS) rows.push(await measure({ resonate, target }, flow, plan));
    return rows;
  } finally {
    await resonate.stop();
    await stopWorker();
  }
}

async function startWorker(url: string): Promise<() => Promise<void>> {
  const worker = fork(join(import.meta.dirname, "sdk-worker.ts"), [url]);
  const ended = once(worker, "exit");
  async function stop(): Promise<void> {
    worker.kill("SIGKILL");
    await ended;
  }
  stopLater(stop);
  await Promise.race([
    once(worker, "message"),
    ended.then(() => Promise.reject(new Error("the worker process of the SDK has ended"))),
  ]);
  return stop;
}

async function measure(world: World, flow: Flow, { sdk }: Plan): Promise<Row> {
  const { target } = world;
  const perRound = Math.ceil(sdk.calls[flow.calls] / ROUNDS);
  const prefix = `sdk-${flow.calls}`;
  for (let n = 0; n < sdk.warmUps; n += 1) await paced(world, flow, `${prefix}-warm-${n}`);
  const samples: Sample[] = [];
  const notes: number[][] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const serverCpuBefore = cpuMs(target.pids);
    const generatorBefore = process.cpuUsage();
    const latenciesMs: number[] = [];
    for (let n = 0; n < perRound; n += 1) {
      const measured = await paced(world, flow, `${prefix}-${round}-${n}`);
      latenciesMs.push(measured.ms);
      notes.push(measured.notes ?? []);
    }
    const { user, system } = process.cpuUsage(generatorBefore);
    samples.push({
      operations: perRound,
      elapsedMs: latenciesMs.reduce((sum, ms) => sum + ms, 0),
      serverCpuMs: cpuMs(target.pids) - serverCpuBefore,
      generatorCpuMs: (user + system) / 1000,
      latenciesMs,
    });
  }
  return absoluteRow(
    {
      name: flow.name,
      unit: "ms",
      repetitions: ROUNDS,
      limit: flow.limit,
      published: flow.publishedMs,
      ...(flow.note && { note: flow.note(...mediansOf(notes)) }),
      ...(flow.barMs !== undefined && { bar: { atMostMs: flow.barMs } }),
    },
    latencyOf(samples),
  );
}

function mediansOf([first = [], ...rest]: number[][]): number[] {
  return first.map((_, index) => median([first, ...rest].map((notes) => notes[index]!)));
}

async function paced(world: World, flow: Flow, id: string): Promise<Measured> {
  await world.target.pace(flow.ids);
  return flow.call(world, id);
}
