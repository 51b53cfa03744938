/**
 * The options of a client: documented, checked once, and completed with defaults and environment, so
 * that everything after may trust them.
 */
import { type Duration, parseDuration, shown } from "./duration.ts";
import { resolveRetry, type RetryOptions, type RetryPolicy } from "./retry.ts";
import type { SocketConstructor } from "./socket-open.ts";

export interface DurablePromisesOptions {
  /**
   * Where the promises live, with protocol; a path is kept.
   * @default the environment variable `DURABLE_PROMISES_URL`, else `http://127.0.0.1:8787`
   * @example "https://promises.example.com"
   */
  url?: string;
  /**
   * The API key, sent as `Authorization: Bearer` and, on WebSockets, as a subprotocol.
   * @default the environment variable `DURABLE_PROMISES_TOKEN`, else none
   */
  token?: string;
  /**
   * How requests are sent: for tests, proxies, service bindings.
   * @default globalThis.fetch
   */
  fetch?: typeof globalThis.fetch;
  /**
   * How sockets are opened; `false` to wait by long polling only.
   * @default globalThis.WebSocket where there is one (Node has it since 22), else long polling
   * @example import { WebSocket } from "ws"; new DurablePromises({ WebSocket })
   */
  WebSocket?: SocketConstructor | false;
  /**
   * How JSON that the server sends is read: for numbers beyond 2^53, which `JSON.parse` rounds.
   * @default JSON.parse
   * @example parse: (text) => losslessParse(text)
   */
  parse?: (text: string) => unknown;
  /**
   * When and how often a failed request is sent again; `false`: never. Waiting for a promise goes on
   * regardless: it ends with the outcome, its own `timeout`, its `signal`, or a refusal.
   * @default DEFAULT_RETRY
   */
  retry?: RetryOptions | false;
  /**
   * How long a call may take in all, retries included; `Infinity` for no limit. Does not apply to
   * `wait` and `watch`, which have no limit unless one is given to them.
   * @default "30s"
   */
  timeout?: Duration;
  /**
   * How long one attempt may take before it counts as lost.
   * @default "10s"
   */
  attemptTimeout?: Duration;
  /** How a wait keeps its line. The defaults fit; tests want them shorter. */
  line?: LineOptions;
}

export interface LineOptions {
  /** A quiet socket is pinged this often. Wakes nothing on the server. @default "20s" */
  pingEvery?: Duration;
  /** A socket that does not answer a ping for this long is dead, and replaced. @default "10s" */
  pongWithin?: Duration;
  /** How long opening a socket may take. @default "10s" */
  openWithin?: Duration;
  /**
   * A stream that brings nothing for this long is dead, and replaced. The server sends a comment every
   * 15 s. @default "45s"
   */
  quietFor?: Duration;
  /** How long one long poll waits, to the second. @default "25s" */
  pollFor?: Duration;
  /** The longest first delay before reconnecting (full jitter); doubles from there. @default "250ms" */
  firstDelay?: Duration;
  /** What no delay before reconnecting exceeds. @default "15s" */
  longestDelay?: Duration;
}

/** The limits of one call. */
export interface CallOptions {
  /** Ends the call; its reason is thrown. */
  signal?: AbortSignal;
  /**
   * How long this call may take in all, then {@link TimeoutError}. Not the promise's deadline.
   * @default the client's `timeout`; for `wait` and `watch`: none
   */
  timeout?: Duration;
}

/** Where and how: {@link DurablePromisesOptions} with nothing left open. */
export interface Target {
  readonly url: string;
  readonly token: string | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly WebSocket: SocketConstructor | undefined;
  readonly parse: (text: string) => unknown;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly line: Line;
}

interface Line {
  readonly pingEveryMs: number;
  readonly pongWithinMs: number;
  readonly openWithinMs: number;
  readonly quietForMs: number;
  readonly pollForMs: number;
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
}

const DEFAULT_URL = "http://127.0.0.1:8787";

/**
 * Options made complete and checked.
 *
 * @throws TypeError or RangeError that names the option and shows what was received.
 */
export function resolveOptions(options: DurablePromisesOptions = {}): Target {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`options must be an object such as { url }, got ${shown(options)}`);
  }
  const { fetch, parse = (text) => JSON.parse(text) as unknown, line = {} } = options;
  if (fetch !== undefined && typeof fetch !== "function") {
    throw new TypeError(`fetch must be a function, got ${shown(fetch)}`);
  }
  if (typeof parse !== "function") {
    throw new TypeError(`parse must be a function, got ${shown(parse)}`);
  }
  return {
    url: checkUrl(options.url ?? environment("DURABLE_PROMISES_URL") ?? DEFAULT_URL),
    token: checkToken(options.token ?? environment("DURABLE_PROMISES_TOKEN")),
    // Called as a bare function: as a method of anything else, Workers and browsers refuse it.
    fetch: (input, init) => (fetch ?? globalThis.fetch)(input, init),
    WebSocket: checkWebSocket(options.WebSocket),
    parse: (text) => parse(text),
    retry: resolveRetry(options.retry),
    timeoutMs: ms("timeout", options.timeout, 30_000),
    attemptTimeoutMs: ms("attemptTimeout", options.attemptTimeout, 10_000),
    line: {
      pingEveryMs: ms("line.pingEvery", line.pingEvery, 20_000),
      pongWithinMs: ms("line.pongWithin", line.pongWithin, 10_000),
      openWithinMs: ms("line.openWithin", line.openWithin, 10_000),
      quietForMs: ms("line.quietFor", line.quietFor, 45_000),
      pollForMs: ms("line.pollFor", line.pollFor, 25_000),
      firstDelayMs: ms("line.firstDelay", line.firstDelay, 250),
      longestDelayMs: ms("line.longestDelay", line.longestDelay, 15_000),
    },
  };
}

/** The time limit of one call in ms. */
export function callTimeoutMs(timeout: Duration | undefined, fallbackMs: number): number {
  return ms("timeout", timeout, fallbackMs);
}

function ms(name: string, duration: Duration | undefined, fallbackMs: number): number {
  return duration === undefined ? fallbackMs : parseDuration(duration, name, Date.now());
}

function checkUrl(url: string): string {
  if (typeof url !== "string" || !/^https?:\/\//i.test(url)) {
    throw new TypeError(
      `url needs a protocol, "http://" or "https://", such as "${DEFAULT_URL}"; got ${shown(url)}`,
    );
  }
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new TypeError(`url is not a URL: ${shown(url)}`, { cause });
  }
  if (parsed.search || parsed.hash || parsed.username || parsed.password) {
    throw new TypeError(`url takes no query, fragment or credentials, got one at ${parsed.origin}`);
  }
  return parsed.href.replace(/\/+$/, "");
}

/** The message never shows the token: messages end up in logs. */
function checkToken(token: string | undefined): string | undefined {
  if (token === undefined || token === "") return undefined;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw new TypeError("token must be printable ASCII without blanks");
  }
  return token;
}

function checkWebSocket(
  given: SocketConstructor | false | undefined,
): SocketConstructor | undefined {
  if (given === false) return undefined;
  if (given !== undefined && typeof given !== "function") {
    throw new TypeError(`WebSocket must be a class or false, got ${shown(given)}`);
  }
  return given ?? (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
}

/** Browsers and some Workers have no `process`; Deno may refuse to let us look. */
function environment(name: string): string | undefined {
  try {
    const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
    return process?.env?.[name] || undefined;
  } catch {
    return undefined;
  }
}
