/**
 * The client: a promise with a URL, from anywhere. Turns calls into requests and answers into values
 * or errors; how they travel, when they are repeated and how a wait survives is decided elsewhere.
 */
import { type Deadline, type Duration, parseDeadline, parseDuration, shown } from "./duration.ts";
import {
  AlreadySettledError,
  ApiError,
  DisposedError,
  NotFoundError,
  RejectedError,
  TimeoutError,
} from "./errors.ts";
import { checkKey, createKey, promisePath, randomId } from "./id.ts";
import { limited } from "./limit.ts";
import {
  type CallOptions,
  callTimeoutMs,
  type DurablePromisesOptions,
  resolveOptions,
  type Target,
} from "./options.ts";
import {
  HEADER,
  type Json,
  type OnTimeout,
  type Payload,
  type PromiseRecord,
  type WritableState,
} from "./protocol.ts";
import { checked, type StandardSchema } from "./schema.ts";
import { type Call, request, type Verdict } from "./transport.ts";
import { follow } from "./watch.ts";
import { Watch } from "./watch-iterable.ts";

export interface CreateOptions extends CallOptions {
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

export interface ReadOptions<T> extends CallOptions {
  /**
   * Checks the value of a resolved promise, and may transform it; {@link ValidationError} if it does
   * not fit. Any Standard Schema: Zod, Valibot, ArkType, ...
   */
  schema?: StandardSchema<T>;
}

/**
 * Durable promises on a server.
 *
 * @example
 * const promises = new DurablePromises({ url: "https://promises.example.com" });
 * await promises.create("order-42", { deadline: "24h" });
 * const receipt = await promises.wait<Receipt>("order-42"); // here, or in any other process
 */
export class DurablePromises {
  readonly #target: Target;

  /** @throws TypeError or RangeError for options that make no sense, showing what was received. */
  constructor(options: DurablePromisesOptions = {}) {
    this.#target = resolveOptions(options);
  }

  /** Where the promises live, without a slash at the end. */
  get url(): string {
    return this.#target.url;
  }

  /**
   * Creates a promise, or returns the one that is there: see `idempotencyKey`. Without an id, one is
   * made of 128 random bits, which nobody can guess.
   *
   * @throws ExistsError if it exists and was created with another key.
   * @example const { id, url } = await promises.create(undefined, { deadline: "7d" });
   */
  async create<T = Json>(id?: string, options: CreateOptions = {}): Promise<PromiseRecord<T>> {
    // Ours and not the server's: a retry of a create without an id would leave two promises.
    const name = id ?? randomId();
    const { param, deadline, onTimeout, tags, retention, idempotencyKey, strict } = options;
    const body = {
      param,
      timeout: deadline === undefined ? undefined : parseDeadline(deadline, "deadline"),
      onTimeout,
      tags,
      retention: retention === undefined ? undefined : parseDuration(retention, "retention", Date.now()),
    };
    const path = promisePath(name);
    const headers = writeHeaders(idempotencyKey ?? createKey(name), strict);
    const verdict = await this.#send(
      { method: "PUT", path, headers, body: jsonOf(body, "param") },
      options,
    );
    return recordOf<T>(verdict);
  }

  /**
   * The promise as it stands, pending or settled.
   *
   * @throws NotFoundError if nobody has created it.
   * @throws ValidationError if it is resolved and its value does not fit `schema`.
   */
  async get<T = Json>(id: string, options: ReadOptions<T> = {}): Promise<PromiseRecord<T>> {
    const verdict = await this.#send({ method: "GET", path: promisePath(id) }, options);
    const record = recordOf<T>(verdict);
    if (!options.schema || record.state !== "RESOLVED") return record;
    const data = await checked(id, record.value.data, options.schema);
    return { ...record, value: { ...record.value, data } };
  }

