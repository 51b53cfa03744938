/**
 * A shard of the index in the real runtime: the newer entry wins whatever comes twice, late or in
 * another order, what is gone stays gone, and what it costs on the platform's bill, counted.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { IndexEntry, PromiseEntry } from "../../src/machine/index-entry.ts";
import { compareIds } from "../../src/machine/ids.ts";
import { keyOf, type Order } from "../../src/machine/order.ts";
import { projectEntry, promiseMatches, type PromiseTerms } from "../../src/machine/query.ts";
import { IndexStore } from "../../src/object/index-store.ts";
import { createRandom, type Random } from "../model/seeded.ts";
import {
  abortAllDurableObjects,
  create,
  evictDurableObject,
  indexAt,
  promiseAt,
  resolve,
  runDurableObjectAlarm,
  runInDurableObject,
} from "./runtime.ts";

const START = Date.UTC(2030, 0, 1);
const HOUR_MS = 3_600_000;
let number = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Each test has a shard of its own, so that it sees its own entries only. */
function freshShard() {
  return indexAt(100 + (number += 1));
}

function entry(id: string, revision: number, rest: Partial<PromiseEntry> = {}): PromiseEntry {
  return {
    kind: "promise",
    id,
    revision,
    birth: "b",
    state: "pending",
    timeoutState: "rejected_timedout",
    createdAt: START,
    timeoutAt: Number.MAX_SAFE_INTEGER,
    tags: {},
    ...rest,
  };
}

function settled(id: string, revision: number): PromiseEntry {
  const { timeoutState: _, ...rest } = entry(id, revision, { settledAt: START });
  return { ...rest, state: "resolved" };
}

const removed = (id: string, revision: number): IndexEntry => ({
  kind: "removed",
  of: "promise",
  id,
  revision,
});

function held(id: string, revision: number, pid: string, version = 1): PromiseEntry {
  return entry(id, revision, { task: { state: "acquired", version, resumes: 0, pid, ttlMs: 9 } });
}

type Shard = ReturnType<typeof indexAt>;

const BY_ID: Order = { by: "id", descending: false };

async function found(shard: Shard, terms: PromiseTerms = {}): Promise<PromiseEntry[]> {
  const page = await shard.find({ terms, order: BY_ID, asOf: START, limit: 100 }, START);
  return page.found.map(({ entry }) => entry);
}

async function ids(shard: Shard, terms: PromiseTerms = {}) {
  return (await found(shard, terms)).map(({ id }) => id);
}

async function versions(shard: Shard, terms: PromiseTerms) {
  return (await found(shard, terms)).map(({ id, task }) => ({ id, version: task?.version }));
}

