/**
 * One WebSocket on which a promise, or a list of them, is followed: opened, kept honest by pings, and
 * let go of. Knows when a line is dead; knows nothing of reconnecting.
 */
import { ApiError, ConnectionError } from "./errors.ts";
import { after } from "./limit.ts";
import type { Target } from "./options.ts";
import { BEARER_SUBPROTOCOL_PREFIX, ERRORS, type Frame, PING, SUBPROTOCOL } from "./protocol.ts";
import { openSocket, type SocketConstructor, type SocketLike } from "./socket-open.ts";

/**
 * How listening ended: with the end of the promise, or with that of the line. `heard`: whether the
 * line had brought any frame; one that opens and swallows everything is as good as closed.
 */
export type Ending =
  | { kind: "told" }
  | { kind: "lost"; heard: boolean; livedMs: number; error: ConnectionError | ApiError };

/** Who listens, to what. An error that is said on the line is not passed on: it ends the line. */
export interface Listener<F extends { type: string }> {
  /** Nothing for pongs, and for what one does not understand. */
  parse: (data: unknown) => F | ErrorFrame | undefined;
  /** Returns `true` when that was the end, or enough. */
  onFrame: (frame: Exclude<F, ErrorFrame>) => boolean;
  /** Whether the other side is to say something by itself, at once. */
  speaksFirst: boolean;
}

export type ErrorFrame = Extract<Frame, { type: "error" }>;

/** RFC 9110, 5.6.2: what a subprotocol may be made of. A token with `=` or `/` cannot be one. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Whether a token can be said on a WebSocket; if not, only long polling can carry it. */
export function fitsSubprotocol(token: string | undefined): boolean {
  return token === undefined || TOKEN.test(token);
}

export function hasWebSocket(target: Target): target is Target & { WebSocket: SocketConstructor } {
  return target.WebSocket !== undefined;
}

/**
 * Listens until told the end, the line is lost, or the signal aborts; then lets go of the socket.
 *
 * @throws the reason of the signal, and nothing else.
 */
export function listen<F extends { type: string }>(
  target: Target & { WebSocket: SocketConstructor },
  path: string,
  signal: AbortSignal,
  { parse, onFrame, speaksFirst }: Listener<F>,
): Promise<Ending> {
  const { pingEveryMs, pongWithinMs, openWithinMs } = target.line;
  const begunAt = performance.now();
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    let opened = false;
    // Pongs come from the edge: a line with pongs and no first frame has no promise behind it.
    let heard = false;
    let done = false;
    let socket: SocketLike | undefined;
    let letGo: (() => void) | undefined;
    let callOff = after(openWithinMs, () => lose(`did not open within ${openWithinMs} ms`));

    const finish = (settle: () => void) => {
      if (done) return;
      done = true;
      callOff();
      signal.removeEventListener("abort", onAbort);
      letGo?.();
      settle();
    };
    const onAbort = () => finish(() => reject(signal.reason));
    const fail = (error: ConnectionError | ApiError) =>
      finish(() => resolve({ kind: "lost", heard, livedMs: performance.now() - begunAt, error }));
    const lose = (how: string, cause?: unknown) =>
      fail(new ConnectionError(`the WebSocket to ${target.url} ${how}`, cause));

    // One timer for both halves of the heartbeat: quiet for long, ask; no answer, dead.
    const ping = () => {
      callOff = after(pongWithinMs, () => lose(`is dead: no answer within ${pongWithinMs} ms`));
      try {
        socket?.send(PING);
      } catch (cause) {
        lose("broke", cause);
      }
    };
    const beat = () => (heard ? ping() : lose("opened and stayed silent"));
    const onMessage = (data: unknown) => {
      if (done) return;
      callOff();
      callOff = after(pingEveryMs, beat);
      const frame = parse(data);
      heard ||= frame !== undefined || !speaksFirst;
      if (!frame) return;
      if (isErrorFrame(frame)) {
        const status = ERRORS[frame.code]?.status ?? 500;
        fail(new ApiError(frame.message, { code: frame.code, status }));
      } else if (onFrame(frame as Exclude<F, ErrorFrame>)) {
        // The message is the end. The close event may never come (workerd, seen 2026-11-02).
        finish(() => resolve({ kind: "told" }));
      }
    };

    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const protocols =
        target.token === undefined ? [] : [SUBPROTOCOL, BEARER_SUBPROTOCOL_PREFIX + target.token];
      ({ socket, letGo } = openSocket(
        target.WebSocket,
        target.url.replace(/^http/i, "ws") + path,
        protocols,
      ));
    } catch (cause) {
      return lose("cannot be opened", cause);
    }
    socket.addEventListener("open", () => {
      if (done) return letGo?.();
      callOff();
      opened = true;
      // At once, and not only for liveness: without any frame of ours workerd never ends the
      // connection when it closes it (seen 2026-11-02).
      ping();
    });
    socket.addEventListener("message", ({ data }) => onMessage(data));
    // The `error` event stays subscribed for good: unheard, it would be an exception in `ws`.
    socket.addEventListener("error", () => lose(opened ? "broke" : "could not be opened"));
    socket.addEventListener("close", () => lose(opened ? "was closed" : "could not be opened"));
  });
}

/** A frame, or nothing for a pong, for what is not JSON, and for types that are yet to be invented. */
export function parseFrame(data: unknown, parse?: Target["parse"]): Frame | undefined {
  const frame = parseMessage(data, parse);
  if (frame === undefined || isErrorFrame(frame)) return frame;
  const { type, promise } = frame as { type: string; promise?: unknown };
  const isFrame =
    type === "absent" ||
    type === "disposed" ||
    ((type === "pending" || type === "settled") && typeof promise === "object" && promise !== null);
  // SAFETY: checked as far as we look at it.
  return isFrame ? (frame as Frame) : undefined;
}

/** A message that has a type. */
export function parseMessage(
  data: unknown,
  parse: Target["parse"] = JSON.parse,
): { type: string } | undefined {
  if (typeof data !== "string" || !data.startsWith("{")) return undefined;
  try {
    const message = parse(data) as { type?: unknown };
    return typeof message.type === "string" ? (message as { type: string }) : undefined;
  } catch {
    return undefined;
  }
}

export function isErrorFrame(frame: { type: string }): frame is ErrorFrame {
  return frame.type === "error" && typeof (frame as { code?: unknown }).code === "string";
}
