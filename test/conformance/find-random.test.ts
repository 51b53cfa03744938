/**
 * Random searches of a few hundred random promises against the model in `find-model.ts`: every page,
 * every order, every count. The truth about a promise is what its own address says, and what
 * `task.get` says of its task. `SEED=…` repeats a run.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  NEVER,
  SORTS,
  STATE_WORDS,
  TASK_STATES,
  WRITABLE_STATES,
  type PromiseRecord,
  type PromiseSummary,
  type TaskSummary,
} from "../../client/src/protocol.ts";
import { createRandom, type Random } from "../model/seeded.ts";
import { find, findAll, parametersOf, summaryOf, type Finder } from "./finding.ts";
import { parametersFor, search, type Query } from "./find-model.ts";
import { rpcClient, type RpcClient } from "./rpc-client.ts";
import { recordOf, startService, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

const given = process.env["SEED"];
const SEEDS = given === undefined ? [1, Date.now() >>> 0] : [Number(given)];
const PROMISES = 300;
const QUERIES = 400;
/** Promises are made, and queries asked, so many at a time. */
const LANES = 6;
/** More would say nothing new. */
const PAGES_MAX = 25;

const PARTS = ["shop", "Shop", "a_b", "50%", "[x]", "ü", "😀", "w*w", "a", '"', "\\", "a b"];
const TAG_KEYS = ["region", "Region", "a.b", "a[b]", "__proto__", '"q"', "ключ"];
const TAG_VALUES = ["eu", "EU", "", "x y", "ü%_", "1", "😀*"];
const TITLES = ["Refund?", "Ärger im Haus", "50% off_now"];
const PEOPLE = ["ada@example.com", "Bob O'Neill"];
const HOUR = 3_600_000;
/** Few instants for many promises, as ties are where an order breaks. */
const PAST = [1_500_000_000_000, 1_500_000_000_001, 1_600_000_000_000];
const start = Date.now();
const AHEAD = [start + HOUR, start + HOUR + 1, start + 24 * HOUR];

let service: Service;
let rpc: RpcClient;
let finder: Finder;
let truth: PromiseSummary[];

beforeAll(async () => {
  service = await startService();
  rpc = rpcClient(service.url);
  finder = { service, headers: {} };
  const random = createRandom(SEEDS[0] ?? 0);
  const lives = Array.from({ length: PROMISES }, (_, place) => drawLife(random, place));
  truth = await inLanes(lives, live);
  await eventually(expectKnown);
});

async function expectKnown(): Promise<void> {
  const found = await findAll(finder, parametersOf("view=summary&sort=id&limit=1000"));
  expect(found).toEqual(search(truth, { sort: "id" }));
}

afterAll(() => service.stop());

test.each(SEEDS)(`seed %i: ${QUERIES} random searches find what the model finds`, async (seed) => {
  const random = createRandom(seed);
  const queries = Array.from({ length: QUERIES }, () => drawQuery(random));
  const useful = new Set<string>();
  await inLanes(queries, async (query) => {
    const expected = search(truth, query);
    const limit = random.pick(
      [1, 2, 7, 50, 100, 1000].filter((size) => expected.length <= size * PAGES_MAX),
    );
    const asked = parametersFor(query);
    asked.push(["limit", String(limit)], ["view", "summary"], ["count", "true"]);
    const label = `SEED=${seed} ${JSON.stringify(asked)}`;
    const found = await findAll(finder, asked);
    const [has, should] = [found, expected].map((list) => list.map(({ id }) => id));
    expect(has?.filter((id) => !should?.includes(id)).slice(0, 9), `${label}, too many`).toEqual(
      [],
    );
    expect(should?.filter((id) => !has?.includes(id)).slice(0, 9), `${label}, missing`).toEqual([]);
    expect(found, label).toEqual(expected);
    expect((await find(finder, asked)).count, label).toBe(expected.length);
    if (expected.length > 0 && expected.length < PROMISES) {
      for (const name of Object.keys(query)) useful.add(name);
    }
  });
  // Each parameter has told some promises from others, or the searches were too narrow to say.
  const all = "createdAfter createdBefore deadlineAfter deadlineBefore id q settledAfter ";
  expect([...useful].toSorted()).toEqual(
    `${all}settledBefore sort states tagKeys tags task`.split(" "),
  );
});

test("full records are what their own addresses say, in the same order", async () => {
  const query: Query = { sort: "-deadline" };
  const expected = search(truth, query);
  const found = await findAll<PromiseRecord>(finder, [...parametersFor(query), ["limit", "40"]]);
  expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
  const records = await inLanes(expected, async ({ id }) => recordOf(await service.read(id)));
  expect(found).toEqual(records);
});

interface Life {
  id: string;
  body: object;
  settle?: (typeof WRITABLE_STATES)[number];
  task?: "acquired" | "halted";
}

