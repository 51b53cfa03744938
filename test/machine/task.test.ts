// Every transition of a task, one cell for each state and command. The measured cases
// (task-cases.test.ts) say that we agree with others, the random walk that nothing holds only by
// accident; this table is where a reader looks a transition up.

import { describe, expect, test } from "vitest";

import { NEVER } from "../../client/src/protocol.ts";
import { decide, isSettled, project } from "../../src/machine/promise.ts";
import type { Create, PromiseRecord } from "../../src/machine/promise.ts";
import type { TaskCommand, TaskDecision } from "../../src/machine/task-command.ts";
import type { Task } from "../../src/machine/task-state.ts";
import { decideTask, taskRecord, taskWakeAt } from "../../src/machine/task.ts";

const RETRY = { retryMs: 30 };
const NOW = 1_000;
const TARGET = { "resonate:target": "poll://any@g" };
const SETTLE = { kind: "settle", state: "resolved", value: { data: "1" }, strict: false } as const;

/** It awaits `a`; `w` has woken it since the last acquire; its fences may live until 5 from now. */
const LIVED = { version: 3, awaiting: { a: "a1" }, resumes: ["w"], fenceUntil: NOW + 5 };
const TASKS = {
  pending: { ...LIVED, state: "pending", retryAt: NOW + 9 },
  acquired: { ...LIVED, state: "acquired", pid: "me", ttlMs: 50, expiresAt: NOW + 20 },
  suspended: { ...LIVED, state: "suspended", resumes: [] },
  halted: { ...LIVED, state: "halted" },
} as const satisfies Record<string, unknown>;

function withTask(task: Task, timeoutAt = NOW + 500): PromiseRecord {
  const record = { id: "p", birth: "p1", param: {}, tags: TARGET, timeoutAt, createdAt: 1 };
  return { ...record, state: "pending", task };
}

/** Stored as fulfilled, or past the deadline while something else is stored: nobody can tell. */
const OVER = {
  fulfilled: decide(withTask(taskOf("acquired")), SETTLE, NOW - 1).record,
  ...Object.fromEntries(
    Object.keys(TASKS).map((state) => [`${state}, due`, withTask(taskOf(state), NOW)]),
  ),
};
const STARTS: Record<string, PromiseRecord | null> = {
  none: null,
  // A promise that nobody executes.
  plain: decide(null, creation({}), NOW - 1).record,
  ...Object.fromEntries(Object.keys(TASKS).map((state) => [state, withTask(taskOf(state))])),
};

function taskOf(state: string): Task {
  // SAFETY: the names are those of TASKS, whose entries are tasks but for `readonly`.
  return structuredClone(TASKS[state as keyof typeof TASKS]) as Task;
}

function creation(tags: Record<string, string>, timeoutAt = NOW + 500): Create {
  return { kind: "create", id: "p", birth: "p1", param: {}, tags, timeoutAt, strict: false };
}

const LEASE = { pid: "you", ttlMs: 40 };
const SUSPEND = { kind: "task.suspend", version: 3, outcome: "suspended" } as const;
const FENCE = { kind: "task.fence", version: 3, target: "c", horizonAt: NOW + 10 } as const;
const B = { id: "b", birth: "b1" };

