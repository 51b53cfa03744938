/**
 * The 435 cases that were measured on real servers (`rpc-cases.json`), each as requests: how to come
 * to its start, what is asked, and how everything stood afterwards. `measure` takes them to anything
 * that can be asked; `DIFFERENCES` says which of them we mean to answer otherwise, and by what rule.
 *
 * A case's clock starts at 0: promises are made at 0, taken or settled at 1, suspended, halted or
 * fulfilled at 2. Asked is at 10, or at 600 where the deadline at 500 is over and nobody has written
 * that down (`late`), or was (`timedout`), or it is only the clock that moves (`tick_...`).
 */
import table from "../machine/rpc-cases.json" with { type: "json" };
import { ask, creation, settlement, TARGET } from "../model/protocol-request.ts";
import type { Creation, Request } from "../model/protocol-request.ts";

export interface Outcome {
  status: number;
  promise: string;
  task: string | null;
  /**
   * Where it was measured: `lease` and when it ends, or `retry` and when it was offered last (the
   * interval from there to the next offer is each server's own); the version that was last offered;
   * how many are registered.
   */
  timer?: string | null;
  execute?: number | null;
  callbacks?: number;
  listeners?: number;
}

export interface Case {
  start: string;
  operation: string;
  id: string;
  /** When it is asked, and with that which cases share one clock. */
  at: number;
  /** Whether the deadline at 500 is written down before it is asked. */
  isSwept: boolean;
  before: [at: number, request: Request][];
  /** Nothing when only the clock moves. */
  asked: Request | null;
  measured: Outcome;
}

type PromiseRow = [string, string, number, string, string | null, number, number?, number?];
type TaskRow = [string, string, number, string, string | null, string | null, number | null];
// SAFETY: the file is ours; a wrong word in it fails its case.
const PROMISE_ROWS = [...table.promise, ...table.promiseAcross] as PromiseRow[];
const TASK_ROWS = [...table.task, ...table.taskAcross] as TaskRow[];

/** Between two offers, on the servers that were measured. */
const MEASURED_RETRY_MS = 30_000;
const DUE = 500;
const LATE = 600;
const PROMPT = 10;
const TICKS: Record<string, number> = {
  tick_before_lease: 9_000,
  tick_after_lease: 20_000,
  tick_after_retry: 40_000,
};
const EXTERNAL = { "resonate:external": "true" };

/** All of them, with ids of their own; `base` is when their clock starts. */
export function casesFrom(base: number): Case[] {
  const promises = PROMISE_ROWS.map((row, place) => promiseCase(row, `p${place}`, base));
  const tasks = TASK_ROWS.map((row, place) => taskCase(row, `t${place}`, base));
  return [...promises, ...tasks];
}

interface Difference {
  rule: string;
  holds: (start: string, operation: string) => boolean;
}

const isLate = (start: string): boolean =>
  start.startsWith("expired") || (start.endsWith(" late") && !start.startsWith("fulfilled"));
const isInternal = (start: string): boolean =>
  ["pending", "expired_pending", "resolved", "rejected", "rejected_canceled"].includes(start);

export const DIFFERENCES: Difference[] = [
  {
    rule: "A callback waits only for an external promise, settled or not (C2)",
    holds: (start, operation) =>
      isInternal(start) && operation === "register_callback_awaiter_target",
  },
  {
    rule: "A listener waits only for an external promise, settled or not (C3)",
    holds: (start, operation) => isInternal(start) && operation === "register_listener",
  },
  {
    rule: "A resume does not raise an awaiter whose own deadline has passed (C6)",
    holds: (start, operation) => start === "suspended late" && operation === "settle_awaited",
  },
  {
    rule: "A heartbeat on a promise past its deadline extends nothing (C7)",
    holds: (start, operation) => start === "acquired late" && operation === "heartbeat ok",
  },
  {
    rule: "Whoever looks sees the deadline, also after what did not touch it (RULES 1, Projection; C8)",
    holds: (start, operation) =>
      isLate(start) &&
      ((/^(heartbeat|settle_awaited)/.test(operation) &&
        `${start} ${operation}` !== "suspended late settle_awaited" &&
        `${start} ${operation}` !== "acquired late heartbeat ok") ||
        /^(suspend_empty|settle_timedout)/.test(operation)),
  },
  {
    rule: "A task is offered again after the server's own interval, ours being shorter (RULES 2, Retry)",
    holds: (start, operation) =>
      start === "pending" && ["tick_before_lease", "tick_after_lease"].includes(operation),
  },
];

