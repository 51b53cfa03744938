// The published REST table, all 324 rows, run at the machine: which status and code a caller would
// get, and what the promise is afterwards. The rows are data (classic-transitions.json, restated
// from what was measured on the classic server); this file only builds where a row starts and reads
// where it ends.

import { isDeepStrictEqual } from "node:util";

import { describe, expect, test } from "vitest";

import { NEVER } from "../../client/src/protocol.ts";
import { decide, isSettled, project } from "../../src/machine/promise.ts";
import type { Command, Decision, PromiseRecord, SettledState } from "../../src/machine/promise.ts";
import table from "./classic-transitions.json" with { type: "json" };

type State =
  | "init"
  | "PENDING"
  | "RESOLVED"
  | "REJECTED"
  | "REJECTED_CANCELED"
  | "REJECTED_TIMEDOUT";
interface Place {
  state: State;
  /** Whether a key for create, and one for complete, is kept. */
  ikc?: boolean;
  iku?: boolean;
}
interface Row {
  n: number;
  from: Place;
  op: "create" | "resolve" | "reject" | "cancel";
  key: "none" | "same" | "other";
  strict: boolean;
  outcome: "ok" | "dedup" | "error";
  http: number;
  errorCode: number | null;
  to: Place;
}
// SAFETY: the file is ours; a wrong word in it fails its row below.
const ROWS = table as Row[];

const BORN = 1_000;
const DUE = 2_000;
/** One key for both uses, and two: a machine that looks at the wrong one passes one at most. */
const KEYS = [
  { create: "one", complete: "one" },
  { create: "one", complete: "two" },
];
type Keys = (typeof KEYS)[number];

const OP = { resolve: "resolved", reject: "rejected", cancel: "rejected_canceled" } as const;
const HTTP: Partial<Record<Decision["outcome"], number>> = {
  created: 201,
  settled: 201,
  repeated: 200,
  late: 200,
  absent: 404,
  lost: 403,
  exists: 409,
};
const CODE_OF_LOST: Record<SettledState, number> = {
  resolved: 40300,
  rejected: 40301,
  rejected_canceled: 40302,
  rejected_timedout: 40303,
};

test("the table is whole", () => {
  expect(ROWS.map(({ n }) => n)).toEqual(Array.from({ length: 324 }, (_, index) => index + 1));
});

describe.each(KEYS)("keys $create and $complete", (keys) => {
  test.each(ROWS)("row $n: $op from $from.state, key $key, strict $strict, gives $http", (row) => {
    expect(resultOf(row, recordOf(row.from, keys), keys, BORN + 1)).toEqual(promised(row, keys));
  });

  const timedOut = ROWS.filter(({ from }) => from.state === "REJECTED_TIMEDOUT");
  test.each(timedOut)("row $n holds before the deadline's settlement is written", (row) => {
    expect(resultOf(row, dueOf(row.from, keys, {}), keys, DUE)).toEqual(promised(row, keys));
  });

  // The classic rules, `timeoutTag`: a timer's deadline resolves it; then it answers as resolved.
  const resolved = ROWS.filter(({ from }) => from.state === "RESOLVED" && from.iku === false);
  test.each(resolved)("row $n holds for a timer that resolved, written or not", (row) => {
    const due = dueOf(row.from, keys, { "resonate:timeout": "true" });
    expect(resultOf(row, due, keys, DUE)).toEqual(promised(row, keys));
    expect(resultOf(row, project(due, DUE), keys, DUE)).toEqual(promised(row, keys));
  });
});

/** What the table says of a row, in the shape of `resultOf`. */
function promised({ http, errorCode, outcome, to }: Row, keys: Keys) {
  return {
    status: { http, errorCode },
    to,
    kept: {
      create: to.ikc ? keys.create : undefined,
      complete: to.iku ? keys.complete : undefined,
    },
    changed: outcome === "ok",
    shown: true,
  };
}

function resultOf(row: Row, from: PromiseRecord | null, keys: Keys, now: number) {
  const decision = decide(from, commandOf(row, keys), now);
  const stored = decision.write === undefined ? from : decision.write;
  const after = stored && project(stored, now);
  const complete = after && isSettled(after) ? after.idempotencyKeyForComplete : undefined;
  return {
    status: { http: HTTP[decision.outcome], errorCode: codeOf(decision) },
    to: placeOf(after),
    kept: { create: after?.idempotencyKeyForCreate, complete },
    changed: !isDeepStrictEqual(after, from && project(from, now)),
    // The answer carries what is now there.
    shown: isDeepStrictEqual(decision.record, after),
  };
}

function commandOf({ op, key, strict }: Row, keys: Keys): Command {
  const same = op === "create" ? keys.create : keys.complete;
  const asked = {
    strict,
    ...(key !== "none" && { idempotencyKey: key === "same" ? same : "other" }),
  };
  if (op !== "create") return { kind: "settle", state: OP[op], value: { data: "1" }, ...asked };
  return {
    kind: "create",
    id: "a",
    birth: "rest",
    param: {},
    tags: {},
    timeoutAt: NEVER,
    ...asked,
  };
}

function codeOf({ outcome, record }: Decision): number | null {
  if (outcome === "absent") return 40400;
  if (outcome === "exists") return 40900;
  return outcome === "lost" && record && isSettled(record) ? CODE_OF_LOST[record.state] : null;
}

/** A promise in this place by its stored state. */
function recordOf({ state, ikc, iku }: Place, keys: Keys): PromiseRecord | null {
  if (state === "init") return null;
  const timeoutAt = state === "REJECTED_TIMEDOUT" ? BORN + 1 : NEVER;
  const common = {
    id: "a",
    birth: "rest",
    param: {},
    tags: {},
    timeoutAt,
    createdAt: BORN,
    ...(ikc && { idempotencyKeyForCreate: keys.create }),
  };
  if (state === "PENDING") return { ...common, state: "pending" };
  return {
    ...common,
    // SAFETY: the table's words are the machine's in upper case; PENDING and init are gone by now.
    state: state.toLowerCase() as SettledState,
    value: {},
    settledAt: BORN + 1,
    ...(iku && { idempotencyKeyForComplete: keys.complete }),
  };
}

/** A pending promise whose deadline has come, though nobody has written that down. */
function dueOf(from: Place, keys: Keys, tags: Record<string, string>): PromiseRecord {
  const pending = recordOf({ ...from, state: "PENDING" }, keys);
  if (pending === null) throw new Error("A pending place has a record");
  return { ...pending, tags, timeoutAt: DUE };
}

function placeOf(record: PromiseRecord | null): Place {
  if (record === null) return { state: "init" };
  const iku = isSettled(record) && record.idempotencyKeyForComplete !== undefined;
  const ikc = record.idempotencyKeyForCreate !== undefined;
  // SAFETY: as above, the words differ in case alone.
  return { state: record.state.toUpperCase() as State, ikc, iku };
}