const COMMANDS: Record<string, TaskCommand> = {
  create: { kind: "task.create", create: creation(TARGET), ...LEASE },
  "create, no target": { kind: "task.create", create: creation({}), ...LEASE },
  "create, born due": { kind: "task.create", create: creation(TARGET, NOW), ...LEASE },
  acquire: { kind: "task.acquire", version: 3, ...LEASE },
  "acquire, stale": { kind: "task.acquire", version: 2, ...LEASE },
  release: { kind: "task.release", version: 3 },
  "release, stale": { kind: "task.release", version: 2 },
  fulfill: { kind: "task.fulfill", version: 3, settle: SETTLE },
  "fulfill, stale": { kind: "task.fulfill", version: 2, settle: SETTLE },
  guard: { kind: "task.guard", version: 3 },
  "guard, stale": { kind: "task.guard", version: 2 },
  suspend: { ...SUSPEND, awaited: [B] },
  "suspend, stale": { ...SUSPEND, version: 2, awaited: [B] },
  "suspend, settled": { ...SUSPEND, awaited: [B], outcome: "settled" },
  "suspend, nothing": { ...SUSPEND, awaited: [] },
  "suspend, twice": { ...SUSPEND, awaited: [B, B] },
  fence: { ...FENCE, notAfter: NOW + 6 },
  "fence, covered": { ...FENCE, notAfter: NOW + 5 },
  "fence, stale": { ...FENCE, version: 2, notAfter: NOW + 6 },
  halt: { kind: "task.halt" },
  continue: { kind: "task.continue" },
  beat: { kind: "task.heartbeat", version: 3, pid: "me" },
  "beat, stale": { kind: "task.heartbeat", version: 2, pid: "me" },
  "beat, not mine": { kind: "task.heartbeat", version: 3, pid: "you" },
  resume: { kind: "task.resume", awaited: "a", birth: "a1" },
  "resume, other life": { kind: "task.resume", awaited: "a", birth: "a0" },
  "resume, unasked": { kind: "task.resume", awaited: "b", birth: "b1" },
  callback: { kind: "task.callback", awaited: "b", birth: "b1" },
  "callback, again": { kind: "task.callback", awaited: "a", birth: "a1" },
  tick: { kind: "task.tick" },
};

// A cell: the status; then, if anything is written, the state and version, the timer from now on,
// what has woken it (w), what it awaits, the horizon if it moved; and whether it is offered.
const TABLE = `
                   | none               | plain | pending                | acquired                      | suspended                | halted                  | over
create             | 200 acquired1 40   | 422   | 200 acquired4 40 / a   | 409                           | 409                      | 409                     | 200
create, no target  | 400                | 400   | 400                    | 400                           | 400                      | 400                     | 400
create, born due   | 200 fulfilled0     | 422   | 200 acquired4 40 / a   | 409                           | 409                      | 409                     | 200
acquire            | 404                | 404   | 200 acquired4 40 / a   | 409                           | 409                      | 409                     | 409
acquire, stale     | 404                | 404   | 409                    | 409                           | 409                      | 409                     | 409
release            | 404                | 404   | 409                    | 200 pending3 30 w / a offer   | 409                      | 409                     | 409
release, stale     | 404                | 404   | 409                    | 409                           | 409                      | 409                     | 409
fulfill            | 404                | 404   | 409                    | 200 fulfilled3                | 409                      | 409                     | 409
fulfill, stale     | 404                | 404   | 409                    | 409                           | 409                      | 409                     | 409
guard              | 404                | 404   | 409                    | 200                           | 409                      | 409                     | 409
guard, stale       | 404                | 404   | 409                    | 409                           | 409                      | 409                     | 409
suspend            | 404                | 404   | 409                    | 200 suspended3 / a b          | 409                      | 409                     | 409
suspend, stale     | 404                | 404   | 409                    | 409                           | 409                      | 409                     | 409
suspend, settled   | 404                | 404   | 409                    | 300 acquired3 20 / a          | 409                      | 409                     | 409
suspend, nothing   | 400                | 400   | 400                    | 400                           | 400                      | 400                     | 400
suspend, twice     | 400                | 400   | 400                    | 400                           | 400                      | 400                     | 400
fence              | 404                | 404   | 409                    | 200 acquired3 20 w / a till10 | 409                      | 409                     | 409
fence, covered     | 404                | 404   | 409                    | 200                           | 409                      | 409                     | 409
fence, stale       | 404                | 404   | 409                    | 409                           | 409                      | 409                     | 409
halt               | 404                | 404   | 200 halted3 w / a      | 200 halted3 w / a             | 200 halted3 / a          | 200                     | 409
continue           | 404                | 404   | 409                    | 409                           | 409                      | 200 pending3 30 w / a offer | 409
beat               | 200                | 200   | 200                    | 200 acquired3 50 w / a        | 200                      | 200                     | 200
beat, stale        | 200                | 200   | 200                    | 200                           | 200                      | 200                     | 200
beat, not mine     | 200                | 200   | 200                    | 200                           | 200                      | 200                     | 200
resume             | 200                | 200   | 200 pending3 9 w a /   | 200 acquired3 20 w a /        | 200 pending3 30 a / offer | 200 halted3 w a /      | 200
resume, other life | 200                | 200   | 200                    | 200                           | 200                      | 200                     | 200
resume, unasked    | 200                | 200   | 200                    | 200                           | 200                      | 200                     | 200
callback           | 422                | 422   | 200 pending3 9 w / a b | 200 acquired3 20 w / a b      | 200 suspended3 / a b     | 200 halted3 w / a b     | 200
callback, again    | 422                | 422   | 200                    | 200                           | 200                      | 200                     | 200
tick               | 200                | 200   | 200                    | 200                           | 200                      | 200                     | 200
`;

