/**
 * One WebSocket on which one promise is awaited: opened, kept honest by pings, and let go of. Knows
 * when a line is dead; knows nothing of reconnecting.
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

/** Listening for one promise. Returns `true` when told the end. */
export type OnFrame = (frame: Frame) => boolean;

/** RFC 9110, 5.6.2: what a subprotocol may be made of. A token with `=` or `/` cannot be one. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Whether a token can be said on a WebSocket; if not, only long polling can carry it. */
export function fitsSubprotocol(token: string | undefined): boolean {
  return token === undefined || TOKEN.test(token);
}

/**
 * Listens until told the end, the line is lost, or the signal aborts; then lets go of the socket.
 *
 * @throws the reason of the signal, and nothing else.
 */
export function listen(
  target: Target & { WebSocket: SocketConstructor },
  path: string,
  signal: AbortSignal,
  onFrame: OnFrame,
): Promise<Ending> {
  const { pingEveryMs, pongWithinMs, openWithinMs } = target.line;
  const begunAt = performance.now();
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    let opened = false;
    let framed = false;
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
      finish(() =>
        resolve({ kind: "lost", heard: framed, livedMs: performance.now() - begunAt, error }),
      );
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
    // Pongs come from the edge: a line with pongs and no first frame has no promise behind it.
    const beat = () => (framed ? ping() : lose("opened and stayed silent"));
    const onMessage = (data: unknown) => {
      if (done) return;
      callOff();
      callOff = after(pingEveryMs, beat);
      const frame = parseFrame(data);
      if (!frame) return;
      framed = true;
      if (frame.type === "error") {
        const status = ERRORS[frame.code]?.status ?? 500;
        fail(new ApiError(frame.message, { code: frame.code, status }));
      } else if (onFrame(frame)) {
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
export function parseFrame(data: unknown): Frame | undefined {
  if (typeof data !== "string" || !data.startsWith("{")) return undefined;
  try {
    const frame: unknown = JSON.parse(data);
    return isFrame(frame) ? frame : undefined;
  } catch {
    return undefined;
  }
}

function isFrame(frame: unknown): frame is Frame {
  const { type, promise, code } = frame as { type?: unknown; promise?: unknown; code?: unknown };
  if (type === "absent" || type === "disposed") return true;
  if (type === "error") return typeof code === "string";
  return (
    (type === "pending" || type === "settled") && typeof promise === "object" && promise !== null
  );
}
