/**
 * `GET /export`: all that a search finds, a line each, to be taken elsewhere. What comes out of one
 * server goes into another and comes out of that again, to the letter.
 */
import { existsSync, readdirSync } from "node:fs";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { LIMITS, NEVER } from "../../client/src/protocol.ts";
import { startServer } from "../../src/local/server.ts";
import { temporaryData } from "../local/command.ts";
import { exportedIn, exportOf, importOf, type Exported } from "./lines.ts";
import { expectRefusal } from "./refusal.ts";
import { rpcClient } from "./rpc-client.ts";
import { freshId, startService, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

vi.setConfig({ testTimeout: 120_000 });

const given = process.env["SEED"];
const SEED = given === undefined ? Date.now() >>> 0 : Number(given);

let service: Service;
let other: Service;
beforeAll(async () => {
  [service, other] = await Promise.all([startService(), startService()]);
});
afterAll(() => Promise.all([service.stop(), other.stop()]));

/** When the index has heard of so many. */
function exportAll(from: Service, query: string, count: number): Promise<Exported> {
  return eventually(async () => {
    const exported = await exportOf(from, query);
    expect(exported.lines).toHaveLength(count);
    return exported;
  });
}

describe("a line", () => {
  test("has all that it takes to go on, and nothing of this place", async () => {
    const id = freshId("line");
    const body = {
      param: { data: { a: 1 }, headers: { b: "c" } },
      timeout: 8_000_000_000_000,
      tags: { t: "x" },
      retention: 86_400_000,
      requestedBy: "ada",
      quorum: { approvals: 2 },
      escalation: [
        { after: 0, extend: "1h" },
        { after: "1h", settle: { state: "REJECTED" } },
      ],
    };
    await service.create(id, body, { "idempotency-key": "made" });
    await service.settle(id, { state: "RESOLVED" }, { "idempotency-key": "vote" });
    const { promises, marks } = await exportAll(service, `?id=${id}`, 1);
    expect(promises[0]).toEqual({
      id,
      state: "PENDING",
      param: { headers: { b: "c" }, data: { a: 1 } },
      value: {},
      timeout: 8_000_000_000_000 + 3_600_000,
      tags: { t: "x" },
      createdOn: expect.any(Number),
      idempotencyKeyForCreate: "made",
      retention: 86_400_000,
      requestedBy: "ada",
      quorum: { approvals: 2, of: 2, veto: false, excludeRequester: false },
      votes: [{ by: "anybody", approves: true, at: expect.any(Number), key: "vote" }],
      escalation: [
        { after: 0, done: true, extend: 3_600_000 },
        { after: 3_600_000, done: false, settle: { state: "REJECTED", value: {} } },
      ],
    });
    expect(marks).toEqual([{ cursor: null, exported: 1, indexedAt: expect.any(Number) }]);
  });

  test("keeps its data to the letter", async () => {
    const id = freshId("letter");
    const data = '{"n": 12345678901234567890.10, "n":"\\u00e4"}';
    await service.create(id, `{"param":{"data":${data}}}`);
    const { lines } = await exportAll(service, `?id=${id}`, 1);
    expect(lines[0]).toContain(`"data":${data}`);
  });
});

describe("the request", () => {
  test("with nothing to find is one mark", async () => {
    const { lines, marks } = await exportOf(service, `?id=${freshId("none")}`);
    expect(lines).toEqual([]);
    expect(marks).toEqual([{ cursor: null, exported: 0, indexedAt: expect.any(Number) }]);
  });

  test("finds by the terms of a search, in the order of ids", async () => {
    const prefix = freshId("terms");
    for (const id of ["c", "a", "b", "d"]) {
      await service.create(`${prefix}/${id}`, { tags: id === "d" ? {} : { team: "x" } });
    }
    await service.settle(`${prefix}/a`, { state: "RESOLVED" });
    const ids = async (query: string, count: number): Promise<string[]> => {
      const { promises } = await exportAll(service, `?id=${prefix}/*&${query}`, count);
      return promises.map(({ id }) => id.slice(prefix.length + 1));
    };
    expect(await ids("", 4)).toEqual(["a", "b", "c", "d"]);
    expect(await ids("tags[team]=x&state=pending", 2)).toEqual(["b", "c"]);
    expect(await ids("state=settled", 1)).toEqual(["a"]);
  });

  test.each([
    ["sort=id", "sort"],
    ["limit=5", "limit"],
    ["count=true", "count"],
    ["view=full", "view"],
    ["what=1", "what"],
    ["cursor=x", "cursor"],
    ["state=x", "state"],
  ])("%s is refused", async (query, field) => {
    expectRefusal(await service.send("GET", `/export?${query}`), "invalid_request", field);
  });

  test("a HEAD is told what it would be", async () => {
    const { status, headers, text } = await service.send("HEAD", "/export");
    expect([status, headers.get("content-type"), text]).toEqual([200, "application/x-ndjson", ""]);
  });

  test("finds what the caller's prefixes reach", async () => {
    const root = { authorization: "Bearer the-first-key" };
    const guarded = await startService({ env: { API_KEYS: "the-first-key" } });
    try {
      for (const id of ["own/a", "own/b", "others/a"]) await guarded.create(id, {}, root);
      const body = { name: "n", scopes: ["read"], prefixes: ["own/*"] };
      const { text } = await guarded.send("POST", "/keys", { headers: root, body });
      const { key } = JSON.parse(text) as { key: string };
      await eventually(async () => {
        const all = await exportOf(guarded, "", root);
        expect(all.promises).toHaveLength(3);
      });
      const own = await exportOf(guarded, "", { authorization: `Bearer ${key}` });
      expect(own.promises.map(({ id }) => id)).toEqual(["own/a", "own/b"]);
    } finally {
      await guarded.stop();
    }
  });
});

describe("out of one server, into another", () => {
  /** A life that a promise may have had. */
  const state = fc.constantFrom("RESOLVED", "REJECTED", "REJECTED_CANCELED");
  const payload = fc.record(
    {
      headers: fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), {
        maxKeys: 3,
      }),
      data: fc.jsonValue({ maxDepth: 3 }),
    },
    { requiredKeys: [] },
  );
  const life = fc.record(
    {
      param: payload,
      value: payload,
      tags: fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), { maxKeys: 4 }),
      special: fc.constantFrom({}, {}, { "resonate:timer": "true" }, target("poll://any@nobody")),
      timeout: fc.constantFrom(undefined, 1, -5, "1h", NEVER),
      onTimeout: fc.option(fc.record({ state, value: payload }), { nil: undefined }),
      // Some have ended in 1970, and are to be there all the same.
      retention: fc.constantFrom(undefined, 9_000_000_000_000),
      key: fc.constantFrom(undefined, "k"),
      settle: fc.option(state, { nil: undefined }),
      settleKey: fc.constantFrom(undefined, "s"),
      form: fc.constantFrom(undefined, { title: "Is it?", details: [{ label: "a", value: "b" }] }),
      requestedBy: fc.constantFrom(undefined, "ada"),
      quorum: fc.constantFrom(undefined, undefined, { approvals: 2, of: 3 }, { approvals: 1 }),
      votes: fc.nat(2),
      escalation: fc.constantFrom(
        undefined,
        [{ after: 0, extend: "1h" }],
        [{ after: "1h", settle: { state: "REJECTED", value: { data: "late" } } }],
        [{ after: 0, settle: { state: "RESOLVED" } }],
        [
          { after: 0, notify: "poll://any@nobody" },
          { after: "2h", extend: "1h" },
        ],
      ),
      extend: fc.constantFrom(undefined, undefined, "2h"),
      over: fc.constantFrom("rest", "rest", "protocol", "external"),
    },
    { requiredKeys: ["param", "value", "tags", "special", "votes", "over"] },
  );
  type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

  async function live(id: string, one: Life): Promise<boolean> {
    const made = one.over === "rest" ? await restBorn(id, one) : await protocolBorn(id, one);
    if (!made) return false;
    for (let n = 0; n < one.votes && one.quorum; n += 1) await vote(service, id, n);
    if (one.extend) {
      await service.send("PATCH", service.address(id), { body: { timeout: one.extend } });
    }
    if (one.settle) {
      const headers = one.settleKey === undefined ? {} : { "idempotency-key": one.settleKey };
      await service.settle(id, { state: one.settle, value: one.value }, headers);
    }
    return true;
  }

  async function restBorn(id: string, one: Life): Promise<boolean> {
    const { param, timeout, onTimeout, retention, form, requestedBy, quorum, escalation } = one;
    const tags = { ...one.tags, ...one.special };
    const body = { param, tags, timeout, onTimeout, retention, form, requestedBy, quorum };
    const headers = one.key === undefined ? {} : { "idempotency-key": one.key };
    const answer = await service.create(id, { ...body, escalation }, headers);
    // Some of these do not go together, which is another test's matter.
    expect([201, 400]).toContain(answer.status);
    return answer.status === 201;
  }

  async function protocolBorn(id: string, one: Life): Promise<boolean> {
    const external = one.over === "external" && { "resonate:external": "true" };
    const tags = { ...one.tags, ...one.special, ...external };
    const timeoutAt = one.timeout === 1 ? 1 : 8_000_000_000_000;
    const data = { id, timeoutAt, param: { data: "eyJhIjoxfQ==" }, tags };
    return (await rpcClient(service.url).send("promise.create", data)).status === 200;
  }

  test(`and out of that it is the same, line by line (SEED=${SEED})`, async () => {
    const prefix = freshId("trip");
    const lives = fc.sample(life, { seed: SEED, numRuns: 150 });
    let count = 0;
    for (const [index, one] of lives.entries()) {
      if (await live(`${prefix}/${index}`, one)) count += 1;
    }
    expect(count).toBeGreaterThan(80);
    const query = `?id=${prefix}/*`;
    const first = await exportAll(service, query, count);
    const states = new Set(first.promises.map((promise) => promise.state));
    expect(states.size).toBe(5);
    const { results, summary } = await importOf(other, first.lines);
    expect(results.filter(({ result }) => result !== "imported")).toEqual([]);
    expect(summary.imported).toBe(count);
    const second = await exportAll(other, query, count);
    expect(second.lines).toEqual(first.lines);
    // Each has what the other has.
    expect((await importOf(other, first.lines)).summary.same).toBe(count);
    expect((await importOf(service, second.lines)).summary.same).toBe(count);
    // And they are read alike, but for where they live.
    for (const { id } of first.promises) {
      const [here, there] = await Promise.all([service.read(id), other.read(id)]);
      expect(there.text.replaceAll(other.url, service.url)).toBe(here.text);
      const data = { id };
      const [protocol, alike] = await Promise.all(
        [service, other].map(({ url }) => rpcClient(url).send("promise.get", data)),
      );
      expect(alike).toEqual(protocol);
    }
  });

  test("a task that was out of service stays so", async () => {
    const id = freshId("halted");
    await service.create(id, { tags: target("poll://any@nobody") });
    await rpcClient(service.url).send("task.halt", { id });
    const { lines, promises } = await exportAll(service, `?id=${id}`, 1);
    expect(promises[0]?.halted).toBe(true);
    await importOf(other, lines);
    const { data } = await rpcClient(other.url).send("task.get", { id });
    expect(data).toMatchObject({ task: { state: "halted" } });
  });

  test("what was read one by one can be imported too", async () => {
    const id = freshId("read");
    await service.create(id, { tags: { a: "b" }, timeout: 1 });
    const { results } = await importOf(other, [(await service.read(id)).text]);
    expect(results).toMatchObject([{ id, result: "imported" }]);
    const [here, there] = await Promise.all([service.read(id), other.read(id)]);
    expect(there.text.replaceAll(other.url, service.url)).toBe(here.text);
  });
});

