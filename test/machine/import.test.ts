/** Records from elsewhere: which can be a promise's, what becomes of their task, and what is the same. */
import { describe, expect, test } from "vitest";
import { NEVER } from "../../client/src/protocol.ts";
import { differences, faultOfImport, imported, type Import } from "../../src/machine/import.ts";
import { decide, project, type PromiseRecord } from "../../src/machine/promise.ts";

const NOW = 1_000_000;
const MIN = 60_000;

function pending(more: object = {}): PromiseRecord {
  const base = { id: "p", birth: "b", param: {}, tags: {}, timeoutAt: NEVER, createdAt: NOW - 500 };
  return { ...base, state: "pending", ...more };
}

function settled(more: object = {}): PromiseRecord {
  return pending({ state: "resolved", value: { data: "1" }, settledAt: NOW - 100, ...more });
}

const QUORUM = { approvals: 2, of: 3, veto: false, excludeRequester: false };
const vote = (by: string, approves = true) => ({ by, approves, at: NOW - 200 });
const TIMER = { "resonate:timer": "true" };
const TARGET = { "resonate:target": "poll://any@g" };
const STEPS = [
  { afterMs: 100, extendMs: 5 },
  { afterMs: 200, settle: { state: "rejected", value: {} } },
];

describe("what can be a promise", () => {
  test.each<[string, PromiseRecord]>([
    ["pending", pending()],
    ["pending past its deadline", pending({ timeoutAt: NOW - 10 })],
    ["resolved", settled()],
    ["settled as soon as it was born", settled({ settledAt: NOW - 500 })],
    ["timed out", settled({ state: "rejected_timedout", value: {}, timeoutAt: NOW - 100 })],
    ["a timer that has resolved", settled({ tags: TIMER, timeoutAt: NOW - 100, value: {} })],
    [
      "what the deadline was to make of it",
      settled({ timeoutAt: NOW - 100, onTimeout: { state: "resolved", value: { data: "1" } } }),
    ],
    ["born dead", pending({ createdAt: -5, timeoutAt: -5 })],
    ["a little ahead of our clock", settled({ createdAt: NOW + MIN, settledAt: NOW + 2 * MIN })],
    ["with a vote", pending({ quorum: QUORUM, votes: [vote("a")] })],
    ["decided by votes", settled({ quorum: QUORUM, votes: [vote("a"), vote("b")] })],
    ["canceled between votes", settled({ quorum: QUORUM, votes: [vote("a")] })],
    ["with a step that has happened", pending({ escalation: STEPS, escalated: 1 })],
    ["settled by a step", settled({ state: "rejected", escalation: STEPS, escalated: 2 })],
  ])("%s", (_, record) => {
    expect(faultOfImport(record, NOW)).toBeUndefined();
  });
});

describe("what cannot", () => {
  test.each<[string, PromiseRecord, string]>([
    ["created in the future", pending({ createdAt: NOW + 10 * MIN }), "createdOn"],
    ["created after its deadline", pending({ timeoutAt: NOW - 501 }), "createdOn"],
    ["settled before it was created", settled({ settledAt: NOW - 501 }), "completedOn"],
    ["settled in the future", settled({ settledAt: NOW + 10 * MIN }), "completedOn"],
    ["settled after its deadline", settled({ timeoutAt: NOW - 101 }), "completedOn"],
    ["resolved by the deadline", settled({ timeoutAt: NOW - 100 }), "state"],
    ["timed out before the deadline", settled({ state: "rejected_timedout" }), "state"],
    [
      "a timer that has timed out",
      settled({ state: "rejected_timedout", tags: TIMER, timeoutAt: NOW - 100 }),
      "state",
    ],
    [
      "settled by the deadline with a key",
      settled({
        state: "rejected_timedout",
        timeoutAt: NOW - 100,
        idempotencyKeyForComplete: "k",
      }),
      "idempotencyKeyForComplete",
    ],
    [
      "a timer with another end",
      pending({ tags: TIMER, onTimeout: { state: "rejected", value: {} } }),
      "onTimeout",
    ],
    ["a target that several decide", pending({ tags: TARGET, quorum: QUORUM }), "quorum"],
    ["votes about nothing", pending({ votes: [vote("a")] }), "votes"],
    ["a vote twice", pending({ quorum: QUORUM, votes: [vote("a"), vote("a")] }), "votes.1"],
    ["pending, and decided", pending({ quorum: QUORUM, votes: [vote("a"), vote("b")] }), "votes.1"],
    [
      "votes after the decision",
      settled({ quorum: QUORUM, votes: [vote("a"), vote("b"), vote("c")] }),
      "votes.1",
    ],
    [
      "a vote of somebody who may not",
      pending({ quorum: { ...QUORUM, voters: ["x"] }, votes: [vote("a")] }),
      "votes.0",
    ],
    [
      "a step that is not due",
      pending({ escalation: [{ afterMs: 10 * MIN, extendMs: 1 }], escalated: 1 }),
      "escalation.0.done",
    ],
    [
      "pending, and settled by a step",
      pending({ escalation: STEPS, escalated: 2 }),
      "escalation.1.done",
    ],
  ])("%s", (_, record, field) => {
    expect(faultOfImport(record, NOW)?.field).toBe(field);
  });
});

