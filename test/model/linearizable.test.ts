// The checker itself: it must take what some order explains, and refuse each way in which a server
// could lie. Histories are drawn as lines, one a client, so that one sees what overlaps what.

import { describe, expect, test } from "vitest";

import { linearize } from "./linearizable.ts";
import { objectionTo } from "./protocol-history.ts";
import type { Call, Response } from "./protocol-history.ts";
import { ask, creation, NEVER, settlement, TARGET } from "./protocol-request.ts";
import type { Request } from "./protocol-request.ts";
import type { PromiseRecord, TaskRecord } from "./protocol-state.ts";

const EXTERNAL = { "resonate:external": "true" };
const OWN = { tags: TARGET };
const AWAITED = { tags: EXTERNAL };

function call(from: number, to: number | null, request: Request, response?: Response): Call {
  const at = to ?? Infinity;
  const returned = response && to !== null ? { returned: { at, response } } : {};
  return { client: from, invokedAt: from, request, ...returned };
}

/** A record as it would be answered, its instants being nobody's business here. */
function record(id: string, rest: Partial<PromiseRecord> = {}): PromiseRecord {
  const state = "pending" as const;
  return { ...creation(id), state, value: {}, createdAt: 7, timeoutAt: NEVER, ...rest };
}

const is = (promise: PromiseRecord): Response => ({ status: 200, body: { promise } });
const taskIs = (task: Omit<TaskRecord, "id" | "resumes">, resumes = 0): Response => ({
  status: 200,
  body: { task: { id: "t", resumes, ...task } },
});
const done: Response = { status: 200, body: {} };
const refused = (status: number): Response => ({ status, body: {} });
const resolved = (id: string, data: string, rest = {}): PromiseRecord =>
  record(id, { state: "resolved", value: { data }, settledAt: 9, ...rest });

function taken(id: string, version: number, pid: string): Response {
  const task = { id, state: "acquired", version, resumes: 0, pid, ttl: 50 } as const;
  return { status: 200, body: { promise: record(id, OWN), task, preload: [] } };
}

/** `t` held by `w` at version 1, and `a` to wait for. */
const BEFORE: Call[] = [
  call(1, 2, ask.taskCreate(creation("t", OWN), "w", 50), taken("t", 1, "w")),
  call(3, 4, ask.create(creation("a", AWAITED)), is(record("a", AWAITED))),
];
const settledA = is(resolved("a", "1", AWAITED));
const settleA = ask.settle(settlement("a", "resolved", { data: "1" }));
const settle = (data: string): Request => ask.settle(settlement("a", "resolved", { data }));
const suspendT = ask.suspend("t", 1, ["a"]);

describe("a history that some order explains", () => {
  test.each<[string, Call[]]>([
    ["nothing", []],
    [
      "two who settle at once, and both are shown the later one asked",
      [
        call(1, 2, ask.create(creation("a")), is(record("a"))),
        call(3, 9, settle("first"), is(resolved("a", "second"))),
        call(4, 8, settle("second"), is(resolved("a", "second"))),
      ],
    ],
    [
      "a read that began before the settlement was answered, either way",
      [
        call(1, 2, ask.create(creation("a")), is(record("a"))),
        call(3, 9, settle("1"), is(resolved("a", "1"))),
        call(4, 5, ask.get("a"), is(resolved("a", "1"))),
        call(6, 7, ask.get("a"), is(resolved("a", "1"))),
      ],
    ],
    [
      "a settlement of unknown outcome that is seen, and one that is never seen",
      [
        call(1, 2, ask.create(creation("a")), is(record("a"))),
        call(3, null, settle("lost")),
        call(4, null, settle("late")),
        call(5, 6, ask.get("a"), is(record("a"))),
        call(7, 8, ask.get("a"), is(resolved("a", "late"))),
      ],
    ],
    [
      "an awaiter that hears of the settlement a while after it was answered",
      [
        ...BEFORE,
        call(5, 6, suspendT, done),
        call(7, 8, settleA, settledA),
        call(9, 10, ask.taskGet("t"), taskIs({ state: "suspended", version: 1 })),
        call(11, 12, ask.taskGet("t"), taskIs({ state: "pending", version: 1 }, 1)),
      ],
    ],
    [
      "a suspend that meets the settlement: told to go on",
      [...BEFORE, call(5, 8, suspendT, { status: 300, body: {} }), call(6, 7, settleA, settledA)],
    ],
  ])("is taken: %s", (_, history) => {
    expect(objectionTo(history)).toBeUndefined();
  });
});

