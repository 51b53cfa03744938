/**
 * Waiting within limits: a timer that may be long, a sleep that can be woken, and work that ends
 * when its time or its caller's patience does. Leaves no timer and no listener behind.
 */

/** Longer delays overflow 32 bits, and `setTimeout` then fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Calls back after `delayMs`, however long that is; returns how to call it off. Measured on the
 * monotonic clock: setting the wall clock neither hastens nor delays it.
 */
export function after(delayMs: number, callback: () => void): () => void {
  const due = performance.now() + delayMs;
  let timer: ReturnType<typeof setTimeout>;
  const arm = () => {
    const remaining = Math.max(0, due - performance.now());
    timer = setTimeout(
      remaining > TIMER_MS_MAX ? arm : callback,
      Math.min(remaining, TIMER_MS_MAX),
    );
  };
  if (delayMs === Number.POSITIVE_INFINITY) return () => {};
  arm();
  return () => clearTimeout(timer);
}

/** Sleeps; an abort wakes it with the signal's reason. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      callOff();
      reject(signal.reason);
    };
    const callOff = after(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** A controller that aborts with `outer`, or before; `unlink` it when it has served. */
export function linkedTo(outer: AbortSignal | undefined) {
  const controller = new AbortController();
  const onAbort = () => controller.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener("abort", onAbort, { once: true });
  return { controller, unlink: () => outer?.removeEventListener("abort", onAbort) };
}

export interface Limit {
  signal?: AbortSignal | undefined;
  /** `Infinity`: none. */
  timeoutMs: number;
  /** What to throw when the time is up. */
  onTimeout: () => unknown;
}

/**
 * Runs `work` until it is done, its time is up, or its caller aborts. The signal that it is given
 * tells it to stop; should it not listen, it is left behind and its result ignored.
 */
export async function limited<T>(
  limit: Limit,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal: outer } = limit;
  if (outer?.aborted) throw outer.reason;
  const { controller, unlink } = linkedTo(outer);
  const { signal } = controller;
  const callOff = after(limit.timeoutMs, () => controller.abort(limit.onTimeout()));
  try {
    return await new Promise<T>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      work(signal).then(resolve, reject);
    });
  } catch (error) {
    // What broke because we stopped it is not the news; why we stopped it is.
    throw signal.aborted ? signal.reason : error;
  } finally {
    callOff();
    unlink();
  }
}
