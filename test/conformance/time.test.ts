/**
 * Deadlines, timers and retention on the real clock (RULES.md section 1, "Projection", "Create",
 * "Whatever anybody waits for has a durable deadline"). Nothing sleeps: whoever is told in time
 * proves it, and what happens by itself is looked for until it has happened.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HEADER, LIMITS, NEVER, TIMER_TAGS } from "../../client/src/protocol.ts";
import { inTime, openSocket, openStream } from "./awaiter.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, recordOf, startService, type Answer, type Service } from "./service.ts";
import { eventually, withTime } from "../eventually.ts";

/** An alarm may be late, but not so late that a person would wonder. */
const LATE_MS = 8000;

let service: Service;
/** What takes nearly half a minute begins before the first test, and is asked for by the last. */
let longest: Promise<[Answer, number]>;
let limited: Service;
let leavings: Map<string, Promise<number>>;
beforeAll(async () => {
  service = await startService();
  await service.create("longest");
  const began = Date.now();
  longest = service
    .send("GET", `${service.address("longest")}?wait=1h`)
    .then((answer) => [answer, Date.now() - began]);
  limited = await startService({ env: { AWAITERS_MAX: "1" } });
  leavings = new Map(comings.map(([name, come]) => [name, msUntilLeft(come)]));
  // Whoever fails, fails in its own test.
  for (const leaving of leavings.values()) leaving.catch(() => undefined);
});
afterAll(async () => {
  await service.stop();
  await limited.stop();
});

/** Waits on this transport until `signal` hangs up. */
const comings: [string, (id: string, signal: AbortSignal) => Promise<void>][] = [
  [
    "a WebSocket",
    async (id, signal) => {
      const socket = await openSocket(limited, id);
      signal.addEventListener("abort", () => socket.close());
    },
  ],
  [
    "an event stream",
    async (id, signal) => {
      const stream = await openStream(limited, id);
      expect((await stream.next())?.type).toBe("absent");
      signal.addEventListener("abort", () => stream.close());
    },
  ],
  [
    "a long poll",
    async (id, signal) =>
      insist(() => limited.send("GET", `${limited.address(id)}?wait=1h`, { signal })),
  ],
  [
    "a bare await",
    async (id, signal) =>
      insist(() => limited.send("POST", "/promise/await", { body: { promiseId: id }, signal })),
  ],
  [
    "a wrapped await",
    async (id, signal) => {
      const body = { request: { promiseName: id } };
      insist(() => limited.send("POST", "/durablePromiseServer/await", { body, signal }));
    },
  ],
];

/** Asks again when refused: the probe of the test may have had the only place for a moment. */
function insist(wait: () => Promise<Answer>): void {
  void (async () => {
    for (;;) if ((await wait()).status !== 429) return;
  })().catch(() => undefined);
}

/** How long the only place by a promise stays taken after the one who had it hung up. */
async function msUntilLeft(come: (typeof comings)[number][1]): Promise<number> {
  const id = freshId("hang-up");
  const hangUp = new AbortController();
  await come(id, hangUp.signal);
  await eventually(async () => {
    expectRefusal(
      await limited.send("GET", `${limited.address(id)}?wait=1ms`),
      "too_many_awaiters",
    );
  });
  hangUp.abort();
  const began = Date.now();
  const socket = await eventually(() => openSocket(limited, id), { forMs: 40_000 });
  socket.close();
  return Date.now() - began;
}

/** How an awaiter on each transport hears of the end: the record's text, or the example's outcome. */
const transports: [string, (id: string) => Promise<string>][] = [
  [
    "WebSocket",
    async (id) => {
      const socket = await openSocket(service, id);
      for (let frame; (frame = await socket.next()) !== undefined;) {
        if (frame.type === "settled") return JSON.stringify(frame.promise);
      }
      throw new Error("closed");
    },
  ],
  [
    "event stream",
    async (id) => {
      const stream = await openStream(service, id);
      for (let event; (event = await stream.next()) !== undefined;) {
        if (event.type === "settled") return event.data;
      }
      throw new Error("ended");
    },
  ],
  ["long poll", async (id) => (await service.read(id, { [HEADER.prefer]: "wait=20" })).text],
  [
    "bare await",
    async (id) => (await service.send("POST", "/promise/await", { body: { promiseId: id } })).text,
  ],
];