describe("a shard of the index", () => {
  it("knows what was put after eviction and after a crash", async () => {
    const name = 100 + (number += 1);
    await indexAt(name).put([entry("b", 1), entry("a", 1)]);
    await evictDurableObject(indexAt(name));
    await indexAt(name).put([settled("c", 1)]);
    await abortAllDurableObjects();
    expect(await ids(indexAt(name))).toEqual(["a", "b", "c"]);
    expect(await ids(indexAt(name), { states: ["resolved"] })).toEqual(["c"]);
  });

  it("finds every column that a query asks for", async () => {
    const shard = freshShard();
    const task = { state: "suspended", version: 4, resumes: 2 } as const;
    await shard.put([
      entry("a/1", 1, { tags: { 'q"uote': "\n", "ü.$": "😀", a: "1" }, task }),
      entry("a/2", 1, { timeoutAt: START, timeoutState: "resolved" }),
      held("b", 1, "w", 7),
    ]);
    expect(await ids(shard, { tags: { 'q"uote': "\n", "ü.$": "😀" } })).toEqual(["a/1"]);
    expect(await ids(shard, { tags: { a: "2" } })).toEqual([]);
    expect(await versions(shard, { task: "suspended" })).toEqual([{ id: "a/1", version: 4 }]);
    // Past its deadline, and nobody has written that.
    expect(await ids(shard, { states: ["resolved"] })).toEqual(["a/2"]);
    expect(await ids(shard, { states: ["pending"] })).toEqual(["a/1", "b"]);
    expect(await versions(shard, { pid: "w" })).toEqual([{ id: "b", version: 7 }]);
    expect(await ids(shard, { pattern: "a/*" })).toEqual(["a/1", "a/2"]);
    expect(await ids(shard, { pattern: "a/2", states: ["pending"] })).toEqual([]);
  });

  it("keeps schedules apart from promises", async () => {
    const shard = freshShard();
    await shard.put([entry("x", 5), { kind: "schedule", id: "x", revision: 1, tags: { a: "1" } }]);
    const schedules = (tags: Record<string, string>) => shard.schedules({ tags, limit: 9 });
    expect(await schedules({ a: "1" })).toEqual(["x"]);
    expect(await schedules({ a: "2" })).toEqual([]);
    await shard.put([{ kind: "removed", of: "schedule", id: "x", revision: 2 }]);
    expect(await schedules({})).toEqual([]);
    expect(await ids(shard)).toEqual(["x"]);
  });

  it("has the order of SQLite where JavaScript has another", async () => {
    const shard = freshShard();
    await shard.put(["😀", "\uFFFD", "\uD7FF", "a"].map((id) => entry(id, 1)));
    expect(await ids(shard)).toEqual(["a", "\uD7FF", "\uFFFD", "😀"]);
  });

  it("puts all or none", async () => {
    const shard = freshShard();
    await shard.put([entry("a", 1)]);
    const bad = { ...entry("c", 1), state: null } as unknown as PromiseEntry;
    const failed = await runInDurableObject(shard, (object) =>
      object.put([settled("a", 2), entry("b", 1), bad]).catch(String),
    );
    expect(failed).toContain("NOT NULL");
    expect(await ids(shard, { states: ["pending"] })).toEqual(["a"]);
    expect(await ids(shard)).toEqual(["a"]);
  });

  it("says of 10,000 what the machine says, whatever is asked, and counts as many", async () => {
    const random = createRandom(7);
    const shard = freshShard();
    const all = Array.from({ length: 10_000 }, (_, n) => drawEntry(random, n));
    await shard.put(all);
    for (let asked = 0; asked < 60; asked += 1) {
      const terms = drawTerms(random);
      const order = random.pick<Order>([
        BY_ID,
        { by: "created", descending: true },
        { by: "settled", descending: false },
        { by: "deadline", descending: true },
      ]);
      const expected = inOrder(all, terms, order);
      const search = { terms, order, asOf: START, limit: 50 };
      const page = await shard.find(search, START, true);
      expect(page.found.map(({ entry }) => entry.id)).toEqual(expected.slice(0, 50));
      expect(page.count).toBe(expected.length);
      const after = page.found[page.found.length >> 1];
      if (!after) continue;
      const place = { key: after.key, id: after.entry.id };
      const rest = await shard.find({ ...search, after: place }, START);
      const from = expected.indexOf(place.id) + 1;
      expect(rest.found.map(({ entry }) => entry.id)).toEqual(expected.slice(from, from + 50));
    }
  });

  it("is written nothing by a look", async () => {
    const shard = freshShard();
    expect(await ids(shard)).toEqual([]);
    await runDurableObjectAlarm(shard);
    const tables = await runInDurableObject(
      shard,
      (_, { storage }) => storage.sql.exec("SELECT name FROM sqlite_master").toArray().length,
    );
    expect(tables).toBe(0);
  });

  it("refuses when the number of shards has changed", async () => {
    const shard = freshShard();
    await shard.put([entry("a", 1)]);
    await runInDurableObject(shard, (_, { storage }) => {
      storage.kv.put("index", { layout: 2, shards: 4 });
    });
    await evictDurableObject(shard);
    const refusals = await runInDurableObject(shard, async (object) => {
      const put = await object.put([entry("b", 1)]).catch(String);
      try {
        return [put, await object.find({ terms: {}, order: BY_ID, asOf: START, limit: 1 }, START)];
      } catch (error) {
        return [put, String(error)];
      }
    });
    for (const refusal of refusals) expect(refusal).toContain("INDEX_SHARDS was 4");
  });
});

