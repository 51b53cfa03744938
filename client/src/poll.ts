/**
 * How a promise stands, asked over HTTP: at once, or as a long poll. The answer is put into the
 * words of a frame, so that whoever waits need not know by which road it came.
 */
import { ApiError, DisposedError, NotFoundError } from "./errors.ts";
import type { Target } from "./options.ts";
import { type Frame, HEADER, type PromiseRecord } from "./protocol.ts";
import { exchange, judge } from "./transport.ts";

/**
 * Asks once; the server may take up to `waitMs` (whole seconds) to say that nothing has happened.
 *
 * @throws ApiError, ConnectionError, or the reason of the signal.
 */
export async function ask(
  target: Target,
  id: string,
  path: string,
  { signal, waitMs }: { signal: AbortSignal; waitMs: number },
): Promise<Frame> {
  const seconds = Math.ceil(waitMs / 1000);
  const headers: Record<string, string> = {};
  if (seconds > 0) headers[HEADER.prefer] = `wait=${seconds}`;
  // A line that goes dead during a long poll shows only in this: the answer is overdue.
  const timeoutMs = seconds * 1000 + target.attemptTimeoutMs;
  try {
    const answer = await exchange(target, { method: "GET", path, headers }, { signal, timeoutMs });
    const { status, body } = judge(answer, Date.now());
    if (isRecord(body)) {
      const type = body.state === "PENDING" ? "pending" : "settled";
      return { type, etag: etagOf(answer.headers), promise: body };
    }
    const message = `not the answer of a promise server: ${status} without a promise`;
    throw new ApiError(message, { code: "unexpected_answer", status });
  } catch (error) {
    if (error instanceof NotFoundError) return { type: "absent", id };
    if (error instanceof DisposedError) return { type: "disposed", id };
    throw error;
  }
}

/** Frames carry the entity tag bare (RFC 9110, 8.8.3, has it quoted). */
function etagOf(headers: Headers): string {
  return (headers.get("etag") ?? "").replace(/^(?:W\/)?"(.*)"$/, "$1");
}

function isRecord(body: unknown): body is PromiseRecord {
  return (
    typeof body === "object" &&
    body !== null &&
    typeof (body as { id?: unknown }).id === "string" &&
    typeof (body as { state?: unknown }).state === "string"
  );
}
