// What the protocol's model does without being asked: it tells awaiters that what they await has
// settled (`deliver`), and does what is due (`tick`). Each delivery is a step of its own, so that
// whoever checks a history may put it anywhere after the settlement; `drain` makes all of them.

import { isPending, pendingTask, put, view } from "./protocol-state.ts";
import type { Life, PromiseRecord, State, Task } from "./protocol-state.ts";

export type Message =
  | { kind: "execute"; address: string; id: string; version: number }
  | { kind: "unblock"; address: string; promise: PromiseRecord };

/** How long a task that nobody takes waits until it is offered again: the server's own choice. */
export const RETRY_MS = 5_000;

/** One awaiter hears that one awaited has settled. An awaiter that is dead itself stays so (C6). */
export function deliver(state: State, awaited: string, awaiter: string, now: number): State {
  const from = view(state, awaited, now);
  if (!from || isPending(from)) return state;
  const told = put(state, { ...from, callbacks: from.callbacks.filter((id) => id !== awaiter) });
  const to = view(told, awaiter, now);
  if (!to?.task || !isPending(to)) return told;
  const { task } = to;
  const resumed: Task =
    task.state === "suspended"
      ? pendingTask(to.promise.tags, task.version, [awaited], now)
      : { ...task, resumes: [...new Set([...task.resumes, awaited])] };
  return put(told, { ...to, task: resumed });
}

/** Every pair of awaited and awaiter that `deliver` has something to do for. */
export function owed(state: State, now: number): [awaited: string, awaiter: string][] {
  return Object.keys(state).flatMap((id) => {
    const life = view(state, id, now);
    if (!life || isPending(life)) return [];
    return life.callbacks.map((awaiter): [string, string] => [id, awaiter]);
  });
}

export function drain(state: State, now: number): State {
  let at = state;
  for (const [awaited, awaiter] of owed(state, now)) at = deliver(at, awaited, awaiter, now);
  return at;
}

/** All that is due: deadlines and whom they wake, leases that are over, offers, notices. */
export function tick(state: State, now: number): { state: State; sent: Message[] } {
  const sent: Message[] = [];
  let at: State = {};
  for (const id of Object.keys(state)) {
    const life = view(state, id, now);
    if (life) at = put(at, life);
  }
  at = drain(at, now);
  for (const life of Object.values(at)) at = put(at, serve(life, now, sent));
  return { state: at, sent };
}

/** What becomes of one life by itself, and what it sends. */
function serve(life: Life, now: number, sent: Message[]): Life {
  const { promise, listeners } = life;
  if (!isPending(life)) {
    for (const address of listeners) sent.push({ kind: "unblock", address, promise });
    return { ...life, listeners: [] };
  }
  const { id, tags } = promise;
  let { task } = life;
  if (task?.lease && task.lease.until <= now) {
    task = pendingTask(tags, task.version, task.resumes, now);
  }
  if (task?.offerAt !== undefined && task.offerAt <= now) {
    task = { ...task, offerAt: now + RETRY_MS };
    const address = tags["resonate:target"] ?? "";
    sent.push({ kind: "execute", address, id, version: task.version });
  }
  return task ? { ...life, task } : life;
}
