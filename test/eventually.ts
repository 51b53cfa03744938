/** Patience: a slow machine makes a test slow, never red. */

interface Patience {
  /** By then a look must have succeeded: 20 s unless told, which is less than a test may take. */
  forMs?: number;
  /** Between two looks: 20 ms unless told. */
  everyMs?: number;
}

// Their own, also where a test drives the clock: looking must not move it.
const later = setTimeout;
const now = performance.now.bind(performance);

/** What the look brings, once it succeeds. @throws the last failure, when none does in time */
export async function eventually<T>(
  look: () => T | Promise<T>,
  { forMs = 20_000, everyMs = 20 }: Patience = {},
): Promise<T> {
  const giveUpAt = now() + forMs;
  for (;;) {
    try {
      return await look();
    } catch (failure) {
      if (now() > giveUpAt) throw failure;
      await new Promise((go) => later(go, everyMs));
    }
  }
}

/**
 * What must be done within `ms` of its beginning, as before a deadline: again with twice the time,
 * where the machine was too slow for it. A failure within the time is one.
 *
 * @param attempt with ids of its own each time
 */
export async function withTime<T>(ms: number, attempt: (ms: number) => Promise<T>): Promise<T> {
  for (let given = ms; ; given *= 2) {
    const begunAt = Date.now();
    try {
      return await attempt(given);
    } catch (failure) {
      if (Date.now() < begunAt + given || given >= 8 * ms) throw failure;
    }
  }
}
