/**
 * What can go wrong, as classes that a caller would treat differently. Each carries a stable `code`,
 * says whether trying again can help, and keeps its cause. An aborted `signal` is not here: its own
 * reason is thrown, as everywhere on the platform. Wrong arguments are `TypeError` and `RangeError`.
 */
import {
  type ErrorCode,
  type Json,
  type Problem,
  type PromiseRecord,
  rejectionMessage,
  type SettledState,
} from "./protocol.ts";

/** The server's codes, and those of things that happen on our side of the wire. */
export type DurablePromiseErrorCode =
  | ErrorCode
  | "connection"
  | "invalid_value"
  | "lease_lost"
  | "rejected"
  | "timeout"
  | "unexpected_answer"
  | ReceiptErrorCode
  | WebhookErrorCode;

/**
 * - `receipt_malformed`: this is no receipt.
 * - `receipt_unknown_key`: signed with a key that is not among those one trusts.
 * - `receipt_forged`: changed, or signed by somebody else under that key's name.
 */
export type ReceiptErrorCode = "receipt_malformed" | "receipt_unknown_key" | "receipt_forged";

/**
 * - `webhook_unsigned`: a header of Standard Webhooks is missing or malformed.
 * - `webhook_stale`: sent too long ago, or by a clock that is too far ahead.
 * - `webhook_forged`: no signature fits; another sender, another secret, or a changed body.
 * - `webhook_unreadable`: signed as it should be, and not JSON.
 */
export type WebhookErrorCode =
  | "webhook_unsigned"
  | "webhook_stale"
  | "webhook_forged"
  | "webhook_unreadable";

// `instanceof` fails across realms and between two bundled copies of this package; the brand does not.
const BRAND = Symbol.for("durable-promises.error");

/** The base of every error below: `code` for programs, `message` for people. */
export class DurablePromiseError extends Error {
  override readonly name: string = "DurablePromiseError";
  readonly code: DurablePromiseErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;

