// The published REST table, all 324 rows, run at the machine: which status and code a caller would get,
// and what the promise is afterwards. The rows are data (classic-transitions.json, restated from what
// was measured on the classic server); this file only builds where a row starts and reads where it ends.

import { describe, expect, test } from "vitest";

import { NEVER } from "../../client/src/protocol.ts";
import { decide, isSettled, project } from "../../src/machine/promise.ts";
import type { Command, Decision, PromiseRecord, SettledState } from "../../src/machine/promise.ts";
import table from "./classic-transitions.json" with { type: "json" };

type State = "init" | "PENDING" | "RESOLVED" | "REJECTED" | "REJECTED_CANCELED" | "REJECTED_TIMEDOUT";
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
const CASES = ["stored", "due but not written"] as const;
/** One key for both uses, and two: a machine that looks at the wrong one passes at most one of these. */
const KEYS = [
  { create: "one", complete: "one" },
  { create: "one", complete: "two" },
];

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
    check(row, recordOf(row.from, keys), keys, BORN + 1);
  });

  const timedOut = ROWS.filter(({ from }) => from.state === "REJECTED_TIMEDOUT");
  test.each(timedOut)("row $n holds before the deadline's settlement is written", (row) => {
    check(row, dueOf(row.from, keys, {}), keys, DUE);
  });

  // The classic rules, `timeoutTag`: a timer's deadline resolves it, and then it answers as a resolved one.
  const resolved = ROWS.filter(({ from }) => from.state === "RESOLVED" && from.iku === false);
  test.each(resolved.flatMap((row) => CASES.map((how) => ({ ...row, how }))))(
    "row $n holds for a timer that resolved, $how",
    ({ how, ...row }) => {
      const due = dueOf(row.from, keys, { "resonate:timeout": "true" });
      check(row, how === "stored" ? project(due, DUE) : due, keys, DUE);
    },
  );
});

function check(row: Row, from: PromiseRecord | null, keys: (typeof KEYS)[number], now: number): void {
  const decision = decide(from, commandOf(row, keys), now);
  const { outcome, record, write } = decision;
  const http = HTTP[outcome];
  expect({ http, errorCode: codeOf(decision) }).toEqual({ http: row.http, errorCode: row.errorCode });

  const stored = write === undefined ? from : write;
  const after = stored && project(stored, now);
  expect(record, "the answer carries what is now there").toEqual(after);
  expect(placeOf(after)).toEqual(row.to);
  if (row.outcome !== "ok") expect(after, "nothing changed").toEqual(from && project(from, now));
  expect(keys.create).toBe(after?.idempotencyKeyForCreate ?? keys.create);
  if (after && isSettled(after)) {
    expect(keys.complete).toBe(after.idempotencyKeyForComplete ?? keys.complete);
  }
}

function commandOf({ op, key, strict }: Row, keys: (typeof KEYS)[number]): Command {
  const same = op === "create" ? keys.create : keys.complete;
  const asked = { strict, ...(key !== "none" && { idempotencyKey: key === "same" ? same : "other" }) };
  if (op !== "create") return { kind: "settle", state: OP[op], value: { data: "1" }, ...asked };
  return { kind: "create", id: "a", birth: "rest", param: {}, tags: {}, timeoutAt: NEVER, ...asked };
}

function codeOf({ outcome, record }: Decision): number | null {
  if (outcome === "absent") return 40400;
  if (outcome === "exists") return 40900;
  return outcome === "lost" && record && isSettled(record) ? CODE_OF_LOST[record.state] : null;
}

/** A promise in this place by its stored state. */
function recordOf({ state, ikc, iku }: Place, keys: (typeof KEYS)[number]): PromiseRecord | null {
  if (state === "init") return null;
  const timeoutAt = state === "REJECTED_TIMEDOUT" ? BORN + 1 : NEVER;
  const common = {
    ...{ id: "a", birth: "rest", param: {}, tags: {}, timeoutAt, createdAt: BORN },
    ...(ikc && { idempotencyKeyForCreate: keys.create }),
  };
  if (state === "PENDING") return { ...common, state: "pending" };
  return {
    ...common,
    // SAFETY: the table's words are the machine's words in upper case; PENDING and init are gone by now.
    state: state.toLowerCase() as SettledState,
    value: {},
    settledAt: BORN + 1,
    ...(iku && { idempotencyKeyForComplete: keys.complete }),
  };
}

/** A pending promise whose deadline has come, though nobody has written that down. */
function dueOf(from: Place, keys: (typeof KEYS)[number], tags: Record<string, string>): PromiseRecord {
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