function promiseCase(row: PromiseRow, id: string, base: number): Case {
  const [start, operation, status, promise, task, offers, callbacks, listeners] = row;
  const isSwept = start === "rejected_timedout";
  const isDue = isSwept || start.startsWith("expired");
  const tags = {
    ...((start.endsWith("_target") || isSwept) && TARGET),
    ...(start.endsWith("_timer") && { "resonate:timer": "true" }),
    ...(start.endsWith("_external") && EXTERNAL),
  };
  const made = creation(id, { tags, ...(isDue && { timeoutAt: base + DUE }) });
  const before: Case["before"] = start === "none" ? [] : [[base, ask.create(made)]];
  if (/^re(solved|jected)/.test(start) && !isSwept) {
    before.push([base + 1, ask.settle(settlement(id, start))]);
  }
  const awaiter = `${id}-awaiter`;
  if (operation === "register_callback_awaiter_target") {
    before.push([base, ask.create(creation(awaiter, { tags: TARGET }))]);
  }
  const measured: Outcome = { status, promise, task, execute: offers > 0 ? 0 : null };
  if (callbacks !== undefined && listeners !== undefined) {
    Object.assign(measured, { callbacks, listeners });
  }
  const asked = askedOfPromise(operation, id, awaiter);
  const at = base + (isDue ? LATE : PROMPT);
  return { start, operation, id, at, isSwept, before, asked, measured };
}

function askedOfPromise(operation: string, id: string, awaiter: string): Request {
  switch (operation) {
    case "get":
      return ask.get(id);
    case "create":
      return ask.create(creation(id));
    case "task_create":
      return ask.taskCreate(creation(id, { tags: TARGET }), "w", 5_000);
    case "register_listener":
      return ask.listener(id, "poll://any@listeners");
    case "register_callback_awaiter_target":
    case "register_callback_awaiter_missing":
      return ask.callback(id, awaiter);
    default: {
      const word = operation.replace("settle_", "");
      const alone = word === "canceled" || word === "timedout";
      return ask.settle(settlement(id, alone ? `rejected_${word}` : word));
    }
  }
}

function taskCase(row: TaskRow, id: string, base: number): Case {
  const [start, operation, status, promise, task, written, execute] = row;
  const [kind, instant] = written?.split(" ") ?? [];
  const timer = kind === "retry" ? `retry ${Number(instant) - MEASURED_RETRY_MS}` : written;
  const [state = "", late] = start.split(" ");
  const { made, version } = lifeOfTask(state, id, operation);
  const before: Case["before"] = made.map(([at, request]) => [base + at, request]);
  if (late && before[0]) {
    const due: Creation = creation(id, { tags: TARGET, timeoutAt: base + DUE });
    before[0] = [base, ask.create(due)];
  }
  const at = base + (TICKS[operation] ?? (late ? LATE : PROMPT));
  const asked = operation in TICKS ? null : askedOfTask(operation, id, version);
  const measured: Outcome = { status, promise, task, timer, execute };
  return { start, operation, id, at, isSwept: false, before, asked, measured };
}

/** How a task comes into a state, and its version there; beside it lies what it is to wait for. */
function lifeOfTask(
  state: string,
  id: string,
  operation: string,
): { made: [at: number, request: Request][]; version: number } {
  if (state === "none") return { made: [], version: 0 };
  const made: [number, Request][] = [[0, ask.create(creation(id, { tags: TARGET }))]];
  if (state === "suspended" || /^(suspend_pending|fence_settle|settle_awaited)/.test(operation)) {
    made.push([0, ask.create(creation(`${id}-a`, { tags: EXTERNAL }))]);
  }
  if (operation.startsWith("suspend_settled")) {
    made.push([0, ask.create(creation(`${id}-over`, { tags: EXTERNAL }))]);
    made.push([1, ask.settle(settlement(`${id}-over`))]);
  }
  if (state === "pending") return { made, version: 0 };
  made.push([1, ask.acquire(id, 0, "w", 10_000)]);
  if (state === "suspended") made.push([2, ask.suspend(id, 1, [`${id}-a`])]);
  if (state === "halted") made.push([2, ask.halt(id)]);
  if (state === "fulfilled") made.push([2, ask.fulfill(id, 1, settlement(id))]);
  return { made, version: 1 };
}

function askedOfTask(operation: string, id: string, right: number): Request {
  const [kind = "", which] = operation.split(" ");
  const version = which === "wrong" ? 99 : right;
  const ids = { pending: `${id}-a`, settled: `${id}-over`, missing: `${id}-none` };
  switch (kind) {
    case "get":
      return ask.taskGet(id);
    case "acquire":
      return ask.acquire(id, version, "w2", 5_000);
    case "release":
      return ask.release(id, version);
    case "suspend_pending":
      return ask.suspend(id, version, [ids.pending]);
    case "suspend_settled":
      return ask.suspend(id, version, [ids.settled]);
    case "suspend_missing":
      return ask.suspend(id, version, [ids.missing]);
    case "suspend_empty":
      return ask.suspend(id, version, []);
    case "fulfill":
      return ask.fulfill(id, version, settlement(id));
    case "fence_create": {
      const data = creation(`${id}-c`);
      return ask.fence(id, version, { kind: "promise.create", head: {}, data });
    }
    case "fence_settle": {
      const data = settlement(ids.pending);
      return ask.fence(id, version, { kind: "promise.settle", head: {}, data });
    }
    case "heartbeat":
      return ask.heartbeat("w", [{ id, version }]);
    case "heartbeat_wrong_pid":
      return ask.heartbeat("other", [{ id, version }]);
    case "halt":
      return ask.halt(id);
    case "continue":
      return ask.continue(id);
    case "settle_awaited":
      return ask.settle(settlement(ids.pending));
    case "settle_own":
      return ask.settle(settlement(id));
    default:
      throw new Error(`no such operation: ${operation}`);
  }
}
