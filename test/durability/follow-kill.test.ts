/**
 * Live lists through `kill -9`: who comes again with the last event's id is told what happened before
 * the kill and was not told any more, what happened after it, and what time alone has done while
 * nothing ran. `SEED=…` repeats the lives.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { WRITABLE_STATES } from "../../client/src/protocol.ts";
import { findAll, type Finder, type Parameters } from "../conformance/finding.ts";
import { parametersFor, type Query } from "../conformance/find-model.ts";
import { Follower, LINES } from "../conformance/follower.ts";
import { startService, type Service } from "../conformance/service.ts";
import { createRandom, type Random } from "../model/seeded.ts";
import { eventually } from "../eventually.ts";

const ROUNDS = 4;
const STEPS = 40;
const given = process.env["SEED"];
const SEED = given === undefined ? Date.now() >>> 0 : Number(given);
const FILTERS: Query[] = [
  {},
  { states: ["pending"] },
  { states: ["settled"] },
  { tagKeys: ["red"], states: ["RESOLVED", "PENDING"] },
];

let service: Service;
let finder: Finder;

beforeAll(async () => {
  service = await startService();
  finder = { service, headers: {} };
});

afterAll(() => service.stop());

test(
  `seed ${SEED}: every live list comes to what a search finds through ${ROUNDS} kills`,
  { timeout: 120_000 },
  async () => {
    const random = createRandom(SEED);
    const followers = await Promise.all(
      FILTERS.flatMap((filter) => LINES.map((line) => openOn(filter, line))),
    );
    for (let round = 0; round < ROUNDS; round += 1) {
      const ids = Array.from({ length: 12 }, (_, place) => `round/${round}/${place}`);
      for (let step = 0; step < STEPS; step += 1) {
        await happen(random, random.pick(ids));
        for (const follower of followers) if (random.chance(0.2)) follower.take();
      }
      // Half of them leave before the kill, and miss what comes in between.
      const [early, late] = [followers.filter((_, place) => place % 3 === 0), followers];
      for (const follower of early) follower.drop();
      for (const id of ids) if (random.chance(0.5)) await happen(random, id);
      await service.crash();
      for (const id of ids) if (random.chance(0.5)) await happen(random, id);
      for (const follower of late) {
        while (follower.take());
        await follower.connect(random.pick(["header", "parameter"]));
      }
      await eventually(
        async () => {
          for (const [place, filter] of FILTERS.entries()) {
            const asked: Parameters = [...parametersFor(filter), ["view", "summary"]];
            const found = await findAll(finder, asked);
            for (const follower of followers.slice(place * 2, place * 2 + 2)) {
              while (follower.take());
              expect(follower.hasEnded).toBe(false);
              const label = `SEED=${SEED} round ${round} ${JSON.stringify(filter)}, ${follower.line}`;
              expect(byId([...follower.found.values()]), label).toEqual(byId(found));
            }
          }
          expect(Date.now()).toBeGreaterThan(lastDue);
        },
        { forMs: 30_000 },
      );
    }
    for (const follower of followers) follower.drop();
  },
);

function openOn(filter: Query, line: (typeof LINES)[number]): Promise<Follower> {
  return Follower.open(finder, line, [...parametersFor(filter), ["limit", "1000"]]);
}

/** The last deadline that will pass within this test. */
let lastDue = 0;

async function happen(random: Random, id: string): Promise<void> {
  const what = random.pick(["create", "create", "settle", "settle", "purge"]);
  if (what === "settle") {
    await service.settle(id, { state: random.pick(WRITABLE_STATES) });
  } else if (what === "purge") {
    await service.send("DELETE", service.address(id));
  } else {
    const due = Date.now() + random.pick([300, 900, 2_000, 3_600_000]);
    const tags = random.chance(0.5) ? { red: "1" } : {};
    const { status } = await service.create(id, { timeout: due, tags });
    if (status === 201 && due < Date.now() + 60_000) lastDue = Math.max(lastDue, due);
  }
}

function byId<T extends { id: string }>(list: T[]): T[] {
  return list.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
