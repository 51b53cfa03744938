// The half of the protocol's model that is about promises (RULES.md, section 1), and the shape of
// every answer. A promise is always read as it stands at `now`, never as it was left.

import type { Creation, PromiseRequest, Settlement } from "./protocol-request.ts";
import { isExternal, isPending, isTarget, pendingTask, put } from "./protocol-state.ts";
import { settled, view } from "./protocol-state.ts";
import type { Life, PromiseRecord, State, TaskRecord } from "./protocol-state.ts";

export interface Answer {
  status: number;
  /** What it shows; nothing when it is a refusal. */
  body: Body;
  state: State;
}

export interface Body {
  promise?: PromiseRecord;
  task?: TaskRecord;
  /** What a fence did. */
  action?: { kind: string; status: number; promise?: PromiseRecord };
  /** All that may be preloaded: any part of it is right. */
  preload?: PromiseRecord[];
}

export function promiseStep(state: State, request: PromiseRequest, now: number): Answer {
  switch (request.kind) {
    case "promise.get":
      return shown(state, view(state, request.data.id, now));
    case "promise.create":
      return createPromise(state, request.data, now);
    case "promise.settle":
      return settlePromise(state, request.data, now);
    case "promise.register_listener": {
      const { awaited, address } = request.data;
      return subscribe(state, view(state, awaited, now), "listeners", address);
    }
    case "promise.register_callback": {
      const { awaited, awaiter } = request.data;
      const [from, to] = [view(state, awaited, now), view(state, awaiter, now)];
      if (!from) return refusal(404, state);
      if (!to || !isTarget(to.promise.tags)) return refusal(422, state);
      // Who is dead itself will not need to be told; the answer is the same.
      const answer = subscribe(state, from, "callbacks", awaiter);
      return isPending(to) ? answer : { ...answer, state };
    }
  }
}

export function refusal(status: number, state: State): Answer {
  return { status, body: {}, state };
}

function shown(state: State, life: Life | undefined): Answer {
  if (!life) return refusal(404, state);
  return { status: 200, body: { promise: life.promise }, state };
}

export function subscribe(
  state: State,
  life: Life | undefined,
  list: "callbacks" | "listeners",
  who: string,
): Answer {
  if (!life) return refusal(404, state);
  if (!isExternal(life.promise.tags)) return refusal(422, state);
  if (!isPending(life) || life[list].includes(who)) return shown(state, life);
  return shown(put(state, { ...life, [list]: [...life[list], who] }), life);
}

export function createPromise(state: State, asked: Creation, now: number): Answer {
  const existing = view(state, asked.id, now);
  if (existing) return shown(state, existing);
  const made = born(asked, now);
  return shown(put(state, made), made);
}

/** A promise whose deadline is over is born settled, and its task with it. */
export function born({ id, timeoutAt, param, tags }: Creation, now: number): Life {
  const createdAt = Math.min(now, timeoutAt);
  const promise = { id, state: "pending", param, value: {}, tags, timeoutAt, createdAt } as const;
  const dueAt = Math.max(now, Number(tags["resonate:delay"] ?? 0));
  const task = isTarget(tags) && { task: pendingTask(tags, 0, [], dueAt) };
  const life: Life = { promise, callbacks: [], listeners: [], ...task };
  return view({ [id]: life }, id, now) ?? life;
}

export function settlePromise(state: State, asked: Settlement, now: number): Answer {
  const life = view(state, asked.id, now);
  if (!life || !isPending(life) || !isSettleable(asked.state)) return shown(state, life);
  const after = settled(life, asked.state, asked.value, now);
  return shown(put(state, after), after);
}

const SETTLEABLE = ["resolved", "rejected", "rejected_canceled"] as const;

/** What a client may settle into; only time writes `rejected_timedout`. */
export function isSettleable(word: string): word is (typeof SETTLEABLE)[number] {
  return SETTLEABLE.some((state) => state === word);
}
