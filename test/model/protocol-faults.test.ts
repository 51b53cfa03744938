// Whether the tests that judge the server could find anything: the model answers in its place, right
// or with one planted fault. Right, it must never be refused; with a fault, it must be every time.

import { describe, expect, test } from "vitest";

import { compare } from "./compare.ts";
import { Contention } from "./contention.ts";
import { FAULTS, FAULTS_OF_TIME } from "./protocol-faults.ts";
import { objectionTo } from "./protocol-history.ts";
import type { Call } from "./protocol-history.ts";
import { step } from "./protocol-model.ts";
import { EMPTY } from "./protocol-state.ts";
import { deliver, owed } from "./protocol-time.ts";
import { createRandom } from "./seeded.ts";
import { ModelSubject } from "./subject.ts";

const SEEDS = Array.from({ length: 60 }, (_, place) => place + 1);
const CLIENTS = [0, 1, 2, 3, 4, 5, 6, 7];
const OPERATIONS = 150;

/** Eight clients at once: each asks, is served at some instant, and hears of it at a later one. */
function overlap(seed: number, answer: typeof step): Call[] {
  const random = createRandom(seed);
  const clients = new Contention(random, "x");
  const history: Call[] = [];
  const asked = new Map<number, Call>();
  const served = new Map<number, Call>();
  let state = EMPTY;
  for (let clock = 1; history.length < OPERATIONS; clock += 1) {
    const client = random.pick(CLIENTS);
    const [due, over] = [asked.get(client), served.get(client)];
    if (over?.returned) {
      served.delete(client);
      over.returned.at = clock;
    } else if (due) {
      asked.delete(client);
      const { status, body, state: after } = answer(state, due.request, 0);
      state = after;
      due.returned = { at: Infinity, response: { status, body } };
      clients.learn(due.request, due.returned.response);
      served.set(client, due);
    } else {
      const request = clients.draw(client, history.length);
      const call: Call = { client, invokedAt: clock, request };
      asked.set(client, call);
      history.push(call);
    }
    const [next] = random.chance(0.3) ? owed(state, 0) : [];
    if (next) state = deliver(state, ...next, 0);
  }
  // Whoever was served and has not heard of it, nobody knows.
  for (const call of served.values()) delete call.returned;
  return history;
}

describe("histories of overlapping requests", () => {
  test("of the model are all explained", () => {
    for (const seed of SEEDS) expect(objectionTo(overlap(seed, step)), `${seed}`).toBeUndefined();
  });

  test.each(Object.keys(FAULTS))("are not, when %s", (fault) => {
    const faulty = FAULTS[fault] ?? step;
    const found = SEEDS.find((seed) => objectionTo(overlap(seed, faulty)) !== undefined);
    expect(found).toBeDefined();
  });
});

describe("requests one after another", () => {
  test.each(Object.entries({ ...FAULTS, ...FAULTS_OF_TIME }))(
    "differ, when %s",
    async (_, bent) => {
      const options = { seed: 1, operations: 20_000, lanes: 2, arrivalMs: 5 };
      const run = compare(new ModelSubject(bent), options);
      await expect(run).rejects.toThrow("expected");
    },
  );
});
