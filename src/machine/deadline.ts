/**
 * When a promise must be woken next: `wakeAt` is the one place that says so, asked again after every
 * pass, so that an alarm that comes early, late or twice only asks again.
 *
 * Nobody to tell and nothing to delete: no alarm. Projection keeps reads right without one, and an
 * alarm costs a row and a wake-up.
 */
import { isSettled, type PromiseRecord } from "./promise.ts";
import { taskWakeAt } from "./task.ts";

/** A later instant overflows the runtime's nanoseconds (year 2262); waking once a year is free. */
export const AHEAD_MS_MAX = 365 * 24 * 60 * 60 * 1000;

/** How soon a fan-out that a crash cut off is taken up again. */
const UNTOLD_RETRY_MS = 1000;

/**
 * @param awaited somebody waits on this object's sockets and has not been told the end
 * @returns ms since the epoch, or `null` when there is nothing to wake for
 */
export function wakeAt(record: PromiseRecord | null, awaited: boolean, now: number): number | null {
  if (!record) return null;
  const due = isSettled(record)
    ? wakeSettledAt(record, awaited, now)
    : Math.min(wakePendingAt(record, awaited), leaseEndsAt(record, now));
  return due === Infinity ? null : Math.min(due, now + AHEAD_MS_MAX);
}

function wakePendingAt(record: PromiseRecord, awaited: boolean): number {
  if (record.timeoutAt >= Number.MAX_SAFE_INTEGER) return Infinity;
  if (awaited) return record.timeoutAt;
  return record.timeoutAt + (record.retentionMs ?? Infinity);
}

/** Only a lease: an offer that nobody delivers would wake the object for nothing. */
function leaseEndsAt(record: PromiseRecord, now: number): number {
  const isLeased = record.task?.state === "acquired";
  return (isLeased ? taskWakeAt(record, now) : null) ?? Infinity;
}

function wakeSettledAt(
  record: PromiseRecord & { settledAt: number },
  awaited: boolean,
  now: number,
): number {
  if (awaited) return now + UNTOLD_RETRY_MS;
  return record.settledAt + (record.retentionMs ?? Infinity);
}
