// What was measured on the current Resonate server, one row a case: 364 of the 435, run at the
// machine. Left out are the rows that two promises answer (register_callback, register_listener, a
// suspend on what is missing) and a settle to `rejected_timedout`, which no command can spell. Where
// we mean to differ, DIFFERENCES names the rule; a difference that no row needs fails.
//
// A row: start, operation and version, status, then how the promise, its task, the task's timer and
// the last `execute` stand. Instants count from the creation. `late`: the deadline has passed, and
// nobody has written that down.

import { describe, expect, test } from "vitest";

import { decide, project } from "../../src/machine/promise.ts";
import type { Command, PromiseRecord } from "../../src/machine/promise.ts";
import type { TaskCommand } from "../../src/machine/task-command.ts";
import { decideTask, taskRecord } from "../../src/machine/task.ts";
import table from "./rpc-cases.json" with { type: "json" };

type Row = [string, string, number, string, string | null, string | null, number | null];
// SAFETY: the file is ours; a wrong word in it fails its row below.
const PROMISE_ROWS = table.promise as [string, string, number, string, string | null, number][];
const TASK_ROWS = table.task as Row[];

const RETRY = { retryMs: 30_000 };
/** After which the rows called late ask, and all others at 10. */
const DUE = 500;

interface Difference {
  rule: string;
  holds: (start: string, operation: string) => boolean;
}

const isLate = (start: string): boolean =>
  start.endsWith(" late") && !start.startsWith("fulfilled");

/** Measured was a read of what is stored; ours shows what is: the promise timed out, its task over. */
const DIFFERENCES: Difference[] = [
  {
    rule: "A heartbeat on a promise past its deadline extends nothing (C7), nor shows it alive (C8)",
    holds: (start, operation) => isLate(start) && operation.startsWith("heartbeat"),
  },
  {
    rule: "A resume does not raise an awaiter whose own deadline has passed (C6)",
    holds: (start, operation) => isLate(start) && operation === "settle_awaited",
  },
  {
    rule: "Malformed is malformed, and still every read is projected (RULES 1, Projection)",
    holds: (start, operation) => isLate(start) && operation.startsWith("suspend_empty"),
  },
];

/** One promise, its record kept as an object would keep it. */
class Kept {
  record: PromiseRecord | null = null;
  offers: number[] = [];

  promise(command: Command, now: number): number {
    const { outcome, write } = decide(this.record, command, now);
    if (write !== undefined) this.record = write;
    if (command.kind === "create") this.task({ kind: "task.tick" }, now);
    return outcome === "absent" ? 404 : 200;
  }

  task(command: TaskCommand, now: number): number {
    const { status, write, offer } = decideTask(this.record, command, now, RETRY);
    if (write !== undefined) this.record = write;
    if (offer) this.offers.push(offer.version);
    return status;
  }

  at(now: number): { promise: string; task: string | null; timer: string | null } {
    const seen = this.record && project(this.record, now);
    const shown = taskRecord(seen);
    const resumes = shown && shown.resumes > 0 ? ` resumes ${shown.resumes}` : "";
    const task = seen?.task;
    return {
      promise: seen?.state ?? "none",
      task: shown && `${shown.state}@${shown.version}${resumes}`,
      timer:
        task?.state === "pending"
          ? `retry ${task.retryAt}`
          : task?.state === "acquired"
            ? `lease ${task.expiresAt}`
            : null,
    };
  }
}

const SETTLE = { kind: "settle", value: {}, strict: false } as const;
const TARGET = { "resonate:target": "poll://any@g" };

function creation(
  tags: Record<string, string>,
  timeoutAt = 1_000_000_000,
): Command & { kind: "create" } {
  return { kind: "create", id: "p", birth: "p1", param: {}, tags, timeoutAt, strict: false };
}

function settlement(operation: string): Command {
  const word = operation.replace("settle_", "");
  const state = word === "canceled" ? "rejected_canceled" : word === "rejected" ? word : "resolved";
  return { ...SETTLE, state };
}

describe("a promise, as measured", () => {
  test("the table is whole", () => {
    expect(PROMISE_ROWS.length).toBe(72);
    expect(TASK_ROWS.length).toBe(292);
  });

  test.each(PROMISE_ROWS)("%s, %s: %i, %s, task %s, %i offers", (start, operation, ...expected) => {
    const kept = new Kept();
    startPromise(kept, start);
    const now = start === "rejected_timedout" || start.startsWith("expired") ? DUE + 100 : 10;
    let status = kept.record ? 200 : 404;
    if (operation === "create") status = kept.promise(creation({}), now);
    else if (operation === "task_create") {
      const create = creation(TARGET);
      status = kept.task({ kind: "task.create", create, pid: "w", ttlMs: 5_000 }, now);
    } else if (operation !== "get") status = kept.promise(settlement(operation), now);
    const { promise, task } = kept.at(now);
    expect([status, promise, task, kept.offers.length]).toEqual(expected);
  });
});

