/**
 * Random requests to our server and to the server that Resonate's SDK carries in itself, under one
 * clock: every status and every record must be the same, but for what `rulings.ts` names.
 *
 * DIFFERENTIAL_OPS=100000 runs longer, SEED=<number> runs one seed again.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { compare } from "../model/compare.ts";
import { REFUSALS } from "../model/rulings.ts";
import { httpSubject } from "./http-subject.ts";
import { MEMORY, startService, type Service } from "./service.ts";

const OPERATIONS = Number(process.env["DIFFERENTIAL_OPS"] ?? 3_000);
// A fresh seed beside the fixed one, so that every run also looks where nobody has looked.
const given = process.env["SEED"];
const SEEDS = given === undefined ? [1, Date.now() >>> 0] : [Number(given)];
const LANES = 8;
/** On two busy cores; what a laptop needs is a tenth of it. */
const MS_PER_OPERATION = 40;

let service: Service;

beforeAll(async () => {
  service = await startService({ env: { DEBUG_SURFACE: "true" }, dir: MEMORY });
});

afterAll(async () => {
  await service.stop();
});

test.each(SEEDS)(
  "seed %i: our server answers as the SDK's does, but for the rulings",
  async (seed) => {
    const operations = Math.ceil(OPERATIONS / SEEDS.length);
    const subject = await httpSubject(service.url);
    const { answers, rulings } = await compare(subject, { seed, operations, lanes: LANES });
    const met = [...answers.keys()];
    // A run that never suspends, resumes, fences or refuses would agree with anything.
    expect(met).toEqual(expect.arrayContaining(ALWAYS_MET));
    expect([...rulings.keys()].toSorted()).toEqual(REFUSALS.map(({ rule }) => rule).toSorted());
  },
  30_000 + OPERATIONS * MS_PER_OPERATION,
);

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
