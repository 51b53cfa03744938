/**
 * How much is measured: counts for a whole run of a few minutes, and for a quick one that only shows
 * that everything works. Also which rows there are, by name.
 */

export const ROW_NAMES = [
  "create",
  "settle",
  "get",
  "lifecycle",
  "wake",
  "poll",
  "memory",
  "sdk",
  "share",
  "find",
] as const;
export type RowName = (typeof ROW_NAMES)[number];

export interface Plan {
  /** Measured repetitions of the throughput rows, each on both servers; one more warms up. */
  repetitions: number;
  /** Calls of each kind on each server before anything is measured. */
  warmUps: number;
  /** Ids created, then settled, in a repetition. */
  ids: number;
  /** Reads in a repetition, spread over `warmIds` promises. */
  reads: number;
  warmIds: number;
  /** Lives of a promise in a repetition. */
  lifecycles: number;
  /** Awaiters on one promise, and how often it is settled on them. */
  wakeUps: { awaiters: number; repetitions: number; deadline?: true }[];
  /** Long polls woken. */
  polls: number;
  /** Idle awaiters on one promise, and on how many servers of each kind. */
  idleAwaiters: number;
  idleServers: number;
  /** Searched among so many; settlements that a follower sees. */
  found: { promises: number; searches: number; repetitions: number; settles: number };
  sdk: {
    /** Calls of each kind, one after the other, and how many of each before. */
    calls: Record<"run" | "rpc" | "chain" | "steps" | "human" | "sleep", number>;
    warmUps: number;
    /** Tasks for connected workers to claim, and tasks that wait when the workers come. */
    tasks: number;
    backlog: number;
    workers: number;
    /** Connected workers with nothing to do, in ten groups: for how long until and while measured. */
    idle: { workers: number; beforeMs: number; whileMs: number };
  };
}

export const WHOLE: Plan = {
  repetitions: 12,
  warmUps: 5000,
  ids: 500,
  reads: 6000,
  warmIds: 200,
  lifecycles: 80,
  wakeUps: [
    { awaiters: 1, repetitions: 60 },
    { awaiters: 1, repetitions: 60, deadline: true },
    { awaiters: 100, repetitions: 10 },
    { awaiters: 1000, repetitions: 6 },
  ],
  polls: 30,
  idleAwaiters: 1000,
  idleServers: 3,
  found: { promises: 100_000, searches: 40, repetitions: 5, settles: 500 },
  sdk: {
    calls: { run: 200, rpc: 200, chain: 50, steps: 60, human: 100, sleep: 20 },
    warmUps: 30,
    tasks: 2000,
    backlog: 500,
    workers: 50,
    // An object hibernates after ten idle seconds, and a worker is sent a sign of life every ten.
    idle: { workers: 1000, beforeMs: 13_000, whileMs: 20_000 },
  },
};

export const QUICK: Plan = {
  repetitions: 3,
  warmUps: 300,
  ids: 100,
  reads: 1000,
  warmIds: 50,
  lifecycles: 40,
  wakeUps: [
    { awaiters: 1, repetitions: 10 },
    { awaiters: 100, repetitions: 3 },
    { awaiters: 1000, repetitions: 1 },
  ],
  polls: 5,
  idleAwaiters: 300,
  idleServers: 1,
  found: { promises: 1000, searches: 10, repetitions: 2, settles: 20 },
  sdk: {
    calls: { run: 5, rpc: 5, chain: 5, steps: 5, human: 5, sleep: 1 },
    warmUps: 2,
    tasks: 200,
    backlog: 100,
    workers: 50,
    idle: { workers: 100, beforeMs: 500, whileMs: 1000 },
  },
};

/** The plan that a server survives which may open this many files: see target.ts. */
export function within(plan: Plan, liveIdsMax: number): Plan {
  const few = (count: number): number => Math.max(1, Math.min(count, Math.floor(liveIdsMax / 2)));
  return {
    ...plan,
    ids: few(plan.ids),
    warmIds: few(plan.warmIds),
    lifecycles: few(plan.lifecycles),
    wakeUps: plan.wakeUps.map((wakeUp) => ({ ...wakeUp, awaiters: few(wakeUp.awaiters) })),
    idleAwaiters: few(plan.idleAwaiters),
    sdk: { ...plan.sdk, tasks: few(plan.sdk.tasks), backlog: few(plan.sdk.backlog) },
  };
}
