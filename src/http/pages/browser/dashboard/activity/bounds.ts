/** What the steps of the histograms are called. */
import { LATENCY_BOUNDS_MS } from "../../../../../../client/src/protocol.ts";

const NAMES: Readonly<Record<number, string>> = {
  10: "10 ms",
  100: "100 ms",
  1000: "1 s",
  10_000: "10 s",
  60_000: "1 min",
  600_000: "10 min",
  3_600_000: "1 hour",
  86_400_000: "1 day",
  604_800_000: "1 week",
};

export function boundName(ms: number): string {
  return NAMES[ms] ?? `${ms} ms`;
}

/** Of each count, in their order. */
export const LATENCY_NAMES: readonly string[] = [
  ...LATENCY_BOUNDS_MS.map((ms) => `up to ${boundName(ms)}`),
  `more than ${boundName(LATENCY_BOUNDS_MS.at(-1)!)}`,
];
