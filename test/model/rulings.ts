// Where we mean to answer otherwise than the SDK's in-memory server, each with its rule. There are
// three ways: we refuse what it does (`REFUSALS`), it must be told in other words what we understand
// (`heard`), or time does more with us than with it (`tickAsWe`). Nothing else may differ.

import { isExternal, isTarget } from "./protocol-state.ts";
import type { Oracle } from "./oracle.ts";
import type { Request } from "./protocol-request.ts";

interface Refusal {
  rule: string;
  status: number;
  holds: (request: Request, oracle: Oracle, now: number) => boolean;
}

/** Refused by us before anything happens, so that the oracle is not asked at all. */
export const REFUSALS: Refusal[] = [
  {
    rule: "A client settles into resolved, rejected or rejected_canceled (RULES 1, Settle)",
    status: 400,
    holds: (request) => {
      const settlement = settlementOf(request);
      return settlement !== undefined && !SETTLEABLE.has(settlement.state);
    },
  },
  {
    rule: "An address is http(s)://, poll://any@ or poll://uni@ (RULES 2, Addresses)",
    status: 400,
    holds: ({ kind, data }) =>
      kind === "promise.register_listener" && !/^(https?|poll):\/\/.+/.test(data.address),
  },
  {
    rule: "A fence is for another promise than the task's own (RULES 2, fence)",
    status: 400,
    holds: ({ kind, data }) => kind === "task.fence" && data.action.data.id === data.id,
  },
  {
    rule: "No awaited twice (RULES 2, suspend)",
    status: 400,
    holds: (request) => {
      const awaited = awaitedOf(request);
      return awaited.length > 0 && new Set(awaited).size < awaited.length && isWellFormed(request);
    },
  },
  {
    rule: "A callback waits only for an external promise (C2)",
    status: 422,
    holds: ({ kind, data }, oracle) => {
      if (kind !== "promise.register_callback" || data.awaited === data.awaiter) return false;
      const tags = oracle.promise(data.awaited)?.tags;
      return tags !== undefined && !isExternal(tags);
    },
  },
  {
    rule: "A task waits only for external promises (RULES 2, suspend; C2)",
    status: 422,
    holds: (request, oracle, now) => {
      if (request.kind !== "task.suspend" || !isWellFormed(request)) return false;
      const { id, version } = request.data;
      const [task, own] = [oracle.task(id), oracle.promise(id)];
      const isHeld = task?.state === "acquired" && task.version === version;
      if (!isHeld || !own || own.state !== "pending" || own.timeoutAt <= now) return false;
      const tags = awaitedOf(request).map((awaited) => oracle.promise(awaited)?.tags);
      return tags.some((one) => one !== undefined && !isExternal(one));
    },
  },
];

/** The request in the words in which the oracle does what we do. */
export function heard(request: Request, oracle: Oracle): Request {
  // "An empty list means all leases of that pid" (RULES 2, heartbeat); the oracle takes it for none.
  if (request.kind !== "task.heartbeat" || request.data.tasks.length > 0) return request;
  const { pid } = request.data;
  const tasks = oracle.tasks().filter((task) => task.state === "acquired" && task.pid === pid);
  return { ...request, data: { pid, tasks: tasks.map(({ id, version }) => ({ id, version })) } };
}

/**
 * The oracle's tick passes over the deadlines of promises without target; ours tells everyone who
 * waits for them (C1). So it is made to touch each, after the tick: then an awaiter whose own
 * deadline has passed too is dead already and is not raised (C6).
 */
export function tickAsWe(oracle: Oracle, now: number): void {
  oracle.tick(now);
  for (const { id, state, timeoutAt, tags } of oracle.promises()) {
    const isForgotten = state === "pending" && timeoutAt <= now && !isTarget(tags);
    if (isForgotten) oracle.ask({ kind: "promise.get", data: { id } }, now);
  }
}

/** Whether an alarm must do something at `now` that a request would show: a resume, a lost lease. */
export function needsTick(oracle: Oracle, now: number): boolean {
  const isDue = oracle
    .promises()
    .some(
      ({ state, timeoutAt, callbacks }) =>
        state === "pending" && timeoutAt <= now && callbacks.size > 0,
    );
  return isDue || [...oracle.timers().values()].some(([kind, at]) => kind === "lease" && at <= now);
}

const SETTLEABLE = new Set(["resolved", "rejected", "rejected_canceled"]);

function settlementOf({ kind, data }: Request): { state: string } | undefined {
  if (kind === "promise.settle") return data;
  if (kind === "task.fulfill" && data.action.data.id === data.id) return data.action.data;
  if (kind === "task.fence" && data.action.kind === "promise.settle") return data.action.data;
  return undefined;
}

function awaitedOf(request: Request): string[] {
  if (request.kind !== "task.suspend") return [];
  return request.data.actions.map(({ data }) => data.awaited);
}

/** What the oracle would refuse as malformed, it shall. */
function isWellFormed(request: Request): boolean {
  if (request.kind !== "task.suspend") return true;
  const { id, actions } = request.data;
  return actions.every(({ data }) => data.awaiter === id && data.awaited !== id);
}