function take(record: PromiseRecord, halted = false): PromiseRecord["task"] {
  return imported({ kind: "import", record, halted }, NOW).task;
}

describe("its task", () => {
  test("is nobody's, and due at once", () => {
    expect(take(pending({ tags: TARGET }))).toMatchObject({ state: "pending", retryAt: NOW });
  });
  test("stays out of service", () => {
    expect(take(pending({ tags: TARGET }), true)?.state).toBe("halted");
  });
  test("is over with its promise", () => {
    expect(take(settled({ tags: TARGET }), true)?.state).toBe("fulfilled");
  });
  test("is none without a target", () => {
    expect(take(pending())).toBeUndefined();
  });
});

function command(record: PromiseRecord): Import {
  return { kind: "import", record, halted: false };
}

describe("the command", () => {
  test("stores what it says, and shows what has become of it", () => {
    const late = pending({ timeoutAt: NOW - 10 });
    const { outcome, record, write } = decide(null, command(late), NOW);
    expect(outcome).toBe("imported");
    expect(write).toEqual(late);
    expect(record).toMatchObject({ state: "rejected_timedout", settledAt: NOW - 10 });
  });

  test("changes nothing where there is one", () => {
    const there = pending();
    const { outcome, record, write } = decide(there, command(settled()), NOW);
    expect([outcome, record, write]).toEqual(["exists", there, undefined]);
  });
});

describe("what is the same", () => {
  test("is so whatever its life, its task and the order of its keys", () => {
    const one = pending({ tags: { a: "1", b: "2" }, birth: "b1", extended: 3 });
    const other = pending({ tags: { b: "2", a: "1" }, birth: "b2", serverUrl: "http://x" });
    expect(differences(one, other, NOW)).toEqual([]);
  });

  test("is judged as it is now: one that has timed out since is the same", () => {
    const record = pending({ timeoutAt: NOW + 5 });
    expect(differences(record, project(record, NOW + 9), NOW + 9)).toEqual([]);
    expect(differences(record, project(record, NOW + 9), NOW)).toContain("state");
  });

  test.each<[string, object, string[]]>([
    ["param", { param: { data: "2" } }, ["param"]],
    ["data to the letter", { param: { data: "1.0" } }, ["param"]],
    ["a tag", { tags: { a: "b" } }, ["tags"]],
    ["the deadline", { timeoutAt: NOW * 2 }, ["timeout"]],
    ["retention", { retentionMs: 1 }, ["retention"]],
    ["the encoding", { overProtocol: true }, ["protocol"]],
    ["a step", { escalation: STEPS.slice(0, 1), escalated: 1 }, ["escalation"]],
  ])("is not the same: %s", (_, more, names) => {
    const one = pending({ param: { data: "1" } });
    expect(differences(one, { ...one, ...more }, NOW)).toEqual(names);
  });

  test("a value, its instant, who gave it", () => {
    const other = settled({ value: { data: "2" }, settledAt: NOW - 99, settledBy: { how: "api" } });
    expect(differences(settled(), other, NOW)).toEqual(["value", "completedOn", "settledBy"]);
  });
});
