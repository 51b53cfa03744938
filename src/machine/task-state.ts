/**
 * What a task is in each of its states, how it is born and how it ends with its promise. A timer
 * belongs to a state and to no other: every change goes through one of the functions below, which
 * carry over what outlives a state and nothing else.
 *
 * It refuses to know when a change is allowed (task.ts) and what a promise is (promise.ts).
 */
import { NEVER } from "../../client/src/protocol.ts";

/** Whose promise this is to execute: an address. A promise that has it has a task, and no other. */
export const TARGET_TAG = "resonate:target";
/** Not to be offered before this instant, in ms since the epoch. */
const DELAY_TAG = "resonate:delay";

/** What a change of state leaves alone. */
interface Kept {
  /** The fencing token: raised by each acquire and by nothing else. */
  version: number;
  /** Awaited promises that have settled since the last acquire, each once. */
  resumes: string[];
  /** Awaited id to the birth of that promise. A resume counts only for what stands here. */
  awaiting?: Record<string, string>;
  /** Until then a fenced write of this task may be on its way, whatever was forgotten in a crash. */
  fenceUntil?: number;
}

/** To be offered to its target at `retryAt`. */
export interface PendingTask extends Kept {
  state: "pending";
  retryAt: number;
  /** How often it was offered since it came free, so that who never answers is asked less and less. */
  offers?: number;
  /** An inbox keeps it for the first worker who comes. */
  parked?: true;
}

/** Leased: a holder has it until `expiresAt`, or until the server notices that this has passed. */
export interface AcquiredTask extends Kept {
  state: "acquired";
  pid: string;
  ttlMs: number;
  expiresAt: number;
}

/** Nothing happens to it by time alone. Fulfilled is for ever, and only with its promise. */
export interface StillTask extends Kept {
  state: "suspended" | "halted" | "fulfilled";
}

export type Task = PendingTask | AcquiredTask | StillTask;

/** Who takes a task, and for how long. */
export interface Lease {
  pid: string;
  ttlMs: number;
}

/** The task of a promise that is made now; `undefined` without a target, be it an empty one. */
export function bornTask(
  promise: { tags: Record<string, string>; timeoutAt: number },
  timer: boolean,
  now: number,
): PendingTask | undefined {
  if (promise.tags[TARGET_TAG] === undefined) return undefined;
  const retryAt = Math.max(dueAt(promise.timeoutAt, timer, now), delayedUntil(promise.tags));
  return { state: "pending", version: 0, resumes: [], retryAt };
}

/** Before this instant the task is not to be offered; 0 when nobody asked for a delay. */
export function delayedUntil(tags: Record<string, string>): number {
  const delay = tags[DELAY_TAG] ?? "";
  return /^\d{1,16}$/.test(delay) ? Number(delay) : 0;
}

/**
 * When a task that comes free is due. Nobody executes a timer, though some clients give theirs a
 * target: its task is due at the deadline, that is, when there is nothing to do any more.
 */
export function dueAt(timeoutAt: number, timer: boolean, now: number): number {
  return timer ? timeoutAt : now;
}

/** The task of a timer whose deadline has moved to `timeoutAt`. */
export function timerTask(task: Task, timeoutAt: number): Task {
  return task.state === "pending" ? { ...task, retryAt: timeoutAt } : task;
}

export function pendingTask(task: Task, retryAt: number): PendingTask {
  return { ...kept(task), state: "pending", retryAt: Math.min(retryAt, NEVER) };
}

/** The next version, leased. What woke the task has then been seen. */
export function acquiredTask(task: PendingTask, { pid, ttlMs }: Lease, now: number): AcquiredTask {
  const { version, ...rest } = kept(task);
  const lease = { pid, ttlMs, expiresAt: Math.min(now + ttlMs, NEVER) };
  return { ...rest, version: version + 1, resumes: [], state: "acquired", ...lease };
}

export function haltedTask(task: Task): StillTask {
  return { ...kept(task), state: "halted" };
}

export function suspendedTask(task: AcquiredTask, awaiting: Record<string, string>): StillTask {
  return { ...kept(task), state: "suspended", resumes: [], awaiting };
}

/** Over with its promise: nobody holds it, nothing wakes it, it waits for nothing. */
export function fulfilledTask({ version }: Task): StillTask {
  return { state: "fulfilled", version, resumes: [] };
}

/** The task with `horizonAt` as the least that its fences may live, if that is news. */
export function fencedTask<T extends Task>(task: T, horizonAt: number | undefined): T {
  if (horizonAt === undefined || horizonAt <= (task.fenceUntil ?? 0)) return task;
  return { ...task, fenceUntil: horizonAt };
}

function kept({ version, resumes, awaiting, fenceUntil }: Task): Kept {
  return {
    version,
    resumes,
    ...(awaiting && { awaiting }),
    ...(fenceUntil !== undefined && { fenceUntil }),
  };
}
