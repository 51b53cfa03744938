/**
 * Random lives of promises, and many who follow them as live lists under all kinds of filters, on lines
 * that break at any event: in the end each list, kept by its events alone, is what a fresh search
 * finds, and that is what the promises say of themselves. `SEED=…` repeats the lives.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { WRITABLE_STATES, type PromiseSummary } from "../../client/src/protocol.ts";
import { createRandom, type Random } from "../model/seeded.ts";
import { findAll, summaryOf, type Finder, type Parameters } from "./finding.ts";
import { parametersFor, search, type Query } from "./find-model.ts";
import { Follower, LINES } from "./follower.ts";
import { rpcClient, type RpcClient } from "./rpc-client.ts";
import { recordOf, startService, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

const given = process.env["SEED"];
const SEEDS = given === undefined ? [1, Date.now() >>> 0] : [Number(given)];
const STEPS = 250;
/** Few, so that each has a long life, and is born again after its end. */
const IDS = 30;
const FILTERS: Query[] = [
  {},
  { states: ["pending"] },
  { states: ["settled"] },
  { states: ["RESOLVED", "REJECTED_TIMEDOUT"] },
  { id: "*/odd/*", sort: "deadline" },
  { sort: "-settled" },
  { tags: [["colour", "red"]] },
  { tagKeys: ["colour"], states: ["pending"], sort: "id" },
  { q: "BLUE odd" },
  { task: "any", states: ["pending"] },
  { task: "acquired" },
];

let service: Service;
let rpc: RpcClient;
let finder: Finder;

beforeAll(async () => {
  service = await startService();
  rpc = rpcClient(service.url);
  finder = { service, headers: {} };
});

afterAll(() => service.stop());

test.each(SEEDS)("seed %i: every live list ends up as what a search finds", async (seed) => {
  const random = createRandom(seed);
  const run = `run-${seed}`;
  const within = (query: Query): Query => ({
    ...query,
    tags: [["run", run], ...(query.tags ?? [])],
  });
  const followers = await Promise.all(
    FILTERS.flatMap((filter) =>
      LINES.map((line) =>
        Follower.open(finder, line, [...parametersFor(within(filter)), ["limit", "1000"]]),
      ),
    ),
  );
  const ids = Array.from({ length: IDS }, (_, place) => {
    return `${run}/${place % 2 === 0 ? "even" : "odd"}/${place}`;
  });
  const did = new Map<string, number>();
  const broken = new Map<string, number>();
  for (let step = 0; step < STEPS; step += 1) {
    // A few at once, as in life; never two on one promise.
    const some = ids.filter(() => random.chance(0.12));
    await Promise.all(
      some.map(async (id) => {
        const what = await happen(random, run, id);
        did.set(what, (did.get(what) ?? 0) + 1);
      }),
    );
    await Promise.all(followers.map((follower) => read(random, follower, broken)));
  }
  await eventually(async () => {
    const truth = await look(ids);
    for (const [place, filter] of FILTERS.entries()) {
      const query = within(filter);
      const asked: Parameters = [...parametersFor(query), ["view", "summary"]];
      const found = await findAll(finder, asked);
      const label = `SEED=${seed} ${JSON.stringify(filter)}`;
      expect(withoutTasks(found), `${label}, the search`).toEqual(
        search(withoutTasks(truth), query),
      );
      for (const follower of followers.slice(place * LINES.length, (place + 1) * LINES.length)) {
        if (follower.hasEnded) await follower.connect();
        while (follower.take());
        expect(sorted([...follower.found.values()]), `${label}, on a ${follower.line}`).toEqual(
          sorted(found),
        );
      }
    }
  });
  for (const follower of followers) follower.drop();
  for (const what of ["create", "settle", "purge", "dispose", "acquire", "halt"]) {
    expect(did.get(what) ?? 0, what).toBeGreaterThan(3);
  }
  for (const line of LINES) expect(broken.get(line) ?? 0, line).toBeGreaterThan(20);
});

