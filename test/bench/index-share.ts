/**
 * The rows that ask what the index costs of a create and of a settle: our server against the same
 * server that tells it nothing. What is told later, beside the answer, counts too: each repetition is
 * measured until all is quiet.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bundleWorker } from "../../src/local/bundle.ts";
import { readProject, ROOT } from "../../src/local/project.ts";
import { cpuMs } from "./cost.ts";
import { ask, runLoad, type Operation, type Sample } from "./load.ts";
import type { Plan } from "./plan.ts";
import { absoluteRow, type Row } from "./row.ts";
import { median, spread } from "./stats.ts";
import { CREATE_BODY, SETTLE_BODY, startOurs, type Target } from "./target.ts";

/** Of all CPU of a create, or a settle. */
const SHARE_BAR = { atMostPercent: 25 } as const;
/** A birth is told of a second later; then nothing is left to do. */
const QUIET_MS = 2500;

interface Both {
  told: Target;
  untold: Target;
}

export async function indexShare(_targets: readonly Target[], plan: Plan): Promise<Row[]> {
  const both: Both = { told: await startOurs(), untold: await startOurs(await withoutIndex()) };
  const { ids } = plan;
  const samples: Record<"create" | "settle", Record<keyof Both, Sample[]>> = {
    create: { told: [], untold: [] },
    settle: { told: [], untold: [] },
  };
  for (let n = 0; n <= plan.repetitions; n += 1) {
    for (const name of n % 2 === 0 ? NAMES : NAMES.toReversed()) {
      const target = both[name];
      await target.pace(ids);
      const path = (index: number) => target.path(`share-${n}-${index}`);
      const created = await quietly(target, ids, async (line, index) => {
        await ask(line, 201, "PUT", path(index), CREATE_BODY);
      });
      const settled = await quietly(target, ids, async (line, index) => {
        await ask(line, 201, "PATCH", path(index), SETTLE_BODY);
      });
      if (n === 0) continue;
      samples.create[name].push(created);
      samples.settle[name].push(settled);
    }
  }
  await Promise.all(NAMES.map((name) => both[name].stop()));
  return [rowOf("create", samples.create), rowOf("settle", samples.settle)];
}

const NAMES = ["told", "untold"] as const;

/** The load, and what it leaves to do. */
async function quietly(target: Target, count: number, operation: Operation): Promise<Sample> {
  const before = cpuMs(target.pids);
  const sample = await runLoad(target, count, operation);
  await sleep(QUIET_MS);
  return { ...sample, serverCpuMs: cpuMs(target.pids) - before };
}

function rowOf(name: string, { told, untold }: Record<keyof Both, Sample[]>): Row {
  const without = cpuUs(untold);
  // Of what was measured one after the other: the machine changes in the course of a run.
  const shares = cpuUs(told).map((us, n) => (1 - without[n]! / us) * 100);
  const waits = [told, untold].map((side) => median(side.flatMap((one) => one.latenciesMs)));
  return absoluteRow(
    {
      name: `index's share of a ${name}`,
      unit: "%",
      repetitions: told.length,
      limit: `${median(cpuUs(told)).toFixed(0)} us of CPU with it, ${median(without).toFixed(0)} without`,
      note: `the caller waits ${waits[0]!.toFixed(2)} ms with it, ${waits[1]!.toFixed(2)} without (p50)`,
      bar: SHARE_BAR,
    },
    { value: spread(shares) },
  );
}

function cpuUs(samples: readonly Sample[]): number[] {
  return samples.map(({ serverCpuMs, operations }) => (serverCpuMs * 1000) / operations);
}

/** Our Worker, but for the one module. */
function withoutIndex(): Promise<string> {
  const stand = join(ROOT, "test/bench/without-index.ts");
  return bundleWorker(readProject().main, { [join(ROOT, "src/object/indexing.ts")]: stand });
}
