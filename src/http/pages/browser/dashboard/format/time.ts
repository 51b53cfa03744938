/**
 * Times as text. Short ones are for columns and have one or two units; exact ones are for those who
 * point at them. Pure: what time it is, is an argument.
 */
import { NEVER } from "../../../../../../client/src/protocol.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS = [
  { size: 365 * DAY, letter: "y" },
  { size: 30 * DAY, letter: "mo" },
  { size: 7 * DAY, letter: "w" },
  { size: DAY, letter: "d" },
  { size: HOUR, letter: "h" },
  { size: MINUTE, letter: "m" },
  { size: SECOND, letter: "s" },
] as const;

/** Made once: to make one takes longer than everything else about a row. */
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const DAY_AND_MINUTE = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** The last instant that a date can say. */
const DATE_MS_MAX = 8_640_000_000_000_000;

/** How long ago, in one unit: `now`, `12s`, `3h`, `5d`. */
export function ageText(ms: number): string {
  const unit = UNITS.find(({ size }) => ms >= size);
  return unit ? `${Math.floor(ms / unit.size)}${unit.letter}` : "now";
}

/** How long still, in two units up to a week: `13d`, `2d 4h`, `4h 12m`, `9m 05s`, `45s`. */
export function leftText(ms: number): string {
  const shown = Math.ceil(Math.max(0, ms) / SECOND) * SECOND;
  if (shown >= 60 * DAY) return ageText(shown);
  if (shown >= 7 * DAY) return `${Math.floor(shown / DAY)}d`;
  if (shown >= DAY) return pair(shown, DAY, "d", HOUR, "h");
  if (shown >= HOUR) return pair(shown, HOUR, "h", MINUTE, "m");
  if (shown >= MINUTE) return pair(shown, MINUTE, "m", SECOND, "s");
  return `${shown / SECOND}s`;
}

/** A length of time that was chosen, without what is nought: `1d`, `1h 30m`. */
export function spanText(ms: number): string {
  return leftText(ms).replace(/ 0?0[a-z]+$/, "");
}

/** How long something took: `12 ms`, `1.4 s`, `3m 02s`. */
export function tookText(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.round(ms / SECOND)} s`;
  return leftText(ms);
}

/** For who points at it: the day and the second, in the reader's own zone. */
export function exactText(at: number): string {
  if (at === NEVER) return "never";
  if (Math.abs(at) > DATE_MS_MAX) return `${at} ms`;
  return EXACT.format(at);
}

/** The day and the minute: `26 Nov, 14:03`. */
export function dayText(at: number): string {
  if (Math.abs(at) > DATE_MS_MAX) return `${at} ms`;
  return DAY_AND_MINUTE.format(at);
}

/** For machines; `undefined` for what no date can say. */
export function isoText(at: number): string | undefined {
  return Math.abs(at) > DATE_MS_MAX ? undefined : new Date(at).toISOString();
}

function pair(ms: number, size: number, letter: string, less: number, lesser: string): string {
  const rest = Math.floor((ms % size) / less);
  const shown = lesser === "s" || lesser === "m" ? String(rest).padStart(2, "0") : String(rest);
  return `${Math.floor(ms / size)}${letter} ${shown}${lesser}`;
}
