// The whole protocol for many promises and their tasks, written from RULES.md and never from the
// code: what each request does, in one step. What settling owes to others and what time does by
// itself is in `protocol-time.ts`, because nothing promises that it is over when an answer leaves.
// It imports nothing but the model's own parts, and refuses to know of objects, messages under way,
// retries and failures.

import { isSettleable, promiseStep, refusal } from "./protocol-promise.ts";
import type { Answer } from "./protocol-promise.ts";
import type { PromiseRequest, Request } from "./protocol-request.ts";
import { isTarget } from "./protocol-state.ts";
import type { State } from "./protocol-state.ts";
import { taskStep } from "./protocol-task.ts";

export function step(state: State, request: Request, now: number): Answer {
  if (isMalformed(request)) return refusal(400, state);
  return isOfPromise(request) ? promiseStep(state, request, now) : taskStep(state, request, now);
}

function isOfPromise(request: Request): request is PromiseRequest {
  return request.kind.startsWith("promise.");
}

function isMalformed(request: Request): boolean {
  switch (request.kind) {
    case "promise.settle":
      return !isSettleable(request.data.state);
    case "promise.register_callback":
      return request.data.awaited === request.data.awaiter;
    case "promise.register_listener":
      return !/^(https?:\/\/.|poll:\/\/(any|uni)@.)/.test(request.data.address);
    case "task.create":
      return !isTarget(request.data.action.data.tags);
    case "task.suspend": {
      const { id, actions } = request.data;
      const awaited = actions.map(({ data }) => data.awaited);
      const isStrange = actions.some(({ data }) => data.awaited === id || data.awaiter !== id);
      return isStrange || awaited.length === 0 || new Set(awaited).size < awaited.length;
    }
    case "task.fulfill": {
      const { id, action } = request.data;
      return action.data.id !== id || !isSettleable(action.data.state);
    }
    case "task.fence": {
      const { id, action } = request.data;
      const isWrong = action.kind === "promise.settle" && !isSettleable(action.data.state);
      return action.data.id === id || isWrong;
    }
    case "promise.get":
    case "promise.create":
    case "task.get":
    case "task.acquire":
    case "task.release":
    case "task.heartbeat":
    case "task.halt":
    case "task.continue":
      return false;
  }
}
