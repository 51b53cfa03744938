/**
 * The task of a promise: who may run it now. Five questions to the server in Resonate's protocol
 * (`POST /rpc`), and their answers as plain data. Decides nothing and keeps nothing; whether a lease
 * is alive is lease.ts, and what to do about it run.ts.
 *
 * `version` is the fencing token: every change of the holder raises it, and whoever comes with an
 * older one is refused.
 */
import { jsonOf } from "./calls.ts";
import { ApiError } from "./errors.ts";
import { promisePath, randomId } from "./id.ts";
import type { Target } from "./options.ts";
import type { Payload, PromiseRecord, SettledState, State } from "./protocol.ts";
import { type Answer, judge, request } from "./transport.ts";

const VERSION = "2026-04-01";
/** A promise with this tag has a task. The address says: nobody is called, whoever comes may run it. */
const TARGET = { "resonate:target": "poll://any@durable-promises-run" };

/** What a run is made of, if it is not there yet, and who asks for it. */
export interface TaskAsk {
  id: string;
  /** Who we are: another one for each call of `run`. */
  pid: string;
  leaseMs: number;
  /** Ms since the epoch. */
  timeoutAt: number;
  param: Payload<unknown> | undefined;
  tags: Record<string, string> | undefined;
}

/** A task that is ours, as far as we know. */
export interface HeldTask {
  id: string;
  pid: string;
  leaseMs: number;
  version: number;
  /** The deadline of its promise, in ms since the epoch. */
  timeoutAt: number;
  /** When we last asked for the lease, on the monotonic clock: it lasts from then, or longer. */
  leasedAt: number;
}

export type Taken =
  | { kind: "held"; task: HeldTask }
  | { kind: "busy" }
  | { kind: "settled"; record: PromiseRecord }
  /** There is such a promise, but nobody can run it: it was made by `create`, or settled unasked. */
  | { kind: "foreign" };

/** How a run ends. */
export interface Ending {
  state: "resolved" | "rejected";
  data: unknown;
}

/** A promise in that protocol's words. */
interface ProtocolPromise {
  id: string;
  state: Lowercase<State>;
  param: Payload;
  value: Payload;
  tags: Record<string, string>;
  timeoutAt: number;
  createdAt: number;
  settledAt?: number;
}

/** The part of an answer that we read. Which fields are there depends on the question. */
interface Data {
  task: { state: string; version: number; pid?: string };
  promise: ProtocolPromise;
}

/** Makes the promise and takes its task, or takes the task of the one that is there, if it is free. */
export async function takeTask(target: Target, ask: TaskAsk, signal: AbortSignal): Promise<Taken> {
  const { id, pid, leaseMs, timeoutAt, param = {} } = ask;
  const tags = { ...ask.tags, ...TARGET };
  const action = { kind: "promise.create", head: {}, data: { id, timeoutAt, param, tags } };
  const leasedAt = performance.now();
  const body = envelope("task.create", { pid, ttl: leaseMs, action }, "param", param.data);
  const { status, data, attempts } = await call(target, body, signal);
  if (status === 422) return { kind: "foreign" };
  if (status === 200 && data.promise.state !== "pending") {
    return { kind: "settled", record: recordFrom(target, data.promise) };
  }
  // An attempt whose answer was lost may have taken it: then it is busy, and with us.
  const isAnswered = status === 200;
  if (!isAnswered && attempts === 1) return { kind: "busy" };
  const version = isAnswered ? data.task.version : await versionHeld(target, ask, signal);
  if (version === undefined) return { kind: "busy" };
  const deadlineAt = isAnswered ? data.promise.timeoutAt : timeoutAt;
  const task = { id, pid, leaseMs, version, timeoutAt: deadlineAt, leasedAt };
  if (attempts === 1 && performance.now() - leasedAt < leaseMs / 3) return { kind: "held", task };
  // It took so long that the lease may be nearly over: only a fresh one is worth beginning with.
  const renewedAt = performance.now();
  if (!(await renewTask(target, task, signal))) return { kind: "busy" };
  return { kind: "held", task: { ...task, leasedAt: renewedAt } };
}