describe.each(transports)("an awaiter by %s", (name, wait) => {
  const ends: [string, object, string, string][] = [
    ["a timeout", {}, "REJECTED_TIMEDOUT", '{"error":"promise timed out"}'],
    [
      "onTimeout's resolution",
      { onTimeout: { state: "RESOLVED", value: { data: { plan: "B" } } } },
      "RESOLVED",
      '{"value":{"plan":"B"}}',
    ],
    [
      "onTimeout's rejection",
      { onTimeout: { state: "REJECTED", value: { data: "too slow" } } },
      "REJECTED",
      '{"error":"too slow"}',
    ],
    [
      "onTimeout's cancel",
      { onTimeout: { state: "REJECTED_CANCELED" } },
      "REJECTED_CANCELED",
      '{"error":"promise was canceled"}',
    ],
    ["a timer's success", { tags: { [TIMER_TAGS[0]]: "true" } }, "RESOLVED", "{}"],
    [
      "a timer's success by its older name",
      { tags: { [TIMER_TAGS[1]]: "true" } },
      "RESOLVED",
      "{}",
    ],
  ];
  test.concurrent.each(ends)("is told at the deadline: %s", async (_end, body, state, outcome) => {
    const { id, timeout, ms } = await withTime(700, async (ms) => {
      const id = freshId("deadline");
      const timeout = Date.now() + ms;
      expect(recordOf(await service.create(id, { ...body, timeout })).state).toBe("PENDING");
      return { id, timeout, ms };
    });
    const heard = await inTime(wait(id), `the deadline by ${name}`, ms + LATE_MS);
    expect(Date.now()).toBeGreaterThanOrEqual(timeout - 1);
    if (name === "bare await") expect(heard).toBe(outcome);
    else expect(JSON.parse(heard)).toMatchObject({ id, state, timeout, completedOn: timeout });
    const read = await service.read(id);
    expect(recordOf(read)).toMatchObject({ state, completedOn: timeout });
    if (name !== "bare await") expect(JSON.parse(heard)).toEqual(recordOf(read));
  });

  test.concurrent("that came before the promise is told at its deadline", async () => {
    const id = freshId("early");
    const heard = wait(id);
    const timeout = Date.now() + 700;
    await service.create(id, { timeout });
    const text = await inTime(heard, `the deadline by ${name}`, 700 + LATE_MS);
    if (name === "bare await") expect(text).toBe('{"error":"promise timed out"}');
    else
      expect(JSON.parse(text)).toMatchObject({ state: "REJECTED_TIMEDOUT", completedOn: timeout });
  });
});

describe("a deadline in the past", () => {
  test.each<[string, object, string]>([
    ["timed out", {}, "REJECTED_TIMEDOUT"],
    ["resolved as a timer", { tags: { "resonate:timer": "true" } }, "RESOLVED"],
    [
      "timed out: a timer is switched on by true alone",
      { tags: { "resonate:timer": "false" } },
      "REJECTED_TIMEDOUT",
    ],
    [
      "as onTimeout says",
      { onTimeout: { state: "REJECTED_CANCELED", value: { data: 1 } } },
      "REJECTED_CANCELED",
    ],
  ])("the promise is born settled: %s", async (_name, body, state) => {
    for (const timeout of [Date.now() - 1000, 1, 0, -1, Number.MIN_SAFE_INTEGER]) {
      const id = freshId("past");
      const created = await service.create(id, { ...body, timeout });
      expect(created.status).toBe(201);
      expect(created.headers.get(HEADER.outcome)).toBe("created");
      expect(recordOf(created)).toMatchObject({
        state,
        timeout,
        createdOn: timeout,
        completedOn: timeout,
      });
      expect(recordOf(await service.read(id))).toEqual(recordOf(created));
    }
  });
});

