/**
 * The rows that ask how soon who waits is told: from the instant at which the settle request is sent
 * to each awaiter's receipt, which includes the write that makes the settlement durable. The floor
 * pushes to its sockets in the same way.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openAwaiters } from "./awaiter.ts";
import { cpuMs } from "./cost.ts";
import { Line } from "./line.ts";
import { ask, type Sample } from "./load.ts";
import type { Plan } from "./plan.ts";
import { latencyOf, makeRow, WAKE_BAR, type Row, type Sides } from "./row.ts";
import { median } from "./stats.ts";
import { CREATE_BODY, ENDLESS_BODY, SETTLE_BODY, type Target } from "./target.ts";

/** The settlement of one promise; the latencies are those of its awaiters. */
interface WakeUp extends Sample {
  /** How long the caller who settled waited for its answer. */
  settleMs: number;
}

/** Code that has run this often is compiled: a server that has just started is not the question. */
const WARM_UP = 150;

/** Within which the server is done with a hundred awaiters that leave. */
const LEAVE_MS = 20;

/** A long poll gives no sign that it has begun. */
const POLL_BEGINS_MS = 60;

export async function wakeUps(targets: readonly Target[], plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  for (const target of targets) {
    for (let n = 0; n < WARM_UP; n += 1) await wakeOnSockets(target, `warm-${n}`, 1, CREATE_BODY);
  }
  for (const { awaiters, repetitions, deadline } of plan.wakeUps) {
    const body = deadline ? CREATE_BODY : ENDLESS_BODY;
    const suffix = deadline ? ", with a deadline" : "";
    const samples: Sides<WakeUp[]> = { ours: [], floor: [] };
    for (let n = 0; n <= repetitions; n += 1) {
      for (const target of n % 2 === 0 ? targets : targets.toReversed()) {
        const wakeUp = await wakeOnSockets(
          target,
          `w${awaiters}${suffix}-${n}`.replaceAll(" ", ""),
          awaiters,
          body,
        );
        if (n > 0) samples[target.name].push(wakeUp);
      }
    }
    const name = `wake-up, ${awaiters} awaiting${suffix}`;
    // The bar is on what both do: the floor knows no deadline.
    const bar = deadline ? {} : { bar: WAKE_BAR };
    rows.push(
      makeRow(
        { name, unit: "ms", repetitions, writes: true, ...bar, note: noteOn(samples) },
        { ours: latencyOf(samples.ours), floor: latencyOf(samples.floor) },
      ),
    );
  }
  return rows;
}

/** Ours only: the floor has no long poll. */
export async function longPoll(targets: readonly Target[], plan: Plan): Promise<Row[]> {
  const target = targets.find(({ name }) => name === "ours")!;
  const poller = await Line.open(target.port);
  const settler = await Line.open(target.port);
  const samples: Sample[] = [];
  try {
    for (let n = 0; n <= plan.polls; n += 1) {
      const path = target.path(`poll-${n}`);
      await target.pace(1);
      await ask(settler, 201, "PUT", path, CREATE_BODY);
      const answered = ask(poller, 200, "GET", `${path}?wait=20s`).then(() => performance.now());
      await sleep(POLL_BEGINS_MS);
      const sample = await settle(target, settler, path, [answered]);
      if (n > 0) samples.push(sample);
    }
  } finally {
    poller.end();
    settler.end();
  }
  return [
    {
      name: "wake-up, long poll",
      unit: "ms",
      repetitions: plan.polls,
      ours: latencyOf(samples),
      limit:
        "as on a socket and one hop more: the Worker holds the poll, and waits on a socket itself",
    },
  ];
}

async function wakeOnSockets(
  target: Target,
  id: string,
  count: number,
  createBody: string,
): Promise<WakeUp> {
  const path = target.path(id);
  const settler = await Line.open(target.port);
  await target.pace(1 + Math.ceil(count / 3));
  await ask(settler, 201, "PUT", path, createBody);
  const awaiters = await openAwaiters(target, path, count);
  try {
    return await settle(
      target,
      settler,
      path,
      awaiters.map(({ told }) => told),
    );
  } finally {
    settler.end();
    for (const awaiter of awaiters) awaiter.end();
    // The server sees them leave, which must not fall into the next measurement.
    await sleep(LEAVE_MS * Math.ceil(count / 100));
  }
}

/** @param told resolve to the instants at which the awaiters heard of it */
async function settle(
  target: Target,
  settler: Line,
  path: string,
  told: Promise<number>[],
): Promise<WakeUp> {
  const cpuBefore = cpuMs(target.pids);
  const generatorBefore = process.cpuUsage();
  const from = performance.now();
  await ask(settler, 201, "PATCH", path, SETTLE_BODY);
  const settleMs = performance.now() - from;
  const latenciesMs = (await Promise.all(told)).map((at) => at - from);
  const { user, system } = process.cpuUsage(generatorBefore);
  return {
    operations: told.length,
    elapsedMs: Math.max(settleMs, ...latenciesMs),
    serverCpuMs: cpuMs(target.pids) - cpuBefore,
    generatorCpuMs: (user + system) / 1000,
    latenciesMs,
    settleMs,
  };
}

function noteOn({ ours, floor }: Sides<WakeUp[]>): string {
  const ms = (samples: WakeUp[], of: (sample: WakeUp) => number): string =>
    median(samples.map(of)).toFixed(1);
  const last = (sample: WakeUp): number => Math.max(...sample.latenciesMs);
  const answered = (sample: WakeUp): number => sample.settleMs;
  return (
    `the last awaiter after ${ms(ours, last)} ms, the floor's after ${ms(floor, last)}; ` +
    `the settle answered after ${ms(ours, answered)} ms, the floor's after ${ms(floor, answered)}`
  );
}
