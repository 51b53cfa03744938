/**
 * What becomes of a delivery after an attempt: `fateOf(attempted, outcome, retryMs, now, random)` says
 * done, again at an instant, or given up, as a dead letter.
 *
 * The waits lie one after the other, three days of them by default, and an attempt falls evenly
 * somewhere into its own (full jitter): deliveries that failed together do not come back together,
 * and none is given up early. It refuses to know what is delivered, and how.
 */
import { LIMITS } from "../../client/src/protocol.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Three days less two and a half minutes, in ten waits after the attempt that is made at once. */
export const DEFAULT_RETRY_MS: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  45 * MINUTE,
  3 * HOUR,
  8 * HOUR,
  12 * HOUR,
  24 * HOUR,
  24 * HOUR,
];

/** How often it has been tried, this time included, and when the first time was. */
export interface Attempted {
  attempts: number;
  firstAt: number;
}

/** - `refused`: by our own policy on URLs. It may change its mind, or the URL may be changed. */
export type Failure = "timeout" | "network" | "refused";

export type Outcome =
  | { kind: "answered"; status: number; retryAfter: string | null }
  | { kind: "failed"; failure: Failure };

export type Fate =
  | { kind: "done" }
  | { kind: "retry"; at: number }
  /** `gone`: the endpoint says that it is no more; nothing is to be sent there. */
  | { kind: "dead"; gone: boolean };

/** @param random in [0, 1) */
export function fateOf(
  { attempts, firstAt }: Attempted,
  outcome: Outcome,
  retryMs: readonly number[],
  now: number,
  random: number,
): Fate {
  if (isTaken(outcome)) return { kind: "done" };
  if (outcome.kind === "answered" && outcome.status === 410) return { kind: "dead", gone: true };
  const waitMs = retryMs[attempts - 1];
  if (waitMs === undefined) return { kind: "dead", gone: false };
  const past = retryMs.slice(0, attempts - 1).reduce((sum, ms) => sum + ms, 0);
  // Late, after a time when nothing ran, it counts from now: waits that are over are not made up for.
  const at = Math.max(firstAt + past, now) + Math.floor(random * waitMs);
  return { kind: "retry", at: Math.max(at, now + askedMs(outcome, now)) };
}

/** 2xx. A redirect is not: where it leads, nobody has registered. */
export function isTaken(outcome: Outcome): boolean {
  return outcome.kind === "answered" && outcome.status >= 200 && outcome.status < 300;
}

/** How long it asked us to stay away, within bounds. */
function askedMs(outcome: Outcome, now: number): number {
  const header = outcome.kind === "answered" ? outcome.retryAfter : null;
  const ms = header === null ? 0 : (retryAfterMs(header.trim(), now) ?? 0);
  return Math.min(ms, LIMITS.webhookRetryAfterMsMax);
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3); anything else says nothing. */
function retryAfterMs(header: string, now: number): number | undefined {
  if (/^\d+$/.test(header)) return Number(header) * SECOND;
  // `Date.parse` alone would take "-5" for a month.
  const instant = /^[A-Z][a-z]{2,8},? /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(instant) ? undefined : Math.max(0, instant - now);
}