/** Extends the lease; whether the task is still ours. */
export async function renewTask(
  target: Target,
  { id, pid, version }: HeldTask,
  signal: AbortSignal,
): Promise<boolean> {
  await call(target, envelope("task.heartbeat", { pid, tasks: [{ id, version }] }), signal);
  // A heartbeat answers 200 to everybody, so as to reveal nothing: whose it is has to be asked.
  const { status, data } = await call(target, envelope("task.get", { id }), signal);
  if (status !== 200) return false;
  return data.task.state === "acquired" && data.task.pid === pid && data.task.version === version;
}

/** Gives the task back: whoever asks next gets it. Not ours any more is as good. */
export async function releaseTask(
  target: Target,
  { id, version }: Pick<HeldTask, "id" | "version">,
  signal: AbortSignal,
): Promise<void> {
  await call(target, envelope("task.release", { id, version }), signal);
}

/** The version under which `pid` holds the task, if it does. */
export async function versionHeld(
  target: Target,
  { id, pid }: Pick<TaskAsk, "id" | "pid">,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { status, data } = await call(target, envelope("task.get", { id }), signal);
  const isOurs = status === 200 && data.task.state === "acquired" && data.task.pid === pid;
  return isOurs ? data.task.version : undefined;
}

/**
 * Records how the run ended, if the task is still ours; else `undefined`, as after an attempt that
 * succeeded and whose answer was lost.
 *
 * @throws TypeError if `ending.data` is nothing that JSON can say.
 */
export async function fulfillTask(
  target: Target,
  { id, version }: HeldTask,
  { state, data: value }: Ending,
  signal: AbortSignal,
): Promise<PromiseRecord | undefined> {
  const settle = { id, state, value: { data: value } };
  const action = { kind: "promise.settle", head: {}, data: settle };
  const body = envelope("task.fulfill", { id, version, action }, "the outcome", value);
  const { status, data } = await call(target, body, signal);
  return status === 200 ? recordFrom(target, data.promise) : undefined;
}

function envelope(kind: string, data: object, name = "data", value?: unknown): string {
  return jsonOf({ kind, head: { corrId: randomId(), version: VERSION }, data }, name, value);
}

async function call(target: Target, body: string, signal: AbortSignal) {
  const limit = { signal, timeoutMs: Number.POSITIVE_INFINITY };
  const asked = { method: "POST", path: "/rpc", body } as const;
  const verdict = await request(target, asked, limit, judgeProtocol);
  // SAFETY: the server's word for it, and each caller reads only what its kind of question answers.
  return { ...verdict, data: verdict.body as Data };
}

/** No, in three ways that a caller goes on from. */
const REFUSALS = new Set([404, 409, 422]);

/** The data of an answer in that protocol, or the error that it stands for. */
function judgeProtocol(answer: Answer, now: number) {
  const { status, text } = answer;
  const body = dataIn(answer);
  if (body === undefined || status >= 500) return judge(answer, now);
  if (status === 200 || REFUSALS.has(status)) return { status, outcome: undefined, body };
  throw new ApiError(typeof body === "string" ? body : text, { code: "invalid_request", status });
}

function dataIn({ text, parse = JSON.parse }: Answer): unknown {
  try {
    // SAFETY: looked at before anything is made of it.
    const answer = parse(text) as { kind?: unknown; head?: unknown; data?: unknown } | null;
    return typeof answer?.kind === "string" && answer.head ? answer.data : undefined;
  } catch {
    return undefined;
  }
}

function recordFrom(target: Target, promise: ProtocolPromise): PromiseRecord {
  const { id, param, value, tags, timeoutAt, createdAt, settledAt } = promise;
  return {
    id,
    // SAFETY: the states of the two surfaces differ in case alone.
    state: promise.state.toUpperCase() as SettledState,
    param,
    value,
    timeout: timeoutAt,
    tags,
    createdOn: createdAt,
    ...(settledAt !== undefined && { completedOn: settledAt }),
    url: target.url + promisePath(id),
  };
}
