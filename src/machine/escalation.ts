/**
 * What happens to a promise that nobody settles, step by step: somebody else is told, the deadline
 * moves, or it is settled so. Each step is due at an instant that its birth has fixed, so a read needs
 * no alarm to know what has happened; only telling somebody does.
 */
import { NEVER } from "../../client/src/protocol.ts";
import { moved } from "./extension.ts";
import type { PendingPromise, Payload, WritableState } from "./promise.ts";

export interface EscalationStep {
  /** From the creation. */
  afterMs: number;
  /** An address to be told: `https://…` or `poll://…`. */
  notify?: string;
  /** The deadline moves by so much. */
  extendMs?: number;
  /** It ends like this. No step comes after. */
  settle?: { state: WritableState; value: Payload };
}

export interface Escalated {
  /** The promise with every step that was due; how many is in `escalated`. */
  record: PendingPromise;
  /** How the last of them has settled it, if one has. */
  settled?: { state: WritableState; value: Payload; at: number };
}

/** Every step that is due at `now`, in order; one that the deadline precedes is never due. */
export function escalate(record: PendingPromise, now: number): Escalated {
  const step = nextStep(record);
  if (!step || step.at > now) return { record };
  const { settle, extendMs = 0, at } = step;
  const timeoutAt = Math.min(record.timeoutAt + extendMs, NEVER);
  const after = { ...moved(record, timeoutAt), escalated: (record.escalated ?? 0) + 1 };
  return settle ? { record: after, settled: { ...settle, at } } : escalate(after, now);
}

/** The next step and when it is due; `undefined` when none is to come. */
export function nextStep(record: PendingPromise): (EscalationStep & { at: number }) | undefined {
  const step = record.escalation?.[record.escalated ?? 0];
  if (!step) return undefined;
  const at = record.createdAt + step.afterMs;
  return at < record.timeoutAt ? { ...step, at } : undefined;
}
