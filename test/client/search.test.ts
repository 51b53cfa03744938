/** Searching: what is asked for as a URL, and pages as one sequence, against a real server. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from "vitest";
import {
  type DurablePromises,
  isApiError,
  isNotFoundError,
  type PromiseRecord,
  type PromiseSummary,
  SEARCH_PARAMETERS,
  type SearchQuery,
} from "../../client/src/index.ts";
import { searchPath } from "../../client/src/search.ts";
import { untilFound } from "./indexed.ts";
import { startWorld, type World } from "./world.ts";

const FULL: SearchQuery = {
  id: "orders/*",
  state: ["pending", "RESOLVED"],
  tags: { region: "eu&us", "a[b]": "" },
  hasTags: ["urgent", "ü"],
  createdAfter: new Date(1000),
  createdBefore: 2000,
  settledAfter: "-1h",
  settledBefore: "+7d",
  deadlineAfter: "2026-12-24T18:00:00+01:00",
  deadlineBefore: new Date("2026-12-25T00:00:00Z"),
  q: "refund ada",
  task: "any",
  sort: "-deadline",
  limit: 10,
  count: true,
};

describe("the address of a search", () => {
  test.each<[SearchQuery, string]>([
    [{}, "/promises"],
    [{ id: "orders/*" }, "/promises?id=orders%2F*"],
    [{ state: "pending" }, "/promises?state=pending"],
    [{ createdAfter: "+7d" }, "/promises?createdAfter=%2B7d"],
    [{ count: false, hasTags: [], tags: {}, state: [] }, "/promises"],
  ])("of %j is %j", (query, path) => {
    expect(searchPath(query)).toBe(path);
  });

  test("says everything that was asked for, and what a URL would misread", () => {
    const { searchParams } = new URL(searchPath({ ...FULL, view: "summary" }, "c+/="), "http://a");
    expect(Object.fromEntries(searchParams)).toEqual({
      id: "orders/*",
      state: "RESOLVED",
      "tags[region]": "eu&us",
      "tags[a[b]]": "",
      tag: "ü",
      createdAfter: "1000",
      createdBefore: "2000",
      settledAfter: "-1h",
      settledBefore: "+7d",
      deadlineAfter: "2026-12-24T18:00:00+01:00",
      deadlineBefore: String(Date.UTC(2026, 11, 25)),
      q: "refund ada",
      task: "any",
      sort: "-deadline",
      limit: "10",
      count: "true",
      view: "summary",
      cursor: "c+/=",
    });
    expect(searchParams.getAll("state")).toEqual(["pending", "RESOLVED"]);
    expect(searchParams.getAll("tag")).toEqual(["urgent", "ü"]);
    // Every parameter of the contract is one that can be asked for.
    const asked = new Set(searchParams.keys());
    expect(SEARCH_PARAMETERS.filter((name) => !asked.has(name))).toEqual([]);
  });

  test.each([
    [{ createdAfter: Number.NaN }, "createdAfter must be a Date, whole ms or a string, got NaN"],
    [{ deadlineBefore: new Date("x") }, "deadlineBefore must be a Date"],
    [null, "query must be an object such as { state }, got null"],
  ])("of %j is refused", (query, message) => {
    expect(() => searchPath(query as SearchQuery)).toThrow(message);
  });
});

describe("a search", () => {
  let world: World;
  let promises: DurablePromises;
  const base = `search/${randomUUID()}`;
  beforeAll(async () => {
    world = await startWorld();
    promises = world.direct;
    for (let n = 0; n < 7; n += 1) {
      await promises.create(`${base}/${n}`, { tags: { n: String(n) }, param: { data: { n } } });
    }
    await promises.resolve(`${base}/0`, { big: "value" });
    await untilFound(promises, { id: `${base}/*` }, 7);
    await untilFound(promises, { id: `${base}/*`, state: "pending" }, 6);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const idOf = ({ id }: { id: string }) => id.slice(base.length + 1);

  test("is read to its end, over pages, from the beginning each time", async () => {
    const search = promises.search({ id: `${base}/*`, sort: "id", limit: 3 });
    for (const _ of [1, 2]) {
      const found: PromiseRecord[] = [];
      for await (const promise of search) found.push(promise);
      expect(found.map(idOf)).toEqual(["0", "1", "2", "3", "4", "5", "6"]);
      expect(found[0]).toEqual(await promises.get(`${base}/0`));
    }
  });

  test("gives summaries where they are asked for, and the types say so", async () => {
    const [first] = (await promises.search({ id: `${base}/0`, view: "summary" }).page()).promises;
    expect(first).toMatchObject({ state: "RESOLVED", tags: { n: "0" } });
    expect(first).not.toHaveProperty("value");
    expectTypeOf(promises.search({ view: "summary" }).page).returns.resolves.toHaveProperty(
      "promises",
    );
    for await (const one of promises.search({ id: `${base}/0`, view: "summary" })) {
      expectTypeOf(one).toEqualTypeOf<PromiseSummary>();
    }
    for await (const one of promises.search({ id: `${base}/0` })) {
      expectTypeOf(one).toEqualTypeOf<PromiseRecord>();
    }
  });

  test("gives one page, with its count and how fresh it is, and the next one", async () => {
    const search = promises.search({ id: `${base}/*`, limit: 5, count: true, state: "pending" });
    const before = Date.now();
    const page = await search.page();
    expect(page.promises).toHaveLength(5);
    expect(page.count).toBe(6);
    expect(page.indexedAt).toBeGreaterThan(before - 60_000);
    const last = await search.page(page.cursor ?? "");
    expect(last.promises.map(idOf)).toEqual(["1"]);
    expect(last.cursor).toBeNull();
  });

  test("that the server does not take names the parameter", async () => {
    const search = promises.search({ limit: 5000 });
    const error: unknown = await search.page().catch((caught: unknown) => caught);
    expect(isApiError(error) && error).toMatchObject({ code: "invalid_request", field: "limit" });
    const read = async () => {
      for await (const _ of search) break;
    };
    await expect(read()).rejects.toMatchObject({ field: "limit" });
    expect(() => promises.search({ createdAfter: 0.5 })).toThrow(RangeError);
  });

  test("ends with its signal", async () => {
    const stop = new AbortController();
    const found: string[] = [];
    const read = async () => {
      const search = promises.search({ id: `${base}/*`, limit: 1 }, { signal: stop.signal });
      for await (const { id } of search) {
        found.push(id);
        stop.abort(new Error("enough"));
      }
    };
    await expect(read()).rejects.toThrow("enough");
    expect(found).toHaveLength(1);
  });

  test("is what stats count", async () => {
    const { promises: counts, oldestPendingOn, tasks } = await promises.stats();
    expect(counts).toMatchObject({ PENDING: 6, RESOLVED: 1, REJECTED: 0 });
    expect(oldestPendingOn).toBe((await promises.get(`${base}/1`)).createdOn);
    expect(tasks).toMatchObject({ pending: 0, acquired: 0 });
  });
});

describe("a tree", () => {
  let world: World;
  let promises: DurablePromises;
  beforeAll(async () => {
    world = await startWorld();
    promises = world.direct;
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test("is found by ids and tags, with what the index has not heard of at its root", async () => {
    const root = `tree/${randomUUID()}`;
    const below = ["/a", ".1", ":d"].map((end) => root + end);
    const [tagged, grandchild, other] = ["t", "g", "o"].map((end) => `x/${randomUUID()}/${end}`);
    for (const id of below) await promises.create(id);
    await promises.create(tagged, { tags: { "resonate:parent": root } });
    await promises.create(grandchild, { tags: { "resonate:parent": tagged! } });
    await promises.create(other, { tags: { "resonate:origin": root } });
    await untilFound(promises, { id: "x/*" }, 3);
    await untilFound(promises, { id: `${root}*` }, 3);
    // Just now: only `get` knows of it.
    await promises.create(root, { form: { title: "Root" }, requestedBy: "ada" });

    const { root: node, isCut } = await promises.tree(root);
    expect(isCut).toBe(false);
    expect(node.promise).toMatchObject({ id: root, title: "Root", requestedBy: "ada" });
    const children = node.children.map(({ id }) => id);
    expect(new Set(children)).toEqual(new Set([...below, tagged, other]));
    const found = node.children.find(({ id }) => id === tagged);
    expect(found?.children.map(({ id }) => id)).toEqual([grandchild]);

    expect(await promises.tree(root, { nodesMax: 2 })).toMatchObject({ isCut: true });
    await expect(promises.tree(root, { nodesMax: 0 })).rejects.toThrow(/nodesMax must be/);
  });

  test("of nobody is not found; of a root that is not there has its children", async () => {
    const root = `tree/${randomUUID()}`;
    const error: unknown = await promises.tree(root).catch((caught: unknown) => caught);
    expect(isNotFoundError(error)).toBe(true);
    await promises.create(`${root}/a`);
    await untilFound(promises, { id: `${root}/*` }, 1);
    const { root: node } = await promises.tree(root);
    expect(node).toMatchObject({ id: root, children: [{ id: `${root}/a` }] });
    expect(node).not.toHaveProperty("promise");
  });

  test.each([
    ["as long as an id may be", (id: string) => id.padEnd(1024, "x")],
    ["with no room for a child", (id: string) => id.padEnd(1023, "x")],
    ["with more stars than a search takes", (id: string) => `${id}/${"*".repeat(40)}`],
  ])("of an id %s is found, with who names it", async (_, idOf) => {
    const root = idOf(`tree/${randomUUID()}`);
    const child = `x/${randomUUID()}`;
    await promises.create(root);
    await promises.create(child, { tags: { "resonate:parent": root } });
    await untilFound(promises, { id: child }, 1);
    const { root: node } = await promises.tree(root);
    expect(node).toMatchObject({ promise: { id: root }, children: [{ id: child }] });
  });
});
