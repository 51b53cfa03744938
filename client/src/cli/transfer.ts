/**
 * One request whose answer is lines of JSON, read as they come; and doing it again when the line
 * breaks, as long as it gets further. Knows neither exports nor imports.
 */
import {
  ApiError,
  ConnectionError,
  isApiError,
  isDurablePromiseError,
  LIMITS,
  TimeoutError,
} from "../index.ts";
import { after, linkedTo, sleep } from "../limit.ts";
import { callTimeoutMs } from "../options.ts";
import { backoffMs, DEFAULT_RETRY } from "../retry.ts";
import { buildRequest, type Call, judge } from "../transport.ts";
import type { Session } from "./command.ts";
import { reasonOf } from "./doctor-ask.ts";
import { linesOf } from "./ndjson.ts";
import { named } from "./session.ts";

const NDJSON = "application/x-ndjson";
/** The server writes as it works; a line that brings nothing for so long is dead. */
const QUIET_MS_MAX = 60_000;
/** So often in a row without getting any further. */
const TRIES_MAX = 8;

/** What a transfer needs to know of its session. */
export type Transfer = Pick<Session, "url" | "token" | "signal">;

/** With a signal that also ends with `--timeout`, which is for all of a transfer. */
export function inTime({ url, token, signal, calls }: Session): Transfer & Disposable {
  const timeoutMs = callTimeoutMs(calls.timeout, Number.POSITIVE_INFINITY);
  const { controller, unlink } = linkedTo(signal);
  const callOff = after(timeoutMs, () => controller.abort(new TimeoutError(timeoutMs)));
  return {
    url,
    token,
    signal: controller.signal,
    [Symbol.dispose]() {
      callOff();
      unlink();
    },
  };
}

/** @throws what a refusal stands for; ConnectionError when the line breaks */
export async function* answerLines(
  { url, token, signal }: Transfer,
  call: Call,
): AsyncGenerator<string, void, undefined> {
  const target = { url: url.replace(/\/+$/, ""), token };
  const [address, init] = buildRequest(target, { ...call, headers: { accept: NDJSON } });
  const headers = new Headers(init.headers);
  if (call.body !== undefined) headers.set("content-type", NDJSON);
  const quiet = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => quiet.abort(), QUIET_MS_MAX);
  };
  heard();
  try {
    const response = await named(address, {
      ...init,
      headers,
      signal: AbortSignal.any([signal, quiet.signal]),
    });
    if (response.status !== 200 || !response.headers.get("content-type")?.includes("ndjson")) {
      const { status, headers: answered } = response;
      judge({ status, headers: answered, text: await response.text() }, Date.now());
      const message = `not the answer of a promise server: ${status} without lines of JSON`;
      throw new ApiError(message, { code: "unexpected_answer", status });
    }
    const body = response.body as AsyncIterable<Uint8Array> | null;
    for await (const { text } of linesOf(watched(body, heard), LIMITS.importLineBytesMax * 2)) {
      if (text !== undefined) yield text;
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (isDurablePromiseError(error)) throw error;
    const why = quiet.signal.aborted
      ? `it was silent for ${QUIET_MS_MAX} ms`
      : reasonOf(error).message;
    throw new ConnectionError(`cannot reach ${target.url}: ${why}`, error);
  } finally {
    clearTimeout(timer);
  }
}

async function* watched(chunks: AsyncIterable<Uint8Array> | null, heard: () => void) {
  for await (const chunk of chunks ?? []) {
    heard();
    yield chunk;
  }
}

/** Waiting out what passes by itself, while there is hope. */
export class Patience {
  readonly #signal: AbortSignal;
  #tries = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** It got further: whatever happened before is forgotten. */
  renew(): void {
    this.#tries = 0;
  }

  /** Waits, or throws what was given. */
  async waitOut(error: unknown): Promise<void> {
    this.#tries += 1;
    const passes = isDurablePromiseError(error) && error.retryable;
    if (!passes || this.#tries >= TRIES_MAX) throw error;
    const asked = isApiError(error) ? (error.retryAfterMs ?? 0) : 0;
    const delayMs = Math.max(asked, backoffMs(DEFAULT_RETRY, this.#tries, Math.random()));
    await sleep(delayMs, this.#signal);
  }
}
