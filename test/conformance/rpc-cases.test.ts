/**
 * Everything that was measured on Resonate's own servers, asked of ours over HTTP under the debug
 * clock: status, record, and how promise, task, timer, subscriptions and messages stand afterwards.
 * Where we mean to differ, `DIFFERENCES` names the rule and the model says what it comes to; a
 * difference that no longer is one fails.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { measure, type Found } from "../model/measure.ts";
import { ModelSubject } from "../model/subject.ts";
import { httpSubject } from "./http-subject.ts";
import { casesFrom, DIFFERENCES, type Case } from "./measured.ts";
import { startService, type Service } from "./service.ts";

/** Far from the real clock, so that whatever looks at that one is caught. */
const BASE = 1_000_000;
const CASES = casesFrom(BASE);
let service: Service;
let ours: Map<Case, Found>;
let modelled: Map<Case, Found>;

beforeAll(async () => {
  service = await startService({ env: { DEBUG_SURFACE: "true" } });
  modelled = await measure(new ModelSubject(), CASES, BASE);
  ours = await measure(await httpSubject(service.url), CASES, BASE);
});

afterAll(async () => {
  await service.stop();
});

describe("as measured", () => {
  test("the table is whole", () => {
    expect(CASES.length).toBe(435);
  });

  test.each(CASES.map((one) => [one.start, one.operation, one] as const))(
    "%s, %s",
    (start, operation, one) => {
      const { returned, ...outcome } = ours.get(one)!;
      const isIntended = DIFFERENCES.some(({ holds }) => holds(start, operation));
      const { returned: meant, ...model } = modelled.get(one)!;
      expect(outcome).toEqual(isIntended ? model : one.measured);
      if (isIntended) expect(outcome).not.toEqual(one.measured);
      expect(returned).toBe(meant);
    },
  );
});

test.each(DIFFERENCES)("$rule: there are cases of it", ({ holds }) => {
  expect(CASES.filter(({ start, operation }) => holds(start, operation))).not.toEqual([]);
});
