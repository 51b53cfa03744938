// The protocol's model before it judges anybody: it answers each measured case as the real server
// did, but for the intended differences.

import { describe, expect, test } from "vitest";

import { casesFrom, DIFFERENCES } from "../conformance/measured.ts";
import { compare } from "./compare.ts";
import { measure } from "./measure.ts";
import { REFUSALS } from "./rulings.ts";
import { ModelSubject } from "./subject.ts";

const BASE = 1_000_000;
const CASES = casesFrom(BASE);
const found = await measure(new ModelSubject(), CASES, BASE);

describe("the model, as measured", () => {
  test("the table is whole", () => {
    expect(CASES.length).toBe(435);
  });

  test.each(CASES.map((one) => [one.start, one.operation, one] as const))(
    "%s, %s",
    (start, operation, one) => {
      const { returned: _, ...outcome } = found.get(one)!;
      const differs = DIFFERENCES.filter(({ holds }) => holds(start, operation));
      expect(differs.length).toBeLessThan(2);
      if (differs.length === 0) expect(outcome).toEqual(one.measured);
      else expect(outcome).not.toEqual(one.measured);
    },
  );
});

describe("the model, beside the SDK's own server", () => {
  test.each([1, 2, 3])("seed %i: the same answers, but for the rulings", async (seed) => {
    const subject = new ModelSubject();
    const options = { seed, operations: 10_000, lanes: 4, arrivalMs: 5 };
    const { rulings } = await compare(subject, options);
    expect([...rulings.keys()].toSorted()).toEqual(REFUSALS.map(({ rule }) => rule).toSorted());
  });
});
