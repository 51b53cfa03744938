// Draws steps from a seed and runs them in lockstep: same seed, same steps, same trace. It aims at
// the instants where promises go wrong (just before, at and just after a deadline or the end of a
// retention) and at clashes (few ids, few keys). When a run fails it looks for the shortest story
// that still fails.

import { createRandom, type Random } from "./seeded.ts";
import { NEVER } from "../../client/src/protocol.ts";
import { Lockstep, MACHINE } from "./lockstep.ts";
import type { Broken, Machine, Step } from "./lockstep.ts";
import type { View } from "./model.ts";

export interface Run {
  seed: number;
  steps: Step[];
  /** One line a step: what was asked, what was answered. */
  trace: string[];
  /** Every pair "command outcome" that happened, and every way in which a deadline won. */
  pairs: Set<string>;
  /** What the last step broke; empty when the run went well. */
  broken: Broken[];
}

const IDS = ["a", "b", "shop/42"] as const;
const KEYS = [undefined, undefined, "one", "two", ""] as const;
const STATES = ["resolved", "rejected", "rejected_canceled"] as const;
const TAGS = [
  {},
  {},
  { "resonate:timer": "true" },
  { "resonate:timeout": "true" },
  { "resonate:timer": "false", "resonate:target": "poll://any@x" },
];
const OFTEN = ["create", "create", "settle", "settle", "settle", "extend"] as const;
const KINDS = [...OFTEN, "wake", "read", "await"] as const;

/** Runs until `done` says so, or something breaks, or `stepsMax` steps were taken. */
export function run(seed: number, options: Options): Run {
  const { machine = MACHINE, stepsMax, done = () => false } = options;
  const random = createRandom(seed);
  const lockstep = new Lockstep(machine);
  const result: Run = { seed, steps: [], trace: [], pairs: new Set(), broken: [] };
  let now = 1_000;
  while (result.broken.length === 0 && result.steps.length < stepsMax && !done(result)) {
    const views = IDS.map((id) => lockstep.model.look(id, now));
    now = drawInstant(random, now, views);
    take(lockstep, result, drawStep(random, now, result.steps.length));
  }
  // Nobody may be left waiting: every deadline and retention passes, every alarm rings at last.
  for (const id of IDS) {
    if (result.broken.length > 0) break;
    take(lockstep, result, { now: now + 1_000_000, id, command: { kind: "wake" } });
  }
  return result;
}

interface Options {
  stepsMax: number;
  /** @default the machine of src/ */
  machine?: Machine;
  /** @default never */
  done?: (run: Run) => boolean;
}

/** The failing run without the steps that it does not need; the other ids go first. */
export function shrink(failed: Run, machine: Machine = MACHINE): Run {
  const fails = (steps: Step[]): boolean => replay(failed.seed, steps, machine).broken.length > 0;
  const id = failed.steps.at(-1)?.id;
  const alone = failed.steps.filter((step) => step.id === id);
  let steps = fails(alone) ? alone : failed.steps;
  for (let size = steps.length >> 1; size >= 1; size >>= 1) {
    for (let at = steps.length - size; at >= 0; at -= size) {
      const fewer = steps.toSpliced(at, size);
      if (fails(fewer)) steps = fewer;
    }
  }
  return replay(failed.seed, steps, machine);
}

export function explain(run: Run): string {
  const rules = run.broken.map(({ rule, sentence }) => `  ${rule}: ${sentence}`);
  return [`SEED=${run.seed} broke, in ${run.steps.length} steps:`, ...run.trace, ...rules].join(
    "\n",
  );
}

function replay(seed: number, steps: Step[], machine: Machine): Run {
  const lockstep = new Lockstep(machine);
  const result: Run = { seed, steps: [], trace: [], pairs: new Set(), broken: [] };
  for (const step of steps) {
    take(lockstep, result, step);
    if (result.broken.length > 0) break;
  }
  return result;
}

function take(lockstep: Lockstep, run: Run, step: Step): void {
  const { outcome, shown, broken } = lockstep.take(step);
  const { command } = step;
  const kind = command.kind === "settle" && command.orCreate ? "settleOrCreate" : command.kind;
  run.steps.push(step);
  run.trace.push(`${JSON.stringify(step)} -> ${outcome} ${JSON.stringify(shown)}`);
  run.pairs.add(`${kind} ${outcome}`);
  if (shown?.settledAt === shown?.timeoutAt && shown !== null) run.pairs.add(deadlineOf(shown));
  run.broken.push(...broken);
}

function deadlineOf({ onTimeout, state }: View): string {
  if (onTimeout !== undefined) return "deadline decided by onTimeout";
  return state === "resolved" ? "deadline of a timer" : "deadline timed out";
}

function drawStep(random: Random, now: number, count: number): Step {
  const id = random.pick(IDS);
  const kind = random.chance(0.06) ? "purge" : random.chance(0.03) ? "dispose" : random.pick(KINDS);
  // Every step's data is its own, so that no loser's value can pass for the winner's.
  const data = { data: JSON.stringify({ step: count }) };
  const key = random.pick(KEYS);
  const asked = { strict: random.chance(0.4), ...(key !== undefined && { idempotencyKey: key }) };
  const retention = random.chance(0.4) ? { retentionMs: random.pick([0, 1, 10, 300]) } : {};
  if (kind === "settle") {
    const orCreate = random.chance(0.3) && { orCreate: { id, birth: "example", ...retention } };
    const command = { kind, state: random.pick(STATES), value: data, ...asked, ...orCreate };
    return { now, id, command };
  }
  const delay = random.pick([-1_000, -1, 0, 1, 2, 5, 30, 200, 200]);
  const timeoutAt = random.chance(0.15) ? NEVER : random.chance(0.04) ? -5 : now + delay;
  if (kind === "extend") return { now, id, command: { kind, timeoutAt } };
  if (kind !== "create") return { now, id, command: { kind } };
  const state = random.pick(STATES);
  const onTimeout = random.chance(0.2) && {
    onTimeout: { state, value: { ...data, headers: { by: "time" } } },
  };
  const terms = {
    birth: random.pick(["rest", "rpc"]),
    param: data,
    tags: random.pick(TAGS),
    timeoutAt,
  };
  return { now, id, command: { kind, id, ...terms, ...onTimeout, ...retention, ...asked } };
}

/** The clock stands still, steps, jumps, or lands beside an instant that matters. */
function drawInstant(random: Random, now: number, views: (View | null)[]): number {
  const [still, aimed] = [random.chance(0.5), random.chance(0.5)];
  if (still) return now;
  const instants = views.flatMap((view) => {
    if (view === null) return [];
    const { timeoutAt, settledAt = timeoutAt, retentionMs = 0 } = view;
    return [timeoutAt, settledAt + retentionMs].filter((at) => at > now && at < NEVER);
  });
  if (!aimed || instants.length === 0) return now + random.pick([1, 1, 2, 7, 40, 5_000]);
  return Math.max(now, random.pick(instants) + random.pick([-1, 0, 1]));
}
