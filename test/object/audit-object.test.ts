/** One part of the audit log: entries written once, completed, found, and bounded in number and age. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../client/src/protocol.ts";
import { AUDIT_SHARDS, auditName, type Act } from "../../src/machine/audit.ts";
import type { AuditObject } from "../../src/object/audit-object.ts";
import {
  deployment,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from "./runtime.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const KEPT_MAX = LIMITS.auditEntriesMax / AUDIT_SHARDS;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2100, 0, 1) });
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

function log(): DurableObjectStub<AuditObject> {
  return deployment().AUDIT.getByName(auditName(0));
}

function act(id: string, more: Partial<Act> = {}): Act {
  const at = Date.now();
  const who = { who: "ada", kind: "key", from: "api", request: "r" } as const;
  return { id, at, did: "key.create", on: `on-${id}`, ...who, ...more };
}

async function found(query: object = {}): Promise<string[]> {
  const { acts } = await log().find({ limit: 1000, ...query });
  return acts.map(({ id, status }) => (status === undefined ? id : `${id} ${status}`));
}

describe("an entry", () => {
  it("is written once, and completed", async () => {
    const one = act("a");
    await log().begin(one);
    expect(await found()).toEqual(["a"]);
    await log().begin(one);
    await log().end({ ...one, status: 204 });
    expect(await found()).toEqual(["a 204"]);
    // A try that comes late takes nothing back.
    await log().begin(one);
    expect(await found()).toEqual(["a 204"]);
  });

  it("outlives the object in memory", async () => {
    await log().begin(act("a"));
    await evictDurableObject(log());
    expect(await found()).toEqual(["a"]);
  });

  it("that was never begun is not completed", async () => {
    await log().end(act("a", { status: 200 }));
    expect(await found()).toEqual([]);
    await log().begin(act("b"));
    await log().end(act("a", { status: 200 }));
    expect(await found()).toEqual(["b"]);
  });
});

describe("looking", () => {
  it("writes nothing where nothing is", async () => {
    expect(await found()).toEqual([]);
    await runInDurableObject(log(), (_, { storage }) => {
      expect([...storage.kv.list()]).toEqual([]);
      expect(storage.sql.databaseSize).toBeLessThan(20_000);
    });
  });

  it("finds the newest first, of one millisecond by their ids, from a place on", async () => {
    const now = Date.now();
    for (const [id, at] of [
      ["b", now],
      ["a", now],
      ["c", now - 5],
      ["d", now + 5],
    ] as const) {
      await log().begin(act(id, { at }));
    }
    expect(await found()).toEqual(["d", "b", "a", "c"]);
    expect(await found({ before: { at: now, id: "b" } })).toEqual(["a", "c"]);
    expect(await found({ on: "on-a" })).toEqual(["a"]);
    const page = await log().find({ limit: 2 });
    expect(page.until).toEqual({ at: now, id: "b" });
    expect((await log().find({ limit: 5 })).until).toBeUndefined();
  });

  it("for the rare gives up after a while, and says how far it has come", async () => {
    await log().begin(act("rare", { at: 1, who: "ben" }));
    await fill(6000);
    const page = await log().find({ limit: 10, who: "ben" });
    expect(page.acts).toEqual([]);
    const rest = await log().find({ limit: 10, who: "ben", before: page.until });
    expect(rest.acts.map(({ id }) => id)).toEqual(["rare"]);
  });
});

describe("what is too much", () => {
  it("goes, the oldest first", { timeout: 60_000 }, async () => {
    await log().begin(act("first", { at: 1 }));
    await fill(KEPT_MAX);
    await evictDurableObject(log());
    await log().begin(act("last"));
    const count = await countOf();
    expect(count).toBeLessThanOrEqual(KEPT_MAX);
    expect(count).toBeGreaterThan(KEPT_MAX - 1000);
    expect(await found({ limit: 1 })).toEqual(["last"]);
    expect(await found({ before: { at: 2, id: "" } })).toEqual([]);
  });
});

describe("what is too old", () => {
  it("goes by an alarm, which comes again for the next", async () => {
    await log().begin(act("a"));
    await log().begin(act("b", { at: Date.now() + DAY_MS }));
    const alarm = () => runInDurableObject(log(), (_, { storage }) => storage.getAlarm());
    expect(await alarm()).toBe(Date.now() + 90 * DAY_MS);
    // Early it does nothing but set itself again.
    vi.setSystemTime(Date.now() + 89 * DAY_MS);
    await runDurableObjectAlarm(log());
    expect(await found()).toEqual(["b", "a"]);
    vi.setSystemTime(Date.now() + DAY_MS);
    await runDurableObjectAlarm(log());
    expect(await found()).toEqual(["b"]);
    expect(await alarm()).toBe(Date.now() + DAY_MS);
    vi.setSystemTime(Date.now() + DAY_MS);
    await runDurableObjectAlarm(log());
    expect(await found()).toEqual([]);
    expect(await alarm()).toBeNull();
    await log().begin(act("c"));
    expect(await alarm()).toBe(Date.now() + 90 * DAY_MS);
  });
});

/** Entries of somebody, after the first millisecond and before now. */
async function fill(count: number): Promise<void> {
  await runInDurableObject(log(), (_, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
       INSERT INTO act (at, id, entry) SELECT 1000 + i, 'f' || i, json_object('at', 1000 + i,
         'id', 'f' || i, 'who', 'ada', 'kind', 'key', 'did', 'key.create', 'from', 'api',
         'request', 'r') FROM n`,
      count,
    );
  });
}

function countOf(): Promise<number> {
  return runInDurableObject(
    log(),
    (_, { storage }) =>
      storage.sql.exec<{ count: number }>("SELECT COUNT(*) AS count FROM act").one().count,
  );
}
