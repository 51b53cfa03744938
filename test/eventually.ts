/** A condition, looked at again and again: a slow machine makes a test slow, never red. */
import { vi } from "vitest";

interface Patience {
  /** By then a look must have succeeded: 20 s unless told, which is less than a test may take. */
  forMs?: number;
  /** Between two looks: 20 ms unless told. */
  everyMs?: number;
}

/** What the look brings, once it succeeds. @throws the last failure, when none does in time */
export function eventually<T>(
  look: () => T | Promise<T>,
  { forMs = 20_000, everyMs = 20 }: Patience = {},
): Promise<T> {
  return vi.waitFor(look, { timeout: forMs, interval: everyMs });
}
