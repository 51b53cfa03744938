/**
 * One promise by its URL and id, as Restate's example client offers it: every id behaves as if it had
 * always existed, and whoever loses a race is given the winner's outcome.
 */
import { DurablePromises, type ReadOptions } from "./client.ts";
import { shown } from "./duration.ts";
import { ApiError, NotFoundError, RejectedError } from "./errors.ts";
import { promisePath } from "./id.ts";
import {
  type CallOptions,
  callTimeoutMs,
  type DurablePromisesOptions,
  resolveOptions,
} from "./options.ts";
import type { PromiseRecord } from "./protocol.ts";
import { request } from "./transport.ts";

/**
 * A promise that lives on a server. A rejected outcome, whoever caused it, is thrown as a
 * {@link RejectedError}: an `Error` whose message is that of the rejection.
 */
export interface DurablePromise<T> {
  /** Its name, the same for everybody. */
  readonly id: string;
  /** The value as soon as there is one, however long that takes and whatever breaks meanwhile. */
  get(options?: ReadOptions<T>): Promise<T>;
  /** The value if there is one, else `null`. Does not wait. */
  peek(options?: ReadOptions<T>): Promise<T | null>;
  /** Resolves the promise. Returns its actual value: the winner's, if somebody was first. */
  resolve(value?: T, options?: CallOptions): Promise<T>;
  /** Rejects the promise. Returns its actual value if it was resolved before, else throws. */
  reject(message: string, options?: CallOptions): Promise<T>;
}

/** What the four operations answer: `{}` is a promise resolved without a value. */
type Outcome<T> = { value?: T; error?: undefined } | { error: string };

/**
 * A reference to a promise. Sends nothing; the promise need not exist.
 *
 * @param url Where the promises live, with `http://` or `https://`.
 * @throws TypeError if `url` or `id` cannot be one.
 * @example
 * const answer = durablePromise<string>("http://127.0.0.1:8787", "question-7");
 * await answer.peek(); // null
 * await answer.resolve("yes"); // "yes", in this and every other process
 */
export function durablePromise<T>(
  url: string,
  id: string,
  options: Omit<DurablePromisesOptions, "url"> = {},
): DurablePromise<T> {
  if (typeof id === "string" && /^https?:\/\//i.test(id) && !/^https?:\/\//i.test(url)) {
    throw new TypeError(`the url comes first, then the id: got ${shown(url)}, ${shown(id)}`);
  }
  promisePath(id);
  const target = resolveOptions({ ...options, url });
  const promises = new DurablePromises({ ...options, url });

  async function settle(operation: "resolve" | "reject", field: object, limits: CallOptions = {}) {
    // Safe to repeat without a key: a second attempt is a loser, and losers get the same answer.
    const { status, body } = await request(
      target,
      {
        method: "POST",
        path: `/promise/${operation}`,
        body: JSON.stringify({ promiseId: id, ...field }),
      },
      { signal: limits.signal, timeoutMs: callTimeoutMs(limits.timeout, target.timeoutMs) },
    );
    if (!isOutcome<T>(body)) {
      const message = `not the answer of a promise server: ${status} without an outcome`;
      throw new ApiError(message, { code: "unexpected_answer", status });
    }
    if (body.error !== undefined) throw new RejectedError({ message: body.error });
    // SAFETY: resolved without a value is `undefined`, which a `T` of such promises includes.
    return body.value as T;
  }

  return {
    id,
    get: (limits) => promises.wait<T>(id, limits),
    async peek(limits) {
      try {
        const record = await promises.get<T>(id, limits);
        if (record.state === "PENDING") return null;
        if (record.state !== "RESOLVED")
          throw new RejectedError({ record: record as PromiseRecord });
        // SAFETY: as below.
        return record.value.data as T;
      } catch (error) {
        if (error instanceof NotFoundError) return null;
        throw error;
      }
    },
    resolve: async (value, limits) => settle("resolve", { value }, limits),
    async reject(message, limits) {
      if (typeof message !== "string") {
        throw new TypeError(`a rejection needs a message, got ${shown(message)}`);
      }
      return settle("reject", { errorMessage: message }, limits);
    },
  };
}

function isOutcome<T>(body: unknown): body is Outcome<T> {
  return typeof body === "object" && body !== null;
}