describe("more than one request exports", () => {
  const prefix = freshId("many");
  const count = LIMITS.exportPromisesMax + 210;
  const idOf = (n: number) => `${prefix}/${String(n).padStart(5, "0")}`;
  const wanted = Array.from({ length: count }, (_, n) => idOf(n));

  beforeAll(async () => {
    const lines = wanted.map((id) => ({ id, state: "PENDING", timeout: NEVER, createdOn: 1 }));
    for (const slice of [lines.slice(0, 4000), lines.slice(4000)]) {
      const { summary } = await importOf(service, slice);
      if (summary.imported < slice.length) throw new Error("they could not be imported");
    }
    await eventually(
      async () => {
        const { text } = await service.send("GET", `/promises?id=${prefix}/*&count=true&limit=1`);
        if ((JSON.parse(text) as { count: number }).count < count) throw new Error("not yet");
      },
      { forMs: 60_000 },
    );
  }, 120_000);

  test("goes on from the last mark, while others come and go", async () => {
    const first = await exportOf(service, `?id=${prefix}/*`);
    const { cursor, exported } = first.marks.at(-1)!;
    expect(exported).toBe(first.lines.length);
    expect(exported).toBeGreaterThanOrEqual(LIMITS.exportPromisesMax);
    expect(cursor).not.toBeNull();
    const gone = [idOf(3), idOf(count - 1)];
    for (const id of gone) {
      await service.settle(id, { state: "RESOLVED" });
      await service.send("DELETE", service.address(id));
    }
    await service.create(`${prefix}/00000a`);
    const second = await exportOf(service, `?id=${prefix}/*&cursor=${cursor}`);
    expect(second.marks.at(-1)?.cursor).toBeNull();
    const ids = [...first.promises, ...second.promises].map(({ id }) => id);
    const throughout = new Set(wanted.filter((id) => !gone.includes(id)));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => throughout.has(id))).toHaveLength(throughout.size);
  });

  test("goes on from any mark, for who has lost the line", async () => {
    const { marks, promises } = await exportOf(service, `?id=${prefix}/*`);
    expect(marks.length).toBeGreaterThan(20);
    const { cursor, exported } = marks[7]!;
    const rest = await exportOf(service, `?id=${prefix}/*&cursor=${cursor}`);
    expect(rest.promises[0]?.id).toBe(promises[exported]?.id);
  });

  test("a cursor is good for the search that it is of", async () => {
    const { marks } = await exportOf(service, `?id=${prefix}/*`);
    const answer = await service.send("GET", `/export?id=${prefix}/0*&cursor=${marks[0]?.cursor}`);
    expectRefusal(answer, "invalid_request", "cursor");
  });
});

