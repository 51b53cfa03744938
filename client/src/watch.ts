/**
 * Waiting for a promise, for as long as it takes: through restarts, redeploys, dead lines and closed
 * laptops. No message is ever relied upon; every connection begins with how things stand, so what
 * happened while there was none is not missed.
 */
import { isApiError } from "./errors.ts";
import { sleep } from "./limit.ts";
import type { Target } from "./options.ts";
import { ask } from "./poll.ts";
import type { Frame } from "./protocol.ts";
import { promisePath } from "./id.ts";
import { isRefusal } from "./refusal.ts";
import { backoffMs } from "./retry.ts";
import { fitsSubprotocol, hasWebSocket, listen, parseFrame } from "./socket.ts";

/** A frame after which there are no more. */
export type EndFrame = Extract<Frame, { type: "settled" | "disposed" }>;

/** So many sockets in a row that fail while HTTP works: something on the way takes no sockets. */
const REFUSALS_MAX = 3;
/** A line that held this long was a good one; the next reconnect starts over with short delays. */
const STEADY_MS = 5000;

/**
 * Follows a promise to its end. Sockets first; without them, long polls. Whatever passes by itself
 * is waited out; only the signal, or a refusal that no waiting will change, ends it early.
 *
 * @throws ApiError for a refusal, or the reason of the signal.
 */
export async function follow(
  target: Target,
  id: string,
  signal: AbortSignal,
  onNews: (frame: Frame) => void,
): Promise<EndFrame> {
  const path = promisePath(id);
  const news = newsOf(id, onNews);
  let refusals = fitsSubprotocol(target.token) ? 0 : REFUSALS_MAX;
  let failures = 0;
  let asked = false;
  for (;;) {
    let stayAwayMs = 0;
    try {
      if (hasWebSocket(target) && refusals < REFUSALS_MAX) {
        const ending = await listen(target, path, signal, {
          parse: (data) => parseFrame(data, target.parse),
          onFrame: news.tell,
          speaksFirst: true,
        });
        if (ending.kind === "lost") {
          if (isRefusal(ending.error, news.heard())) throw ending.error;
          if (ending.livedMs >= STEADY_MS) failures = 0;
          if (ending.heard) {
            refusals = 0;
          } else {
            // A socket that does not open gives no reason. HTTP does, and tells the news too.
            news.tell(await ask(target, id, path, { signal, waitMs: 0 }));
            refusals += 1;
          }
          failures += 1;
        }
      } else {
        // First how things stand, which a caller of `watch` need not wait for.
        const waitMs = asked ? target.line.pollForMs : 0;
        const begunAt = performance.now();
        news.tell(await ask(target, id, path, { signal, waitMs }));
        // Where something on the way answers early, asking again at once would be a storm.
        const hurried = asked && performance.now() - begunAt < waitMs / 2;
        failures = hurried ? failures + 1 : 0;
        asked = true;
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (isRefusal(error, news.heard())) throw error;
      if (isApiError(error)) stayAwayMs = error.retryAfterMs ?? 0;
      failures += 1;
    }
    const end = news.end();
    if (end) return end;
    const delayMs = failures > 0 ? backoffMs(target.line, failures, Math.random()) : 0;
    await sleep(Math.max(stayAwayMs, delayMs), signal);
  }
}

/**
 * What is new among frames that may repeat themselves with every connection. A promise that we knew
 * to be there and that is no more, or is another one by the same name, was disposed of while we did
 * not look: its outcome will never come.
 */
function newsOf(id: string, onNews: (frame: Frame) => void) {
  let last: Frame | undefined;
  let end: EndFrame | undefined;
  const tell = (frame: Frame): boolean => {
    if (end) return true;
    const isGone = last?.type === "pending" && bornAt(frame) !== bornAt(last);
    const news: Frame = isGone ? { type: "disposed", id } : frame;
    if (news.type === "settled" || news.type === "disposed") end = news;
    // A promise that is pending may change too: by a vote, or by a step of its escalation.
    if (news.type !== last?.type || etagOf(news) !== etagOf(last)) onNews(news);
    last = news;
    return end !== undefined;
  };
  return { tell, heard: () => last !== undefined, end: () => end };
}

function etagOf(frame: Frame | undefined): string | undefined {
  return frame && "etag" in frame ? frame.etag : undefined;
}

function bornAt(frame: Frame): number | undefined {
  return "promise" in frame ? frame.promise.createdOn : undefined;
}
