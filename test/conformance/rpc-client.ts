/**
 * A client of the protocol for tests: it sends one request and shows the answer in the shape in
 * which the model answers. It judges nothing, and takes no second try: what came of a request that
 * failed on the way, or was answered with 503, nobody knows (`undefined`).
 */
import { setTimeout } from "node:timers/promises";
import type { Response } from "../model/protocol-history.ts";
import type { Body } from "../model/protocol-promise.ts";
import type { Request } from "../model/protocol-request.ts";
import type { PromiseRecord, TaskRecord } from "../model/protocol-state.ts";

const RESTART_MS_MAX = 10_000;

export interface Reply {
  status: number;
  data: unknown;
}

export interface RpcClient {
  /** With `now`, the server's clock for this request (debug surface). */
  send: (kind: string, data: object, now?: number) => Promise<Reply>;
  /** The model's words for the answer; nothing when the outcome is unknown. */
  ask: (request: Request, now?: number) => Promise<Response | undefined>;
}

export function rpcClient(url: string): RpcClient {
  let number = 0;

  async function send(kind: string, data: object, now?: number): Promise<Reply> {
    const clock = now === undefined ? {} : { "resonate:debug_time": now };
    const head = { corrId: `${(number += 1)}`, version: "2026-04-01", ...clock };
    const body = JSON.stringify({ kind, head, data });
    const response = await connected(() =>
      fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body }),
    );
    // SAFETY: what it really is, the caller goes on to compare.
    const reply = (await response.json()) as { head?: { status: number }; data: unknown };
    return { status: reply.head?.status ?? response.status, data: reply.data };
  }

  async function ask({ kind, data }: Request, now?: number): Promise<Response | undefined> {
    const reply = await send(kind, data, now).catch(() => undefined);
    return reply === undefined || reply.status === 503 ? undefined : responseOf(reply);
  }

  return { send, ask };
}

/** While nobody listens nothing was asked either: only then is another try the same request. */
async function connected(
  request: () => Promise<globalThis.Response>,
): Promise<globalThis.Response> {
  const end = Date.now() + RESTART_MS_MAX;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      const { cause } = error as { cause?: { code?: string } };
      if (cause?.code !== "ECONNREFUSED" || Date.now() > end) throw error;
      await setTimeout(20);
    }
  }
}

interface WireTask extends Omit<TaskRecord, "resumes"> {
  /** A count with us; the SDK's own server lists the names. */
  resumes: number | unknown[];
}

interface WireBody {
  promise?: PromiseRecord;
  task?: WireTask;
  action?: { kind: string; head: { status: number }; data: { promise?: PromiseRecord } | string };
  preload?: PromiseRecord[];
}

/** @returns what an answer shows, in the shape of the model's; the words of an error are dropped */
export function responseOf({ status, data }: Reply): Response {
  if (typeof data !== "object" || data === null || Array.isArray(data)) return { status, body: {} };
  // SAFETY: as above, for the caller to compare.
  const { promise, task, action, preload } = data as WireBody;
  const body: Body = {};
  if (promise) body.promise = recordOf(promise);
  if (task) body.task = taskOf(task);
  if (preload) body.preload = preload.map(recordOf);
  if (action) {
    const { kind, head, data: inner } = action;
    const made = typeof inner === "object" && inner.promise;
    body.action = { kind, status: head.status, ...(made && { promise: recordOf(made) }) };
  }
  return { status, body };
}

/** Empty headers and data that is not there say nothing, in whichever way they are written. */
function recordOf(record: PromiseRecord): PromiseRecord {
  // SAFETY: a copy of the same shape, as it would come over the wire.
  return JSON.parse(JSON.stringify(record)) as PromiseRecord;
}

function taskOf({ resumes, ...rest }: WireTask): TaskRecord {
  return { ...rest, resumes: Array.isArray(resumes) ? resumes.length : resumes };
}
