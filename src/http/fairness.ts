/**
 * Fairness on one machine. workerd looks at its sockets and timers only when it has nothing else to do,
 * and a connection whose next request is already there gives it something to do: who is quick is served
 * on and on, the others wait for seconds, and when it looks at last it finds their time run out and
 * hangs up (workerd of 2026-08-15; strace saw eight looks in 37 s of load). A request that waits for a
 * timer can only go on after a look: when there was none for a while, all do, until there is.
 */

/** So long nobody is missed. */
const UNSEEN_MS_MAX = 20;

let seenAt = 0;

/** @returns `undefined` where the runtime has looked of late; else what resolves when it has */
export function letOthersIn(now: number): Promise<void> | undefined {
  // A clock may go back.
  return Math.abs(now - seenAt) < UNSEEN_MS_MAX ? undefined : nextLook();
}

async function nextLook(): Promise<void> {
  await scheduler.wait(0);
  seenAt = Date.now();
}
