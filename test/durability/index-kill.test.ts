/**
 * `kill -9` of the real server while promises are made, settled and purged, again and again on one
 * folder: afterwards the index comes to say what the promises say, every one of them and no other,
 * by itself and in bounded time. First only searches are asked, as reading a promise might be what
 * mends its row; then every promise is held against its row. `SEED=…` repeats the kills.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { WRITABLE_STATES, type PromiseRecord, type State } from "../../client/src/protocol.ts";
import { startServer, type Server } from "../../src/local/server.ts";
import { compareIds } from "../conformance/find-model.ts";
import { summaryOf } from "../conformance/finding.ts";
import { createRandom, type Random } from "../model/seeded.ts";
import { eventually } from "../eventually.ts";

const ROUNDS = 8;
const CALLERS = 8;
const CONVERGING = { forMs: 60_000 };
const PAST = 1_600_000_000_000;
const given = process.env["SEED"];
const SEED = given === undefined ? Date.now() >>> 0 : Number(given);

const data = mkdtempSync(join(tmpdir(), "durable-promises-index-kill-"));
let server: Server;

afterAll(async () => {
  await server.stop();
  rmSync(data, { recursive: true, force: true });
});

/** What the callers know of one promise by the answers that they got. */
interface Known {
  /** The last answer's. Past its deadline a pending one has timed out. */
  state: State | "gone";
  timeout: number;
  /** The server was killed before it answered, or it goes by itself: it may be otherwise. */
  isUnsure: boolean;
}
const known = new Map<string, Known>();
/** Of these the settled ones go by themselves. */
const retained = new Set<string>();

test(
  `seed ${SEED}: the index comes to the truth through ${ROUNDS} kills under load`,
  { timeout: 240_000 },
  async () => {
    const random = createRandom(SEED);
    server = await startServer({ data });
    const port = Number(new URL(server.url).port);
    // How many a round makes depends on how fast the machine is; there are more rounds where it is slow.
    for (let round = 0; round < ROUNDS || (round < ROUNDS * 3 && !hasEnough()); round += 1) {
      await loadUntilKilled(random, round);
      server = await startServer({ data, port });
      await expectAnswersFound(`SEED=${SEED}, round ${round}`);
      await expectTruthFound(`SEED=${SEED}, round ${round}`);
    }
    for (const state of STATES_MET) expect(countOf(state), state).toBeGreaterThan(ROUNDS * 2);
  },
);

const STATES_MET = ["PENDING", "gone", ...WRITABLE_STATES] as const;

function countOf(state: (typeof STATES_MET)[number]): number {
  return [...known.values()].filter((one) => one.state === state).length;
}

function hasEnough(): boolean {
  return STATES_MET.every((state) => countOf(state) > ROUNDS * 2);
}

test("a rebuild compares every promise, says how far it is, and mends nothing", async () => {
  const count = await countAtRest();
  expect(count).toBeGreaterThan(0);
  const answer = await fetch(`${server.url}/index/rebuild`, { method: "POST" });
  expect(answer.status).toBe(202);
  await answer.arrayBuffer();
  await eventually(async () => {
    const shards = await shardsOf();
    expect(shards.reduce((sum, { promises }) => sum + promises, 0)).toBe(count);
    const checks = shards.flatMap(({ promises, check }) => (promises > 0 ? [check] : []));
    for (const check of checks) {
      expect(check).toMatchObject({ which: "all", doneAt: expect.any(Number) });
    }
    expect(checks.reduce((sum, check) => sum + (check?.compared ?? 0), 0)).toBe(count);
    expect(checks.reduce((sum, check) => sum + (check?.repaired ?? 0), 0)).toBe(0);
  }, CONVERGING);
  await expectTruthFound("after the rebuild");
}, 120_000);

