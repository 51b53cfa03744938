/**
 * Figures for the charts, made of what the server has counted minute by minute: buckets without gaps,
 * sums, and what most were quicker than. Pure.
 */
import {
  LATENCY_BOUNDS_MS,
  type Activity,
  type Minute,
} from "../../../../../../client/src/protocol.ts";

export interface Bucket {
  at: number;
  created: number;
  settled: number;
}

export interface Range {
  name: string;
  /** As in "the last …". */
  last: string;
  minutes: number;
  /** Of one bucket. */
  bucketMinutes: number;
}

export const RANGES: readonly Range[] = [
  { name: "1 hour", last: "hour", minutes: 60, bucketMinutes: 1 },
  { name: "6 hours", last: "6 hours", minutes: 360, bucketMinutes: 5 },
];

const MINUTE = 60_000;

/** The oldest first; what the server left out, for nothing happened in it, is nought here. */
export function bucketsOf({ at, minutes }: Activity, range: Range): Bucket[] {
  const size = range.bucketMinutes * MINUTE;
  const last = Math.floor(at / size) * size;
  const count = range.minutes / range.bucketMinutes;
  const buckets = Array.from({ length: count }, (_, index) => ({
    at: last - (count - 1 - index) * size,
    created: 0,
    settled: 0,
  }));
  const first = buckets[0]!.at;
  for (const minute of minutes) {
    const bucket = buckets[Math.floor((minute.at - first) / size)];
    if (!bucket || minute.at < first) continue;
    bucket.created += minute.created;
    bucket.settled += minute.settled;
  }
  return buckets;
}

/** How many of those settled within the range took so long, by {@link LATENCY_BOUNDS_MS}. */
export function latencyOf({ at, minutes }: Activity, range: Range): number[] {
  const since = at - range.minutes * MINUTE;
  const sums = Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, () => 0);
  for (const minute of minutes.filter((one) => one.at >= since)) addTo(sums, minute);
  return sums;
}

/** The bound that so many of a hundred did not exceed; `undefined` without any, or beyond the last. */
export function percentileOf(sums: readonly number[], percent: number): number | undefined {
  const total = sums.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let reached = 0;
  for (const [index, count] of sums.entries()) {
    reached += count;
    if (reached * 100 >= total * percent) return LATENCY_BOUNDS_MS[index];
  }
  return undefined;
}

function addTo(sums: number[], { latency }: Minute): void {
  for (const [index, count] of latency.entries()) {
    if (index < sums.length) sums[index]! += count;
  }
}
