/**
 * The published Durable Promise API, row by row: all 324 transitions of the classic server over
 * HTTP (RULES.md section 1, "REST surface: idempotency keys and strict").
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HEADER, NEVER, type WritableState } from "../../client/src/protocol.ts";
import rows from "../model/classic-transitions.json" with { type: "json" };
import {
  freshId,
  problemOf,
  recordOf,
  startService,
  type Answer,
  type Service,
} from "./service.ts";

type Row = (typeof rows)[number];

const WRITES: Record<string, WritableState> = {
  resolve: "RESOLVED",
  reject: "REJECTED",
  cancel: "REJECTED_CANCELED",
};
const LOST_CODES: Record<number, string> = {
  40300: "already_resolved",
  40301: "already_rejected",
  40302: "already_canceled",
  40303: "already_timedout",
  40400: "not_found",
  40900: "exists",
};
const CREATE_KEY = "the key of the create";
const COMPLETE_KEY = "the key of the completion";

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

const keyHeader = (key: string | undefined): Record<string, string> =>
  key === undefined ? {} : { [HEADER.idempotencyKey]: key };

/** How a timed-out promise comes to be: born so, or pending until its deadline passed. */
type Lateness = "born" | "grown";

/** Brings a promise into the row's first state and returns its record, or nothing for `init`. */
async function arrange(
  id: string,
  from: Row["from"],
  lateness: Lateness,
): Promise<Answer | undefined> {
  if (from.state === "init") return undefined;
  const late = from.state === "REJECTED_TIMEDOUT";
  const timeout = !late ? NEVER : lateness === "born" ? Date.now() - 1000 : Date.now() + 80;
  const created = await service.create(
    id,
    { timeout, param: { data: "asked" } },
    keyHeader(from.ikc === true ? CREATE_KEY : undefined),
  );
  expect(created.status).toBe(201);
  if (late) {
    const awaited = await service.read(id, { [HEADER.prefer]: "wait=10" });
    expect(awaited.status).toBe(200);
    expect(recordOf(awaited).completedOn).toBe(timeout);
  } else if (from.state !== "PENDING") {
    const settled = await service.settle(
      id,
      { state: from.state, value: { data: "first" } },
      keyHeader(from.iku === true ? COMPLETE_KEY : undefined),
    );
    expect(settled.status).toBe(201);
  }
  const answer = await service.read(id);
  expect(recordOf(answer).state).toBe(from.state);
  return answer;
}

function act(id: string, row: Row): Promise<Answer> {
  const same = row.op === "create" ? CREATE_KEY : COMPLETE_KEY;
  const key = row.key === "none" ? undefined : row.key === "same" ? same : "another key";
  const headers = { ...keyHeader(key), [HEADER.strict]: String(row.strict) };
  if (row.op === "create") {
    return service.create(id, { timeout: NEVER, param: { data: "asked" } }, headers);
  }
  return service.settle(id, { state: WRITES[row.op], value: { data: "second" } }, headers);
}

async function check(row: Row, lateness: Lateness): Promise<void> {
  const id = freshId(`classic-${row.n}`);
  const before = await arrange(id, row.from, lateness);
  const answer = await act(id, row);
  const after = await service.read(id);

  expect(answer.status).toBe(row.http);
  // The state after it, with the keys that are remembered (columns `ikc`, `iku`).
  if (row.to.state === "init") expect(after.status).toBe(404);
  else {
    const record = recordOf(after);
    expect(record.state).toBe(row.to.state);
    expect(record.idempotencyKeyForCreate !== undefined).toBe(row.to.ikc);
    expect(record.idempotencyKeyForComplete !== undefined).toBe(row.to.iku);
  }
  if (row.outcome === "error") {
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    const problem = problemOf(answer);
    // The published number and our stable word, side by side.
    expect(problem.error.code).toBe(row.errorCode);
    expect(problem.code).toBe(LOST_CODES[row.errorCode ?? 0]);
    if (before !== undefined) {
      expect(problem.promise).toEqual(recordOf(before));
      expect(answer.headers.get(HEADER.outcome)).toBe("lost");
    }
  } else {
    expect(recordOf(answer)).toEqual(recordOf(after));
    const won = row.op === "create" ? "created" : "settled";
    const timedOut = row.from.state === "REJECTED_TIMEDOUT" && row.op !== "create";
    // "A timed-out promise answers a later complete with 200 unless strict": 200, but it lost.
    const outcome = row.outcome === "ok" ? won : timedOut ? "lost" : "repeated";
    expect(answer.headers.get(HEADER.outcome)).toBe(outcome);
  }
  // Nothing but a success of the first kind changes anything.
  if (row.outcome !== "ok" && before !== undefined) expect(after.text).toBe(before.text);
}

function title(row: Row): string {
  const keys = `${row.from.ikc === true ? "+c" : ""}${row.from.iku === true ? "+u" : ""}`;
  const strict = row.strict ? "strict" : "lenient";
  return `${row.n}: ${row.from.state}${keys}, ${row.op} with key ${row.key}, ${strict} -> ${row.http}`;
}

describe("every transition of the published API (resonate-transitions.json, classic)", () => {
  test("the table has all 324 rows", () => {
    expect(rows).toHaveLength(324);
    expect(new Set(rows.map((row) => row.n)).size).toBe(324);
  });

  test.concurrent.each(rows.map((row) => [title(row), row] as const))("%s", async (_title, row) => {
    await check(row, "born");
  });
});

describe("the rows of a timed-out promise, whose deadline passes while we watch", () => {
  const late = rows.filter((row) => row.from.state === "REJECTED_TIMEDOUT");
  test.concurrent.each(late.map((row) => [title(row), row] as const))("%s", async (_title, row) => {
    await check(row, "grown");
  });
});