const [HEAD = [], ...LINES] = TABLE.trim()
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()));
const CELLS = LINES.flatMap(([name = "", ...cells]) =>
  cells.map((cell, index) => ({ name, start: startNames()[index] ?? "", cell })),
);

function startNames(): string[] {
  return HEAD.slice(HEAD.length - 7);
}

describe("the table of transitions", () => {
  test("has every command and every state", () => {
    expect(LINES.map(([name]) => name)).toEqual(Object.keys(COMMANDS));
    expect(startNames()).toEqual([...Object.keys(STARTS), "over"]);
  });

  const alive = CELLS.filter(({ start }) => start !== "over");
  test.each(alive)("$name on $start: $cell", ({ name, start, cell }) => {
    expect(cellOf(STARTS[start] ?? null, name)).toBe(normal(cell));
  });

  const over = CELLS.filter(({ start }) => start === "over").flatMap(({ name, cell }) =>
    Object.keys(OVER).map((start) => ({ name, start, cell })),
  );
  test.each(over)("$name on $start: $cell", ({ name, start, cell }) => {
    expect(cellOf(OVER[start as keyof typeof OVER] ?? null, name)).toBe(normal(cell));
  });
});

function normal(cell: string): string {
  return cell.replaceAll(/\s+/g, " ").replace(/ \/$/, "").replace(" / offer", " offer");
}

function cellOf(record: PromiseRecord | null, name: string): string {
  const command = COMMANDS[name];
  if (!command) throw new Error(`no command ${name}`);
  const { status, record: shown, write, offer } = decideTask(record, command, NOW, RETRY);
  expect(shown).toEqual(write ?? (record && project(record, NOW)));
  // Past the deadline, that it was is all that may be written.
  const changes = write && !(record && isSettled(project(record, NOW)));
  if (!changes || !write.task) return `${status}${offer ? " offer" : ""}`;
  const { task } = write;
  const words = [`${status}`, `${task.state}${task.version}`];
  if (task.state === "pending") words.push(`${task.retryAt - NOW}`);
  if (task.state === "acquired") words.push(`${task.expiresAt - NOW}`);
  words.push(...task.resumes);
  const awaiting = Object.keys(task.awaiting ?? {});
  if (awaiting.length > 0) words.push("/", ...awaiting);
  const isMoved = task.fenceUntil !== undefined && task.fenceUntil !== LIVED.fenceUntil;
  if (isMoved) words.push(`till${task.fenceUntil! - NOW}`);
  if (offer) {
    expect(offer.version).toBe(task.version);
    words.push("offer");
  }
  return words.join(" ");
}