describe("the newer entry", () => {
  it("wins, and of two lives of an id the later one", async () => {
    const shard = freshShard();
    await shard.put([settled("a", 3)]);
    await shard.put([entry("a", 2)]);
    await shard.put([settled("a", 3)]);
    expect(await ids(shard, { states: ["resolved"] })).toEqual(["a"]);
    await shard.put([removed("a", 4)]);
    await shard.put([settled("a", 3), entry("a", 2), removed("a", 4)]);
    expect(await ids(shard)).toEqual([]);
    await shard.put([entry("a", 5, { birth: "c" })]);
    await shard.put([settled("a", 3), removed("a", 4)]);
    expect(await ids(shard, { states: ["pending"] })).toEqual(["a"]);
  });

  it.each(Array.from({ length: 10 }, (_, seed) => seed))(
    "wins in whatever order, and however often, they come (seed %i)",
    async (seed) => {
      const random = createRandom(seed);
      const shard = freshShard();
      const history = ["a", "b", "c"].flatMap((id) => lives(random, id));
      const sent = shuffled(random, [...history, ...history.filter(() => random.chance(0.3))]);
      while (sent.length > 0) await shard.put(sent.splice(0, random.pick([1, 2, 5])));
      const last = ["a", "b", "c"].map((id) => history.findLast((said) => said.id === id)!);
      const there = last.filter(({ kind }) => kind === "promise") as PromiseEntry[];
      expect(await ids(shard)).toEqual(there.map(({ id }) => id));
      const open = there.filter(({ state }) => state === "pending");
      expect(await ids(shard, { states: ["pending"] })).toEqual(open.map(({ id }) => id));
    },
  );

  it("after a removal is remembered for an hour, by an alarm that may come early or twice", async () => {
    const shard = freshShard();
    await shard.put([entry("a", 1), removed("a", 2)]);
    vi.setSystemTime(START + 1000);
    await shard.put([removed("b", 2)]);
    const alarm = () => runInDurableObject(shard, (_, { storage }) => storage.getAlarm());
    expect(await alarm()).toBe(START + HOUR_MS);
    await runDurableObjectAlarm(shard);
    expect(await alarm()).toBe(START + HOUR_MS);
    await shard.put([entry("a", 1)]);
    expect(await ids(shard)).toEqual([]);
    vi.setSystemTime(START + HOUR_MS + 1);
    await runDurableObjectAlarm(shard);
    expect(await alarm()).toBe(START + HOUR_MS + 1000);
    vi.setSystemTime(START + 2 * HOUR_MS);
    await runDurableObjectAlarm(shard);
    // What is left is that it asks the promises once a day.
    expect(await alarm()).toBe(START + 24 * HOUR_MS);
    await runInDurableObject(shard, (object) => object.alarm());
    const left = await runInDurableObject(
      shard,
      (_, { storage }) => storage.sql.exec("SELECT * FROM removed").toArray().length,
    );
    expect(left).toBe(0);
  });
});

describe("a check", () => {
  it("repairs what is wrong and counts no other, not even what is put meanwhile", async () => {
    const shard = freshShard();
    const target = { "resonate:target": "poll://any@nobody" };
    await promiseAt("check/task").apply(create("check/task", { tags: target }));
    for (const id of ["check/plain", "check/settled"]) await promiseAt(id).apply(create(id));
    const all = ["check/task", "check/plain", "check/settled"];
    await shard.put(await Promise.all(all.map((id) => promiseAt(id).indexEntry())));
    await promiseAt("check/settled").apply(resolve("1"));
    // Elsewhere too, lest it be counted in another test.
    await Promise.all(all.map((id) => promiseAt(id).indexed()));
    await shard.rebuild();
    await Promise.all([runDurableObjectAlarm(shard), shard.put([entry("other", 1)])]);
    expect((await shard.status(START)).check).toMatchObject({ compared: 3, repaired: 1 });
    expect(await ids(shard, { states: ["resolved"] })).toEqual(["check/settled"]);
  });
});

describe("on the bill", () => {
  it("an entry is one row, one more while its task is held, and a late one none", async () => {
    const shard = freshShard();
    await shard.put([entry("a", 1)]);
    const rows = await countRows(shard);
    const costs: Record<string, number> = {};
    for (const [what, said] of [
      ["created", entry("b", 1)],
      ["acquired", held("b", 2, "w")],
      ["acquired again", held("b", 3, "v", 2)],
      ["settled", settled("b", 4)],
      ["late", entry("b", 1)],
      ["twice", settled("b", 4)],
      ["removed", removed("b", 5)],
      ["late after that", settled("b", 4)],
    ] as const) {
      const before = rows();
      await shard.put([said]);
      costs[what] = rows() - before;
    }
    expect(costs).toEqual({
      created: 1,
      acquired: 2,
      "acquired again": 2,
      settled: 1,
      late: 0,
      twice: 0,
      // And one under a key of its own, for the count of what is gone.
      removed: 2,
      "late after that": 0,
    });
  });

  it("the leases of a holder are found without a look at the others", async () => {
    const shard = freshShard();
    await shard.put(Array.from({ length: 50 }, (_, n) => held(`h/${n}`, 1, `w${n % 10}`)));
    const read = await countRows(shard, "rowsRead");
    const before = read();
    expect(await ids(shard, { pid: "w3" })).toHaveLength(5);
    expect(read() - before).toBeLessThanOrEqual(12);
  });

  it("what is put together is one transaction", async () => {
    const shard = freshShard();
    await shard.put([entry("a", 1)]);
    const put = vi.spyOn(IndexStore.prototype, "put");
    await runInDurableObject(shard, (object) =>
      Promise.all(Array.from({ length: 20 }, (_, n) => object.put([entry(`n/${n}`, 1)]))),
    );
    expect(put).toHaveBeenCalledTimes(1);
    expect(await ids(shard)).toHaveLength(21);
  });
});