/** Takes some of what has come; the line may break between any two events. */
async function read(
  random: Random,
  follower: Follower,
  broken: Map<string, number>,
): Promise<void> {
  if (follower.hasEnded) {
    if (random.chance(0.3)) await follower.connect(random.pick(["header", "parameter"]));
    return;
  }
  const patience = random.pick([0, 0, 1, 3, 1_000]);
  for (let taken = 0; taken < patience && follower.take() !== undefined; taken += 1);
  if (!random.chance(0.04)) return;
  follower.drop();
  broken.set(follower.line, (broken.get(follower.line) ?? 0) + 1);
}

/** Something that may happen to a promise; says what it was, and whether it did. */
async function happen(random: Random, run: string, id: string): Promise<string> {
  const what = random.pick([
    "create",
    "create",
    "create",
    "settle",
    "settle",
    "purge",
    "dispose",
    "acquire",
    "acquire",
    "halt",
    "extend",
  ]);
  const ok = await perform(random, what, run, id);
  return ok ? what : `no ${what}`;
}

async function perform(random: Random, what: string, run: string, id: string): Promise<boolean> {
  switch (what) {
    case "create": {
      const body = drawBirth(random, run);
      return (await service.create(id, body)).status === 201;
    }
    case "settle": {
      const state = random.pick(WRITABLE_STATES);
      return (await service.settle(id, { state })).status === 201;
    }
    case "purge":
      return (await service.send("DELETE", service.address(id))).status === 204;
    case "dispose": {
      if (random.chance(0.7)) return false;
      const there = (await service.read(id)).status === 200;
      const body = { promiseId: id };
      return (await service.send("POST", "/promise/dispose", { body })).status === 200 && there;
    }
    case "acquire": {
      const ttl = random.pick([300, 60_000]);
      const version = random.pick([0, 0, 0, 1]);
      return (await rpc.send("task.acquire", { id, version, pid: "p", ttl })).status === 200;
    }
    case "extend": {
      const timeout = Date.now() + random.pick([500, 3_600_000]);
      return (await service.settle(id, { timeout })).status === 200;
    }
    default:
      return (await rpc.send("task.halt", { id })).status === 200;
  }
}

function drawBirth(random: Random, run: string): object {
  const timeout = random.pick([
    undefined,
    1_600_000_000_000,
    "1h",
    ...[300, 800, 1_200, 2_500].map((ms) => Date.now() + ms),
  ]);
  const colour = random.pick([undefined, "red", "blue", "Blue"]);
  const isTask = random.chance(0.6);
  const step = { after: random.pick([200, 900, 1_500]) };
  const settles = { ...step, settle: { state: random.pick(WRITABLE_STATES) } };
  const extend = { ...step, extend: random.pick([400, 3_600_000]) };
  const settlesOrExtends = timeout === undefined ? settles : random.pick([settles, extend]);
  return {
    tags: {
      run,
      ...(colour !== undefined && { colour }),
      ...(isTask && { "resonate:target": "poll://any@random" }),
    },
    ...(timeout !== undefined && { timeout }),
    ...(random.chance(0.3) && { escalation: [settlesOrExtends] }),
    ...(random.chance(0.2) && { retention: random.pick([0, 700, "1h"]) }),
  };
}

/** What every promise says of itself that is there. */
async function look(ids: string[]): Promise<PromiseSummary[]> {
  const answers = await Promise.all(ids.map((id) => service.read(id)));
  const there = answers.filter(({ status }) => status === 200).map(recordOf);
  return Promise.all(there.map((record) => withTask(summaryOf(record))));
}

async function withTask(summary: PromiseSummary): Promise<PromiseSummary> {
  if (!("resonate:target" in summary.tags)) return summary;
  const { data } = await rpc.send("task.get", { id: summary.id });
  // SAFETY: the protocol's shape, of which only the state is used by a query.
  const { task } = data as { task: NonNullable<PromiseSummary["task"]> };
  return { ...summary, task };
}

/** A task's state is compared by the queries for it; its details are the search's own test. */
function withoutTasks(promises: PromiseSummary[]): PromiseSummary[] {
  return promises.map(({ task, ...rest }) =>
    task === undefined ? rest : { ...rest, task: { state: task.state, version: task.version } },
  );
}

function sorted(promises: PromiseSummary[]): PromiseSummary[] {
  return promises.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