describe("a task is born with its promise", () => {
  const born = (tags: Record<string, string>, timeoutAt?: number): Task | undefined =>
    decide(null, creation(tags, timeoutAt), NOW).record?.task;

  test.each<[string, Record<string, string>, number]>([
    ["at once", {}, NOW],
    ["when the delay is over", { "resonate:delay": `${NOW + 70}` }, NOW + 70],
    ["at once, when the delay has been over", { "resonate:delay": "5" }, NOW],
    ["at once, when the delay is no instant", { "resonate:delay": "-1e3" }, NOW],
    ["at the deadline, if it is a timer", { "resonate:timer": "true" }, NOW + 500],
    ["at the deadline, if it is a timer of old", { "resonate:timeout": "true" }, NOW + 500],
  ])("pending, version 0, due %s", (_, tags, retryAt) => {
    const task = { state: "pending", version: 0, resumes: [], retryAt };
    expect(born({ ...TARGET, ...tags })).toEqual(task);
  });

  test("for an empty target too, and only for a target", () => {
    expect(born({ "resonate:target": "" })?.state).toBe("pending");
    expect(born({ "resonate:external": "true" })).toBeUndefined();
  });

  test("fulfilled, when the promise is born settled", () => {
    expect(born(TARGET, NOW)).toEqual({ state: "fulfilled", version: 0, resumes: [] });
  });

  test("to the one who creates it, as version 1, and says so to those who wait", () => {
    const horizonAt = NOW + 10;
    const command = { ...COMMANDS["create"]!, horizonAt } as TaskCommand;
    const { changed, record } = decideTask(null, command, NOW, RETRY);
    expect(changed).toBe("created");
    expect(record?.createdAt).toBe(NOW);
    expect(record?.task).toEqual({
      state: "acquired",
      version: 1,
      resumes: [],
      pid: "you",
      ttlMs: 40,
      expiresAt: NOW + 40,
      fenceUntil: horizonAt,
    });
  });
});

describe("a task ends with its promise", () => {
  test.each(Object.keys(TASKS))("%s, it is fulfilled by a settle and by the deadline", (state) => {
    const task = { state: "fulfilled", version: 3, resumes: [] };
    expect(decide(withTask(taskOf(state)), SETTLE, NOW).write?.task).toEqual(task);
    expect(project(withTask(taskOf(state), NOW), NOW).task).toEqual(task);
  });

  test("and its holder's settlement is the promise's", () => {
    const decision = decideTask(STARTS["acquired"] ?? null, COMMANDS["fulfill"]!, NOW, RETRY);
    const settled = { state: "resolved", value: { data: "1" }, settledAt: NOW };
    expect(decision).toMatchObject({ changed: "settled", record: settled, write: settled });
  });

  test("who is refused because of the deadline sees it stored; a message writes nothing", () => {
    const due = OVER["acquired, due" as keyof typeof OVER] ?? null;
    const refused = decideTask(due, COMMANDS["guard"]!, NOW, RETRY);
    expect(refused).toMatchObject({ status: 409, changed: "settled" });
    expect(refused.write).toEqual(due && project(due, NOW));
    for (const name of ["beat", "resume", "tick"]) {
      expect(decideTask(due, COMMANDS[name]!, NOW, RETRY).write).toBeUndefined();
    }
  });
});

function tick(state: string, now: number): TaskDecision {
  return decideTask(STARTS[state] ?? null, { kind: "task.tick" }, now, RETRY);
}