function drawLife(random: Random, place: number): Life {
  const depth = random.pick([1, 2, 3]);
  const parts = Array.from({ length: depth }, () => random.pick(PARTS));
  const id = [...parts, place].join(random.pick(["/", "/", ":"]));
  const tags: Record<string, string> = Object.create(null);
  while (random.chance(0.55)) tags[random.pick(TAG_KEYS)] = random.pick(TAG_VALUES);
  const isTask = random.chance(0.2);
  if (isTask) tags["resonate:target"] = random.pick(["poll://any@one", "poll://any@two"]);
  const isTimer = !isTask && random.chance(0.15);
  if (isTimer) tags["resonate:timer"] = "true";
  const timeout = random.pick([undefined, ...PAST, ...AHEAD]);
  const body = {
    tags,
    ...(timeout !== undefined && { timeout }),
    ...(!isTimer && random.chance(0.2) && { onTimeout: { state: random.pick(WRITABLE_STATES) } }),
    ...(random.chance(0.2) && { form: { title: random.pick(TITLES) } }),
    ...(random.chance(0.2) && { requestedBy: random.pick(PEOPLE) }),
  };
  const isPast = timeout !== undefined && timeout < start;
  return {
    id,
    body,
    ...(isTask && !isPast && random.chance(0.6) && { task: random.pick(["acquired", "halted"]) }),
    ...(!isPast && random.chance(0.4) && { settle: random.pick(WRITABLE_STATES) }),
  };
}

/** Lives it, and reads what came of it. */
async function live({ id, body, settle, task }: Life): Promise<PromiseSummary> {
  const made = await service.create(id, body);
  expect(made.status, made.text).toBe(201);
  const isTask = "resonate:target" in recordOf(made).tags;
  if (task !== undefined) {
    await ok("task.acquire", { id, version: 0, pid: `pid of ${id}`, ttl: HOUR });
  }
  if (task === "halted") await ok("task.halt", { id });
  if (settle !== undefined) {
    expect((await service.settle(id, { state: settle })).status).toBe(201);
  }
  const summary = summaryOf(recordOf(await service.read(id)));
  return isTask ? { ...summary, task: await taskOf(id) } : summary;
}

async function ok(kind: string, data: object): Promise<unknown> {
  const reply = await rpc.send(kind, data);
  expect(reply.status, `${kind} ${JSON.stringify(data)}`).toBe(200);
  return reply.data;
}

async function taskOf(id: string): Promise<TaskSummary> {
  // SAFETY: the protocol's shape; a wrong one fails the comparison.
  const { task } = (await ok("task.get", { id })) as { task: TaskSummary };
  const { state, version, pid } = task;
  return { state, version, ...(pid !== undefined && { pid }) };
}

function drawQuery(random: Random): Query {
  const query: Query = {};
  const some = random.pick(truth);
  if (random.chance(0.25)) query.id = drawPattern(random, some.id);
  if (random.chance(0.25)) query.states = many(random, STATE_WORDS);
  if (random.chance(0.2)) {
    const own = Object.entries(some.tags);
    const tags = own.length > 0 && random.chance(0.8) ? many(random, own) : [];
    query.tags = [...new Map(tags.length > 0 ? tags : [[random.pick(TAG_KEYS), "eu"]])];
  }
  if (random.chance(0.15)) {
    query.tagKeys = many(random, random.chance(0.5) ? TAG_KEYS : ["resonate:target", "region"]);
  }
  for (const name of ["created", "settled", "deadline"] as const) {
    if (random.chance(0.1)) query[`${name}After`] = drawInstant(random);
    if (random.chance(0.1)) query[`${name}Before`] = drawInstant(random);
  }
  if (random.chance(0.2)) query.q = drawWords(random, some);
  if (random.chance(0.1)) query.task = random.pick(["any", ...TASK_STATES]);
  if (random.chance(0.85)) query.sort = random.pick(SORTS);
  // To ask for the settlements of what is pending makes no sense, and is refused.
  if (query.sort?.endsWith("settled") && query.states?.every((word) => /^pending$/i.test(word))) {
    query.states.push("settled");
  }
  return query;
}

/** One of these at the least, none of them twice. */
function many<T>(random: Random, from: readonly T[]): T[] {
  const some = from.filter(() => random.chance(0.3));
  return some.length > 0 ? some : [random.pick(from)];
}

/** The id, or the id with parts of it left open, in whole characters. */
function drawPattern(random: Random, id: string): string {
  const letters = Array.from(id);
  const cut = random.pick(letters.map((_, place) => place));
  const end = cut + random.pick([0, 1, 2, 5]);
  return random.pick([
    id,
    "*",
    `${letters.slice(0, cut).join("")}*`,
    `*${letters.slice(cut).join("")}`,
    `*${letters.slice(cut, end).join("")}*`,
    `${letters.slice(0, cut).join("")}*${letters.slice(end).join("")}`,
    letters.slice(0, cut + 1).join(""),
    `${random.pick(PARTS)}/*`,
  ]);
}

function drawInstant(random: Random): number {
  const { createdOn, completedOn = createdOn, timeout } = random.pick(truth);
  const instant = random.pick([createdOn, completedOn, timeout === NEVER ? start : timeout]);
  return instant + random.pick([-1, 0, 0, 1]);
}

function drawWords(random: Random, { id, tags, title = "", requestedBy = "" }: PromiseSummary) {
  const texts = [id, title, requestedBy, ...Object.entries(tags).flat()].join(" ").split(/[/ ]+/);
  const words = many(
    random,
    texts.filter((text) => text !== ""),
  ).slice(0, 3);
  const turned = words.map((word) =>
    random.pick([
      word,
      word.toUpperCase(),
      word.toLowerCase(),
      Array.from(word).slice(0, 3).join(""),
    ]),
  );
  return turned.join(random.pick([" ", "  "]));
}

/** All of them, a few at a time, in any order; the results in theirs. */
async function inLanes<T, R>(list: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = list.entries();
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      for (const [place, item] of queue) results[place] = await work(item);
    }),
  );
  return results;
}
