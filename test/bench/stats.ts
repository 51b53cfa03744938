/** Order statistics of small samples. No means: one hiccup of the machine would be in all of them. */

/** The smallest value that at least the share `p` of the sample does not exceed. */
export function quantile(sample: readonly number[], p: number): number {
  const sorted = sample.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

export function median(sample: readonly number[]): number {
  return quantile(sample, 0.5);
}

export interface Spread {
  /** In the order in which they were measured. */
  sample: number[];
  median: number;
  min: number;
  max: number;
}

export function spread(sample: number[]): Spread {
  return { sample, median: median(sample), min: Math.min(...sample), max: Math.max(...sample) };
}

/**
 * The median of the quotients of what was measured one right after the other: what the machine does in
 * the course of a run hits both of a pair, and falls out.
 */
export function pairedRatio({ sample }: Spread, base: Spread): number {
  return median(sample.map((value, n) => value / base.sample[n]!));
}
