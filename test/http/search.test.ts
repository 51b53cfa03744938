/**
 * Searching at the edge, over all shards: pages that have everything once while everything changes,
 * records that are read where they live, and schedules that list themselves.
 */
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../client/src/protocol.ts";
import { Refusal } from "../../src/http/errors.ts";
import { fullPrincipal } from "../../src/http/principal.ts";
import type { KindName } from "../../src/http/rpc-rules.ts";
import { SEARCH_KINDS } from "../../src/http/rpc-search.ts";
import { findIds, leasesOf, readPage, searchSchedules } from "../../src/http/search.ts";
import { promiseEntry, removedEntry, type IndexEntry } from "../../src/machine/index-entry.ts";
import type { Create, PromiseRecord } from "../../src/machine/promise.ts";
import { indexShardOf } from "../../src/machine/ids.ts";
import { IndexObject } from "../../src/object/index-object.ts";
import { createRandom } from "../model/seeded.ts";
import {
  crash,
  create,
  deployment,
  indexAt,
  promiseAt,
  resolve,
  scheduleAt,
} from "../object/runtime.ts";
import { eventually } from "../eventually.ts";

const SHARDS = 8;
/** Later than whatever the objects themselves say. */
const LATEST = Number.MAX_SAFE_INTEGER - 1;
const TARGET = { "resonate:target": "poll://any@w" };
const principal = fullPrincipal("test", "loopback");
let number = 0;

afterEach(() => {
  vi.restoreAllMocks();
});

/** A tag that only the promises of one test have. */
function freshTag(): Record<string, string> {
  return { test: String((number += 1)) };
}

async function index(...entries: IndexEntry[]): Promise<void> {
  const shards = new Set(entries.map(({ id }) => indexShardOf(id, SHARDS)));
  const puts = Array.from(shards, (shard) =>
    indexAt(shard).put(entries.filter(({ id }) => indexShardOf(id, SHARDS) === shard)),
  );
  await Promise.all(puts);
}

function pending(id: string, tags: Record<string, string>): PromiseRecord {
  const { kind: _, strict: __, ...born } = create(id, { tags, birth: "b" });
  return { ...born, state: "pending", createdAt: 1 };
}

/** A promise that is there and indexed. */
async function made(id: string, rest: Partial<Create> = {}): Promise<PromiseRecord> {
  const { record } = await promiseAt(id).apply(create(id, rest));
  await index(promiseEntry(record!, { revision: 1 }));
  return record!;
}

interface Found extends Record<string, unknown> {
  id: string;
}

async function search(kind: KindName, data: object): Promise<{ found: Found[]; cursor?: string }> {
  const ask = { env: deployment(), principal, text: "", data, origin: "http://localhost" };
  const reply = await SEARCH_KINDS[kind]!(ask);
  expect(reply.status).toBe(200);
  const { cursor, ...rest } = JSON.parse(reply.data);
  return { found: rest[`${kind.slice(0, -7)}s`], ...(cursor !== undefined && { cursor }) };
}

describe("pages", () => {
  it.each(Array.from({ length: 8 }, (_, seed) => seed))(
    "have what was there throughout exactly once, while the rest comes and goes (seed %i)",
    async (seed) => {
      const random = createRandom(seed);
      const tags = freshTag();
      const idOf = (n: number) => `${random.pick(["a", "m", "\uFFFD", "😀"])}/${seed}/${n}`;
      const stays = Array.from({ length: 20 }, (_, n) => idOf(n));
      const moves = Array.from({ length: 20 }, (_, n) => idOf(n + 100));
      await index(...stays.map((id) => promiseEntry(pending(id, tags), { revision: 1 })));
      const limit = random.pick([1, 3, 10, 100]);
      const seen: string[] = [];
      let cursor: string | undefined;
      let revision = 1;
      do {
        const page: { ids: string[]; cursor?: string } = await findIds(
          deployment(),
          { tags },
          { limit, cursor },
          Date.now(),
        );
        seen.push(...page.ids);
        ({ cursor } = page);
        revision += 1;
        const changes = moves.filter(() => random.chance(0.2));
        const turn = { revision };
        await index(
          ...changes.map((id) =>
            random.chance(0.5)
              ? promiseEntry(pending(id, tags), turn)
              : removedEntry("promise", id, turn),
          ),
          // What stays may change too, as long as it is what is looked for.
          promiseEntry({ ...pending(random.pick(stays), tags), birth: String(revision) }, turn),
        );
      } while (cursor !== undefined);
      const known = new Set(stays);
      expect(seen.filter((id) => known.has(id)).toSorted()).toEqual(stays.toSorted());
      expect(new Set(seen).size).toBe(seen.length);
    },
  );

  it("end early where the records are long, and go on after the last one read", async () => {
    const ids = Array.from({ length: 40 }, (_, n) => String(n));
    const long = "x".repeat(LIMITS.searchTextMax / 20);
    const first = await readPage({ ids, cursor: "beyond" }, async () => long);
    expect(first.texts).toHaveLength(32);
    expect(first.cursor).toBe("31");
    const rest = await readPage({ ids: ids.slice(32), cursor: "beyond" }, async () => long);
    expect(rest).toMatchObject({ cursor: "beyond" });
  });
});

