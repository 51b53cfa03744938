// What the protocol's model remembers: one life per id, a promise and, if somebody is to execute it,
// its task. Nothing here is ever changed in place, so that a search may keep every state it has
// seen. A life is always read through `view`, which knows that a deadline needs nobody to act.

import type { Creation, Value } from "./protocol-request.ts";

export type PromiseState =
  | "pending"
  | "resolved"
  | "rejected"
  | "rejected_canceled"
  | "rejected_timedout";

export interface PromiseRecord extends Creation {
  state: PromiseState;
  value: Value;
  createdAt: number;
  settledAt?: number;
}

/** As on the wire, where the names of what resumed it are only counted. */
export interface TaskRecord {
  id: string;
  state: "pending" | "acquired" | "suspended" | "halted" | "fulfilled";
  version: number;
  resumes: number;
  pid?: string;
  ttl?: number;
}

export interface Task {
  readonly state: TaskRecord["state"];
  readonly version: number;
  /** The awaited that have settled since the task was last acquired, each once. */
  readonly resumes: readonly string[];
  /** Whoever holds it, for how long, and until when; nobody unless it is acquired. */
  readonly lease?: { readonly pid: string; readonly ttl: number; readonly until: number };
  /** When it is offered next; a timer's task never is. */
  readonly offerAt?: number;
}

export interface Life {
  readonly promise: Readonly<PromiseRecord>;
  readonly task?: Task;
  /** Awaiters that have not been told yet. They stay on a settled promise until they are. */
  readonly callbacks: readonly string[];
  readonly listeners: readonly string[];
}

export type State = Readonly<Record<string, Life>>;

export const EMPTY: State = {};

export const isTarget = (tags: Record<string, string>): boolean => "resonate:target" in tags;

export const isTimer = (tags: Record<string, string>): boolean =>
  tags["resonate:timer"] === "true" || tags["resonate:timeout"] === "true";

/** Whether anybody may wait for it (RULES.md 1, External; C1 to C3). */
export function isExternal(tags: Record<string, string>): boolean {
  const isMarked = tags["resonate:external"] === "true" || tags["resonate:scope"] === "global";
  return isMarked || isTarget(tags) || isTimer(tags);
}

export const isPending = ({ promise }: Life): boolean => promise.state === "pending";

/** A promise whose deadline has come is settled, whether or not anybody has noticed. */
export function view(state: State, id: string, now: number): Life | undefined {
  const life = state[id];
  if (life === undefined || !isPending(life) || life.promise.timeoutAt > now) return life;
  const { tags, timeoutAt } = life.promise;
  return settled(life, isTimer(tags) ? "resolved" : "rejected_timedout", {}, timeoutAt);
}

export function settled(life: Life, state: PromiseState, value: Value, settledAt: number): Life {
  const { task } = life;
  const promise = { ...life.promise, state, value, settledAt };
  const over = task && ({ state: "fulfilled", version: task.version, resumes: [] } as const);
  return { ...life, promise, ...(over && { task: over }) };
}

/** A timer has nothing to execute, so that its task is never offered. */
export function pendingTask(
  tags: Record<string, string>,
  version: number,
  resumes: readonly string[],
  dueAt: number,
): Task {
  return { state: "pending", version, resumes, ...(!isTimer(tags) && { offerAt: dueAt }) };
}

export function put(state: State, life: Life): State {
  return { ...state, [life.promise.id]: life };
}

export function taskRecord({ promise, task }: Life): TaskRecord | undefined {
  if (task === undefined) return undefined;
  const { state, version, resumes, lease } = task;
  const held = lease && { pid: lease.pid, ttl: lease.ttl };
  return { id: promise.id, state, version, resumes: resumes.length, ...held };
}

const keys = new WeakMap<Life, string>();

/** One string for one state, whichever way led to it. Listeners are left out: no answer shows them. */
export function keyOf(state: State): string {
  const ids = Object.keys(state).toSorted();
  return ids.map((id) => keyOfLife(state[id])).join("\n");
}

function keyOfLife(life: Life | undefined): string {
  if (life === undefined) return "";
  let key = keys.get(life);
  if (key === undefined) {
    const { promise, task, callbacks } = life;
    const unordered = task && { ...task, resumes: task.resumes.toSorted() };
    key = JSON.stringify([promise, unordered, callbacks.toSorted()]);
    keys.set(life, key);
  }
  return key;
}
