/**
 * The figures: `GET /stats`, `GET /activity` and `GET /groups` against a history that the test has
 * made itself, and knows; also when time alone has gone on, when promises are gone, when everything
 * is told a second time, and after kill -9.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  LATENCY_BOUNDS_MS,
  type Activity,
  type ApiKey,
  type PromiseRecord,
  type SettledState,
  type Stats,
} from "../../client/src/protocol.ts";
import { expectRefusal } from "./refusal.ts";
import { recordOf, startService, type Service } from "./service.ts";
import { eventually, withTime } from "../eventually.ts";

const ROOT = { authorization: "Bearer root" };
const PAST = 1_600_000_000_000;
const MINUTE = 60_000;

let service: Service;
beforeAll(async () => {
  service = await startService({ env: { API_KEYS: "root" } });
});
afterAll(() => service.stop());

async function get<T>(path: string, headers: Record<string, string> = ROOT): Promise<T> {
  const answer = await service.send("GET", path, { headers });
  expect(answer.status, `${path}: ${answer.text}`).toBe(200);
  expect(answer.headers.get("content-type")).toMatch(/^application\/json\b/);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  // SAFETY: what it really is, is what the caller goes on to assert.
  return JSON.parse(answer.text) as T;
}

/** Everything that was ever born here, as it was seen last; gone or not. */
const lives: PromiseRecord[] = [];
const gone = new Set<PromiseRecord>();

async function bear(id: string, body: object = {}): Promise<PromiseRecord> {
  const answer = await service.create(id, body, ROOT);
  expect(answer.status, `${id}: ${answer.text}`).toBe(201);
  const record = recordOf(answer);
  lives.push(record);
  return record;
}

async function settle(id: string, state: string): Promise<void> {
  const answer = await service.settle(id, { state }, ROOT);
  expect(answer.status, `${id}: ${answer.text}`).toBe(201);
  Object.assign(lifeOf(id), recordOf(answer));
}

async function purge(id: string): Promise<void> {
  const answer = await service.send("DELETE", service.address(id), { headers: ROOT });
  expect(answer.status, id).toBe(204);
  gone.add(lifeOf(id));
}

/** The last one: an id may have several. */
function lifeOf(id: string): PromiseRecord {
  const life = lives.findLast((record) => record.id === id);
  if (life === undefined) throw new Error(`${id} was never born`);
  return life;
}

async function rpc(kind: string, data: object): Promise<void> {
  const body = { kind, head: { corrId: "1", version: "2026-04-01" }, data };
  const answer = await service.send("POST", "/", { body, headers: ROOT });
  // SAFETY: the protocol's envelope.
  const { head } = JSON.parse(answer.text) as { head: { status: number } };
  expect(head.status, `${kind}: ${answer.text}`).toBe(200);
}

/** Whatever is past its deadline, read once more where it lives; the index is not asked. */
async function look(): Promise<void> {
  for (const life of lives) {
    if (gone.has(life) || life.state !== "PENDING") continue;
    const answer = await service.read(life.id, ROOT);
    Object.assign(life, recordOf(answer));
  }
}

function expectedStats(): Pick<Stats, "promises" | "oldestPendingOn"> {
  const there = lives.filter((life) => !gone.has(life));
  const count = (state: PromiseRecord["state"]): number =>
    there.filter((life) => life.state === state).length;
  const pending = there.filter(({ state }) => state === "PENDING");
  return {
    promises: {
      PENDING: count("PENDING"),
      RESOLVED: count("RESOLVED"),
      REJECTED: count("REJECTED"),
      REJECTED_CANCELED: count("REJECTED_CANCELED"),
      REJECTED_TIMEDOUT: count("REJECTED_TIMEDOUT"),
    },
    ...(pending.length > 0 && {
      oldestPendingOn: Math.min(...pending.map(({ createdOn }) => createdOn)),
    }),
  };
}

function latencyOf(records: PromiseRecord[]): number[] {
  const counts = Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, () => 0);
  for (const { createdOn, completedOn = createdOn } of records) {
    const place = LATENCY_BOUNDS_MS.findIndex((bound) => completedOn - createdOn <= bound);
    const at = place < 0 ? LATENCY_BOUNDS_MS.length : place;
    counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}

function expectedTotal(): Activity["total"] {
  const settled = lives.filter(({ completedOn }) => completedOn !== undefined);
  const count = (state: SettledState): number =>
    settled.filter((life) => life.state === state).length;
  return {
    created: lives.length,
    settled: {
      RESOLVED: count("RESOLVED"),
      REJECTED: count("REJECTED"),
      REJECTED_CANCELED: count("REJECTED_CANCELED"),
      REJECTED_TIMEDOUT: count("REJECTED_TIMEDOUT"),
    },
    latency: latencyOf(settled),
    latencySum: settled.reduce((sum, life) => sum + (life.completedOn ?? 0) - life.createdOn, 0),
  };
}

