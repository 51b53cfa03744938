/**
 * Steps: parts of a run that are remembered. The outcome of a step is a promise of its own, so it
 * outlives the process, and whoever runs the whole again does not run the step again.
 */
import { isNotFoundError, ApiError, RejectedError } from "./errors.ts";
import { jsonOf, recordOf } from "./calls.ts";
import { shown } from "./duration.ts";
import { promisePath } from "./id.ts";
import { after } from "./limit.ts";
import type { Target } from "./options.ts";
import type { Json, PromiseRecord } from "./protocol.ts";
import { request } from "./transport.ts";

/** The steps of one run. */
export interface Steps {
  /**
   * Runs `fn` unless this step has a value already, and remembers the value: it is the promise
   * `${id}/${name}`, which anybody may read. Only a value is remembered. If `fn` throws, so does the
   * step, and the next attempt runs it again.
   *
   * `fn` may run twice when a process dies between its end and the record of it; the first record
   * wins, and everybody gets that one. Steps may run side by side.
   *
   * @param name Names the step among those of this id; with slashes if you like.
   * @returns the recorded value, as JSON has it: a `Date` comes back as a string.
   * @throws TypeError or RangeError for a name that is empty, too long, or used before in this attempt.
   * @throws RejectedError if somebody has rejected or cancelled the step's promise.
   * @throws the reason of the run's `signal`, once it has aborted.
   * @example const charge = await step.run("charge", () => stripe.charges.create(order));
   */
  run<T = Json>(name: string, fn: () => T | Promise<T>): Promise<T>;
}

/** The steps of one attempt. A step that began before `signal` aborts is still recorded. */
export function createSteps(target: Target, runId: string, signal: AbortSignal): Steps {
  const names = new Set<string>();
  return {
    async run<T>(name: string, fn: () => T | Promise<T>): Promise<T> {
      const id = stepId(runId, name);
      if (typeof fn !== "function") {
        throw new TypeError(`step ${shown(name)} must be given a function, got ${shown(fn)}`);
      }
      if (names.has(name)) {
        throw new TypeError(`step ${shown(name)} was run before in this run of "${runId}"`);
      }
      names.add(name);
      signal.throwIfAborted();
      const known = await recall(target, id, signal);
      // SAFETY: it was recorded by this step, whose type the caller knows; `undefined` for no value.
      if (known) return known.value.data as T;
      const value = await fn();
      const winner = await record(target, id, value, signal);
      signal.throwIfAborted();
      return winner;
    },
  };
}

function stepId(runId: string, name: string): string {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(`a step needs a name that is not empty, got ${shown(name)}`);
  }
  const id = `${runId}/${name}`;
  promisePath(id);
  return id;
}

async function recall(
  target: Target,
  id: string,
  signal: AbortSignal,
): Promise<PromiseRecord | undefined> {
  const limit = { signal, timeoutMs: Number.POSITIVE_INFINITY };
  try {
    const call = { method: "GET", path: promisePath(id) } as const;
    const record = recordOf<Json>(await request(target, call, limit));
    if (record.state === "PENDING") return undefined;
    if (record.state !== "RESOLVED") throw new RejectedError({ record });
    return record;
  } catch (error) {
    if (isNotFoundError(error)) return undefined;
    throw error;
  }
}

/** Creates and settles in one call; a repetition is a loser, and losers get the winner's outcome. */
async function record<T>(target: Target, id: string, value: T, signal: AbortSignal): Promise<T> {
  const body = jsonOf({ promiseId: id, value }, `the value of step "${id}"`, value);
  // The step has been done, and forgetting it means to do it again: an abort lets us finish, briefly.
  const patience = new AbortController();
  let callOff: (() => void) | undefined;
  const onAbort = () => {
    callOff = after(target.attemptTimeoutMs, () => patience.abort(signal.reason));
  };
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const limit = { signal: patience.signal, timeoutMs: Number.POSITIVE_INFINITY };
    const call = { method: "POST", path: "/promise/resolve", body } as const;
    const { status, body: answer } = await request(target, call, limit);
    if (typeof answer !== "object" || answer === null) {
      const message = `not the answer of a promise server: ${status} without an outcome`;
      throw new ApiError(message, { code: "unexpected_answer", status });
    }
    // SAFETY: `{value}`, `{error}` or `{}`, by src/http/example.ts; the type as above.
    const { value: winner, error } = answer as { value: T; error?: string };
    if (error !== undefined) throw new RejectedError({ message: error });
    return winner;
  } finally {
    callOff?.();
    signal.removeEventListener("abort", onAbort);
  }
}
