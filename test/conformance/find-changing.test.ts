/**
 * Pages through a set that changes while they are read, in every order, in pages of several sizes and
 * under several filters at once: what was there, and was asked for, from the first page to the last
 * is on exactly one of them. `SEED=…` repeats the same promises and the same changes.
 */
import assert from "node:assert/strict";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  SORTS,
  WRITABLE_STATES,
  type PromiseRecord,
  type PromiseSummary,
  type Sort,
} from "../../client/src/protocol.ts";
import { createRandom, type Random } from "../model/seeded.ts";
import { find, findAll, parametersOf, summaryOf, type Finder, type Parameters } from "./finding.ts";
import { search, type Query } from "./find-model.ts";
import { recordOf, startService, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

/** Far longer than a change takes to the index, on a busy machine. */
const TELLING_MS_MAX = 10_000;
const given = process.env["SEED"];
const SEEDS = given === undefined ? [1, Date.now() >>> 0] : [Number(given)];
const PROMISES = 120;
const SMALLEST = 3;
const LIMITS = [SMALLEST, 10, 35];
const FILTERS: Query[] = [{}, { states: ["pending"] }, { states: ["settled"] }];
const MINUTE = 60_000;
/** A deadline moves, and another passes, every half second until long after the last page is read. */
const MOVES_AT = Array.from({ length: 20 }, (_, place) => 1_000 + place * 500);
const PASSES_AT = Array.from({ length: 38 }, (_, place) => 1_500 + place * 500);
const PAST = 1_600_000_000_000;

let service: Service;
let finder: Finder;

beforeAll(async () => {
  service = await startService();
  finder = { service, headers: {} };
});

afterAll(() => service.stop());

/** One who reads page after page, and takes the longer a break the more there was to read. */
interface Reader {
  query: Query;
  limit: number;
  parameters: Parameters;
  cursor: string | undefined;
  found: string[];
  endedAt?: number;
}

test.each(SEEDS)("seed %i: what is there throughout is on exactly one page", async (seed) => {
  const random = createRandom(seed);
  const run = `run-${seed}`;
  const world = new World(random, run);
  await world.begin();
  const before = await world.look();
  const readers = SORTS.flatMap((sort) =>
    LIMITS.flatMap((limit) =>
      FILTERS.filter(({ states }) => !(sort.includes("settled") && states?.[0] === "pending")).map(
        (filter) => readerOf({ ...filter, sort, tags: [["run", run]] }, limit),
      ),
    ),
  );
  for (let round = 0; readers.some(({ endedAt }) => endedAt === undefined); round += 1) {
    await Promise.all(
      readers.map(async (reader) => {
        if (round % Math.round(reader.limit / SMALLEST) === 0) await readOn(reader);
      }),
    );
    await world.change();
  }
  const after = await world.look();
  expectTime(before, after);
  for (const reader of readers) {
    const { query, limit, found, endedAt = 0 } = reader;
    const throughout = search(before, query).filter(
      ({ id }) => world.isThere(id, endedAt) && isStill(after.find((one) => one.id === id)),
    );
    const label = `SEED=${seed} ${JSON.stringify({ ...query, limit })}`;
    const times = (id: string): number => found.filter((one) => one === id).length;
    const missing = throughout.filter(({ id }) => times(id) === 0).map(({ id }) => id);
    const twice = [...new Set(found)].filter((id) => times(id) > 1);
    expect({ missing, twice }, label).toEqual({ missing: [], twice: [] });

    function isStill(promise: PromiseSummary | undefined): boolean {
      if (query.states?.[0] !== "pending" || promise === undefined) return true;
      return (promise.completedOn ?? Number.POSITIVE_INFINITY) > endedAt;
    }
  }
  world.expectEverything();
});

/** Deadlines moved and passed while all of this was read, with nobody writing it. */
function expectTime(before: PromiseSummary[], after: PromiseSummary[]): void {
  const now = new Map(after.map((promise) => [promise.id, promise]));
  const moved = before.filter(({ id, timeout }) => (now.get(id)?.timeout ?? 0) > timeout);
  const passed = before.filter(
    ({ id, state }) => state === "PENDING" && now.get(id)?.state === "REJECTED_TIMEDOUT",
  );
  expect(moved.length, "deadlines that moved").toBeGreaterThan(5);
  expect(passed.length, "deadlines that passed").toBeGreaterThan(0);
}

function readerOf(query: Query & { sort: Sort }, limit: number): Reader {
  const { sort, states = [], tags = [] } = query;
  const parameters: Parameters = [
    ["sort", sort],
    ["limit", String(limit)],
    ["view", "summary"],
    ...states.map((state): Parameters[number] => ["state", state]),
    ...tags.map(([key, value]): Parameters[number] => [`tags[${key}]`, value]),
  ];
  return { query, limit, parameters, cursor: undefined, found: [] };
}

async function readOn(reader: Reader): Promise<void> {
  if (reader.endedAt !== undefined) return;
  const { parameters, cursor } = reader;
  const page = await find(
    finder,
    cursor === undefined ? parameters : [...parameters, ["cursor", cursor]],
  );
  reader.found.push(...page.promises.map(({ id }) => id));
  if (page.cursor === null) reader.endedAt = Date.now();
  else reader.cursor = page.cursor;
}

/** The promises, and all that happens to them; most are left in peace. */
class World {
  readonly #random: Random;
  readonly #run: string;
  #made = 0;
  readonly #pending = new Set<string>();
  readonly #settled = new Set<string>();
  readonly #goneAt = new Map<string, number>();
  /** The last that was seen of those that are gone. */
  readonly #gone: PromiseSummary[] = [];
  readonly #did = new Map<string, number>();

  constructor(random: Random, run: string) {
    this.#random = random;
    this.#run = run;
  }

  /** Makes the first of them; returns when the index knows them all. */
  async begin(): Promise<void> {
    await Promise.all(Array.from({ length: PROMISES }, () => this.#create()));
    const some = [...this.#pending].filter(() => this.#random.chance(0.35));
    await Promise.all(some.map((id) => this.#settle(id)));
    const due = Date.now();
    await Promise.all(PASSES_AT.map((ms) => this.#create(due + ms)));
    await eventually(async () => {
      const all = [["tags[run]", this.#run] satisfies Parameters[number]];
      const found = await findAll(finder, [...all, ...parametersOf("view=summary&limit=1000")]);
      assert.deepEqual(this.#lasting(found), this.#lasting(search(await this.look(), {})));
    });
  }

  /** What time leaves as it is: it goes on while one promise after the other is looked at. */
  #lasting(promises: PromiseSummary[]): object[] {
    return promises.map((promise) =>
      this.#settled.has(promise.id)
        ? promise
        : { ...promise, state: undefined, timeout: undefined, completedOn: undefined },
    );
  }

  /** What everybody's own address says, and what it said of those that are gone. */
  async look(): Promise<PromiseSummary[]> {
    const ids = [...this.#pending, ...this.#settled];
    const records = await Promise.all(ids.map(readRecord));
    return [...records.map(summaryOf), ...this.#gone];
  }

  isThere(id: string, at: number): boolean {
    return (this.#goneAt.get(id) ?? Number.POSITIVE_INFINITY) > at;
  }

  /** One thing of each kind. */
  async change(): Promise<void> {
    const [pending, settled] = [[...this.#pending], [...this.#settled]];
    const [toSettle, toExtend] = [this.#random.pick(pending), this.#random.pick(pending)];
    const toPurge = this.#random.pick(settled);
    await this.#create();
    await this.#settle(toSettle);
    await this.#purge(toPurge);
    if (toExtend !== toSettle) await this.#extend(toExtend);
  }

  expectEverything(): void {
    for (const what of ["create", "purge", "settle", "extend"])
      assert.ok((this.#did.get(what) ?? 0) > 5, what);
  }

  async #create(due?: number): Promise<void> {
    const random = this.#random;
    const id = `${this.#run}/${random.pick(["a", "b", "ü", "😀"])}/${(this.#made += 1)}`;
    const drawn = random.pick([
      undefined,
      PAST,
      PAST + random.pick([0, 1, 2]),
      `${random.pick([10, 20, 30, 60, 120])}m`,
      `${random.pick([10, 20, 30, 60, 120])}m`,
    ]);
    const timeout = due ?? drawn;
    const moves = typeof timeout === "string" && random.chance(0.8);
    const steps = MOVES_AT.filter(() => random.chance(0.3));
    const made = await service.create(id, {
      tags: { run: this.#run },
      ...(timeout !== undefined && { timeout }),
      ...(moves && {
        escalation: steps.map((after) => ({ after, extend: random.pick([1, 7, 45]) * MINUTE })),
      }),
    });
    assert.equal(made.status, 201, made.text);
    (recordOf(made).state === "PENDING" ? this.#pending : this.#settled).add(id);
    this.#count("create");
  }

  async #settle(id: string | undefined): Promise<void> {
    if (id === undefined || !this.#pending.delete(id)) return;
    this.#settled.add(id);
    const answer = await service.settle(id, { state: this.#random.pick(WRITABLE_STATES) });
    // Its deadline may have been faster: 200, as the published API has it.
    assert.ok([200, 201].includes(answer.status), answer.text);
    if (answer.status === 201) this.#count("settle");
  }

  async #purge(id: string | undefined): Promise<void> {
    if (id === undefined || !this.#settled.delete(id)) return;
    this.#gone.push(summaryOf(await readRecord(id)));
    this.#goneAt.set(id, Date.now());
    assert.equal((await service.send("DELETE", service.address(id))).status, 204);
    this.#count("purge");
  }

  async #extend(id: string | undefined): Promise<void> {
    if (id === undefined) return;
    const { timeout } = await readRecord(id);
    // The index hears of it a moment later: moved in its last moment, it would be over for that long.
    if (timeout < Date.now() + TELLING_MS_MAX) return;
    const later = timeout + this.#random.pick([1, 7, 45]) * MINUTE;
    const answer = await service.settle(id, { timeout: later });
    if (answer.status === 200) this.#count("extend");
  }

  #count(what: string): void {
    this.#did.set(what, (this.#did.get(what) ?? 0) + 1);
  }
}

async function readRecord(id: string): Promise<PromiseRecord> {
  const answer = await service.read(id);
  expect(answer.status, id).toBe(200);
  return recordOf(answer);
}
