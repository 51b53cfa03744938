// The protocol's model as something that histories of overlapping requests can be held against.
// Time stands still in it: whoever checks a history keeps deadlines and leases far away. Instants in
// records are therefore not compared here; `recordsOf` is for those who want to see them agree.

import { isDeepStrictEqual } from "node:util";

import { linearize, minimize } from "./linearizable.ts";
import type { Machine, Operation } from "./linearizable.ts";
import { step } from "./protocol-model.ts";
import type { Body } from "./protocol-promise.ts";
import type { Request } from "./protocol-request.ts";
import { EMPTY, keyOf } from "./protocol-state.ts";
import type { PromiseRecord, State } from "./protocol-state.ts";
import { deliver, owed } from "./protocol-time.ts";

export interface Response {
  status: number;
  body: Body;
}

export type Call = Operation<Request, Response>;

const NOW = 0;

export const PROTOCOL: Machine<State, Request, Response> = {
  initial: EMPTY,
  keyOf,
  apply(state, request, response) {
    const { status, body, state: after } = step(state, request, NOW);
    return response === undefined || agrees({ status, body }, response) ? after : undefined;
  },
  isRead: ({ kind }, { status }) =>
    status >= 400 || kind === "promise.get" || kind === "task.get" || kind === "task.heartbeat",
  moves: (state) =>
    owed(state, NOW).map(([awaited, awaiter]) => deliver(state, awaited, awaiter, NOW)),
};

/** Whether the model would have answered so. It preloads all it may; less of it is right too. */
export function agrees(expected: Response, seen: Response): boolean {
  const { preload: may = [], ...told } = timeless(expected.body);
  const { preload: given = [], ...heard } = timeless(seen.body);
  const isPart = given.every((one) => may.some((other) => isDeepStrictEqual(one, other)));
  return expected.status === seen.status && isPart && isDeepStrictEqual(told, heard);
}

/** @returns nothing when some order explains the history, else a story to read */
export function objectionTo(history: Call[]): string | undefined {
  if (linearize(PROTOCOL, history).isLinearizable) return undefined;
  const least = minimize(PROTOCOL, history);
  const { order } = linearize(PROTOCOL, least);
  const left = least.filter((_, place) => !order.includes(place));
  const explained = order.map((place) => told(least[place]!));
  return ["explained:", ...explained, "but then not:", ...left.map(told)].join("\n");
}

function told({ client, invokedAt, request, returned }: Call): string {
  const end = returned ? `${returned.at}` : "?";
  const outcome = returned ? JSON.stringify(returned.response) : "unknown";
  const { kind, data } = request;
  return `  ${client} [${invokedAt}, ${end}] ${kind} ${JSON.stringify(data)} -> ${outcome}`;
}

/** Every record that an answer of the history has shown. */
export function recordsOf(history: Call[]): PromiseRecord[] {
  return history.flatMap(({ returned }) => {
    const { promise, action, preload = [] } = returned?.response.body ?? {};
    return [promise, action?.promise, ...preload].filter((record) => record !== undefined);
  });
}

type Timeless = Omit<PromiseRecord, "createdAt" | "settledAt"> & { isSettled: boolean };

function timeless({ promise, action, preload, ...rest }: Body): {
  preload?: Timeless[];
} & Record<string, unknown> {
  return {
    ...rest,
    ...(promise && { promise: without(promise) }),
    ...(action && { action: { ...action, promise: action.promise && without(action.promise) } }),
    ...(preload && { preload: preload.map(without) }),
  };
}

function without(record: PromiseRecord): Timeless {
  const { createdAt: _, settledAt, ...rest } = record;
  return { ...rest, isSettled: settledAt !== undefined };
}