describe("a history that no order explains", () => {
  test.each<[string, Call[]]>([
    [
      "a lost update: both who settled are shown their own value",
      [
        call(1, 2, ask.create(creation("a", AWAITED)), is(record("a", AWAITED))),
        call(3, 9, settleA, settledA),
        call(4, 8, settle("2"), is(resolved("a", "2", AWAITED))),
      ],
    ],
    [
      "a stale read: pending after somebody was told that it is settled",
      [
        ...BEFORE,
        call(5, 6, settleA, settledA),
        call(7, 8, ask.get("a"), is(record("a", AWAITED))),
      ],
    ],
    [
      "a read that goes back, while the settlement is still being answered",
      [
        ...BEFORE,
        call(5, 12, settleA, settledA),
        call(6, 7, ask.get("a"), settledA),
        call(8, 9, ask.get("a"), is(record("a", AWAITED))),
      ],
    ],
    [
      "two holders of one version",
      [
        call(1, 2, ask.create(creation("t", OWN)), is(record("t", OWN))),
        call(3, 6, ask.acquire("t", 0, "x", 50), taken("t", 1, "x")),
        call(4, 5, ask.acquire("t", 0, "y", 50), taken("t", 1, "y")),
      ],
    ],
    [
      "a suspend that missed a settlement: it sleeps, though what it awaits is over",
      [...BEFORE, call(5, 6, settleA, settledA), call(7, 8, suspendT, done)],
    ],
    [
      "a suspended task that is shown before its suspend says no",
      [
        ...BEFORE,
        call(5, 10, suspendT, { status: 300, body: {} }),
        call(6, 7, ask.taskGet("t"), taskIs({ state: "suspended", version: 1 })),
        call(8, 9, settleA, settledA),
      ],
    ],
    [
      "a wake-up that nobody owed",
      [
        ...BEFORE,
        call(5, 6, suspendT, done),
        call(7, 8, ask.taskGet("t"), taskIs({ state: "pending", version: 1 }, 1)),
      ],
    ],
    [
      "a fence that was let through after the lease was given back",
      [
        ...BEFORE,
        call(5, 6, ask.release("t", 1), done),
        call(7, 8, ask.get("b"), refused(404)),
        call(9, 10, ask.fence("t", 1, { kind: "promise.create", head: {}, data: creation("b") }), {
          status: 200,
          body: { action: { kind: "promise.create", status: 200, promise: record("b") } },
        }),
      ],
    ],
    [
      "an answer of unknown outcome is no excuse for what nobody asked",
      [
        ...BEFORE,
        call(5, null, settleA),
        call(6, 7, ask.get("a"), is(resolved("a", "other", AWAITED))),
      ],
    ],
  ])("is refused: %s", (_, history) => {
    expect(objectionTo(history)).toContain("but then not:");
  });

  test("is told without what it does not need", () => {
    const noise = [21, 31, 41].map((at) => call(at, at + 1, ask.get("a"), settledA));
    const history = [
      ...BEFORE,
      call(5, 6, settleA, settledA),
      ...noise,
      call(51, 52, ask.get("a"), is(record("a", AWAITED))),
      call(61, 62, ask.settle(settlement("a")), settledA),
    ];
    expect(objectionTo(history)?.split("\n").length).toBe(6);
  });
});

test("a search that finds no end says so", () => {
  const endless = {
    initial: 0,
    keyOf: String,
    apply: () => undefined,
    isRead: () => false,
    moves: (state: number) => [state + 1],
  };
  const history = [{ client: 0, invokedAt: 0, request: null, returned: { at: 1, response: null } }];
  expect(() => linearize(endless, history, 50)).toThrow("too many positions");
});
