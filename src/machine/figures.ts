/**
 * The figures of the shards put together: what there is now, what happened lately. Sums and nothing
 * else; where they come from is the index's matter.
 */
import {
  LATENCY_BOUNDS_MS,
  STATES,
  TASK_STATES,
  type Activity,
  type Minute,
  type SettledState,
  type Stats,
} from "../../client/src/protocol.ts";

/** Of one shard, now. */
export interface Figures {
  /** By the states as records have them inside. */
  states: Record<string, number>;
  /** By the state of the task and the address of its target. */
  tasks: { state: string; target: string; n: number }[];
  oldestPendingAt?: number;
}

/** Of one shard, over time. Minutes since the epoch; buckets are those of `LATENCY_BOUNDS_MS`. */
export interface Moments {
  created: { minute: number; n: number }[];
  settled: { minute: number; bucket: number; n: number }[];
  /** Settled ones, also of those that are gone; `pending`: gone without an end. */
  totals: { state: string; bucket: number; n: number; took: number }[];
  pending: number;
}

const MINUTE_MS = 60_000;

export function statsOf(shards: readonly Figures[], at: number): Stats {
  const tasks = shards.flatMap((shard) => shard.tasks);
  const oldest = Math.min(...shards.map(({ oldestPendingAt = Infinity }) => oldestPendingAt));
  return {
    at,
    promises: countsOf(STATES, (state) => sum(shards, ({ states }) => states[state.toLowerCase()])),
    ...(oldest !== Infinity && { oldestPendingOn: oldest }),
    tasks: countsOf(TASK_STATES, (state) =>
      sum(tasks, (task) => (task.state === state ? task.n : 0)),
    ),
  };
}

export function activityOf(shards: readonly Moments[], at: number): Activity {
  const minutes = new Map<number, Minute>();
  const minuteAt = (minute: number): Minute => {
    const known = minutes.get(minute);
    if (known) return known;
    const made: Minute = { at: minute * MINUTE_MS, created: 0, settled: 0, latency: noLatency() };
    minutes.set(minute, made);
    return made;
  };
  for (const { minute, n } of shards.flatMap(({ created }) => created)) {
    minuteAt(minute).created += n;
  }
  for (const { minute, bucket, n } of shards.flatMap(({ settled }) => settled)) {
    const one = minuteAt(minute);
    one.settled += n;
    one.latency[bucket]! += n;
  }
  const sorted = [...minutes.values()];
  sorted.sort((a, b) => a.at - b.at);
  return { at, minutes: sorted, total: totalOf(shards) };
}

function totalOf(shards: readonly Moments[]): Activity["total"] {
  const totals = shards.flatMap((shard) => shard.totals);
  const settled = totals.filter(({ state }) => state !== "pending");
  const latency = noLatency();
  for (const { bucket, n } of settled) latency[bucket]! += n;
  const settledStates = STATES.filter((state): state is SettledState => state !== "PENDING");
  return {
    created: sum(totals, ({ n }) => n) + sum(shards, ({ pending }) => pending),
    settled: countsOf(settledStates, (state) =>
      sum(settled, (one) => (one.state === state.toLowerCase() ? one.n : 0)),
    ),
    latency,
    latencySum: sum(settled, ({ took }) => took),
  };
}

function noLatency(): number[] {
  return Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, () => 0);
}

function countsOf<Name extends string>(
  names: readonly Name[],
  countOf: (name: Name) => number,
): Record<Name, number> {
  // SAFETY: one entry for each name.
  return Object.fromEntries(names.map((name) => [name, countOf(name)])) as Record<Name, number>;
}

function sum<T>(items: readonly T[], of: (item: T) => number | undefined): number {
  return items.reduce((total, item) => total + (of(item) ?? 0), 0);
}
