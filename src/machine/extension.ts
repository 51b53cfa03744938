/**
 * A deadline that moves later: by a step of an escalation, or because somebody asked for it. What
 * hangs on the deadline moves along with it. Whether it may move is promise.ts's matter.
 */
import type { PendingPromise } from "./promise.ts";
import { timerTask } from "./task-state.ts";
import { isTimer } from "./timer.ts";

/** @param timeoutAt not before the deadline that it has */
export function moved(record: PendingPromise, timeoutAt: number): PendingPromise {
  const { task, tags } = record;
  if (!task || !isTimer(tags)) return { ...record, timeoutAt };
  return { ...record, timeoutAt, task: timerTask(task, timeoutAt) };
}
