/**
 * One stream of Server-Sent Events over `fetch`: opened, listened to, and let go of. What `socket.ts`
 * is where there are no sockets; knows nothing of reconnecting either.
 */
import { ApiError, ConnectionError } from "./errors.ts";
import { eventParser, type ServerSentEvent } from "./event-stream.ts";
import { after, linkedTo } from "./limit.ts";
import type { Target } from "./options.ts";
import type { Ending } from "./socket.ts";
import { buildRequest, judge } from "./transport.ts";

/**
 * Listens until told that it is enough, the line is lost, or the signal aborts.
 *
 * @param onEvent returns `true` when that was enough
 * @throws the reason of the signal, or an ApiError: the server does not open the stream.
 */
export async function listenToStream(
  target: Target,
  { path, headers }: { path: string; headers: Record<string, string> },
  signal: AbortSignal,
  onEvent: (event: ServerSentEvent) => boolean,
): Promise<Ending> {
  const { openWithinMs, quietForMs } = target.line;
  const begunAt = performance.now();
  const { controller, unlink } = linkedTo(signal);
  let heard = false;
  let callOff: (() => void) | undefined;
  const expect = (withinMs: number) => {
    callOff?.();
    callOff = after(withinMs, () => {
      const how = heard ? `was silent for ${withinMs} ms` : `did not open within ${withinMs} ms`;
      controller.abort(new ConnectionError(`the stream of ${target.url} ${how}`));
    });
  };
  expect(openWithinMs);
  try {
    const accept = { accept: "text/event-stream" };
    const [url, init] = buildRequest(target, {
      method: "GET",
      path,
      headers: { ...headers, ...accept },
    });
    const response = await target.fetch(url, { ...init, signal: controller.signal });
    if (response.status !== 200 || !isEventStream(response)) {
      const text = await response.text();
      const { status, headers } = response;
      judge({ status, headers, text }, Date.now());
      const message = `not the answer of a promise server: ${status} without events`;
      throw new ApiError(message, { code: "unexpected_answer", status });
    }
    heard = true;
    const isEnough = eventParser(onEvent);
    const decoder = new TextDecoder();
    const reader = response.body!.getReader();
    for (;;) {
      expect(quietForMs);
      const { done, value } = await reader.read();
      if (done) throw new ConnectionError(`the stream of ${target.url} ended`);
      if (isEnough(decoder.decode(value, { stream: true }))) return { kind: "told" };
    }
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof ApiError) throw cause;
    const why: unknown = controller.signal.aborted ? controller.signal.reason : cause;
    const error =
      why instanceof ConnectionError
        ? why
        : new ConnectionError(`the stream of ${target.url} broke: ${String(why)}`, why);
    return { kind: "lost", heard, livedMs: performance.now() - begunAt, error };
  } finally {
    callOff?.();
    unlink();
    controller.abort();
  }
}

function isEventStream({ headers }: Response): boolean {
  return headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}
