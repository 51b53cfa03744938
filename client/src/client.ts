/**
 * The client: a promise with a URL, from anywhere. Turns calls into requests and answers into values
 * or errors; how they travel, when they are repeated and how a wait survives is decided elsewhere.
 */
import {
  answerOf,
  createCall,
  type CreateOptions,
  extendCall,
  recordOf,
  settleCall,
  type SettleOptions,
} from "./calls.ts";
import type { Deadline } from "./duration.ts";
import { AlreadySettledError, DisposedError, RejectedError, TimeoutError } from "./errors.ts";
import { familyOf, type Tree, type TreeOptions } from "./family.ts";
import { promisePath, randomId } from "./id.ts";
import { Inbox, type InboxQuery } from "./inbox.ts";
import { Keys } from "./keys.ts";
import { limited } from "./limit.ts";
import { Links } from "./links.ts";
import {
  type CallOptions,
  callTimeoutMs,
  type DurablePromisesOptions,
  resolveOptions,
  type Target,
} from "./options.ts";
import type { Json, PromiseRecord, Stats, WritableState } from "./protocol.ts";
import { Receipts } from "./receipts.ts";
import { run, type Run, type RunOptions } from "./run.ts";
import { Schedules } from "./schedules.ts";
import { checked, type StandardSchema } from "./schema.ts";
import { type Found, Search, type SearchQuery, type SearchView } from "./search.ts";
import { send, sendDelete } from "./send.ts";
import { follow } from "./watch.ts";
import { Watch } from "./watch-iterable.ts";
import { Webhooks } from "./webhooks.ts";

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
  /** API keys that may do less than one's own. */
  readonly keys: Keys;
  /** Links for those who have no key: people who decide, systems that call back. */
  readonly links: Links;
  /** How promises ended, signed. */
  readonly receipts: Receipts;
  /** Promises that are made again and again. */
  readonly schedules: Schedules;
  /** Endpoints that are told what becomes of promises. */
  readonly webhooks: Webhooks;
  readonly #target: Target;

  /** @throws TypeError or RangeError for options that make no sense, showing what was received. */
  constructor(options: DurablePromisesOptions = {}) {
    this.#target = resolveOptions(options);
    this.keys = new Keys(this.#target);
    this.links = new Links(this.#target);
    this.receipts = new Receipts(this.#target);
    this.schedules = new Schedules(this.#target);
    this.webhooks = new Webhooks(this.#target);
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
    const verdict = await send(this.#target, createCall(id ?? randomId(), options), options);
    return recordOf<T>(verdict);
  }

  /**
   * The promise as it stands, pending or settled.
   *
   * @throws NotFoundError if nobody has created it.
   * @throws ValidationError if it is resolved and its value does not fit `schema`.
   */
  async get<T = Json>(id: string, options: ReadOptions<T> = {}): Promise<PromiseRecord<T>> {
    const verdict = await send(this.#target, { method: "GET", path: promisePath(id) }, options);
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
   * Runs `fn` for this id unless that has been done, and returns its outcome: the recorded one, to
   * everybody who calls, in any process, then and later. Of those who call while there is none, one
   * runs `fn` and the others wait; if its process dies, another takes over when its `lease` is over.
   *
   * The outcome is recorded once. `fn` itself may run more than once: after it threw (see `retry`),
   * and after a crash. What must not be repeated belongs into steps, which are remembered.
   *
   * The outcome is an ordinary promise: `wait`, `get` and `watch` see it, `cancel` ends the run.
   *
   * @returns what `fn` returned, as JSON has it: a `Date` comes back as a string.
   * @throws RejectedError if `fn` failed for good, of which name and message are kept; if the
   *   deadline passed; if somebody rejected or cancelled the promise.
   * @throws ExistsError if there is a pending promise with this id that `create` has made.
   * @throws TimeoutError after `timeout`, or the reason of `signal`: if the work was here, it has been
   *   given back by then, for another process to have at once.
   * @throws ApiError, DisposedError and ValidationError as {@link wait}.
   * @example
   * const receipt = await promises.run("order-42", async ({ step, signal }) => {
   *   const charge = await step.run("charge", () => pay(order, { signal }));
   *   return step.run("ship", () => ship(order, charge));
   * }, { deadline: "1h" });
   */
  run<T = Json>(
    id: string,
    fn: (run: Run) => T | Promise<T>,
    options: RunOptions<T> = {},
  ): Promise<T> {
    return run(this.#target, id, fn, options);
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
   * Resolves the promise with any JSON value, or with none. Of a promise with a `quorum` it is a
   * vote: the record that comes back is pending until enough have voted.
   *
   * @throws InvalidValueError if the promise has a form, whose schema the value does not fit.
   * @throws VoteError if this voter has voted already, or may not.
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
    return this.#settle(id, "REJECTED", reason, options);
  }

  /**
   * Cancels the promise: nobody needs its outcome any more.
   *
   * @throws as {@link resolve}.
   */
  cancel(id: string, reason?: unknown, options: SettleOptions = {}): Promise<PromiseRecord> {
    return this.#settle(id, "REJECTED_CANCELED", reason, options);
  }

  /**
   * Moves the deadline of a pending promise later. A length of time counts from now, and not from the
   * deadline that it has.
   *
   * @throws AlreadySettledError if it is settled, or its deadline was faster.
   * @throws ApiError with code `invalid_request` if that is not later, or there is no deadline.
   * @throws NotFoundError if nobody has created it.
   * @example await promises.extend("order-42", "2d");
   */
  async extend(id: string, deadline: Deadline, options: CallOptions = {}): Promise<PromiseRecord> {
    return recordOf(await send(this.#target, extendCall(id, deadline), options));
  }

  /**
   * Removes a settled promise; its id is free again.
   *
   * @throws ApiError with code `pending` if it is not settled yet.
   * @throws NotFoundError if there is no such promise.
   */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await sendDelete(this.#target, promisePath(id), options, "not_found");
  }

  /**
   * Promises, by what is true of them. The index behind it is told of a settlement at once and of a
   * new promise within about a second; `get` always knows.
   *
   * @throws ApiError, while reading, with code `invalid_request`, which names the parameter.
   * @example
   * for await (const { id } of promises.search({ id: "orders/*", state: "pending" })) console.log(id);
   * const { promises: page, count } = await promises.search({ tags: { region: "eu" }, count: true }).page();
   */
  search<View extends SearchView = "full">(
    query: SearchQuery & { view?: View } = {},
    options: CallOptions = {},
  ): Search<Found<View>> {
    return new Search(this.#target, query, options);
  }

  /**
   * The list that a search makes, live: first a page, then what is added to it, changes in it, or
   * leaves it. Goes on until it is closed, through restarts of the server and the loss of the network.
   *
   * @throws ApiError, while reading, if the server refuses; TimeoutError after `timeout`; there is
   *   none unless given.
   * @example for await (const event of promises.inbox({ state: "pending" })) console.log(event.type);
   */
  inbox(query: InboxQuery = {}, options: CallOptions = {}): Inbox {
    const timeoutMs = callTimeoutMs(options.timeout, Number.POSITIVE_INFINITY);
    return new Inbox(this.#target, query, { signal: options.signal, timeoutMs });
  }

  /**
   * The promise and all that hang on it, by their ids (`a/b` on `a`, `flow.1` on `flow`) and by the
   * tags that Resonate's SDKs give them. {@link treeRows} makes lines of it, to be drawn.
   *
   * @throws NotFoundError if there is neither the promise nor anybody below it.
   * @example const { root } = await promises.tree("orders/42");
   */
  tree(id: string, options: TreeOptions = {}): Promise<Tree> {
    return familyOf(this.#target, id, options);
  }

  /** How many promises and tasks there are, by state, as far as one's key reaches. */
  async stats(options: CallOptions = {}): Promise<Stats> {
    const verdict = await send(this.#target, { method: "GET", path: "/stats" }, options);
    return answerOf<Stats>(verdict, "counts", "promises", "tasks");
  }

  async #settle<T>(
    id: string,
    state: WritableState,
    data: unknown,
    options: SettleOptions,
  ): Promise<PromiseRecord<T>> {
    const verdict = await send(this.#target, settleCall(id, state, data, options), options);
    const record = recordOf<T>(verdict);
    // A deadline that won is answered with 200, and says so only here. 202 is a vote among several.
    const lost =
      verdict.outcome === undefined
        ? record.state !== state && verdict.status !== 202
        : verdict.outcome === "lost";
    if (lost) throw new AlreadySettledError(record as PromiseRecord);
    return record;
  }
}
