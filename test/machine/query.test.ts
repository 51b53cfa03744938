/** What a search finds, in which order, and how the pages of the shards become one. */
import { describe, expect, it } from "vitest";
import { NEVER } from "../../client/src/protocol.ts";
import {
  nextRevision,
  promiseEntry,
  sameEntry,
  scheduleEntry,
} from "../../src/machine/index-entry.ts";
import { project, type PromiseRecord } from "../../src/machine/promise.ts";
import { compareIds, endOfPrefix, idFits, indexShardOf } from "../../src/machine/ids.ts";
import {
  mayHaveMore,
  mergePages,
  type Found,
  type Order,
  type Place,
} from "../../src/machine/order.ts";
import { promiseMatches, recordMatches, type PromiseTerms } from "../../src/machine/query.ts";
import { createRandom, type Random } from "../model/seeded.ts";

const born = { id: "p", birth: "b", param: {}, tags: {}, createdAt: 1, timeoutAt: 100 };
const pending: PromiseRecord = { ...born, state: "pending" };
const held: PromiseRecord = {
  ...pending,
  task: { state: "acquired", version: 3, resumes: ["x"], pid: "w", ttlMs: 9, expiresAt: 50 },
};

function found(record: PromiseRecord, terms: PromiseTerms, now = 10): boolean {
  return recordMatches(record, terms, now);
}

describe("a shard", () => {
  it("of an id is the same for ever", () => {
    const shards = ["a", "order-42", "purchase/user/7", "ü", "𝄞"].map((id) => indexShardOf(id, 8));
    expect(shards).toEqual([3, 7, 2, 1, 7]);
  });

  it.each([
    ["numbered", (n: number) => `order-${n}`],
    ["timed", (n: number) => `report/${1_700_000_000_000 + n * 60_000}`],
    ["far apart", (n: number) => `u/${n * 4096}/x`],
  ])("has its share of ids that are %s", (_, idOf) => {
    for (const shards of [1, 2, 7, 8, 64]) {
      const counts = Array.from({ length: shards }, () => 0);
      for (let n = 0; n < 400 * shards; n += 1) counts[indexShardOf(idOf(n), shards)]! += 1;
      expect(Math.min(...counts)).toBeGreaterThan(300);
      expect(Math.max(...counts)).toBeLessThan(500);
    }
  });
});

describe("the order of ids", () => {
  const IDS = [
    "",
    "a",
    "a/b",
    "ab",
    "b",
    "\u07FF",
    "\u0800",
    "\uD7FF",
    "\uE000",
    "\uFFFD",
    "𝄞",
    "😀",
  ];

  it("is that of their UTF-8 bytes", () => {
    const all = IDS.flatMap((a) => IDS.map((b) => a + b));
    for (const a of all) {
      for (const b of all) {
        const inBytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
        if (Math.sign(compareIds(a, b)) !== inBytes) expect.fail(`"${a}" and "${b}"`);
      }
    }
  });

  it("puts all ids of a prefix before its end, and no others", () => {
    for (const prefix of [...IDS.slice(1), "a\u{10FFFF}", "x\uD7FF"]) {
      const end = endOfPrefix(prefix)!;
      for (const rest of IDS) expect(compareIds(prefix + rest, end)).toBeLessThan(0);
      expect(compareIds(prefix, end)).toBeLessThan(0);
      expect(end.startsWith(prefix)).toBe(false);
      expect(end.isWellFormed()).toBe(true);
    }
    expect(endOfPrefix("")).toBeUndefined();
    expect(endOfPrefix("\u{10FFFF}")).toBeUndefined();
  });
});

describe("a promise is found", () => {
  it.each<[string, Partial<PromiseRecord>, PromiseRecord["state"]]>([
    ["rejected_timedout", {}, "rejected_timedout"],
    ["resolved, being a timer", { tags: { "resonate:timer": "true" } }, "resolved"],
    [
      "as onTimeout says",
      { onTimeout: { state: "rejected_canceled", value: {} } },
      "rejected_canceled",
    ],
  ])("past its deadline %s, though nobody has written that", (_, rest, state) => {
    const record = { ...pending, ...rest } as PromiseRecord;
    expect([99, 100].map((now) => found(record, { states: ["pending"] }, now))).toEqual([
      true,
      false,
    ]);
    expect([99, 100].map((now) => found(record, { states: [state] }, now))).toEqual([false, true]);
  });

  it("without a deadline at every instant", () => {
    expect(found({ ...pending, timeoutAt: NEVER }, { states: ["pending"] }, NEVER - 1)).toBe(true);
  });

  it("by the tags it has at least", () => {
    const tags = { a: "1", b: "2", constructor: "x" };
    const record = { ...pending, tags };
    const wanted: Record<string, string>[] = [{}, { a: "1" }, { b: "2", a: "1" }, tags];
    expect(wanted.filter((want) => !found(record, { tags: want }))).toEqual([]);
    const others = [{ a: "2" }, { c: "1" }, { a: "1", c: "" }, JSON.parse('{"__proto__":"x"}')];
    expect(others.filter((want) => found(record, { tags: want }))).toEqual([]);
    expect(found(pending, { tags: { toString: "x" } })).toBe(false);
  });

  it("by its task and who holds it, till it is over", () => {
    expect(found(pending, { task: "any" })).toBe(false);
    expect(found(held, { task: "any" })).toBe(true);
    expect(found(held, { task: "acquired", pid: "w" })).toBe(true);
    expect(found(held, { task: "acquired", pid: "v" })).toBe(false);
    expect(found(held, { task: "fulfilled" }, 100)).toBe(true);
    expect(found(held, { pid: "w" }, 100)).toBe(false);
  });

  it("in its entry as in its record, projected or not", () => {
    const states = [undefined, "pending", "resolved", "rejected_timedout"] as const;
    for (const record of [pending, held, { ...held, tags: { "resonate:timer": "true" } }]) {
      for (const now of [1, 99, 100, 101]) {
        for (const state of states) {
          for (const task of [undefined, "any", "acquired", "fulfilled"] as const) {
            const entry = promiseEntry(record, { revision: 1 });
            const terms = { ...(state && { states: [state] }), task };
            const expected = recordMatches(project(record, now), terms, now);
            expect(promiseMatches(entry, terms, now)).toBe(expected);
          }
        }
      }
    }
  });
});