const STATES = [
  "pending",
  "resolved",
  "rejected",
  "rejected_canceled",
  "rejected_timedout",
] as const;
const WORDS = ["alpha", "Beta", "größe", 'qu"ote', "x"] as const;

function drawEntry(random: Random, n: number): PromiseEntry {
  const state = random.pick(STATES);
  const id = `${random.pick(["a/", "b/", "😀/", ""])}${random.pick(WORDS)}/${n}`;
  const word = (): string => random.pick(WORDS);
  const common = entry(id, 1, {
    createdAt: START - random.pick([0, 5, 1000, 1_000_000]) - (n % 7),
    timeoutAt: random.pick([Number.MAX_SAFE_INTEGER, START, START - 1, START + 1, START + 5000]),
    timeoutState: random.pick(["rejected_timedout", "resolved"]),
    tags: random.pick([{}, { k: word() }, { k: word(), 'k"2': word() }, { 'x,"k': "alpha" }]),
    ...(random.chance(0.2) && { title: word() }),
    ...(random.chance(0.2) && { requestedBy: `${word()}@example.com` }),
    ...(random.chance(0.2) && {
      task: { state: random.pick(["pending", "acquired"] as const), version: 1, resumes: 0 },
    }),
  });
  if (state === "pending") return common;
  const { timeoutState: _, task: __, ...rest } = common;
  return { ...rest, state, settledAt: START - random.pick([0, 1, 77]) };
}

function drawTerms(random: Random): PromiseTerms {
  const at = (): number => START + random.pick([-1000, -5, 0, 1]);
  const may = <T>(value: T): T | undefined => (random.chance(0.25) ? value : undefined);
  return {
    states: may(random.pick([["pending"], ["resolved", "pending"], STATES.slice(1), ["rejected"]])),
    tags: may(random.pick([{ k: "alpha" }, { k: 'qu"ote' }, { 'k"2': "x" }])),
    hasTags: may([random.pick(["k", 'k"2', 'x,"k', "none"])]),
    pattern: may(random.pick(["a/*", "*x*", "*/77", "😀/*7", "b/größe/*"])),
    words: may([random.pick(["alp", "beta", "größe", 'u"o', "7", "example"])]),
    created: may({ from: at() }),
    settled: may({ before: at() }),
    deadline: may(random.pick([{ from: at() }, { before: at() }])),
    task: may(random.pick(["any", "pending", "fulfilled"])),
    within: may(random.pick([["a/*"], ["b/alpha/*", "a/x/*"], ["nothing"]])),
  };
}

/** The ids of what the machine says is found, in order. */
function inOrder(all: PromiseEntry[], terms: PromiseTerms, order: Order): string[] {
  const direction = order.descending ? -1 : 1;
  return all
    .filter((one) => promiseMatches(one, terms, START))
    .flatMap((one) => {
      const key = keyOf(projectEntry(one, START), order.by, START);
      return key === undefined ? [] : [{ id: one.id, key }];
    })
    .toSorted((a, b) => direction * (a.key - b.key) || compareIds(a.id, b.id))
    .map(({ id }) => id);
}

/** What an object says of an id, in its order: lives that end with a purge, the last one perhaps not. */
function lives(random: Random, id: string): IndexEntry[] {
  const said: IndexEntry[] = [];
  const next = () => said.length + 1;
  for (let life = random.pick([1, 2, 3]); life > 0; life -= 1) {
    const birth = `b${life}`;
    said.push(entry(id, next(), { birth }));
    if (random.chance(0.7)) said.push({ ...settled(id, next()), birth });
    if (life > 1 || random.chance(0.4)) said.push(removed(id, next()));
  }
  return said;
}

function shuffled<T>(random: Random, items: T[]): T[] {
  const left = [...items];
  const order = [];
  while (left.length > 0) order.push(...left.splice(left.indexOf(random.pick(left)), 1));
  return order;
}

/** Counts what the runtime bills for the statements of the shard from now on. */
async function countRows(
  shard: Shard,
  what: "rowsWritten" | "rowsRead" = "rowsWritten",
): Promise<() => number> {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  await runInDurableObject(shard, (_, { storage }) => {
    const sql: SqlStorage = Object.getPrototypeOf(storage.sql);
    const exec = sql.exec;
    vi.spyOn(sql, "exec").mockImplementation(function (this: SqlStorage, ...asked) {
      const cursor = exec.apply(this, asked);
      cursors.push(cursor);
      return cursor;
    } as typeof exec);
  });
  return () => cursors.reduce((sum, cursor) => sum + cursor[what], 0);
}
