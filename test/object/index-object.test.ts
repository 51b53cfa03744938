/**
 * A shard of the index in the real runtime: the newer entry wins whatever comes twice, late or in
 * another order, what is gone stays gone, and what it costs on the platform's bill, counted.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { IndexEntry, PromiseEntry } from "../../src/machine/index-entry.ts";
import type { Hit, PromiseTerms } from "../../src/machine/query.ts";
import { IndexStore } from "../../src/object/index-store.ts";
import { createRandom, type Random } from "../model/seeded.ts";
import {
  abortAllDurableObjects,
  evictDurableObject,
  indexAt,
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

async function hits(shard: Shard, terms: PromiseTerms & { prefix?: string } = {}): Promise<Hit[]> {
  return (await shard.search({ kind: "promise", ...terms, limit: 100 }, START)).hits;
}

async function ids(shard: Shard, terms: PromiseTerms & { prefix?: string } = {}) {
  return (await hits(shard, terms)).map(({ id }) => id);
}

describe("a shard of the index", () => {
  it("knows what was put after eviction and after a crash", async () => {
    const name = 100 + (number += 1);
    await indexAt(name).put([entry("b", 1), entry("a", 1)]);
    await evictDurableObject(indexAt(name));
    await indexAt(name).put([settled("c", 1)]);
    await abortAllDurableObjects();
    expect(await ids(indexAt(name))).toEqual(["a", "b", "c"]);
    expect(await ids(indexAt(name), { state: "resolved" })).toEqual(["c"]);
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
    expect(await hits(shard, { task: "suspended" })).toEqual([{ id: "a/1", version: 4 }]);
    // Past its deadline, and nobody has written that.
    expect(await ids(shard, { state: "resolved" })).toEqual(["a/2"]);
    expect(await ids(shard, { state: "pending" })).toEqual(["a/1", "b"]);
    expect(await hits(shard, { pid: "w" })).toEqual([{ id: "b", version: 7 }]);
    expect(await ids(shard, { prefix: "a/" })).toEqual(["a/1", "a/2"]);
    expect(await ids(shard, { prefix: "a/2", state: "pending" })).toEqual([]);
  });

  it("keeps schedules apart from promises", async () => {
    const shard = freshShard();
    await shard.put([entry("x", 5), { kind: "schedule", id: "x", revision: 1, tags: { a: "1" } }]);
    const schedules = (tags: Record<string, string>) =>
      shard.search({ kind: "schedule", tags, limit: 9 }, START);
    expect(await schedules({ a: "1" })).toEqual({ hits: [{ id: "x" }] });
    expect(await schedules({ a: "2" })).toEqual({ hits: [] });
    await shard.put([{ kind: "removed", of: "schedule", id: "x", revision: 2 }]);
    expect(await schedules({})).toEqual({ hits: [] });
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
    expect(await ids(shard, { state: "pending" })).toEqual(["a"]);
    expect(await ids(shard)).toEqual(["a"]);
  });

  it("gives up looking for the rare, and says how far it has come", async () => {
    const shard = freshShard();
    const many = Array.from({ length: 5001 }, (_, n) => entry(`n/${String(n).padStart(5)}`, 1));
    await shard.put([...many, settled("z", 1)]);
    const query = { kind: "promise", state: "resolved", limit: 5 } as const;
    const first = await shard.search(query, START);
    expect(first).toEqual({ hits: [], until: many[4999]!.id });
    expect(await shard.search({ ...query, after: first.until! }, START)).toEqual({
      hits: [{ id: "z" }],
    });
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
      storage.kv.put("index", { layout: 1, shards: 4 });
    });
    await evictDurableObject(shard);
    const refusals = await runInDurableObject(shard, async (object) => {
      const put = await object.put([entry("b", 1)]).catch(String);
      try {
        return [put, object.search({ kind: "promise", limit: 1 }, START)];
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
    expect(await ids(shard, { state: "resolved" })).toEqual(["a"]);
    await shard.put([removed("a", 4)]);
    await shard.put([settled("a", 3), entry("a", 2), removed("a", 4)]);
    expect(await ids(shard)).toEqual([]);
    await shard.put([entry("a", 5, { birth: "c" })]);
    await shard.put([settled("a", 3), removed("a", 4)]);
    expect(await ids(shard, { state: "pending" })).toEqual(["a"]);
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
      expect(await ids(shard, { state: "pending" })).toEqual(open.map(({ id }) => id));
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
    expect(await alarm()).toBeNull();
    await runInDurableObject(shard, (object) => object.alarm());
    const left = await runInDurableObject(
      shard,
      (_, { storage }) => storage.sql.exec("SELECT * FROM removed").toArray().length,
    );
    expect(left).toBe(0);
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
    expect(read() - before).toBeLessThanOrEqual(10);
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

/** What an object says of an id, in its order: lives that end with a purge, the last one perhaps not. */
function lives(random: Random, id: string): IndexEntry[] {
  const said: IndexEntry[] = [];
  const next = () => said.length + 1;
  for (let life = random.pick([1, 2, 3]); life > 0; life -= 1) {
    said.push(entry(id, next()));
    if (random.chance(0.7)) said.push(settled(id, next()));
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
