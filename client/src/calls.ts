/**
 * The calls that write: what a create and a settle carry, and the record that answers them. Pure;
 * sends nothing.
 */
import { askedBody, type AskedOptions } from "./asked.ts";
import { type Deadline, type Duration, parseDeadline, parseDuration, shown } from "./duration.ts";
import { ApiError } from "./errors.ts";
import { checkKey, createKey, promisePath, randomId } from "./id.ts";
import type { CallOptions } from "./options.ts";
import {
  HEADER,
  type OnTimeout,
  type Payload,
  type PromiseRecord,
  type WritableState,
} from "./protocol.ts";
import type { Call, Verdict } from "./transport.ts";

export interface CreateOptions extends CallOptions, AskedOptions {
  /** What the promise is asked with: `data` is any JSON value. @default {} */
  param?: Payload<unknown>;
  /**
   * When the promise, if still pending, becomes `REJECTED_TIMEDOUT`: a length of time from now, or an
   * instant. Not to be confused with `timeout`, the limit of this call.
   * @default never
   * @example create("order-42", { deadline: "24h" })
   */
  deadline?: Deadline;
  /** What the deadline does instead of `REJECTED_TIMEDOUT`. */
  onTimeout?: OnTimeout;
  /** Labels, to find the promise by. @default {} */
  tags?: Record<string, string>;
  /** How long the promise is kept once settled. @default for ever */
  retention?: Duration;
  /**
   * Creating again with the same key returns the promise that is there, with another key throws
   * {@link ExistsError}.
   * @default the id: creating is "get or create", in any number of processes
   * @example create("leader", { idempotencyKey: crypto.randomUUID() }) // only the first succeeds
   */
  idempotencyKey?: string;
  /** Whether a repeated create succeeds only while the promise is pending. @default false */
  strict?: boolean;
}

export interface SettleOptions extends CallOptions {
  /** Headers kept beside the value. */
  headers?: Record<string, string>;
  /**
   * Settling again with the same key is a success and returns the promise as it is.
   * @default random for each call, so that its retries are repetitions and nobody else is
   */
  idempotencyKey?: string;
  /** Whether a repetition succeeds only if the promise has the state asked for. @default false */
  strict?: boolean;
}

/** @throws TypeError or RangeError for options that make no sense, showing what was received. */
export function createCall(id: string, options: CreateOptions): Call {
  const { param, deadline, onTimeout, tags, retention, idempotencyKey, strict } = options;
  const path = promisePath(id);
  const body = {
    param,
    timeout: deadline === undefined ? undefined : parseDeadline(deadline, "deadline"),
    onTimeout,
    tags,
    retention:
      retention === undefined ? undefined : parseDuration(retention, "retention", Date.now()),
    ...askedBody(options, Date.now()),
  };
  const headers = writeHeaders(idempotencyKey ?? createKey(id), strict);
  return { method: "PUT", path, headers, body: jsonOf(body, "param", param?.data) };
}

/** @throws as {@link createCall}. */
export function settleCall(
  id: string,
  state: WritableState,
  value: unknown,
  options: SettleOptions,
): Call {
  const path = promisePath(id);
  const data = state === "RESOLVED" ? value : rejectionData(value);
  const body = jsonOf({ state, value: { headers: options.headers, data } }, "value", data);
  const headers = writeHeaders(options.idempotencyKey ?? randomId(), options.strict);
  return { method: "PATCH", path, headers, body };
}

/** An Error written as JSON is `{}`: what people want to read of it has to be picked out. */
export function rejectionData(reason: unknown): unknown {
  return reason instanceof Error ? { name: reason.name, message: reason.message } : reason;
}

/** @throws as {@link createCall}. */
export function extendCall(id: string, deadline: Deadline): Call {
  const body = JSON.stringify({ timeout: parseDeadline(deadline, "deadline") });
  return { method: "PATCH", path: promisePath(id), body };
}

/** The record in an answer. @throws ApiError if there is none. */
export function recordOf<T>(verdict: Verdict): PromiseRecord<T> {
  return answerOf<PromiseRecord<T>>(verdict, "a promise", "id", "state");
}

/** The body of an answer that has these fields. @throws ApiError for any other. */
export function answerOf<T>(
  { status, body }: Verdict,
  what: string,
  ...fields: (keyof T & string)[]
): T {
  if (typeof body === "object" && body !== null && fields.every((field) => field in body)) {
    // SAFETY: the server's word for its records, the caller's for the type of its own data.
    return body as T;
  }
  const message = `not the answer of a promise server: ${status} without ${what}`;
  throw new ApiError(message, { code: "unexpected_answer", status });
}

function writeHeaders(key: string, strict: boolean | undefined): Record<string, string> {
  const headers = { [HEADER.idempotencyKey]: checkKey(key) };
  return strict ? { ...headers, [HEADER.strict]: "true" } : headers;
}

/**
 * JSON text. @throws TypeError for what JSON cannot say: cycles, BigInt, functions, symbols. The last
 * two would pass silently otherwise, as no value at all.
 */
export function jsonOf(body: object, name: string, data: unknown): string {
  if (typeof data === "function" || typeof data === "symbol") {
    throw new TypeError(`${name} must be a JSON value, got ${shown(data)}`);
  }
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw new TypeError(`${name} cannot be written as JSON: ${String(cause)}`, { cause });
  }
}
