/**
 * Keeping a task: heartbeats while somebody works on it, and the alarm when it is lost. Lost means
 * that the server says so, or that for a whole lease nothing was heard from it: by then others may
 * have been given the task. Refuses to know what the work is.
 */
import { LeaseLostError } from "./errors.ts";
import { after, linkedTo, sleep } from "./limit.ts";
import type { Target } from "./options.ts";
import { backoffMs } from "./retry.ts";
import { type HeldTask, renewTask } from "./task.ts";

/** Clocks and timers of one machine differ by so much at times. */
const AHEAD_MS_MIN = 20;

export interface Lease {
  /** Aborts with {@link LeaseLostError}, or with the outer signal's reason. Never after `end`. */
  readonly signal: AbortSignal;
  /** Stops the heartbeats; leaves no timer and no listener. */
  end(): void;
}

/** Keeps the lease of a task until it ends, is lost, or `outer` aborts. */
export function keepLease(target: Target, task: HeldTask, outer: AbortSignal): Lease {
  const { id, leaseMs } = task;
  const { controller: working, unlink: unlinkWork } = linkedTo(outer);
  const { controller: beating, unlink: unlinkBeats } = linkedTo(working.signal);
  const lose = () => working.abort(new LeaseLostError(id));
  const lostAfter = (leasedAt: number) =>
    after(Math.max(0, leasedAt + leaseMs - performance.now()), lose);
  let callOff = lostAfter(task.leasedAt);

  const everyMs = leaseMs / 3;
  // One attempt each: what matters is when the next begins, and that is decided here.
  const once: Target = {
    ...target,
    retry: { ...target.retry, retries: 0 },
    attemptTimeoutMs: Math.min(target.attemptTimeoutMs, everyMs),
  };

  async function beat(): Promise<void> {
    let failures = 0;
    for (;;) {
      const regularMs = Math.min(everyMs, deadlineBeatMs(task.timeoutAt - Date.now()));
      const hurried = { firstDelayMs: everyMs / 8, longestDelayMs: everyMs };
      const delayMs = failures > 0 ? backoffMs(hurried, failures, Math.random()) : regularMs;
      await sleep(delayMs, beating.signal);
      const leasedAt = performance.now();
      try {
        if (!(await renewTask(once, task, beating.signal))) return lose();
        callOff();
        callOff = lostAfter(leasedAt);
        failures = 0;
      } catch (error) {
        if (beating.signal.aborted) throw error;
        // Whatever it was, the end of the lease tells whether it mattered.
        failures += 1;
      }
    }
  }
  // Ends by an abort of `beating` and by nothing else.
  beat().catch(() => {});

  const end = () => {
    callOff();
    unlinkWork();
    unlinkBeats();
    beating.abort();
  };
  working.signal.addEventListener("abort", end, { once: true });
  return { signal: working.signal, end };
}

/**
 * At the deadline the task ends, and its holder should hear of it soon. The server's clock decides:
 * where ours is ahead, we ask again after as long as it is ahead, so that a few beats will do.
 */
function deadlineBeatMs(untilDeadlineMs: number): number {
  return untilDeadlineMs > 0 ? untilDeadlineMs : Math.max(AHEAD_MS_MIN, -untilDeadlineMs);
}
