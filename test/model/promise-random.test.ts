// Random lives of several promises, told to the machine and to the model side by side. A failure prints
// its seed and the shortest story that still fails; SEED=<number> runs that seed alone.

import { describe, expect, test } from "vitest";

import { FAULTS } from "./faults.ts";
import { INVARIANTS } from "./invariants.ts";
import { explain, run, shrink } from "./random.ts";

/** All that can be asked and answered. A pair that is not here must never happen, each that is here must. */
const PAIRS = [
  ...["created", "repeated", "exists"].map((outcome) => `create ${outcome}`),
  ...["settled", "repeated", "late", "lost", "absent"].map((outcome) => `settle ${outcome}`),
  ...["settled", "repeated", "late", "lost"].map((outcome) => `settleOrCreate ${outcome}`),
  ...["purged", "pending", "absent"].map((outcome) => `purge ${outcome}`),
  ...["disposed", "absent"].map((outcome) => `dispose ${outcome}`),
  ...["settled", "purged", "unchanged"].map((outcome) => `wake ${outcome}`),
  ...["absent", "pending", "resolved", "rejected", "rejected_canceled", "rejected_timedout"].flatMap(
    (state) => [`read ${state}`, `await ${state}`],
  ),
  ...["decided by onTimeout", "of a timer", "timed out"].map((how) => `deadline ${how}`),
].sort();

const STEPS_AT_LEAST = 3_000;
const STEPS_MAX = 30_000;

// A fresh seed beside the fixed ones, so that every run of the suite also looks where nobody has looked.
const given = process.env["SEED"];
const SEEDS = given === undefined ? [1, 2, 3, 5, 8, 13, Date.now() >>> 0] : [Number(given)];

describe("random lives of promises", () => {
  test.each(SEEDS)("seed %i: the machine, the model and the invariants agree at every step", (seed) => {
    const result = run(seed, {
      stepsMax: STEPS_MAX,
      done: ({ steps, pairs }) => steps.length >= STEPS_AT_LEAST && pairs.size >= PAIRS.length,
    });
    if (result.broken.length > 0) expect.fail(explain(shrink(result)));
    expect([...result.pairs].sort(), `SEED=${seed} has met every pair, and no other`).toEqual(PAIRS);
  });

  test("the same seed tells the same story, byte for byte", () => {
    const [once, again, other] = [7, 7, 11].map((seed) => run(seed, { stepsMax: 1_000 }).trace.join("\n"));
    expect(again).toBe(once);
    expect(other).not.toBe(once);
  });
});

describe("the random test finds planted faults", () => {
  const found = new Set<string>();

  test.each(Object.entries(FAULTS))("%s", (_, machine) => {
    const result = run(1, { machine, stepsMax: STEPS_MAX });
    expect(result.broken, "the fault was found").not.toEqual([]);
    for (const { rule } of result.broken) found.add(rule);

    const story = shrink(result, machine);
    expect(story.broken, "the shorter story fails too").not.toEqual([]);
    expect(story.steps.length).toBeLessThanOrEqual(5);
    for (const { rule } of story.broken) found.add(rule);
  });

  test("and every invariant is broken by at least one of them", () => {
    expect(Object.keys(INVARIANTS).filter((rule) => !found.has(rule))).toEqual([]);
  });
});