describe("a settle after the deadline", () => {
  test.each(["RESOLVED", "REJECTED", "REJECTED_CANCELED"])(
    "to %s: 200 with the record that stands, 403 when strict; it never wins",
    async (state) => {
      const id = freshId("after");
      const timeout = Date.now() + 200;
      await service.create(id, { timeout });
      await service.read(id, { [HEADER.prefer]: "wait=5" });
      const lenient = await service.settle(id, { state, value: { data: "late" } });
      expect(lenient.status).toBe(200);
      expect(lenient.headers.get(HEADER.outcome)).toBe("lost");
      expect(recordOf(lenient)).toMatchObject({
        state: "REJECTED_TIMEDOUT",
        value: {},
        completedOn: timeout,
      });
      const strict = await service.settle(
        id,
        { state, value: { data: "late" } },
        { [HEADER.strict]: "true" },
      );
      const problem = expectRefusal(strict, "already_timedout");
      expect(problem.promise).toEqual(recordOf(lenient));
      expect(strict.headers.get(HEADER.outcome)).toBe("lost");
    },
  );

  test("of a promise that onTimeout settled or a timer resolved is lost like any other (403)", async () => {
    const resolved = freshId("after");
    await service.create(resolved, {
      timeout: 1,
      onTimeout: { state: "RESOLVED", value: { data: 1 } },
    });
    expectRefusal(
      await service.settle(resolved, { state: "RESOLVED", value: { data: 2 } }),
      "already_resolved",
    );
    const timer = freshId("after");
    await service.create(timer, { timeout: 1, tags: { "resonate:timer": "true" } });
    expectRefusal(await service.settle(timer, { state: "REJECTED" }), "already_resolved");
  });

  test("a promise settled in time stays so when its deadline passes", async () => {
    const { id, timeout, settled } = await withTime(500, async (ms) => {
      const id = freshId("in-time");
      const timeout = Date.now() + ms;
      await service.create(id, { timeout, onTimeout: { state: "REJECTED" } });
      const settled = await service.settle(id, { state: "RESOLVED", value: { data: 1 } });
      expect(settled.status).toBe(201);
      return { id, timeout, settled };
    });
    // The witness' deadline is later; when it is told, the other's has passed.
    const witness = freshId("witness");
    await service.create(witness, { timeout: timeout + 200 });
    await service.read(witness, { [HEADER.prefer]: "wait=20" });
    expect(Date.now()).toBeGreaterThanOrEqual(timeout);
    expect((await service.read(id)).text).toBe(settled.text);
  });
});

describe("how a deadline may be written", () => {
  test.each<[string, number]>([
    ["20s", 20_000],
    ["1500ms", 1500],
    ["1h30m", 5_400_000],
    ["7d", 7 * 86_400_000],
    ["PT1H", 3_600_000],
    ["PT0.5S", 500],
    ["P1DT12H", 36 * 3_600_000],
  ])("the duration %s counts from the create", async (timeout, ms) => {
    const before = Date.now();
    const record = recordOf(await service.create(freshId("relative"), { timeout }));
    const after = Date.now();
    expect(record.timeout).toBeGreaterThanOrEqual(before + ms);
    expect(record.timeout).toBeLessThanOrEqual(after + ms);
    expect(record.timeout - record.createdOn).toBeGreaterThanOrEqual(ms - (after - before) - 1);
  });

  test.each([
    ["2100-01-01T00:00:00Z"],
    ["2100-01-01T00:00:00.123Z"],
    ["2100-01-01T02:00:00+02:00"],
    ["2099-12-31T19:30:00-04:30"],
    ["2096-02-29T00:00:00Z"],
  ])("the RFC 3339 date %s is that instant", async (timeout) => {
    expect(recordOf(await service.create(freshId("date"), { timeout })).timeout).toBe(
      Date.parse(timeout),
    );
  });

  test("none is never", async () => {
    const record = recordOf(await service.create(freshId("never"), {}));
    expect(record).toMatchObject({ state: "PENDING", timeout: NEVER });
  });

  test("a repeated create with a relative deadline keeps the first one", async () => {
    const id = freshId("repeat");
    const headers = { [HEADER.idempotencyKey]: "k" };
    const first = await service.create(id, { timeout: "1h" }, headers);
    const second = await service.create(id, { timeout: "2h" }, headers);
    expect(second.status).toBe(200);
    expect(second.text).toBe(first.text);
  });
});