test("a rebuild that is cut off by a kill leaves the index as it was", async () => {
  const before = await rows();
  const { port } = new URL(server.url);
  await (await fetch(`${server.url}/index/rebuild`, { method: "POST" })).arrayBuffer();
  await server.kill();
  server = await startServer({ data, port: Number(port) });
  expect(new Set((await rows()).keys())).toEqual(new Set(before.keys()));
  await expectTruthFound("after the kill");
}, 120_000);

/** Callers do what they like as fast as they can; the kill comes in the middle of it. */
async function loadUntilKilled(random: Random, round: number): Promise<void> {
  const answersUntilKill = random.pick([30, 60, 90, 120, 150]) + random.pick([0, 1, 2, 5, 8]);
  let answers = 0;
  let killed: Promise<void> | undefined;
  const older = [...known].filter(([, { isUnsure }]) => !isUnsure).map(([id]) => id);

  async function call(caller: number): Promise<void> {
    const own = older.filter((_, place) => place % CALLERS === caller);
    for (let turn = 0; killed === undefined; turn += 1) {
      const id = random.chance(0.4) || own.length === 0 ? `r${round}/c${caller}/${turn}` : "";
      if (id !== "") own.push(id);
      await act(random, id === "" ? random.pick(own.slice(-20)) : id);
      answers += 1;
      if (answers >= answersUntilKill) killed ??= server.kill();
    }
  }

  const calls = Array.from({ length: CALLERS }, (_, caller) => call(caller));
  // Those in flight at the kill fail; nothing was answered for them.
  const ends = await Promise.allSettled(calls);
  expect(killed, "the load ended before the kill").toBeDefined();
  await killed;
  const failures = ends.flatMap((end) => (end.status === "rejected" ? [String(end.reason)] : []));
  expect(failures.filter((text) => !/fetch failed|terminated|socket/i.test(text))).toEqual([]);
}

/** The next thing in the life of a promise. */
async function act(random: Random, id: string): Promise<void> {
  const before = known.get(id);
  const state = before === undefined ? "gone" : stateOf(before);
  if (state === "gone") return bear(random, id);
  if (before === undefined || before.isUnsure) return;
  before.isUnsure = true;
  before.state = await (state === "PENDING" && random.chance(0.9)
    ? settle(random, id, before.state)
    : remove(id, state));
  before.isUnsure = false;
}

async function settle(random: Random, id: string, before: Known["state"]) {
  const state = random.pick(WRITABLE_STATES);
  const status = await send("PATCH", addressOf(id), { state });
  // 200: its deadline was faster.
  expect([200, 201], id).toContain(status);
  return status === 201 ? state : before;
}

async function remove(id: string, state: Known["state"]): Promise<"gone"> {
  const status = await (state === "PENDING"
    ? send("POST", `${server.url}/promise/dispose`, { promiseId: id })
    : send("DELETE", addressOf(id)));
  expect([200, 204], id).toContain(status);
  return "gone";
}

async function bear(random: Random, id: string): Promise<void> {
  const due = Date.now() + random.pick([400, 1_500, 4_000]);
  const timeout = random.pick([Number.MAX_SAFE_INTEGER, Date.now() + 3_600_000, PAST, due]);
  const retention = random.chance(0.1) ? { retention: random.pick([0, 2_000]) } : {};
  if ("retention" in retention) retained.add(id);
  const tags = random.chance(0.5) ? { round: id.slice(0, 2), "ü%": '"' } : {};
  known.set(id, { state: "PENDING", timeout, isUnsure: true });
  const status = await send("PUT", addressOf(id), { timeout, tags, ...retention });
  expect(status, id).toBe(201);
  known.set(id, { state: "PENDING", timeout, isUnsure: "retention" in retention });
}

