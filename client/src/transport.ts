/**
 * One call over HTTP, in three parts that know nothing of each other: building the request, carrying
 * it there and back, and judging the answer. Only `request` repeats anything.
 */
import {
  AlreadySettledError,
  ApiError,
  ConnectionError,
  DisposedError,
  ExistsError,
  InvalidValueError,
  NotFoundError,
  TimeoutError,
  VoteError,
} from "./errors.ts";
import { type Limit, limited, sleep } from "./limit.ts";
import type { Target } from "./options.ts";
import { HEADER, type Outcome, OUTCOMES, type Problem } from "./protocol.ts";
import { nextDelayMs, retryAfterMs } from "./retry.ts";

export interface Call {
  method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  path: string;
  headers?: Record<string, string>;
  /** JSON text. */
  body?: string;
}

/** What came back, read to its end. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** How its JSON is read. @default JSON.parse */
  parse?: (text: string) => unknown;
}

export interface Verdict {
  status: number;
  /** What became of a create or settle; unknown if something on the way hid the header. */
  outcome: Outcome | undefined;
  body: unknown;
  /** How many attempts it took. */
  attempts: number;
}

/** The request that a call stands for. Pure. */
export function buildRequest(
  target: Pick<Target, "url" | "token">,
  call: Call,
): [string, RequestInit] {
  const headers: Record<string, string> = { accept: "application/json", ...call.headers };
  if (target.token !== undefined) headers["authorization"] = `Bearer ${target.token}`;
  if (call.body !== undefined) headers["content-type"] = "application/json";
  const init: RequestInit = { method: call.method, headers };
  if (call.body !== undefined) init.body = call.body;
  return [target.url + call.path, init];
}

/** There and back once. @throws ConnectionError, or the reason of the signal. */
export function exchange(
  target: Target,
  call: Call,
  { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
): Promise<Answer> {
  const [url, init] = buildRequest(target, call);
  // Chromium lets a second identical GET wait for the first one's answer; a long poll must not.
  if (hasCacheOption()) init.cache = "no-store";
  const onTimeout = () =>
    new ConnectionError(`${target.url} did not answer within ${timeoutMs} ms`);
  return limited({ signal, timeoutMs, onTimeout }, async (attemptSignal) => {
    try {
      const response = await target.fetch(url, { ...init, signal: attemptSignal });
      const text = await response.text();
      const { status, headers } = response;
      return { status, headers, text, parse: target.parse };
    } catch (cause) {
      throw new ConnectionError(`cannot reach ${target.url}: ${reasonOf(cause)}`, cause);
    }
  });
}

/** What an answer means. Pure. @throws the error that it stands for. */
export function judge(answer: Answer, now: number): Omit<Verdict, "attempts"> {
  const { status, headers, text } = answer;
  const body = text === "" ? undefined : parsed(answer);
  if (status >= 200 && status < 300 && body !== NOT_JSON) {
    const outcome = OUTCOMES.find((known) => known === headers.get(HEADER.outcome));
    return { status, outcome, body };
  }
  const facts = {
    status,
    retryAfterMs: retryAfterMs(headers.get("retry-after"), now),
  };
  if (!isProblem(body)) {
    const said = text.slice(0, 200).trim();
    const message = `not the answer of a promise server: ${status}${said ? ` ${said}` : ""}`;
    throw new ApiError(message, { ...facts, code: "unexpected_answer" });
  }
  const { code, detail, promise } = body;
  if (code === "invalid_value") throw new InvalidValueError(detail, { status, problem: body });
  const error = new (code === "not_found" ? NotFoundError : ApiError)(
    detail || body.title || `${status} ${code}`,
    { ...facts, code, problem: body },
  );
  if (code === "disposed") throw new DisposedError(error);
  if (promise && code === "exists") throw new ExistsError(promise, error);
  if (promise && (code === "already_voted" || code === "not_a_voter")) {
    throw new VoteError(code, promise, error);
  }
  if (promise && code.startsWith("already_")) throw new AlreadySettledError(promise, error);
  throw error;
}

/**
 * A call with its retries, within its total time. What an answer means is asked of `verdictOn`.
 *
 * @throws whatever {@link judge} and {@link exchange} throw last; TimeoutError when the time is up.
 */
export function request(
  target: Target,
  call: Call,
  limit: Omit<Limit, "onTimeout">,
  verdictOn: typeof judge = judge,
): Promise<Verdict> {
  const endsAt = performance.now() + limit.timeoutMs;
  let last: unknown;
  const onTimeout = () => new TimeoutError(limit.timeoutMs, { cause: last });
  return limited({ ...limit, onTimeout }, async (signal) => {
    for (let attempts = 1; ; attempts += 1) {
      try {
        const answer = await exchange(target, call, { signal, timeoutMs: target.attemptTimeoutMs });
        return { ...verdictOn(answer, Date.now()), attempts };
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        last = error;
        const remainingMs = endsAt - performance.now();
        const delayMs = nextDelayMs(target.retry, error, attempts, remainingMs, Math.random());
        if (delayMs === undefined) throw error;
        await sleep(delayMs, signal);
      }
    }
  });
}

const NOT_JSON = Symbol("not JSON");

function parsed({ text, parse = JSON.parse }: Answer): unknown {
  try {
    return parse(text);
  } catch {
    return NOT_JSON;
  }
}

function isProblem(body: unknown): body is Problem {
  return (
    typeof body === "object" &&
    body !== null &&
    typeof (body as { code?: unknown }).code === "string" &&
    typeof (body as { status?: unknown }).status === "number"
  );
}

/** `fetch` says only "fetch failed"; what failed is in the cause, or in the cause's first error. */
function reasonOf(error: unknown): string {
  let innermost = error;
  for (let depth = 0; depth < 4 && innermost instanceof Error && innermost.cause; depth += 1) {
    innermost = innermost.cause;
  }
  const { code, message } = innermost as { code?: unknown; message?: unknown };
  return String((message || code) ?? innermost);
}

let cacheOption: boolean | undefined;

/** Workers before 2024-11-11 (compatibility date) throw at the sight of `cache`. */
function hasCacheOption(): boolean {
  try {
    cacheOption ??= new Request("http://localhost", { cache: "no-store" }).cache === "no-store";
  } catch {
    cacheOption = false;
  }
  return cacheOption;
}