/** Both figures are what the history says, once the index has heard of it. */
async function expectFigures(): Promise<void> {
  await eventually(async () => {
    await look();
    const [stats, activity] = [await get<Stats>("/stats"), await get<Activity>("/activity")];
    const { promises, oldestPendingOn } = stats;
    expect({ promises, ...(oldestPendingOn !== undefined && { oldestPendingOn }) }).toEqual(
      expectedStats(),
    );
    expect(activity.total).toEqual(expectedTotal());
  });
}

async function expectPending(count: number): Promise<void> {
  const { promises } = await get<Stats>("/stats");
  expect(promises.PENDING).toBe(count);
}

describe("before there is anything", () => {
  test("there are as many zeros as there are figures", async () => {
    const before = Date.now();
    const { at, ...stats } = await get<Stats>("/stats");
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
    expect(stats).toEqual({
      ...expectedStats(),
      tasks: { pending: 0, acquired: 0, suspended: 0, halted: 0, fulfilled: 0 },
    });
    const activity = await get<Activity>("/activity");
    expect(activity).toEqual({ at: expect.any(Number), minutes: [], total: expectedTotal() });
    expect(await get("/groups")).toEqual({ groups: [] });
  });
});

describe("a history", () => {
  /** Where the promises are whose deadline passed. */
  let due: string;

  test("is counted as it is, whoever settles", async () => {
    await bear("wait/one");
    await bear("wait/two", { timeout: "1h" });
    for (const state of ["RESOLVED", "REJECTED", "REJECTED_CANCELED"] as const) {
      await bear(`answered/${state}`);
      await settle(`answered/${state}`, state);
    }
    await bear("past/timedout", { timeout: PAST });
    await bear("past/timer", { timeout: PAST, tags: { "resonate:timer": "true" } });
    await expectFigures();
    const { oldestPendingOn } = await get<Stats>("/stats");
    expect(oldestPendingOn).toBe(lifeOf("wait/one").createdOn);
  });

  test("goes on by time alone: nobody looks, and the deadline is counted once", async () => {
    const timeout = await withTime(2_500, async (ms) => {
      // Those of an attempt before have passed.
      await eventually(() => expectPending(2));
      due = `due/${ms}`;
      const timeout = Date.now() + ms;
      await bear(`${due}/timedout`, { timeout });
      await bear(`${due}/timer`, { timeout, tags: { "resonate:timer": "true" } });
      await bear(`${due}/told`, { timeout, onTimeout: { state: "REJECTED_CANCELED" } });
      await eventually(() => expectPending(5), { forMs: ms });
      return timeout;
    });
    // By hand, as a look at a promise might be what counts it.
    for (const [name, state] of [
      ["timedout", "REJECTED_TIMEDOUT"],
      ["timer", "RESOLVED"],
      ["told", "REJECTED_CANCELED"],
    ] as const) {
      Object.assign(lifeOf(`${due}/${name}`), { state, completedOn: timeout });
    }
    await expectFigures();
    expect(Date.now()).toBeGreaterThanOrEqual(timeout);
    await Promise.all(
      ["timedout", "timer", "told"].map((name) => service.read(`${due}/${name}`, ROOT)),
    );
    await expectFigures();
  });

  test("is counted minute by minute, in the minute in which it happened", async () => {
    const { at, minutes } = await get<Activity>("/activity");
    const firstAt = minutes[0]?.at ?? at;
    expect(minutes.map((minute) => minute.at)).toEqual(
      minutes.map((minute) => minute.at).toSorted((a, b) => a - b),
    );
    for (const minute of minutes) {
      expect(minute.at % MINUTE).toBe(0);
      expect(minute.latency.length).toBe(LATENCY_BOUNDS_MS.length + 1);
      expect(minute.created + minute.settled).toBeGreaterThan(0);
      expect(minute.latency.reduce((sum, count) => sum + count, 0)).toBe(minute.settled);
    }
    // What is born settled long ago is in no minute that is still shown.
    const recent = lives.filter(({ createdOn }) => createdOn > PAST);
    const expected = new Map<number, { created: PromiseRecord[]; settled: PromiseRecord[] }>();
    const within = (instant: number) => {
      const key = minuteOf(instant);
      const minute = expected.get(key) ?? { created: [], settled: [] };
      expected.set(key, minute);
      return minute;
    };
    for (const life of recent) {
      within(life.createdOn).created.push(life);
      if (life.completedOn !== undefined) within(life.completedOn).settled.push(life);
    }
    expect(firstAt).toBe(minuteOf(recent[0]?.createdOn ?? 0));
    expect(minutes).toEqual(
      [...expected]
        .map(([at, { created, settled }]) => ({
          at,
          created: created.length,
          settled: settled.length,
          latency: latencyOf(settled),
        }))
        .toSorted((a, b) => a.at - b.at),
    );
  });

  test("shrinks by what is purged, and its totals do not", async () => {
    const before = await get<Activity>("/activity");
    for (const id of ["answered/RESOLVED", "answered/REJECTED", "past/timedout", `${due}/timer`]) {
      await purge(id);
    }
    await expectFigures();
    const { total } = await get<Activity>("/activity");
    expect(total).toEqual(before.total);
    // A second life counts as another.
    await bear("answered/RESOLVED");
    await settle("answered/RESOLVED", "REJECTED");
    await bear("past/timedout");
    await expectFigures();
  });

  test("never falls while everything comes and goes", async () => {
    let last = await get<Activity>("/activity");
    async function expectNoLess(): Promise<void> {
      const next = await get<Activity>("/activity");
      for (const [now, then] of pairsOf(next.total, last.total)) {
        expect(now).toBeGreaterThanOrEqual(then);
      }
      last = next;
    }
    for (let place = 0; place < 12; place += 1) {
      const id = `flow/${place}`;
      await bear(id, place % 3 === 0 ? { timeout: PAST } : {});
      if (place % 3 !== 0) await settle(id, place % 2 === 0 ? "RESOLVED" : "REJECTED");
      await expectNoLess();
    }
    await expectFigures();
    for (let place = 0; place < 12; place += 2) {
      await purge(`flow/${place}`);
      await expectNoLess();
    }
    await expectFigures();
  });

  test("is not counted again when everything is told again", async () => {
    const rebuild = await service.send("POST", "/index/rebuild", { headers: ROOT });
    expect(rebuild.status).toBe(202);
    await eventually(async () => {
      const { shards } = await get<{ shards: { promises: number; check: object | null }[] }>(
        "/index",
      );
      for (const { promises, check } of shards) {
        if (promises > 0) expect(check).toMatchObject({ which: "all", doneAt: expect.any(Number) });
      }
    });
    await Promise.all(lives.map(({ id }) => service.read(id, ROOT)));
    await expectFigures();
  });

  test("is the same after kill -9", async () => {
    await expectFigures();
    await service.crash();
    await expectFigures();
    await bear("after/crash");
    await settle("after/crash", "RESOLVED");
    await expectFigures();
  });

  test("counts also what is gone as soon as it is settled", async () => {
    for (const id of ["gone/one", "gone/two"]) {
      await bear(id);
      await settle(id, "RESOLVED");
      await purge(id);
    }
    for (const id of ["kept/not", "kept/no/longer"]) {
      await bear(id, { retention: 0 });
      await settle(id, "REJECTED");
      gone.add(lifeOf(id));
    }
    await expectFigures();
  });
});