describe("promise.search", () => {
  it("answers the promises themselves, in the order of their ids, to the letter", async () => {
    const tags = freshTag();
    for (const id of ["s1/b", "s1/a", "s1/c"]) {
      await made(id, { tags, param: { data: "1.0" }, overProtocol: true });
    }
    const first = await search("promise.search", { tags, limit: 2 });
    expect(first).toMatchObject({
      found: [
        { id: "s1/a", state: "pending", tags, param: { data: 1 } },
        { id: "s1/b", state: "pending" },
      ],
      cursor: "s1/b",
    });
    const next = await search("promise.search", { tags, limit: 2, cursor: first.cursor });
    expect(next).toEqual({ found: [expect.objectContaining({ id: "s1/c" })] });
    const ask = {
      env: deployment(),
      principal,
      text: "",
      data: { tags },
      origin: "http://localhost",
    };
    expect((await SEARCH_KINDS["promise.search"]!(ask)).data).toContain('"param":{"data":1.0}');
  });

  it("leaves out what has gone, and what is not what the index takes it for", async () => {
    const tags = freshTag();
    const record = await made("s2/settled", { tags });
    await promiseAt("s2/settled").apply(resolve("1"));
    await index(
      promiseEntry(record, { revision: LATEST }),
      promiseEntry(pending("s2/gone", tags), { revision: LATEST }),
    );
    expect(await search("promise.search", { tags, state: "pending" })).toEqual({ found: [] });
    expect(await search("promise.search", { tags })).toMatchObject({
      found: [{ id: "s2/settled", state: "resolved" }],
    });
  });

  it("finds a promise past its deadline as it is, not as it is stored", async () => {
    const tags = freshTag();
    await made("s3/late", { tags, timeoutAt: Date.now() + 50_000 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    try {
      expect(await search("promise.search", { tags, state: "pending" })).toEqual({ found: [] });
      const { found } = await search("promise.search", { tags, state: "rejected_timedout" });
      expect(found).toMatchObject([{ id: "s3/late", state: "rejected_timedout" }]);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each<[KindName, string, object]>([
    ["promise.search", "state", { state: "PENDING" }],
    ["promise.search", "limit", { limit: 0 }],
    ["promise.search", "limit", { limit: 1001 }],
    ["promise.search", "limit", { limit: 1.5 }],
    ["promise.search", "limit", { limit: "5" }],
    ["promise.search", "tags", { tags: { a: 1 } }],
    ["promise.search", "cursor", { cursor: "" }],
    ["promise.search", "cursor", { cursor: 5 }],
    ["task.search", "state", { state: "resolved" }],
    ["schedule.search", "tags", { tags: [] }],
  ])("and the others refuse a bad field: %s, %s", async (kind, field, data) => {
    const refusal: unknown = await search(kind, data).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: "invalid_request", extra: { field: `data.${field}` } });
  });
});

describe("task.search", () => {
  it("answers the tasks of promises that have one", async () => {
    const tags = { ...freshTag(), ...TARGET };
    await made("s4/free", { tags });
    await made("s4/none");
    const command = { kind: "task.create", pid: "w", ttlMs: 60_000 } as const;
    const promise = create("s4/held", { tags });
    const { record } = await promiseAt("s4/held").task({ ...command, create: promise });
    await index(promiseEntry(record!, { revision: 1 }));
    const tasks = async (state?: string) =>
      (await search("task.search", { ...(state && { state }) })).found.map(({ id }) => id);
    expect((await tasks()).filter((id) => id.startsWith("s4/"))).toEqual(["s4/free", "s4/held"]);
    expect(await tasks("acquired")).toEqual(["s4/held"]);
    expect((await search("task.search", { state: "acquired" })).found).toEqual([
      { id: "s4/held", state: "acquired", version: 1, resumes: 0, pid: "w", ttl: 60_000 },
    ]);
    expect(await leasesOf(deployment(), "w")).toEqual([{ id: "s4/held", version: 1 }]);
    expect(await leasesOf(deployment(), "v")).toEqual([]);
  });
});

async function schedule(id: string, promiseTags: Record<string, string>) {
  const terms = {
    id,
    cron: "@daily",
    timezone: "UTC",
    promiseId: "{{.id}}/{{.timestamp}}",
    promiseTimeoutMs: 1000,
    promiseParam: { data: "[1.0]" },
    promiseTags,
  };
  return scheduleAt(id).create({ terms, birth: "b" });
}

async function schedules(tags: Record<string, string>): Promise<string[]> {
  return (await search("schedule.search", { tags })).found.map(({ id }) => id);
}

describe("schedules", () => {
  it("are found as soon as they are made, until they are removed", async () => {
    const tags = freshTag();
    await schedule("s5/b", tags);
    await schedule("s5/a", tags);
    await schedule("s5/other", {});
    expect(await search("schedule.search", { tags, limit: 1 })).toMatchObject({
      found: [{ id: "s5/a", cron: "@daily", promiseTimeout: 1000, promiseParam: { data: [1] } }],
      cursor: "s5/a",
    });
    expect(await schedules(tags)).toEqual(["s5/a", "s5/b"]);
    await scheduleAt("s5/a").remove();
    expect(await schedules(tags)).toEqual(["s5/b"]);
    await schedule("s5/a", tags);
    expect(await schedules(tags)).toEqual(["s5/a", "s5/b"]);
  });

  it("leave no row behind when they are removed", async () => {
    const tags = freshTag();
    await schedule("s6", tags);
    await scheduleAt("s6").remove();
    await eventually(async () =>
      expect(await searchSchedules(deployment(), { tags, limit: 9 })).toEqual({ ids: [] }),
    );
  });

  it("are not made where the index cannot be told, and are when it is asked again", async () => {
    const tags = freshTag();
    const { put } = IndexObject.prototype;
    let broken = true;
    // What is still on its way from other tests passes.
    vi.spyOn(IndexObject.prototype, "put").mockImplementation(async function (
      this: IndexObject,
      entries: IndexEntry[],
    ) {
      if (broken && entries.some(({ id }) => id === "s7")) throw new Error("planted");
      await put.call(this, entries);
    });
    await expect(schedule("s7", tags)).rejects.toThrow("planted");
    expect(await scheduleAt("s7").get()).toBeNull();
    broken = false;
    expect(await schedule("s7", tags)).toMatchObject({ outcome: "created" });
    expect(await schedules(tags)).toEqual(["s7"]);
  });

  it("that a crash kept from being made, or cut off from the index, are not listed", async () => {
    const tags = freshTag();
    const early = { kind: "schedule", id: "s8/early", revision: 1, tags } as const;
    await index(early);
    await schedule("s8/late", tags);
    await crash(scheduleAt("s8/late"));
    await index({ ...early, id: "s8/late", revision: LATEST });
    await scheduleAt("s8/late").remove();
    expect(await schedules(tags)).toEqual([]);
    expect((await searchSchedules(deployment(), { tags, limit: 9 })).ids).toContain("s8/early");
  });

  it("made and removed while another create waits for the index leave that one listed", async () => {
    const tags = freshTag();
    const { put } = IndexObject.prototype;
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let isFirst = true;
    vi.spyOn(IndexObject.prototype, "put").mockImplementation(async function (
      this: IndexObject,
      entries: IndexEntry[],
    ) {
      const waits = isFirst && entries.some(({ id }) => id === "s9");
      if (waits) isFirst = false;
      await put.call(this, entries);
      if (!waits) return;
      reached.resolve();
      await held.promise;
    });
    const slow = schedule("s9", tags);
    await reached.promise;
    await schedule("s9", tags);
    await scheduleAt("s9").remove();
    await eventually(async () =>
      expect(await searchSchedules(deployment(), { tags, limit: 9 })).toEqual({ ids: [] }),
    );
    held.resolve();
    expect(await slow).toMatchObject({ outcome: "created" });
    expect(await schedules(tags)).toEqual(["s9"]);
  });
});
