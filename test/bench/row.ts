/**
 * A row of the report: our server and the floor on the same work, their ratio, whether it clears the
 * bar, and what limits our side. The bars are here and nowhere else.
 */
import type { Sample } from "./load.ts";
import { median, pairedRatio, quantile, spread, type Spread } from "./stats.ts";
import type { TargetName } from "./target.ts";

export type Unit = "op/s" | "ms" | "KB" | "ms/s" | "%";

export interface Side {
  /** The row's number, one for each repetition: throughput, median latency or memory. */
  value: Spread;
  /** Over all operations of all repetitions. */
  p50Ms?: number;
  p99Ms?: number;
  /** CPU time of workerd for one operation. */
  cpuUs?: number;
  /** The share of the time in which workerd, or the generator, was on a core. */
  serverBusy?: number;
  generatorBusy?: number;
}

export interface Row {
  name: string;
  unit: Unit;
  repetitions: number;
  ours: Side;
  floor?: Side;
  /** What Resonate's own server takes for the same, measured once on a machine like this. */
  published?: number;
  /** Ours to the floor's, the median over the repetitions. */
  ratio?: number;
  /** The same in CPU time for one operation, turned so that more is better where it is in `ratio`. */
  cpuRatio?: number;
  bar?: Bar;
  passed?: boolean;
  /** What keeps our side from being better. */
  limit: string;
  /** Anything else worth knowing. */
  note?: string;
}

/** On the ratio, or where there is no floor on the median itself. */
export type Bar =
  | { atLeast: number }
  | { atMost: number }
  | { atMostMs: number }
  | { atMostP99Ms: number }
  | { atMostPercent: number };

export const WRITE_BAR: Bar = { atLeast: 0.8 };
export const READ_BAR: Bar = { atLeast: 0.7 };
export const WAKE_BAR: Bar = { atMost: 1.5 };

export type Sides<T> = Record<TargetName, T>;

/** A row of the optional peer, beside the numbers of ours and of the floor for the same work. */
export interface PeerRow {
  name: string;
  unit: Unit;
  peer: Side;
}

/** What a row is about, before it is measured. */
export type Heading = Pick<Row, "name" | "unit" | "repetitions"> &
  Partial<Pick<Row, "bar" | "note" | "limit">> & { writes: boolean };

export function makeRow({ writes, ...heading }: Heading, { ours, floor }: Sides<Side>): Row {
  const ratio = pairedRatio(ours.value, floor.value);
  const { bar } = heading;
  const moreIsBetter = heading.unit === "op/s";
  return {
    limit: limitOf(ours, writes),
    ...heading,
    ours,
    floor,
    ratio,
    ...(ours.cpuUs !== undefined &&
      floor.cpuUs !== undefined && {
        cpuRatio: moreIsBetter ? floor.cpuUs / ours.cpuUs : ours.cpuUs / floor.cpuUs,
      }),
    ...(bar && { passed: clears(bar, ratio, ours) }),
  };
}

/** A row without a floor: what it measures, the floor cannot do. */
export function absoluteRow(heading: Omit<Row, "ours" | "passed">, ours: Side): Row {
  const { bar } = heading;
  return { ...heading, ours, ...(bar && { passed: clears(bar, Number.NaN, ours) }) };
}

function clears(bar: Bar, ratio: number, ours: Side): boolean {
  if ("atMostMs" in bar) return ours.value.median <= bar.atMostMs;
  if ("atMostPercent" in bar) return ours.value.median <= bar.atMostPercent;
  if ("atMostP99Ms" in bar) return (ours.p99Ms ?? Infinity) <= bar.atMostP99Ms;
  return "atLeast" in bar ? ratio >= bar.atLeast : ratio <= bar.atMost;
}

/** The repetitions of a closed loop as a throughput. */
export function throughputOf(samples: Sample[]): Side {
  const latencies = samples.flatMap((sample) => sample.latenciesMs);
  return {
    value: spread(samples.map(({ operations, elapsedMs }) => (operations * 1000) / elapsedMs)),
    p50Ms: median(latencies),
    p99Ms: quantile(latencies, 0.99),
    ...sharesOf(samples),
  };
}

/** The repetitions of something awaited as a latency. */
export function latencyOf(samples: Sample[]): Side {
  const latencies = samples.flatMap((sample) => sample.latenciesMs);
  return {
    value: {
      ...spread(samples.map((sample) => median(sample.latenciesMs))),
      median: median(latencies),
    },
    p50Ms: median(latencies),
    p99Ms: quantile(latencies, 0.99),
    ...sharesOf(samples),
  };
}

/** The system counts CPU time in steps of 10 ms; less than this would be mostly rounding. */
const CPU_MS_MIN = 50;

function sharesOf(samples: Sample[]): Pick<Side, "cpuUs" | "serverBusy" | "generatorBusy"> {
  const total = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0);
  const operations = total((sample) => sample.operations);
  const serverCpuMs = total((sample) => sample.serverCpuMs);
  if (serverCpuMs < CPU_MS_MIN) return {};
  // Of one operation in a middling repetition: one that the disk held up would be most of a sum.
  const elapsedMs = median(samples.map((sample) => sample.elapsedMs / sample.operations));
  return {
    cpuUs: (serverCpuMs * 1000) / operations,
    serverBusy: serverCpuMs / operations / elapsedMs,
    generatorBusy: total((sample) => sample.generatorCpuMs) / operations / elapsedMs,
  };
}

/** workerd is one thread, so a busy share near 1 is its ceiling; what is not CPU is waiting. */
function limitOf({ serverBusy, generatorBusy = 0 }: Side, writes: boolean): string {
  if (serverBusy === undefined) return "too short to tell CPU from waiting";
  if (generatorBusy > 0.85) return `the load generator, ${percent(generatorBusy)} busy`;
  if (serverBusy > 0.8) return `CPU: workerd's one thread is ${percent(serverBusy)} busy`;
  const waits = writes ? "fsync on this disk" : "round trips and the wait for a free core";
  return `${waits}: workerd is only ${percent(serverBusy)} busy`;
}

function percent(share: number): string {
  return `${Math.round(Math.min(1, share) * 100)} %`;
}