async function send(method: string, address: string, body?: object): Promise<number> {
  const response = await fetch(address, {
    method,
    headers: { "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  await response.arrayBuffer();
  return response.status;
}

function addressOf(id: string): string {
  return `${server.url}/promises/${encodeURIComponent(id)}`;
}

function stateOf({ state, timeout }: Known): Known["state"] {
  return state === "PENDING" && timeout <= Date.now() ? "REJECTED_TIMEDOUT" : state;
}

/** Everything that was answered for is found as it was answered, with nobody reading a promise. */
async function expectAnswersFound(label: string): Promise<void> {
  await eventually(async () => {
    const found = await rows();
    const wrong = [...known].flatMap(([id, one]) => {
      const row: Known["state"] = found.get(id)?.state ?? "gone";
      // A deadline may pass between the two looks.
      const isRight = [one.state, stateOf(one)].includes(row);
      return one.isUnsure || isRight ? [] : [`${id} is ${stateOf(one)}, and found ${row}`];
    });
    expect(wrong, label).toEqual([]);
  }, CONVERGING);
}

/** Every promise that was ever sent, or is found, is found exactly as its own address shows it. */
async function expectTruthFound(label: string): Promise<void> {
  let open = [...known.keys()];
  await eventually(async () => {
    const found = await rows();
    for (const id of found.keys()) expect(known.has(id), `${id} was never made`).toBe(true);
    const differing = await inLanes(open, async (id) => {
      const record = await read(id);
      const truth = record === undefined ? "gone" : JSON.stringify(summaryOf(record));
      const row = found.get(id);
      return truth === (row === undefined ? "gone" : JSON.stringify(row))
        ? []
        : [{ id, truth, row: JSON.stringify(row) ?? "gone" }];
    });
    const all = differing.flat();
    // Only these are asked again, and all of them once more when none is left.
    const isWhole = open.length === known.size;
    open = all.length > 0 ? all.map(({ id }) => id) : [...known.keys()];
    expect(all, label).toEqual([]);
    expect(isWhole, "all of them at once").toBe(true);
  }, CONVERGING);
}

async function read(id: string): Promise<PromiseRecord | undefined> {
  const response = await fetch(addressOf(id));
  const text = await response.text();
  expect([200, 404], `${id}: ${text}`).toContain(response.status);
  // SAFETY: the resource of protocol.ts.
  return response.status === 200 ? (JSON.parse(text) as PromiseRecord) : undefined;
}

type Row = ReturnType<typeof summaryOf>;

/** All that is found, by id. */
async function rows(): Promise<Map<string, Row>> {
  const found: Row[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const next: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const response = await fetch(`${server.url}/promises?view=summary&sort=id&limit=500${next}`);
    expect(response.status).toBe(200);
    // SAFETY: a page of protocol.ts.
    const page = (await response.json()) as { promises: Row[]; cursor: string | null };
    found.push(...page.promises);
    cursor = page.cursor;
  }
  const ids = found.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)].toSorted(compareIds));
  // Names in the order in which `summaryOf` has them, to be compared as text.
  return new Map(found.map((row) => [row.id, inOrder(row)]));
}

function inOrder({ id, state, timeout, tags, createdOn, completedOn, url, ...rest }: Row): Row {
  const settled = completedOn === undefined ? {} : { completedOn };
  return { id, state, timeout, tags, createdOn, ...settled, url, ...rest };
}

/** How many there are, when no more of them go by themselves. */
async function countAtRest(): Promise<number> {
  return eventually(async () => {
    const found = [...(await rows()).values()];
    const soon = Date.now() + 60_000;
    expect(found.filter(({ id, state }) => retained.has(id) && state !== "PENDING")).toEqual([]);
    expect(found.filter(({ state, timeout }) => state === "PENDING" && timeout < soon)).toEqual([]);
    return found.length;
  }, CONVERGING);
}

interface Shard {
  promises: number;
  check: { which: string; compared: number; repaired: number; doneAt?: number } | null;
}

async function shardsOf(): Promise<Shard[]> {
  const response = await fetch(`${server.url}/index`);
  // SAFETY: what it really is, is what the test goes on to assert.
  return ((await response.json()) as { shards: Shard[] }).shards;
}

async function inLanes<T, R>(list: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = list.entries();
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (const [place, item] of queue) results[place] = await work(item);
    }),
  );
  return results;
}
