// The half of the protocol's model that is about tasks: who holds one, and what only a holder may do
// (RULES.md, section 2). A task is read together with its promise, so that a dead one is fulfilled
// before any rule asks. Refusals come in one order: 400, 404, 409, 422.

import { born, createPromise, refusal, settlePromise, subscribe } from "./protocol-promise.ts";
import type { Answer } from "./protocol-promise.ts";
import type { Asked, FencedAction, TaskRequest } from "./protocol-request.ts";
import { isExternal, isPending, pendingTask, put, taskRecord, view } from "./protocol-state.ts";
import type { Life, PromiseRecord, State, Task } from "./protocol-state.ts";

export function taskStep(state: State, request: TaskRequest, now: number): Answer {
  if (request.kind === "task.create") return createTask(state, request.data, now);
  if (request.kind === "task.heartbeat") {
    return { status: 200, body: {}, state: heartbeat(state, request.data, now) };
  }
  const life = view(state, request.data.id, now);
  if (!life?.task) return refusal(404, state);
  const { task } = life;
  if (request.kind === "task.get") return { status: 200, body: taskBody(life), state };
  const isWrong = "version" in request.data && request.data.version !== task.version;
  if (isWrong || !FROM[request.kind].includes(task.state)) return refusal(409, state);
  return operate(state, { ...life, task }, request, now);
}

type Operation = Exclude<TaskRequest, { kind: "task.create" | "task.heartbeat" | "task.get" }>;
type LifeOfTask = Life & { task: Task };

/** The states in which a task can be asked for it. A fulfilled one is good for nothing. */
const FROM: Record<Operation["kind"], Task["state"][]> = {
  "task.acquire": ["pending"],
  "task.release": ["acquired"],
  "task.suspend": ["acquired"],
  "task.fulfill": ["acquired"],
  "task.fence": ["acquired"],
  "task.halt": ["pending", "acquired", "suspended", "halted"],
  "task.continue": ["halted"],
};

function operate(state: State, life: LifeOfTask, request: Operation, now: number): Answer {
  const { version, resumes } = life.task;
  const become = (task: Task): Answer => ({
    status: 200,
    body: {},
    state: put(state, { ...life, task }),
  });
  switch (request.kind) {
    case "task.acquire":
      return take(state, life, request.data, now);
    case "task.release":
    case "task.continue":
      return become(pendingTask(life.promise.tags, version, resumes, now));
    case "task.halt":
      return become({ state: "halted", version, resumes });
    case "task.fulfill":
      return settlePromise(state, request.data.action.data, now);
    case "task.fence":
      return fence(state, life, request.data.action, now);
    case "task.suspend":
      return suspend(state, life, request.data, now);
  }
}

function createTask(state: State, asked: Asked<"task.create">, now: number): Answer {
  const existing = view(state, asked.action.data.id, now);
  const life = existing ?? born(asked.action.data, now);
  const { task } = life;
  if (!task) return refusal(422, state);
  if (task.state === "pending") return take(state, { ...life, task }, asked, now);
  if (task.state !== "fulfilled") return refusal(409, state);
  return holding(existing ? state : put(state, life), life, now);
}

interface Holder {
  pid: string;
  ttl: number;
}

function take(state: State, life: LifeOfTask, { pid, ttl }: Holder, now: number): Answer {
  const version = life.task.version + 1;
  const lease = { pid, ttl, until: now + ttl };
  const taken: Life = { ...life, task: { state: "acquired", version, resumes: [], lease } };
  return holding(put(state, taken), taken, now);
}

function holding(state: State, life: Life, now: number): Answer {
  const body = { promise: life.promise, ...taskBody(life), preload: preload(state, life, now) };
  return { status: 200, body, state };
}

function taskBody(life: Life): Answer["body"] {
  const task = taskRecord(life);
  return task ? { task } : {};
}

/** The settled promises of the task's branch. */
function preload(state: State, { promise }: Life, now: number): PromiseRecord[] {
  const branch = promise.tags["resonate:branch"];
  const others = Object.keys(state).flatMap((id) => view(state, id, now) ?? []);
  const settled = others.filter((life) => !isPending(life) && life.promise.id !== promise.id);
  return settled
    .map((life) => life.promise)
    .filter(({ tags }) => branch !== undefined && tags["resonate:branch"] === branch);
}

function heartbeat(state: State, { pid, tasks }: Asked<"task.heartbeat">, now: number): State {
  let at = state;
  for (const id of Object.keys(state)) {
    const life = view(state, id, now);
    const { task } = life ?? {};
    if (!life || task?.lease?.pid !== pid) continue;
    const isNamed = tasks.some((named) => named.id === id && named.version === task.version);
    // None named means all: some SDK versions say it so.
    if (!isNamed && tasks.length > 0) continue;
    const lease = { ...task.lease, until: now + task.lease.ttl };
    at = put(at, { ...life, task: { ...task, lease } });
  }
  return at;
}

function fence(state: State, life: Life, action: FencedAction, now: number): Answer {
  const inner =
    action.kind === "promise.create"
      ? createPromise(state, action.data, now)
      : settlePromise(state, action.data, now);
  const result = { kind: action.kind, status: inner.status, ...inner.body };
  const body = { action: result, preload: preload(inner.state, life, now) };
  return { status: 200, body, state: inner.state };
}

function suspend(
  state: State,
  life: LifeOfTask,
  { id, actions }: Asked<"task.suspend">,
  now: number,
): Answer {
  const found = actions.flatMap(({ data }) => view(state, data.awaited, now) ?? []);
  const awaited = found.filter(({ promise }) => isExternal(promise.tags));
  if (awaited.length < actions.length) return refusal(422, state);
  const { version } = life.task;
  if (!awaited.every(isPending)) {
    const rested = put(state, { ...life, task: { ...life.task, resumes: [] } });
    return { status: 300, body: { preload: preload(state, life, now) }, state: rested };
  }
  let after = put(state, { ...life, task: { state: "suspended", version, resumes: [] } });
  for (const other of awaited) after = subscribe(after, other, "callbacks", id).state;
  return { status: 200, body: {}, state: after };
}