function startPromise(kept: Kept, start: string): void {
  if (start === "none") return;
  const tags = {
    ...((start.endsWith("_target") || start === "rejected_timedout") && TARGET),
    ...(start.endsWith("_timer") && { "resonate:timer": "true" }),
    ...(start.endsWith("_external") && { "resonate:external": "true" }),
  };
  const due = start === "rejected_timedout" || start.startsWith("expired");
  kept.promise(creation(tags, due ? DUE : undefined), 0);
  if (start === "rejected_timedout") kept.promise({ kind: "wake" }, DUE);
  else if (start.startsWith("re")) kept.promise(settlement(start.replace("rejected_c", "c")), 1);
}

describe("a task, as measured", () => {
  test.each(TASK_ROWS)("%s, %s: %i, promise %s, task %s, timer %s, execute %s", (...row) => {
    const [start, operation, status, promise, task, timer, execute] = row;
    const kept = new Kept();
    const version = startTask(kept, start);
    const late = start.endsWith(" late");
    const now = tickInstant(operation) ?? (late ? DUE + 100 : 10);
    const answered = operate(kept, operation, version, now);
    const differs = DIFFERENCES.some(({ holds }) => holds(start, operation));
    expect({ status: answered, ...kept.at(now), execute: kept.offers.at(-1) ?? null }).toEqual(
      differs
        ? // Where it was measured alive. What was offered before the deadline stays offered.
          {
            status,
            promise: "rejected_timedout",
            task: `fulfilled@${version}`,
            timer: null,
            execute: 0,
          }
        : { status, promise, task, timer, execute },
    );
  });

  test.each(DIFFERENCES)("differs where it must: $rule", ({ holds }) => {
    const rows = TASK_ROWS.filter(([start, operation]) => holds(start, operation));
    expect(rows).not.toEqual([]);
    // Each of them was measured as if the promise were still alive.
    expect(rows.filter(([, , , promise]) => promise !== "pending")).toEqual([]);
  });
});

/** @returns the version that the task then has */
function startTask(kept: Kept, start: string): number {
  const [state, late] = start.split(" ");
  if (state === "none") return 0;
  kept.promise(creation(TARGET, late ? DUE : undefined), 0);
  if (state === "pending") return 0;
  kept.task({ kind: "task.acquire", version: 0, pid: "w", ttlMs: 10_000 }, 1);
  const ofHolder = { version: 1 };
  if (state === "suspended") {
    const awaited = [{ id: "a", birth: "a1" }];
    kept.task({ kind: "task.suspend", ...ofHolder, awaited, outcome: "suspended" }, 2);
  }
  if (state === "halted") kept.task({ kind: "task.halt" }, 2);
  if (state === "fulfilled") {
    kept.task({ kind: "task.fulfill", ...ofHolder, settle: { ...SETTLE, state: "resolved" } }, 2);
  }
  return 1;
}

function tickInstant(operation: string): number | undefined {
  return { tick_before_lease: 9_000, tick_after_lease: 20_000, tick_after_retry: 40_000 }[
    operation
  ];
}

function operate(kept: Kept, operation: string, version: number, now: number): number {
  const [kind = "", which] = operation.split(" ");
  if (kind === "get") return taskRecord(kept.record) ? 200 : 404;
  if (kind === "settle_own") return kept.promise({ ...SETTLE, state: "resolved" }, now);
  return kept.task(commandOf(kind, which === "wrong" ? 99 : version), now);
}

function commandOf(kind: string, version: number): TaskCommand {
  const awaited = [{ id: "a", birth: "a1" }];
  switch (kind) {
    case "acquire":
      return { kind: "task.acquire", version, pid: "w2", ttlMs: 5_000 };
    case "release":
      return { kind: "task.release", version };
    case "fulfill":
      return { kind: "task.fulfill", version, settle: { ...SETTLE, state: "resolved" } };
    case "suspend_pending":
      return { kind: "task.suspend", version, awaited, outcome: "suspended" };
    case "suspend_settled":
      return { kind: "task.suspend", version, awaited, outcome: "settled" };
    case "suspend_empty":
      return { kind: "task.suspend", version, awaited: [], outcome: "suspended" };
    case "fence_create":
    case "fence_settle":
      return { kind: "task.fence", version, target: "c", notAfter: 5_010, horizonAt: 10_010 };
    case "heartbeat":
      return { kind: "task.heartbeat", version, pid: "w" };
    case "heartbeat_wrong_pid":
      return { kind: "task.heartbeat", version, pid: "other" };
    case "halt":
      return { kind: "task.halt" };
    case "continue":
      return { kind: "task.continue" };
    case "settle_awaited":
      return { kind: "task.resume", awaited: "a", birth: "a1" };
    default:
      if (!kind.startsWith("tick")) throw new Error(`no such operation: ${kind}`);
      return { kind: "task.tick" };
  }
}