describe("time", () => {
  test("ends a lease: the task is offered again, in the version it has", () => {
    expect(tick("acquired", NOW + 19).write).toBeUndefined();
    const { write, offer } = tick("acquired", NOW + 25);
    expect(write?.task).toEqual({ ...LIVED, state: "pending", retryAt: NOW + 25 + 30 });
    expect(offer).toEqual({ version: 3 });
  });

  test("offers a pending task again, at most once in the retry interval", () => {
    expect(tick("pending", NOW + 8).offer).toBeUndefined();
    const { write, offer } = tick("pending", NOW + 9);
    expect(offer).toEqual({ version: 3 });
    const again = decideTask(write ?? null, { kind: "task.tick" }, NOW + 9, RETRY);
    expect(again).toEqual({ status: 200, record: write });
  });

  test("offers nobody a timer's task, however it came free", () => {
    const timer = creation({ ...TARGET, "resonate:timer": "true" });
    const taken = decideTask(null, { kind: "task.create", create: timer, ...LEASE }, NOW, RETRY);
    for (const command of [{ kind: "task.release", version: 1 }, { kind: "task.tick" }] as const) {
      const { offer, write } = decideTask(taken.record, command, NOW + 40, RETRY);
      expect(offer).toBeUndefined();
      expect(write?.task).toMatchObject({ state: "pending", retryAt: timer.timeoutAt });
    }
  });

  test.each<[string, number | null]>([
    ["none", null],
    ["plain", null],
    ["pending", NOW + 9],
    ["acquired", NOW + 20],
    ["suspended", null],
    ["halted", null],
  ])("wakes a task that is %s at %s", (state, at) => {
    expect(taskWakeAt(STARTS[state] ?? null, NOW)).toBe(at);
  });

  test("wakes no task for the time after its promise's deadline", () => {
    const late = { ...TASKS.pending, resumes: [], retryAt: NOW + 500 };
    expect(taskWakeAt(withTask(late), NOW)).toBeNull();
    expect(taskWakeAt(withTask({ ...late, retryAt: NEVER }, NEVER), NOW)).toBeNull();
    for (const record of Object.values(OVER)) expect(taskWakeAt(record, NOW)).toBeNull();
  });
});

describe("the wire record", () => {
  test.each<[string, object | null]>([
    ["none", null],
    ["plain", null],
    ["pending", { id: "p", state: "pending", version: 3, resumes: 1 }],
    ["acquired", { id: "p", state: "acquired", version: 3, resumes: 1, ttl: 50, pid: "me" }],
    ["suspended", { id: "p", state: "suspended", version: 3, resumes: 0 }],
    ["halted", { id: "p", state: "halted", version: 3, resumes: 1 }],
  ])("of %s is %j", (state, wire) => {
    expect(taskRecord(STARTS[state] ?? null)).toEqual(wire);
  });
});

describe("what is malformed is refused first", () => {
  test("a task cannot await itself, nor fence its own promise", () => {
    const own = { id: "p", birth: "p1" };
    const commands: TaskCommand[] = [
      { ...SUSPEND, version: 2, awaited: [B, own] },
      { kind: "task.callback", awaited: "p", birth: "p1" },
      { ...FENCE, version: 2, target: "p", notAfter: NOW },
    ];
    for (const command of commands) {
      expect(decideTask(STARTS["acquired"] ?? null, command, NOW, RETRY).status).toBe(400);
    }
  });
});

describe("any id can be awaited", () => {
  test.each(["__proto__", "constructor", "toString"])("%s", (id) => {
    const awaited = [{ id, birth: "x" }];
    const asleep = decideTask(STARTS["acquired"] ?? null, { ...SUSPEND, awaited }, NOW, RETRY);
    // Through the storage, which is JSON.
    const stored: PromiseRecord = JSON.parse(JSON.stringify(asleep.write));
    const stray = { kind: "task.resume", awaited: id, birth: "y" } as const;
    expect(decideTask(stored, stray, NOW, RETRY).write).toBeUndefined();
    const woken = decideTask(stored, { ...stray, birth: "x" }, NOW, RETRY);
    expect(woken.record?.task).toMatchObject({ state: "pending", resumes: [id] });
    expect(Object.keys(woken.record?.task?.awaiting ?? {})).toEqual(["a"]);
  });
});
