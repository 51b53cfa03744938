/**
 * Running a function once per id, in whichever process gets to it: take the promise's task, work
 * under its lease, record the outcome; or wait for the outcome of whoever was first, and take over
 * if that one falls silent. The server decides who holds the task; nothing here does.
 */
import { type CreateOptions, recordOf, rejectionData } from "./calls.ts";
import { type Duration, parseDeadline, parseDuration, shown } from "./duration.ts";
import {
  DisposedError,
  ExistsError,
  isApiError,
  isRejectedError,
  RejectedError,
  TimeoutError,
} from "./errors.ts";
import { promisePath, randomId } from "./id.ts";
import { keepLease } from "./lease.ts";
import { after, limited, linkedTo, sleep } from "./limit.ts";
import { type CallOptions, callTimeoutMs, type Target } from "./options.ts";
import { type Json, NEVER, type PromiseRecord } from "./protocol.ts";
import { nextDelayMs, resolveRetry, type RetryOptions, type RetryPolicy } from "./retry.ts";
import { checked, type StandardSchema } from "./schema.ts";
import { createSteps, type Steps } from "./step.ts";
import {
  type Ending,
  fulfillTask,
  type HeldTask,
  releaseTask,
  takeTask,
  type TaskAsk,
  versionHeld,
} from "./task.ts";
import { request } from "./transport.ts";
import { follow } from "./watch.ts";

/** What a function that is run is given. */
export interface Run {
  /** Of the promise that will hold the outcome. */
  readonly id: string;
  /**
   * Aborts when the lease is lost ({@link LeaseLostError}) and when the caller aborts. From then on
   * somebody else may be at work: stop. What you still return is not recorded.
   */
  readonly signal: AbortSignal;
  /** From 1. Counted by this process: whoever takes over begins again. */
  readonly attempt: number;
  /** Parts that are remembered. */
  readonly step: Steps;
}

export interface RunOptions<T> extends CallOptions, Pick<CreateOptions, "param" | "tags"> {
  /**
   * When and how often `fn` is run again after it threw; `false`: never. By `shouldRetry` you say that
   * an error is final. The rejection of a promise always is, unless you say otherwise.
   * @default DEFAULT_RUN_RETRY: 2 retries after up to 500 ms and 1 s
   * @example { retries: 5, shouldRetry: (error) => !(error instanceof CardDeclined) }
   */
  retry?: RetryOptions | false;
  /**
   * After it nobody runs `fn` any more, and everybody gets a {@link RejectedError} with the state
   * `REJECTED_TIMEDOUT`. The first call sets it; a length of time counts from there, by its clock.
   * Not to be confused with `timeout`, after which only this call stops waiting (and working).
   * @default never
   */
  deadline?: CreateOptions["deadline"];
  /**
   * How long the work is ours without a sign of life; each third of it there is one. So long the line
   * may be dead. After a crash somebody takes over within twice that: those who wait ask once in each
   * lease. At least 100 ms.
   * @default "30s"
   */
  lease?: Duration;
  /** Checks the outcome on its way to this caller, and may transform it. Does not undo it. */
  schema?: StandardSchema<T>;
}

/** The policy unless told otherwise: three attempts, exponential with full jitter. */
export const DEFAULT_RUN_RETRY: RetryPolicy = {
  retries: 2,
  firstDelayMs: 500,
  longestDelayMs: 30_000,
  shouldRetry: (error) => !isRejectedError(error),
};

/** How long giving the work back may hold up an abort. */
const RELEASE_MS_MAX = 2000;
const LEASE_MS_MIN = 100;
const LEASE_MS_MAX = 2 ** 31 - 1;

/** {@link RunOptions} with nothing left open. */
interface Job extends TaskAsk {
  fn: (run: Run) => unknown;
  retry: RetryPolicy;
  /** As the client's, but without an end to the retries: a run outlives restarts of the server. */
  target: Target;
}

/** See `DurablePromises.run`. */
export async function run<T>(
  target: Target,
  id: string,
  fn: (run: Run) => T | Promise<T>,
  options: RunOptions<T>,
): Promise<T> {
  const job = resolveJob(target, id, fn, options);
  const timeoutMs = callTimeoutMs(options.timeout, Number.POSITIVE_INFINITY);
  options.signal?.throwIfAborted();
  const { controller, unlink } = linkedTo(options.signal);
  const { signal } = controller;
  const callOff = after(timeoutMs, () => controller.abort(new TimeoutError(timeoutMs, { id })));
  try {
    const record = await compete(job, signal);
    if (record.state !== "RESOLVED") throw new RejectedError({ record });
    return await checked(id, record.value.data, options.schema);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    callOff();
    unlink();
  }
}

