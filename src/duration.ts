/**
 * Durations as people write them, to milliseconds: `20s`, `1h30m`, `1h 30m`, `7d`, and ISO 8601
 * (`PT1H30M`, `P1M`). Anything else is an error, never a guess.
 */
import { parse, toSeconds } from "iso8601-duration";

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;
const WHOLE = /^\d+(?:\.\d+)?(?:ms|s|m|h|d|w)(?: ?\d+(?:\.\d+)?(?:ms|s|m|h|d|w))*$/;
/** Some 285,000 years: beyond it, sums with an instant leave the safe integers. */
const DURATION_MS_MAX = Number.MAX_SAFE_INTEGER;

/**
 * @param from where calendar months and years are counted from, in ms since the epoch
 * @returns whole milliseconds
 * @throws RangeError with a sentence for the caller
 * @example parseDurationMs("1h 30m") // 5_400_000
 */
export function parseDurationMs(text: string, from = 0): number {
  const durationMs = text.startsWith("P") ? isoMs(text, from) : unitsMs(text);
  if (durationMs === undefined || !(durationMs <= DURATION_MS_MAX)) {
    throw new RangeError(`"${text.slice(0, 40)}" is not a duration: write 20s, 1h30m, 7d or PT1H`);
  }
  return Math.round(durationMs);
}

function unitsMs(text: string): number | undefined {
  if (text.length > 100 || !WHOLE.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(PART)) sum += Number(amount) * UNIT_MS[unit!]!;
  return sum;
}

function isoMs(text: string, from: number): number | undefined {
  if (text.length > 100) return undefined;
  try {
    return toSeconds(parse(text), new Date(from)) * 1000;
  } catch {
    return undefined; // The library's message speaks of its own grammar.
  }
}