describe("a caller who reads slowly, or not at all", () => {
  const BYTES = 250_000;
  const COUNT = 400;
  /** What an object that is awake has open: its database and what belongs to that. */
  const FILES = 3;

  // Which files a process has open is shown on Linux only.
  test.skipIf(!existsSync("/proc/self/fd"))(
    "is waited for: what it has not taken is not read",
    async () => {
      const { data, remove } = temporaryData();
      const env = { LOG: "off" };
      try {
        const first = await startServer({ data, env });
        await counted(first.url);
        const atRest = filesOf(first.pid);
        const line = (n: number) =>
          `{"id":"big/${n}","state":"RESOLVED","timeout":${NEVER},"createdOn":1,"completedOn":2,` +
          `"value":{"data":"${"x".repeat(BYTES)}"}}\n`;
        const body = Array.from({ length: COUNT }, (_, n) => line(n)).join("");
        const headers = { "content-type": "application/x-ndjson" };
        await (await fetch(`${first.url}/import`, { method: "POST", headers, body })).text();
        await eventually(async () => expect(await counted(first.url)).toBe(COUNT), {
          forMs: 30_000,
        });
        // Asleep, each has had its alarm: one that is still to ring would wake it in the next server.
        await eventually(() => expect(filesOf(first.pid)).toBeLessThan(atRest + 10 * FILES), {
          forMs: 40_000,
          everyMs: 250,
        });
        await first.stop();

        // None of its objects is awake then.
        const server = await startServer({ data, env });
        try {
          await counted(server.url);
          const before = filesOf(server.pid);
          const hangUp = new AbortController();
          const answer = await fetch(`${server.url}/export`, { signal: hangUp.signal });
          const reader = answer.body!.getReader();
          await reader.read();
          // Whatever it would do unasked, it has done by then; long before an object falls asleep.
          let files = before;
          let same = 0;
          await eventually(
            async () => {
              await counted(server.url);
              const now = filesOf(server.pid);
              same = now === files ? same + 1 : 0;
              files = now;
              expect(same).toBe(10);
            },
            { forMs: 9_000, everyMs: 100 },
          );
          const awake = (files - before) / FILES;
          expect(awake).toBeGreaterThan(1);
          expect(awake).toBeLessThan(COUNT / 2);
          hangUp.abort();
          await reader.closed.catch(() => undefined);
          // Others are served, and an export to the end.
          const whole = exportedIn(await (await fetch(`${server.url}/export`)).text());
          expect(whole.lines).toHaveLength(COUNT);
        } finally {
          await server.kill();
        }
      } finally {
        remove();
      }
    },
  );
});

function target(address: string): Record<string, string> {
  return { "resonate:target": address };
}

async function vote(service: Service, id: string, n: number): Promise<void> {
  const headers = { "idempotency-key": `v${n}` };
  await service.settle(id, { state: n === 0 ? "RESOLVED" : "REJECTED" }, headers);
}

async function counted(url: string): Promise<number> {
  const answer = await fetch(`${url}/promises?id=big/*&count=true&limit=1&view=summary`);
  return ((await answer.json()) as { count: number }).count;
}

function filesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