describe("an entry", () => {
  it("is no news after a heartbeat, and is after an acquire", () => {
    const entry = promiseEntry(held, { revision: 1 });
    const { task } = held;
    const beaten = { ...held, task: { ...task!, expiresAt: 70, fenceUntil: 90 } } as PromiseRecord;
    expect(sameEntry(entry, promiseEntry(beaten, { revision: 2 }))).toBe(true);
    const next = { ...held, task: { ...task!, version: 4 } } as PromiseRecord;
    expect(sameEntry(entry, promiseEntry(next, { revision: 2 }))).toBe(false);
    const schedule = scheduleEntry({ id: "p", promiseTags: {} }, { revision: 1 });
    expect(sameEntry(entry, schedule)).toBe(false);
  });

  it("has a later stamp than all before, also in the same millisecond and on a slower clock", () => {
    const instants = [5, 5, 5, 6, 2, 7];
    let last = 0;
    const stamps = instants.map((now) => (last = nextRevision(last, now)));
    expect(stamps).toEqual(stamps.toSorted((a, b) => a - b));
    expect(new Set(stamps).size).toBe(instants.length);
    expect(nextRevision(0, 8)).toBeGreaterThan(last);
    expect(Number.isSafeInteger(nextRevision(0, Date.UTC(2250, 0)))).toBe(true);
  });
});

const ORDERS: Order[] = (["created", "id"] as const).flatMap((by) => [
  { by, descending: false },
  { by, descending: true },
]);

function drawFound(random: Random, by: Order["by"]): Found[] {
  const begin = ["a/", "b/", "\uFFFD/", "😀/"] as const;
  return Array.from({ length: 120 }, (_, n) => {
    const createdAt = random.pick([1, 2, 3, 4]);
    const record = { ...pending, id: random.pick(begin) + String(n), createdAt };
    return { key: by === "id" ? 0 : createdAt, entry: promiseEntry(record, { revision: 1 }) };
  });
}

function inOrder(all: Found[], { by, descending }: Order): Found[] {
  const direction = descending ? -1 : 1;
  return all.toSorted((a, b) => {
    const ids = compareIds(a.entry.id, b.entry.id);
    return by === "id" ? direction * ids : direction * (a.key - b.key) || ids;
  });
}

describe("the pages of all shards", () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    "have everything once and in order (seed %i)",
    (seed) => {
      const random = createRandom(seed);
      const order = random.pick(ORDERS);
      const all = inOrder(drawFound(random, order.by), order);
      const shards = random.pick([1, 3, 8]);
      const limit = random.pick([1, 2, 7, 200]);
      const seen: string[] = [];
      let after: Place | undefined;
      for (let page = 0; page === 0 || after; page += 1) {
        expect(page).toBeLessThan(1000);
        const last = after;
        const start = last ? all.findIndex(({ entry }) => entry.id === last.id) + 1 : 0;
        const asked = Array.from({ length: shards }, (_, shard) =>
          all
            .slice(start)
            .filter(({ entry }) => indexShardOf(entry.id, shards) === shard)
            .slice(0, limit + 1),
        );
        const share = Math.min(limit + 1, random.pick([1, 3, 300]));
        const shares = asked.map((page) => page.slice(0, share));
        for (const more of mayHaveMore(shares, order, share, limit)) shares[more] = asked[more]!;
        const { found, next } = mergePages(shares, order, limit);
        expect({ found, next }).toEqual({ next: undefined, ...mergePages(asked, order, limit) });
        expect(found.length).toBeLessThanOrEqual(limit);
        seen.push(...found.map(({ entry }) => entry.id));
        after = next;
      }
      expect(seen).toEqual(all.map(({ entry }) => entry.id));
    },
  );

  it("have no empty one after a last one that is full", () => {
    const order: Order = { by: "id", descending: false };
    const [a, b] = ["a", "b"].map((id): Found => ({
      key: 0,
      entry: promiseEntry({ ...pending, id }, { revision: 1 }),
    }));
    expect(mergePages([[a!], [b!]], order, 2)).toEqual({ found: [a, b] });
    expect(mergePages([[a!], [b!]], order, 1)).toEqual({ found: [a], next: { key: 0, id: "a" } });
  });
});

describe("a pattern", () => {
  it.each([
    ["a", "a", true],
    ["a", "ab", false],
    ["a*", "a", true],
    ["a*", "ba", false],
    ["*a", "ba", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*b*c", "axbxc", true],
    ["a*b*c", "acb", false],
    ["*ab*ab", "ab", false],
    ["*ab*ab", "abab", true],
    ["**", "", true],
    ["a?[b]", "a?[b]", true],
    ["a?[b]", "axb", false],
  ])("%s fits %s: %s", (pattern, id, fits) => {
    expect(idFits(id, pattern)).toBe(fits);
  });
});