function minuteOf(instant: number): number {
  return Math.floor(instant / MINUTE) * MINUTE;
}

function* pairsOf(a: Activity["total"], b: Activity["total"]): Generator<[number, number]> {
  yield [a.created, b.created];
  yield [a.latencySum, b.latencySum];
  for (const [place, count] of a.latency.entries()) yield [count, b.latency[place] ?? 0];
  for (const state of ["RESOLVED", "REJECTED", "REJECTED_CANCELED", "REJECTED_TIMEDOUT"] as const) {
    yield [a.settled[state], b.settled[state]];
  }
}

interface Group {
  group: string;
  workers: string[];
  tasks: Record<"pending" | "acquired" | "suspended" | "halted", number>;
}

async function groups(headers?: Record<string, string>): Promise<Map<string, Group>> {
  const all = await get<{ groups: Group[] }>("/groups", headers);
  return new Map(all.groups.map((group) => [group.group, group]));
}

describe("a group", () => {
  const workers: AbortController[] = [];

  /** A worker's line, open once the first bytes have come. */
  async function connect(path: string): Promise<AbortController> {
    const controller = new AbortController();
    const response = await fetch(`${service.url}/poll/${path}`, {
      headers: { ...ROOT, accept: "text/event-stream" },
      signal: controller.signal,
    });
    expect(response.status).toBe(200);
    const reader = response.body?.getReader();
    await reader?.read();
    // Read on, or the line would look like one that nobody reads.
    void (async () => {
      while (!(await reader?.read().catch(() => ({ done: true })))?.done);
    })();
    workers.push(controller);
    return controller;
  }

  afterAll(() => {
    for (const controller of workers) controller.abort();
  });

  beforeAll(async () => {
    const work = { tags: { "resonate:target": "poll://any@warehouse" } };
    const names = ["pending", "acquired", "suspended", "halted", "fulfilled"];
    for (const name of names) await bear(`work/${name}`, work);
    await bear("work/awaited");
    await bear("work/uni", { tags: { "resonate:target": "poll://uni@warehouse/pid9" } });
    await bear("work/elsewhere", { tags: { "resonate:target": "poll://any@team-a" } });
    await bear("work/pushed", { tags: { "resonate:target": "https://workers.invalid/nobody" } });
    for (const name of names.slice(1)) {
      await rpc("task.acquire", { id: `work/${name}`, version: 0, pid: "p", ttl: 600_000 });
    }
    const data = { awaited: "work/awaited", awaiter: "work/suspended" };
    const actions = [{ kind: "promise.register_callback", head: {}, data }];
    await rpc("task.suspend", { id: "work/suspended", version: 1, actions });
    await rpc("task.halt", { id: "work/halted" });
    await settle("work/fulfilled", "RESOLVED");
    // A group with nothing left to do is none.
    await bear("work/over", { tags: { "resonate:target": "poll://any@over" } });
    await settle("work/over", "RESOLVED");
  });

  test("has its tasks, by their states, and nobody else's", async () => {
    await eventually(async () => {
      const all = await groups();
      expect(all.get("warehouse")).toEqual({
        group: "warehouse",
        workers: [],
        tasks: { pending: 2, acquired: 1, suspended: 1, halted: 1 },
      });
      expect(all.get("team-a")).toEqual({
        group: "team-a",
        workers: [],
        tasks: { pending: 1, acquired: 0, suspended: 0, halted: 0 },
      });
      expect([...all.keys()].toSorted()).toEqual(["team-a", "warehouse"]);
      const { tasks } = await get<Stats>("/stats");
      expect(tasks).toEqual({ pending: 4, acquired: 1, suspended: 1, halted: 1, fulfilled: 2 });
    });
  });

  test("alone is the same as in the list", async () => {
    for (const [name, group] of await groups()) {
      expect(await get(`/groups/${encodeURIComponent(name)}`)).toEqual(group);
    }
  });

  test("has the workers that are connected, while they are", async () => {
    // Not one that would take the tasks: `team-a` has one that waits for nobody.
    const controller = await connect("team-a/worker-1");
    await connect("team-a/worker%202");
    await eventually(async () => {
      const group = await get<Group>("/groups/team-a");
      expect(group.workers.toSorted()).toEqual(["worker 2", "worker-1"]);
      expect((await groups()).get("team-a")?.workers.toSorted()).toEqual(["worker 2", "worker-1"]);
    });
    controller.abort();
    await eventually(
      async () => {
        expect((await get<Group>("/groups/team-a")).workers).toEqual(["worker 2"]);
      },
      { forMs: 40_000 },
    );
  });

  test("whose workers have nothing to do is there all the same", async () => {
    await connect("idle/worker");
    expect(await get<Group>("/groups/idle")).toMatchObject({ workers: ["worker"] });
    await eventually(async () => {
      expect((await groups()).get("idle")).toEqual({
        group: "idle",
        workers: ["worker"],
        tasks: { pending: 0, acquired: 0, suspended: 0, halted: 0 },
      });
    });
  });

  test("loses the tasks whose promises are settled, by whomever", async () => {
    const { brief, timeout } = await withTime(2_500, async (ms) => {
      const brief = `brief-${ms}`;
      const timeout = Date.now() + ms;
      const tags = { "resonate:target": `poll://any@${brief}` };
      await bear(`${brief}/due`, { timeout, tags });
      await bear(`${brief}/settled`, { tags });
      await eventually(
        async () => expect((await get<Group>(`/groups/${brief}`)).tasks.pending).toBe(2),
        { forMs: ms },
      );
      return { brief, timeout };
    });
    await settle(`${brief}/settled`, "REJECTED");
    await eventually(async () => {
      expect((await get<Group>(`/groups/${brief}`)).tasks).toEqual({
        pending: 0,
        acquired: 0,
        suspended: 0,
        halted: 0,
      });
    });
    expect(Date.now()).toBeGreaterThanOrEqual(timeout);
  });

  test("is not shown to a key of another prefix", async () => {
    const body = { name: "team a", scopes: ["read"], prefixes: ["team-a/*"] };
    const made = await service.send("POST", "/keys", { body, headers: ROOT });
    // SAFETY: as the contract has it, and the key beside it.
    const { key } = JSON.parse(made.text) as ApiKey & { key: string };
    const headers = { authorization: `Bearer ${key}` };
    // A group belongs to a prefix by its name: this key may poll `team-a`, and no other.
    expect([...(await groups(headers)).keys()]).toEqual(["team-a"]);
    expect(await get("/groups/team-a", headers)).toMatchObject({ group: "team-a" });
    expectRefusal(await service.send("GET", "/groups/warehouse", { headers }), "group_not_found");
    expectRefusal(await service.send("GET", "/activity", { headers }), "forbidden");
    const none = await get<Stats>("/stats", headers);
    expect(Object.values(none.promises)).toEqual([0, 0, 0, 0, 0]);
  });
});
