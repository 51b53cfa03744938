/**
 * When a promise must be woken next: `wakeAt` is the one place that says so, asked again after every
 * pass, so that an alarm that comes early, late or twice only asks again.
 *
 * Nobody to tell and nothing to delete: no alarm. Projection keeps reads right without one, and an
 * alarm costs a row and a wake-up.
 */
import { nextStep } from "./escalation.ts";
import { isSettled, type PromiseRecord } from "./promise.ts";
import { taskWakeAt } from "./task.ts";

/** A later instant overflows the runtime's nanoseconds (year 2262); waking once a year is free. */
export const AHEAD_MS_MAX = 365 * 24 * 60 * 60 * 1000;

/** How soon a fan-out that a crash cut off is taken up again. */
const UNTOLD_RETRY_MS = 1000;

/** What the object has besides the record. */
export interface Owed {
  /** Somebody waits on this object's sockets and has not been told the end. */
  sockets: boolean;
  /** A task or a listener has registered for the end. */
  awaited: boolean;
  /** When to send what is owed by now; `null` when nothing is. */
  messagesAt: number | null;
  /** When to tell the index what it was not told yet; `null` when it knows, or is being told. */
  indexAt: number | null;
}

/** @returns ms since the epoch, or `null` when there is nothing to wake for */
export function wakeAt(record: PromiseRecord | null, owed: Owed, now: number): number | null {
  const indexAt = owed.indexAt ?? Infinity;
  if (!record) {
    const due = Math.min(owed.messagesAt ?? Infinity, indexAt);
    return due === Infinity ? null : due;
  }
  const own = isSettled(record)
    ? wakeSettledAt(record, owed, now)
    : Math.min(
        wakePendingAt(record, owed),
        taskWakeAt(record, now) ?? Infinity,
        nextStep(record)?.at ?? Infinity,
        owed.messagesAt ?? Infinity,
      );
  const due = Math.min(own, indexAt);
  return due === Infinity ? null : Math.min(due, now + AHEAD_MS_MAX);
}

function wakePendingAt(record: PromiseRecord, { sockets, awaited }: Owed): number {
  if (record.timeoutAt >= Number.MAX_SAFE_INTEGER) return Infinity;
  if (sockets || awaited) return record.timeoutAt;
  return record.timeoutAt + (record.retentionMs ?? Infinity);
}

function wakeSettledAt(
  record: PromiseRecord & { settledAt: number },
  { sockets, messagesAt }: Owed,
  now: number,
): number {
  const owedAt = Math.min(sockets ? now + UNTOLD_RETRY_MS : Infinity, messagesAt ?? Infinity);
  return owedAt === Infinity ? record.settledAt + (record.retentionMs ?? Infinity) : owedAt;
}