  constructor(
    message: string,
    options: { code: DurablePromiseErrorCode; retryable?: boolean; cause?: unknown },
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = options.code;
    this.retryable = options.retryable ?? false;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** The server answered with an error. */
export class ApiError extends DurablePromiseError {
  override readonly name: string = "ApiError";
  /** The HTTP status. */
  readonly status: number;
  /** The problem document; absent if something other than a promise server answered. */
  readonly problem: Problem | undefined;
  /** The field, header or part of the path at fault. */
  readonly field: string | undefined;
  /** How long the server asked us to stay away, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    facts: {
      code: DurablePromiseErrorCode;
      status: number;
      problem?: Problem | undefined;
      retryAfterMs?: number | undefined;
    },
  ) {
    const transient = [429, 502, 503, 504].includes(facts.status);
    super(message, { code: facts.code, retryable: transient && facts.code !== "not_configured" });
    this.status = facts.status;
    this.problem = facts.problem;
    this.field = facts.problem?.field;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** There is no promise with this id. */
export class NotFoundError extends ApiError {
  override readonly name: string = "NotFoundError";
}

/** What should resolve the promise does not fit the schema of its form. Nothing was changed. */
export class InvalidValueError extends ApiError {
  override readonly name: string = "InvalidValueError";
  /** Each fault, by its JSON pointer (RFC 6901) into the value. */
  readonly errors: readonly { readonly pointer: string; readonly message: string }[];

  constructor(message: string, facts: { status: number; problem: Problem }) {
    super(message, { ...facts, code: "invalid_value" });
    this.errors = facts.problem.errors ?? [];
  }
}

/** The vote was not counted: cast before (`already_voted`), or not theirs to cast (`not_a_voter`). */
export class VoteError extends DurablePromiseError {
  override readonly name: string = "VoteError";
  declare readonly code: "already_voted" | "not_a_voter";
  /** The promise, with the votes that count. */
  readonly record: PromiseRecord;

  constructor(code: VoteError["code"], record: PromiseRecord, cause?: unknown) {
    const why = code === "already_voted" ? "you have voted already" : "you may not vote";
    super(`${why} on promise "${record.id}"`, { code, cause });
    this.record = record;
  }
}

/** Somebody else created this id first, with another idempotency key. */
export class ExistsError extends DurablePromiseError {
  override readonly name: string = "ExistsError";
  /** The promise that was there. */
  readonly record: PromiseRecord;

  constructor(record: PromiseRecord, cause?: unknown) {
    super(`promise "${record.id}" exists already`, { code: "exists", cause });
    this.record = record;
  }
}

const ALREADY: Record<SettledState, DurablePromiseErrorCode> = {
  RESOLVED: "already_resolved",
  REJECTED: "already_rejected",
  REJECTED_CANCELED: "already_canceled",
  REJECTED_TIMEDOUT: "already_timedout",
};

/** Somebody else, or the deadline, settled the promise first. */
export class AlreadySettledError extends DurablePromiseError {
  override readonly name: string = "AlreadySettledError";
  /** The winner's record. */
  readonly record: PromiseRecord;
  /** How it ended, signed, where the server signs and has said so: for `verifyReceipt`. */
  readonly receipt: string | undefined;

  constructor(record: PromiseRecord, cause?: unknown) {
    const code = record.state === "PENDING" ? "internal" : ALREADY[record.state];
    super(`promise "${record.id}" is already ${record.state}`, { code, cause });
    this.record = record;
    this.receipt = isApiError(cause) ? cause.problem?.receipt : undefined;
  }
}

/** The promise was rejected, cancelled or timed out. The message is what the rejection says. */
export class RejectedError extends DurablePromiseError {
  override readonly name: string = "RejectedError";
  /** What it was rejected with. */
  readonly reason: Json | undefined;
  /** Which kind of rejection; with `record`, unknown only where the answer is the bare outcome. */
  readonly state: SettledState | undefined;
  readonly record: PromiseRecord | undefined;

  constructor(outcome: { record: PromiseRecord } | { message: string }) {
    const record = "record" in outcome ? outcome.record : undefined;
    const state = record && record.state !== "PENDING" ? record.state : undefined;
    const reason = "record" in outcome ? outcome.record.value.data : outcome.message;
    super("message" in outcome ? outcome.message : rejectionMessage(state ?? "REJECTED", reason), {
      code: "rejected",
    });
    this.reason = reason;
    this.state = state;
    this.record = record;
  }
}

/** Our own limit, the option `timeout`, ran out. The promise itself is as it was. */
export class TimeoutError extends DurablePromiseError {
  override readonly name: string = "TimeoutError";
  /** The limit, in ms. */
  readonly timeoutMs: number;

  constructor(timeoutMs: number, facts: { id?: string; cause?: unknown } = {}) {
    const { id, cause } = facts;
    const what = id === undefined ? "no answer" : `promise "${id}" was not settled`;
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    super(`${what} within ${timeoutMs} ms${why}`, { code: "timeout", retryable: true, cause });
    this.timeoutMs = timeoutMs;
  }
}

/** The server could not be reached, or the line broke before its answer was complete. */
export class ConnectionError extends DurablePromiseError {
  override readonly name: string = "ConnectionError";

  constructor(message: string, cause?: unknown) {
    super(message, { code: "connection", retryable: true, cause });
  }
}

/** The value that came back is not what the schema asks for. */
export class ValidationError extends DurablePromiseError {
  override readonly name: string = "ValidationError";
  /** The schema's complaints, as Standard Schema words them. */
  readonly issues: readonly { readonly message: string }[];

  constructor(id: string, issues: readonly { readonly message: string }[]) {
    const first = issues[0]?.message ?? "no reason given";
    super(`the value of promise "${id}" does not fit its schema: ${first}`, {
      code: "invalid_value",
    });
    this.issues = issues;
  }
}

/** The id was freed while we waited: there will be no outcome. */
export class DisposedError extends DurablePromiseError {
  override readonly name: string = "DisposedError";

  constructor(cause?: unknown) {
    super("promise was disposed", { code: "disposed", cause });
  }
}

/**
 * What a run's `signal` aborts with: the work is somebody else's now, or the promise is settled. Its
 * caller does not see it, but gets the outcome that was recorded.
 */
export class LeaseLostError extends DurablePromiseError {
  override readonly name: string = "LeaseLostError";

  constructor(id: string) {
    super(`the lease on promise "${id}" was lost`, { code: "lease_lost" });
  }
}

/** What came as a webhook is not to be trusted, or not to be understood. */
export class WebhookError extends DurablePromiseError {
  override readonly name: string = "WebhookError";
  declare readonly code: WebhookErrorCode;

  constructor(code: WebhookErrorCode, message: string, cause?: unknown) {
    super(message, { code, cause });
  }
}

/** What should be a receipt is not to be trusted. */
export class ReceiptError extends DurablePromiseError {
  override readonly name: string = "ReceiptError";
  declare readonly code: ReceiptErrorCode;

  constructor(code: ReceiptErrorCode, message: string, cause?: unknown) {
    super(message, { code, cause });
  }
}

/** Whether an error is one of this package, of any copy of it. */
export function isDurablePromiseError(error: unknown): error is DurablePromiseError {
  return typeof error === "object" && error !== null && BRAND in error;
}

function isNamed(error: unknown, ...names: string[]): boolean {
  return isDurablePromiseError(error) && names.includes(error.name);
}

export const isApiError = (error: unknown): error is ApiError =>
  isNamed(error, "ApiError", "NotFoundError", "InvalidValueError");
export const isNotFoundError = (error: unknown): error is NotFoundError =>
  isNamed(error, "NotFoundError");
export const isInvalidValueError = (error: unknown): error is InvalidValueError =>
  isNamed(error, "InvalidValueError");
export const isVoteError = (error: unknown): error is VoteError => isNamed(error, "VoteError");
export const isExistsError = (error: unknown): error is ExistsError =>
  isNamed(error, "ExistsError");
export const isAlreadySettledError = (error: unknown): error is AlreadySettledError =>
  isNamed(error, "AlreadySettledError");
export const isRejectedError = (error: unknown): error is RejectedError =>
  isNamed(error, "RejectedError");
export const isTimeoutError = (error: unknown): error is TimeoutError =>
  isNamed(error, "TimeoutError");
export const isConnectionError = (error: unknown): error is ConnectionError =>
  isNamed(error, "ConnectionError");
export const isValidationError = (error: unknown): error is ValidationError =>
  isNamed(error, "ValidationError");
export const isDisposedError = (error: unknown): error is DisposedError =>
  isNamed(error, "DisposedError");
export const isLeaseLostError = (error: unknown): error is LeaseLostError =>
  isNamed(error, "LeaseLostError");
export const isWebhookError = (error: unknown): error is WebhookError =>
  isNamed(error, "WebhookError");
export const isReceiptError = (error: unknown): error is ReceiptError =>
  isNamed(error, "ReceiptError");
