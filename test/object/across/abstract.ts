/**
 * The abstract machine that a history of a world is held against: the protocol's model, one step an
 * operation. Time stands still in it; what time did to an object is an operation of the history, at
 * the place where it happened. A resume may come whenever it likes, but at rest none is owed.
 */
import { linearize, minimize, type Machine } from "../../model/linearizable.ts";
import { step } from "../../model/protocol-model.ts";
import type { Request } from "../../model/protocol-request.ts";
import { EMPTY, isPending, keyOf, pendingTask, put, view } from "../../model/protocol-state.ts";
import type { PromiseRecord, State } from "../../model/protocol-state.ts";
import { deliver, owed } from "../../model/protocol-time.ts";
import type { Call, Happening, Response } from "./caller.ts";

const NOW = 0;
const POSITIONS_MAX = 100_000;

const ABSTRACT: Machine<State, Request | Happening, Response> = {
  initial: EMPTY,
  keyOf,
  apply(state, request, response) {
    if (isHappening(request)) return happen(state, request);
    const { status, body, state: after } = step(state, request, NOW);
    return response === undefined || textOf({ status, body }) === textOf(response)
      ? after
      : undefined;
  },
  isRead: ({ kind }, { status }) =>
    status >= 400 || kind === "promise.get" || kind === "task.get" || kind === "task.heartbeat",
  moves: (state) =>
    owed(state, NOW).map(([awaited, awaiter]) => deliver(state, awaited, awaiter, NOW)),
};

/** @throws where that would take too long to find out */
export function explains(history: Call[]): boolean {
  return linearize(ABSTRACT, history, POSITIONS_MAX).isLinearizable;
}

/** @returns nothing when some order of whole steps explains the history, else a story to read */
export function objectionTo(history: Call[]): string | undefined {
  if (explains(history)) return undefined;
  const least = minimize(ABSTRACT, history);
  const { order } = linearize(ABSTRACT, least);
  const left = least.filter((_, place) => !order.includes(place));
  const explained = order.map((place) => told(least[place]!));
  return ["explained:", ...explained, "but then not:", ...left.map(told)].join("\n");
}

function happen(state: State, happening: Happening): State | undefined {
  if (happening.kind === "rest") return owed(state, NOW).length === 0 ? state : undefined;
  const { kind, data } = happening;
  const { id, at } = data;
  const life = state[id];
  if (!life) return undefined;
  switch (kind) {
    case "deadline":
      return put(state, view(state, id, at) ?? life);
    case "expire": {
      if (life.task?.state !== "acquired") return undefined;
      const { version, resumes } = life.task;
      return put(state, { ...life, task: pendingTask(life.promise.tags, version, resumes, NOW) });
    }
    case "purge": {
      if (isPending(life)) return undefined;
      // Whoever awaited it has been told, or is told now: it must not take that with it.
      let told = state;
      for (const awaiter of life.callbacks) told = deliver(told, id, awaiter, NOW);
      const { [id]: _, ...others } = told;
      return others;
    }
    default:
      return kind satisfies never;
  }
}

function isHappening(request: Request | Happening): request is Happening {
  return ["expire", "deadline", "purge", "rest"].includes(request.kind);
}

/** The instants apart, which stand still in the model. Nobody here has a branch, so no preload. */
function textOf({ status, body }: Response): string {
  const { promise, task, action } = body;
  return JSON.stringify([
    status,
    promise && partsOf(promise),
    task && [task.id, task.state, task.version, task.resumes, task.pid, task.ttl],
    action && [action.kind, action.status, action.promise && partsOf(action.promise)],
  ]);
}

function partsOf(promise: PromiseRecord): unknown[] {
  const { id, state, param, value, tags, timeoutAt, settledAt } = promise;
  return [id, state, param, value, tags, timeoutAt, settledAt !== undefined];
}

export function told({ client, invokedAt, request, returned }: Call): string {
  const end = returned ? `${returned.at}` : "?";
  const outcome = returned ? textOf(returned.response) : "unknown";
  return `  ${client} [${invokedAt}, ${end}] ${request.kind} ${JSON.stringify(request.data)} -> ${outcome}`;
}
