/**
 * When to try again, and how long to wait before: exponential backoff with full jitter. Decides;
 * never sleeps, never sends. Randomness is an argument.
 */
import { type Duration, parseDuration, shown } from "./duration.ts";
import { isApiError, isConnectionError, isDurablePromiseError } from "./errors.ts";

export interface RetryOptions {
  /**
   * How often to try again after the first attempt.
   * @default 8
   */
  retries?: number;
  /**
   * The longest first delay; each further one may be twice as long. Delays are drawn evenly between
   * zero and that (full jitter), so that many clients do not come back in step.
   * @default 100 ms
   */
  firstDelay?: Duration;
  /**
   * What no delay exceeds, except a longer `Retry-After` of the server.
   * @default 5 s
   */
  longestDelay?: Duration;
  /**
   * Whether an error is worth another attempt; `attempt` counts from 1.
   * @default defaultShouldRetry
   * @example shouldRetry: (error, attempt) => attempt < 3 && defaultShouldRetry(error)
   */
  shouldRetry?: (error: unknown, attempt: number) => boolean;
}

/** {@link RetryOptions} with nothing left open. */
export interface RetryPolicy {
  readonly retries: number;
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  readonly shouldRetry: (error: unknown, attempt: number) => boolean;
}

/**
 * The policy unless told otherwise: only what passes by itself. A broken line, 429, 502, 503, 504.
 * Every write carries an idempotency key, so that none of these can do a thing twice.
 */
export function defaultShouldRetry(error: unknown): boolean {
  return (
    isDurablePromiseError(error) &&
    error.retryable &&
    (isConnectionError(error) || isApiError(error))
  );
}

export const DEFAULT_RETRY: RetryPolicy = {
  retries: 8,
  firstDelayMs: 100,
  longestDelayMs: 5000,
  shouldRetry: defaultShouldRetry,
};

/**
 * Options made complete by `defaults` and checked. `false`: one attempt only.
 *
 * @throws TypeError or RangeError that shows what was received.
 */
export function resolveRetry(
  options: RetryOptions | false = {},
  defaults: RetryPolicy = DEFAULT_RETRY,
): RetryPolicy {
  if (options === false) return { ...defaults, retries: 0 };
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`retry must be an object or false, got ${shown(options)}`);
  }
  const { retries = defaults.retries, shouldRetry = defaults.shouldRetry } = options;
  if (retries !== Number.POSITIVE_INFINITY && !(Number.isInteger(retries) && retries >= 0)) {
    throw new RangeError(`retry.retries must be a whole number, 0 or more, got ${shown(retries)}`);
  }
  if (typeof shouldRetry !== "function") {
    throw new TypeError(`retry.shouldRetry must be a function, got ${shown(shouldRetry)}`);
  }
  return {
    retries,
    shouldRetry,
    firstDelayMs: ms(options.firstDelay, "retry.firstDelay", defaults.firstDelayMs),
    longestDelayMs: ms(options.longestDelay, "retry.longestDelay", defaults.longestDelayMs),
  };
}

function ms(duration: Duration | undefined, name: string, fallback: number): number {
  return duration === undefined ? fallback : parseDuration(duration, name, Date.now());
}

/**
 * How long to wait before attempt `attempt + 1`; `random` is in [0, 1).
 *
 * @example backoffMs(DEFAULT_RETRY, 3, 0.5) // 200: half of 100 * 2 * 2
 */
export function backoffMs(
  policy: Pick<RetryPolicy, "firstDelayMs" | "longestDelayMs">,
  attempt: number,
  random: number,
): number {
  const ceiling = Math.min(policy.longestDelayMs, policy.firstDelayMs * 2 ** (attempt - 1));
  return Math.round(random * ceiling);
}

/**
 * The wait before the next attempt after `error`, or `undefined` when there should be none. What the
 * server asks for in `Retry-After` is honoured; if `remainingMs` cannot hold it, waiting is pointless.
 */
export function nextDelayMs(
  policy: RetryPolicy,
  error: unknown,
  attempt: number,
  remainingMs: number,
  random: number,
): number | undefined {
  if (attempt > policy.retries || !policy.shouldRetry(error, attempt)) return undefined;
  const asked = isApiError(error) ? (error.retryAfterMs ?? 0) : 0;
  if (asked >= remainingMs) return undefined;
  return Math.max(asked, backoffMs(policy, attempt, random));
}

/**
 * The header `Retry-After` in ms: seconds or an HTTP date (RFC 9110, 10.2.3).
 *
 * @example retryAfterMs("3", Date.now()) // 3000
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const instant = Date.parse(header);
  return Number.isNaN(instant) ? undefined : Math.max(0, instant - now);
}