function resolveJob<T>(
  target: Target,
  id: string,
  fn: (run: Run) => unknown,
  { retry, deadline, lease = "30s", param, tags }: RunOptions<T>,
): Job {
  promisePath(id);
  if (typeof fn !== "function") throw new TypeError(`fn must be a function, got ${shown(fn)}`);
  const leaseMs = parseDuration(lease, "lease", Date.now());
  if (leaseMs < LEASE_MS_MIN || leaseMs > LEASE_MS_MAX) {
    throw new RangeError(`lease must be ${LEASE_MS_MIN} ms to 24 days, got ${shown(lease)}`);
  }
  return {
    id,
    fn,
    pid: randomId(),
    leaseMs,
    timeoutAt: timeoutAtOf(deadline),
    param,
    tags,
    retry: resolveRetry(retry, DEFAULT_RUN_RETRY),
    target: { ...target, retry: { ...target.retry, retries: Number.POSITIVE_INFINITY } },
  };
}

function timeoutAtOf(deadline: CreateOptions["deadline"]): number {
  if (deadline === undefined) return NEVER;
  const parsed = parseDeadline(deadline, "deadline");
  if (typeof parsed === "number") return parsed;
  const now = Date.now();
  return Math.min(NEVER, now + parseDuration(parsed, "deadline", now));
}

/** The settled promise, by us or by somebody else. */
async function compete(job: Job, signal: AbortSignal): Promise<PromiseRecord> {
  // Kept when the lease is lost only after the work was done: then there is no need to do it again.
  let ending: Ending | undefined;
  for (;;) {
    const turn = await takeTurn(job, signal);
    if (turn.kind === "settled") return turn.record;
    const lease = keepLease(job.target, turn.task, signal);
    try {
      ending ??= await work(job, lease.signal);
      const record = await conclude(job, turn.task, ending, lease.signal);
      if (record) return record;
    } catch (error) {
      const isLost = lease.signal.aborted && !signal.aborted;
      if (!isLost) {
        lease.end();
        await letGo(job, turn.task.version);
        throw error;
      }
    } finally {
      lease.end();
    }
  }
}

type Turn = { kind: "held"; task: HeldTask } | { kind: "settled"; record: PromiseRecord };

/** Waits until the task is ours, or the promise settled: told of that, and asking once per lease. */
async function takeTurn(job: Job, signal: AbortSignal): Promise<Turn> {
  const first = await ask(job, signal);
  if (first) return first;
  const { controller, unlink } = linkedTo(signal);
  const end = follow(job.target, job.id, controller.signal, () => {});
  try {
    for (;;) {
      const pause = sleep(job.leaseMs, controller.signal).then(() => undefined);
      const frame = await Promise.race([end, pause]);
      if (frame?.type === "disposed") throw new DisposedError();
      if (frame) return { kind: "settled", record: frame.promise };
      const turn = await ask(job, signal);
      if (turn) return turn;
    }
  } finally {
    unlink();
    controller.abort();
    end.catch(() => {});
  }
}

/** Asks for the task; `undefined` if somebody else has it. */
async function ask(job: Job, signal: AbortSignal): Promise<Turn | undefined> {
  try {
    const taken = await takeTask(job.target, job, signal);
    if (taken.kind === "busy") return undefined;
    if (taken.kind !== "foreign") return taken;
  } catch (error) {
    // Aborted before the answer: it may be ours all the same, and would be for a whole lease.
    if (signal.aborted) await letGo(job);
    throw error;
  }
  const call = { method: "GET", path: promisePath(job.id) } as const;
  const limit = { signal, timeoutMs: Number.POSITIVE_INFINITY };
  const record = recordOf<Json>(await request(job.target, call, limit));
  if (record.state === "PENDING") throw new ExistsError(record);
  return { kind: "settled", record };
}

/** Runs `fn` until it succeeds or is not worth another attempt. */
async function work({ target, id, fn, retry }: Job, outer: AbortSignal): Promise<Ending> {
  const limit = { signal: outer, timeoutMs: Number.POSITIVE_INFINITY, onTimeout: () => undefined };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const data = await limited(limit, async (signal) =>
        fn({ id, signal, attempt, step: createSteps(target, id, signal) }),
      );
      return { state: "resolved", data };
    } catch (error) {
      if (outer.aborted) throw outer.reason;
      const delayMs = nextDelayMs(retry, error, attempt, Number.POSITIVE_INFINITY, Math.random());
      if (delayMs === undefined) return { state: "rejected", data: rejectionData(error) };
      await sleep(delayMs, outer);
    }
  }
}

/** Records the ending; one that cannot be recorded is recorded as that, lest it be run for ever. */
async function conclude({ target }: Job, task: HeldTask, ending: Ending, signal: AbortSignal) {
  try {
    return await fulfillTask(target, task, ending, signal);
  } catch (error) {
    const isUnspeakable =
      error instanceof TypeError || (isApiError(error) && [400, 413].includes(error.status));
    if (!isUnspeakable || signal.aborted) throw error;
    return fulfillTask(target, task, { state: "rejected", data: rejectionData(error) }, signal);
  }
}

/** Gives back what is ours, for others to have at once. Should it fail, the lease will end it. */
async function letGo({ target, id, pid }: Job, version?: number): Promise<void> {
  const limit = { timeoutMs: RELEASE_MS_MAX, onTimeout: () => undefined };
  try {
    await limited(limit, async (signal) => {
      const held = version ?? (await versionHeld(target, { id, pid }, signal));
      if (held !== undefined) await releaseTask(target, { id, version: held }, signal);
    });
  } catch {
    // No line, or no right to it any more.
  }
}