  /**
   * The value of the promise, as soon as it has one. May be called before anybody creates it, and
   * survives restarts of the server and the loss of the network, however long they last.
   *
   * @throws RejectedError if it is rejected, cancelled or timed out.
   * @throws DisposedError if it is removed meanwhile.
   * @throws TimeoutError after `timeout`; there is none unless given.
   * @throws ApiError if the server refuses, such as 401.
   * @example const answer = await promises.wait("approval", { timeout: "1h", schema: Answer });
   */
  async wait<T = Json>(id: string, options: ReadOptions<T> = {}): Promise<T> {
    const timeoutMs = callTimeoutMs(options.timeout, Number.POSITIVE_INFINITY);
    const onTimeout = () => new TimeoutError(timeoutMs, { id });
    const end = await limited({ signal: options.signal, timeoutMs, onTimeout }, (signal) =>
      follow(this.#target, id, signal, () => {}),
    );
    if (end.type === "disposed") throw new DisposedError();
    if (end.promise.state !== "RESOLVED") throw new RejectedError({ record: end.promise });
    return checked(id, end.promise.value.data, options.schema);
  }

  /**
   * How the promise stands, and every change until its end. Closes its line when the loop is left.
   *
   * @throws what `wait` throws, while reading, except RejectedError and DisposedError: those are frames.
   * @example for await (const frame of promises.watch("order-42")) console.log(frame.type);
   */
  watch<T = Json>(id: string, options: CallOptions = {}): Watch<T> {
    promisePath(id);
    const timeoutMs = callTimeoutMs(options.timeout, Number.POSITIVE_INFINITY);
    return new Watch<T>(this.#target, id, { signal: options.signal, timeoutMs });
  }

  /**
   * Resolves the promise with any JSON value, or with none.
   *
   * @throws AlreadySettledError with the winner's record if somebody, or the deadline, was first.
   * @throws NotFoundError if nobody has created it.
   * @example await promises.resolve("order-42", { receipt: 7 });
   */
  resolve<T = Json>(id: string, value?: T, options: SettleOptions = {}): Promise<PromiseRecord<T>> {
    return this.#settle<T>(id, "RESOLVED", value, options);
  }

  /**
   * Rejects the promise. Of an `Error`, name and message are kept; any JSON value is kept as it is.
   *
   * @throws as {@link resolve}.
   * @example await promises.reject("order-42", new Error("out of stock"));
   */
  reject(id: string, reason?: unknown, options: SettleOptions = {}): Promise<PromiseRecord> {
    return this.#settle(id, "REJECTED", reasonData(reason), options);
  }

  /**
   * Cancels the promise: nobody needs its outcome any more.
   *
   * @throws as {@link resolve}.
   */
  cancel(id: string, reason?: unknown, options: SettleOptions = {}): Promise<PromiseRecord> {
    return this.#settle(id, "REJECTED_CANCELED", reasonData(reason), options);
  }

  /**
   * Removes a settled promise; its id is free again.
   *
   * @throws ApiError with code `pending` if it is not settled yet.
   * @throws NotFoundError if there is no such promise.
   */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    const { retry } = this.#target;
    let repeated = false;
    const shouldRetry = (error: unknown, attempt: number) => {
      const again = retry.shouldRetry(error, attempt);
      repeated ||= again;
      return again;
    };
    try {
      const call: Call = { method: "DELETE", path: promisePath(id) };
      await this.#send(call, options, { ...this.#target, retry: { ...retry, shouldRetry } });
    } catch (error) {
      // Not there on the second attempt: the first one did it, and its answer was lost.
      if (!(repeated && error instanceof NotFoundError)) throw error;
    }
  }

  async #settle<T>(
    id: string,
    state: WritableState,
    data: unknown,
    options: SettleOptions,
  ): Promise<PromiseRecord<T>> {
    const headers = writeHeaders(options.idempotencyKey ?? randomId(), options.strict);
    const body = jsonOf({ state, value: { headers: options.headers, data } }, "value");
    const verdict = await this.#send({ method: "PATCH", path: promisePath(id), headers, body }, options);
    const record = recordOf<T>(verdict);
    // A deadline that won is answered with 200, and says so only here.
    const lost = verdict.outcome === undefined ? record.state !== state : verdict.outcome === "lost";
    if (lost) throw new AlreadySettledError(record as PromiseRecord);
    return record;
  }

  #send(call: Call, options: CallOptions, target = this.#target): Promise<Verdict> {
    const timeoutMs = callTimeoutMs(options.timeout, target.timeoutMs);
    return request(target, call, { signal: options.signal, timeoutMs });
  }
}

function writeHeaders(key: string, strict: boolean | undefined): Record<string, string> {
  const headers = { [HEADER.idempotencyKey]: checkKey(key) };
  return strict ? { ...headers, [HEADER.strict]: "true" } : headers;
}

function recordOf<T>({ status, body }: Verdict): PromiseRecord<T> {
  if (typeof body === "object" && body !== null && "id" in body && "state" in body) {
    // SAFETY: the server's word for the record, the caller's for the type of its own data.
    return body as PromiseRecord<T>;
  }
  const message = `not the answer of a promise server: ${status} without a promise`;
  throw new ApiError(message, { code: "unexpected_answer", status });
}

/** An Error written as JSON is `{}`: what people want to read of it has to be picked out. */
function reasonData(reason: unknown): unknown {
  return reason instanceof Error ? { name: reason.name, message: reason.message } : reason;
}

/**
 * JSON text. @throws TypeError for what JSON cannot say: cycles, BigInt, functions, symbols. Only at
 * the top would a function pass silently, as no value at all.
 */
function jsonOf(body: object, name: "param" | "value"): string {
  const payload = (body as Record<string, unknown>)[name] as Payload<unknown> | undefined;
  if (typeof payload?.data === "function" || typeof payload?.data === "symbol") {
    throw new TypeError(`${name} must be a JSON value, got ${shown(payload.data)}`);
  }
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw new TypeError(`${name} cannot be written as JSON: ${String(cause)}`, { cause });
  }
}
