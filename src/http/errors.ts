/**
 * Errors on the wire: RFC 9457 problem documents with a stable `code`, and beside it the published
 * API's `error`. One way to make one; status and title come from the table in protocol.ts.
 *
 * Quiet outside: a bug is logged here in full and answered as `internal` without a word about it.
 */
import { ERRORS, type ErrorCode, type Problem } from "../../client/src/protocol.ts";
import { SettingError } from "../env.ts";
import { NoRoomError } from "../in-memory.ts";
import { logFailure } from "../log.ts";
import { passageOf } from "./passage.ts";
import { redactedUrl } from "./redacted-url.ts";
import { JSON_SECURITY } from "./security-headers.ts";

/** A refusal that the caller can do something about. Thrown at the edge, never across RPC. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: ErrorCode;
  readonly extra: RefusalExtra;

  constructor(code: ErrorCode, detail: string, extra: RefusalExtra = {}) {
    super(detail);
    this.code = code;
    this.extra = extra;
  }
}

export interface RefusalExtra {
  /** The field, header or part of the path at fault. */
  field?: string;
  /** What does not fit, each by its JSON pointer (RFC 6901). */
  errors?: { pointer: string; message: string }[];
  /** A signed receipt of how the promise ended. */
  receipt?: string;
  /** The promise as it stands, as REST resource text. */
  promise?: string;
  headers?: Record<string, string>;
}

/** A malformed request, naming what is wrong with it. */
export function invalid(field: string, detail: string): Refusal {
  return new Refusal("invalid_request", detail, { field });
}

export function problemResponse(refusal: Refusal): Response {
  const { status, number, title } = ERRORS[refusal.code];
  const { field, errors, receipt, promise, headers } = refusal.extra;
  const problem: Problem = {
    type: "about:blank",
    title,
    status,
    code: refusal.code,
    detail: refusal.message,
    ...(field !== undefined && { field }),
    ...(errors && { errors }),
    ...(receipt !== undefined && { receipt }),
    error: { code: number, message: refusal.message },
  };
  const text = JSON.stringify(problem);
  // The record is spliced in as text: its data must not be parsed on the way.
  const body = promise === undefined ? text : `${text.slice(0, -1)},"promise":${promise}}`;
  return new Response(body, {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...JSON_SECURITY,
      ...headers,
    },
  });
}

/** Whatever was thrown, as an answer. @param request whose answer it is, for the log */
export function errorResponse(error: unknown, request: Request): Response {
  if (error instanceof Refusal) return problemResponse(error);
  if (isTransient(error)) {
    const headers = { "retry-after": "1" };
    return problemResponse(
      new Refusal("unavailable", "The promise's object is busy or moving; try again", { headers }),
    );
  }
  if (error instanceof NoRoomError) {
    const headers = { "retry-after": "10" };
    return problemResponse(
      new Refusal("unavailable", `On this machine ${error.message}`, { headers }),
    );
  }
  // For who has just set it, and looks at the screen.
  if (error instanceof SettingError) console.error(String(error));
  else {
    const { requestId, promise } = passageOf(request);
    logFailure("a request failed", error, {
      requestId,
      url: redactedUrl(request.url),
      promise,
    });
  }
  return problemResponse(new Refusal("internal", "The failure was logged"));
}

/**
 * The runtime's own marks on errors of a stub: the object is moving (`retryable`) or has too much to
 * do (`overloaded`). Cloudflare docs, Durable Objects, "Error handling" (2026).
 */
function isTransient(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
  return retryable === true || overloaded === true;
}
