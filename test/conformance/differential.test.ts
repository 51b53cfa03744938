/**
 * Random requests to our server and to the server that Resonate's SDK carries in itself, under one
 * clock: every status and every record must be the same, but for what `rulings.ts` names.
 *
 * DIFFERENTIAL_OPS=100000 runs longer, SEED=<number> runs one seed again.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { compare } from "../model/compare.ts";
import { ask, creation, NEVER, TARGET } from "../model/protocol-request.ts";
import { REFUSALS } from "../model/rulings.ts";
import { httpSubject } from "./http-subject.ts";
import { startService, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

const OPERATIONS = Number(process.env["DIFFERENTIAL_OPS"] ?? 2_400);
/** What comes of this one is known: by agreeing, it must meet whatever there is to meet. */
const FIXED = 1;
// A fresh seed beside it, so that every run also looks where nobody has looked.
const given = process.env["SEED"];
const SEEDS = given === undefined ? [FIXED, Date.now() >>> 0] : [Number(given)];
const LANES = 8;
const ARRIVAL_MS = 15_000;
/** On two busy cores; what a laptop needs is a tenth of it. */
const MS_PER_OPERATION = 40;

let service: Service;

beforeAll(async () => {
  service = await startService({ env: { DEBUG_SURFACE: "true" } });
});

afterAll(async () => {
  await service.stop();
});

test.each(SEEDS)(
  "seed %i: our server answers as the SDK's does, but for the rulings",
  async (seed) => {
    const operations = Math.ceil(OPERATIONS / SEEDS.length);
    const subject = await httpSubject(service.url);
    const options = { seed, operations, lanes: LANES, arrivalMs: ARRIVAL_MS };
    const { answers, rulings } = await compare(subject, options);
    const met = [...answers.keys()];
    if (seed !== FIXED) return;
    // A run that never suspends, resumes, fences or refuses would agree with anything.
    expect(met).toEqual(expect.arrayContaining(ALWAYS_MET));
    expect([...rulings.keys()].toSorted()).toEqual(REFUSALS.map(({ rule }) => rule).toSorted());
  },
  30_000 + OPERATIONS * MS_PER_OPERATION,
);

test("a heartbeat of all leases reaches them by the clock of the request", async () => {
  const subject = await httpSubject(service.url);
  await subject.reset();
  // A deadline that is ahead under this clock, though long past under the real one.
  for (const timeoutAt of [5_000_000, NEVER]) {
    const made = creation(`beaten-${timeoutAt}`, { timeoutAt, tags: TARGET });
    await subject.ask(ask.taskCreate(made, "beater", 60_000), 1_000);
  }
  await eventually(async () => {
    await subject.ask(ask.heartbeat("beater", []), 1_500);
    const { timers } = await subject.snap();
    expect([...timers.values()]).toEqual([
      ["lease", 61_500],
      ["lease", 61_500],
    ]);
  });
});

const ALWAYS_MET = Object.entries({
  "promise.create": [200],
  "promise.settle": [200],
  "promise.register_callback": [200, 422],
  "promise.register_listener": [200],
  "task.create": [409],
  "task.acquire": [200, 409],
  "task.suspend": [200, 300, 422],
  "task.fence": [200, 409],
  "task.fulfill": [200],
  "task.release": [200],
  "task.halt": [200],
  "task.continue": [200],
  "task.heartbeat": [200],
}).flatMap(([kind, statuses]) => statuses.map((status) => `${kind} ${status}`));
