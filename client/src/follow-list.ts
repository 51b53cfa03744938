/**
 * Following the list that a search makes, for as long as somebody reads it: on sockets, else on
 * streams. Every connection goes on behind the last event; after a gap that was too long for that the
 * server begins with a page anew. So nothing is missed, and an event may come twice.
 */
import { ApiError, isApiError } from "./errors.ts";
import type { Source } from "./feed.ts";
import { sleep } from "./limit.ts";
import type { Target } from "./options.ts";
import type { ListEvent } from "./protocol.ts";
import { isRefusal } from "./refusal.ts";
import { backoffMs } from "./retry.ts";
import { searchPath, type SearchQuery } from "./search.ts";
import {
  type Ending,
  type ErrorFrame,
  fitsSubprotocol,
  hasWebSocket,
  isErrorFrame,
  listen,
  parseMessage,
} from "./socket.ts";
import { listenToStream } from "./stream.ts";
import type { ServerSentEvent } from "./event-stream.ts";

/** So many sockets that stay mute while a stream works: something on the way takes no sockets. */
const REFUSALS_MAX = 3;
/** A line that held this long was a good one; the next reconnect starts over with short delays. */
const STEADY_MS = 5000;

/** @throws ApiError for a refusal, or the reason of the signal; never ends otherwise. */
export async function followList(
  target: Target,
  query: SearchQuery,
  { signal, push, drained }: Source<ListEvent>,
): Promise<never> {
  let lastAt: string | undefined;
  let everHeard = false;
  const onSockets = hasWebSocket(target) && fitsSubprotocol(target.token) ? target : undefined;
  let refusals = 0;
  /** The socket before was mute: does a stream say why? */
  let inDoubt = false;
  let failures = 0;
  const onEvent = (event: ListEvent) => {
    lastAt = event.at;
    return push(event);
  };
  for (;;) {
    // Who reads slower than it happens is let go of, and comes again when all is read.
    await drained();
    let stayAwayMs = 0;
    const bySocket: typeof onSockets = refusals < REFUSALS_MAX && !inDoubt ? onSockets : undefined;
    try {
      const ending: Ending = bySocket
        ? await listen(bySocket, pathOf(query, lastAt), signal, {
            parse: (data) => eventOf(parseMessage(data)),
            onFrame: onEvent,
            speaksFirst: lastAt === undefined,
          })
        : await listenToStream(target, streamOf(query, lastAt), signal, (event) => {
            const parsed = eventOf(messageOf(event));
            if (parsed && isErrorFrame(parsed)) throw errorOf(parsed);
            return parsed !== undefined && onEvent(parsed);
          });
      if (ending.kind === "told") {
        everHeard = true;
        failures = 0;
        continue;
      }
      everHeard ||= ending.heard;
      if (isRefusal(ending.error, everHeard)) throw ending.error;
      if (bySocket && ending.heard) refusals = 0;
      if (!bySocket && ending.heard && inDoubt) refusals += 1;
      inDoubt = bySocket !== undefined && !ending.heard;
      failures = ending.livedMs >= STEADY_MS ? 1 : failures + 1;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (isRefusal(error, everHeard)) throw error;
      if (isApiError(error)) stayAwayMs = error.retryAfterMs ?? 0;
      inDoubt = false;
      failures += 1;
    }
    // A socket in doubt is asked about at once: the doubt itself costs nothing.
    const delayMs = inDoubt ? 0 : backoffMs(target.line, failures, Math.random());
    await sleep(Math.max(stayAwayMs, delayMs), signal);
  }
}

/** On a socket no header can be set. */
function pathOf(query: SearchQuery, lastAt: string | undefined): string {
  const path = searchPath(query);
  if (lastAt === undefined) return path;
  return `${path}${path.includes("?") ? "&" : "?"}lastEventId=${encodeURIComponent(lastAt)}`;
}

function streamOf(query: SearchQuery, lastAt: string | undefined) {
  const headers: Record<string, string> = {};
  if (lastAt !== undefined) headers["last-event-id"] = lastAt;
  return { path: searchPath(query), headers };
}

/** An event of a stream as a socket would have brought it. */
function messageOf({ type, data, id }: ServerSentEvent): { type: string } | undefined {
  try {
    return Object.assign(JSON.parse(data) as object, { type, at: id });
  } catch {
    return undefined; // Not one of ours.
  }
}

/** An event, or nothing for a pong, and for types that are yet to be invented. */
function eventOf(message: { type: string } | undefined): ListEvent | ErrorFrame | undefined {
  if (!message || isErrorFrame(message)) return message;
  const { type, at, promises, promise, id } = message as { type: string } & Record<string, unknown>;
  const isOne = typeof promise === "object" && promise !== null;
  const isEvent =
    typeof at === "string" &&
    ((type === "page" && Array.isArray(promises)) ||
      ((type === "added" || type === "changed") && isOne) ||
      (type === "removed" && typeof id === "string"));
  // SAFETY: checked as far as we look at it.
  return isEvent ? (message as ListEvent) : undefined;
}

function errorOf({ code, message }: ErrorFrame): ApiError {
  return new ApiError(message, { code, status: 500 });
}