describe("retention", () => {
  test("deletes a settled promise after its time, and frees the id", async () => {
    const id = freshId("kept");
    await service.create(id, { retention: "1s" });
    const settled = recordOf(await service.settle(id, { state: "RESOLVED" }));
    expect(settled.retention).toBe(1000);
    await eventually(async () => expectRefusal(await service.read(id), "not_found"));
    expect(Date.now()).toBeGreaterThanOrEqual((settled.completedOn ?? 0) + 1000);
    expect((await service.create(id)).status).toBe(201);
  });

  test("counts from the settling, not from the create, and not at all while pending", async () => {
    const id = freshId("pending");
    await service.create(id, { retention: 50 });
    const witness = freshId("witness");
    await service.create(witness, { timeout: "500ms" });
    await service.read(witness, { [HEADER.prefer]: "wait=5" });
    expect(recordOf(await service.read(id)).state).toBe("PENDING");
  });

  test("counts from the deadline of a promise that timed out, whether or not anybody looked", async () => {
    const id = freshId("unseen");
    await service.create(id, { timeout: "200ms", retention: "300ms" });
    await eventually(async () => expectRefusal(await service.read(id), "not_found"));
  });

  test("those who wait are told before it goes, however short it is", async () => {
    for (const retention of [0, 1]) {
      const id = freshId("brief");
      await service.create(id, { retention });
      const heard = transports.map(([name, wait]) => inTime(wait(id), name));
      // Every awaiter has been let in before anybody settles, or it would wait for a second life.
      const socket = await openSocket(service, id);
      expect((await socket.next())?.type).toBe("pending");
      await eventually(async () => {
        const probe = await openStream(service, id);
        expect((await probe.next())?.type).toBe("pending");
        probe.close();
      });
      const settled = await service.settle(id, { state: "RESOLVED", value: { data: "brief" } });
      expect(settled.status).toBe(201);
      for (const text of await Promise.all(heard)) expect(text).toContain('"brief"');
    }
  });
});

describe("a long poll", () => {
  test("that is over before the promise is: 202 and the pending record", async () => {
    const id = freshId("over");
    await service.create(id, { param: { data: 1 } });
    for (const [query, headers] of [
      ["?wait=300ms", {}],
      ["?wait=PT0.3S", {}],
      ["", { [HEADER.prefer]: "wait=1" }],
    ] as const) {
      const began = Date.now();
      const answer = await service.send("GET", service.address(id) + query, { headers });
      expect(answer.status).toBe(202);
      expect(recordOf(answer)).toMatchObject({ id, state: "PENDING" });
      expect(answer.headers.get("cache-control")).toContain("no-store");
      expect(Date.now() - began).toBeGreaterThanOrEqual(290);
      expect(Date.now() - began).toBeLessThan(1000 + LATE_MS);
    }
  });

  test("that is over before the promise exists: 404", async () => {
    expectRefusal(
      await service.send("GET", `${service.address(freshId("absent"))}?wait=300ms`),
      "not_found",
    );
  });

  test("is capped, whatever it asks for: an answer within 30 s (LIMITS.longPollMsMax)", async () => {
    const [answer, ms] = await longest;
    expect(answer.status).toBe(202);
    expect(recordOf(answer).state).toBe("PENDING");
    expect(ms).toBeGreaterThan(LIMITS.longPollMsMax - 500);
    expect(ms).toBeLessThan(LIMITS.longPollMsMax + LATE_MS);
  });
});

describe("who has hung up is counted no longer", () => {
  // RESTATE.md 1.3 names what is to be better here: "Client disconnect does not cancel". A line
  // that says nothing may be found dead only when it is spoken to, which every wait is in time.
  test.each(comings)("%s leaves its place within the longest wait", async (name) => {
    expect(await leavings.get(name)).toBeLessThan(LIMITS.longPollMsMax + LATE_MS);
  });
});
