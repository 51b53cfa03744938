/**
 * How long, and until when, from what people write. Strict: a typo is an error that shows what was
 * received, never a guess. Reads no clock; `now` is an argument.
 */

/**
 * A length of time: ms as a number, a string (`"20s"`, `"1h30m"`, `"1h 30m"`, `"7d"`, ISO 8601
 * `"PT1H"`, `"P1DT2H"`), or a `Date` to mean "until then".
 */
export type Duration = number | string | Date;

/** An instant: a `Date`, ms since the epoch, an RFC 3339 string, or a length of time from now. */
export type Deadline = number | string | Date;

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
type Unit = keyof typeof UNIT_MS;

// Largest unit first and each at most once: "30m1h" and "5m5m" are slips of the pen.
const SHORT =
  /^(?:(\d+(?:\.\d+)?)w)?\s*(?:(\d+(?:\.\d+)?)d)?\s*(?:(\d+(?:\.\d+)?)h)?\s*(?:(\d+(?:\.\d+)?)m)?\s*(?:(\d+(?:\.\d+)?)s)?\s*(?:(\d+(?:\.\d+)?)ms)?$/;
const SHORT_UNITS: readonly Unit[] = ["w", "d", "h", "m", "s", "ms"];
const ISO =
  /^P(?:(\d+(?:[.,]\d+)?)W)?(?:(\d+(?:[.,]\d+)?)D)?(?:T(?=\d)(?:(\d+(?:[.,]\d+)?)H)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)S)?)?$/;
const ISO_UNITS: readonly Unit[] = ["w", "d", "h", "m", "s"];
const CALENDAR = /^P[^T]*[YM]/;
const LENGTH_MAX = 64;

const EXAMPLES = 'write ms as a number, "20s", "1h30m" or "PT1H"';

/**
 * A duration in ms, whole and not negative. `Infinity` stays what it is: no limit.
 *
 * @throws TypeError or RangeError that names the option and shows what it was given.
 * @example parseDuration("1h 30m", "timeout", Date.now()) // 5_400_000
 */
export function parseDuration(input: Duration, name: string, now: number): number {
  if (input instanceof Date) return Math.max(0, instantOf(input, name) - now);
  if (typeof input === "number") {
    if (!(input >= 0)) throw new RangeError(`${name} must be 0 ms or more, got ${input}`);
    return Math.ceil(input);
  }
  if (typeof input !== "string") {
    throw new TypeError(`${name} must be a duration, got ${shown(input)}; ${EXAMPLES}`);
  }
  const ms = durationOf(input.trim());
  if (ms !== undefined) return ms;
  throw new RangeError(
    CALENDAR.test(input)
      ? `${name}: years and months differ in length, got ${shown(input)}; say it in days`
      : `${name} is not a duration: ${shown(input)}; ${EXAMPLES}`,
  );
}

/**
 * A deadline as the server takes it: ms since the epoch for an instant, an ISO 8601 duration for a
 * length of time. The latter is counted by the server, whose clock is the one that decides.
 *
 * @throws TypeError or RangeError that names the option and shows what it was given.
 * @example parseDeadline("24h", "deadline") // "PT86400S"
 */
export function parseDeadline(input: Deadline, name: string): number | string {
  if (input instanceof Date) return instantOf(input, name);
  if (typeof input === "number") {
    if (!Number.isSafeInteger(input) || input < 0) {
      throw new RangeError(`${name} must be whole ms since the epoch, got ${input}`);
    }
    // A duration in ms, given where an instant belongs, would settle the promise at its birth.
    if (input < EPOCH_MS_MIN) {
      throw new RangeError(
        `${name}: ${input} is ${new Date(input).toISOString()}; for a length of time write "20s" or "24h"`,
      );
    }
    return input;
  }
  if (typeof input !== "string") {
    throw new TypeError(`${name} must be a Date, ms, or a string, got ${shown(input)}`);
  }
  if (RFC_3339.test(input)) return instantOf(new Date(input), name, input);
  const ms = parseDuration(input, name, 0);
  return `PT${ms / 1000}S`;
}

/** 1990: before it lie only durations mistaken for instants. A `Date` may be as old as it likes. */
const EPOCH_MS_MIN = Date.UTC(1990);
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

function instantOf(date: Date, name: string, input: unknown = date): number {
  const instant = date.getTime();
  if (Number.isNaN(instant)) throw new RangeError(`${name} is not a date: ${shown(input)}`);
  return instant;
}

function durationOf(text: string): number | undefined {
  if (text.length === 0 || text.length > LENGTH_MAX) return undefined;
  const iso = text.startsWith("P");
  const match = (iso ? ISO : SHORT).exec(text);
  if (!match) return undefined;
  let ms = 0;
  let parts = 0;
  for (const [index, unit] of (iso ? ISO_UNITS : SHORT_UNITS).entries()) {
    const amount = match[index + 1];
    if (amount === undefined) continue;
    ms += Number(amount.replace(",", ".")) * UNIT_MS[unit];
    parts += 1;
  }
  // "P" alone matches the pattern and says nothing.
  if (parts === 0 || ms > Number.MAX_SAFE_INTEGER) return undefined;
  return Math.round(ms);
}

/** What was received, short enough for a message. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, LENGTH_MAX));
  if (value instanceof Date) return String(value);
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
