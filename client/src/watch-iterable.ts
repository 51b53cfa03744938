/**
 * A promise being watched, as an async iterable that can be closed. The frames are `watch.ts`'s; this
 * file only hands them over at the reader's pace.
 */
import { TimeoutError } from "./errors.ts";
import { limited } from "./limit.ts";
import type { Target } from "./options.ts";
import type { Frame, Json } from "./protocol.ts";
import { follow } from "./watch.ts";

/**
 * How a promise stands, and every change until its end. Read it with `for await`, once; leaving the
 * loop closes the line. Nothing is sent before the first read.
 *
 * @example
 * await using watch = promises.watch("order-42");
 * for await (const frame of watch) {
 *   if (frame.type === "settled") console.log(frame.promise.value.data);
 * }
 */
export class Watch<T = Json> implements AsyncIterable<Frame<T>>, AsyncDisposable {
  readonly id: string;
  readonly #stop = new AbortController();
  readonly #frames: AsyncGenerator<Frame<T>, void, undefined>;

  constructor(
    target: Target,
    id: string,
    limit: { signal: AbortSignal | undefined; timeoutMs: number },
  ) {
    this.id = id;
    this.#frames = framesOf<T>(target, id, limit, this.#stop);
  }

  [Symbol.asyncIterator](): AsyncIterator<Frame<T>, void, undefined> {
    return this.#frames;
  }

  /** Stops watching; a read under way ends the iteration. May be called at any time, repeatedly. */
  async close(): Promise<void> {
    // Before `return()`: that one queues behind a read under way, which only this ends.
    this.#stop.abort(CLOSED);
    await this.#frames.return();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const CLOSED = Symbol("closed by its reader");

async function* framesOf<T>(
  target: Target,
  id: string,
  { signal, timeoutMs }: { signal: AbortSignal | undefined; timeoutMs: number },
  stop: AbortController,
): AsyncGenerator<Frame<T>, void, undefined> {
  const onAbort = () => stop.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  // Absent, pending, its votes and an end: a watch has no more news than that.
  const unread: Frame[] = [];
  let ending: { error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  const onTimeout = () => new TimeoutError(timeoutMs, { id });
  const onNews = (frame: Frame) => {
    unread.push(frame);
    wake?.();
  };
  const onEnd = (how: { error?: unknown }) => {
    ending = how;
    wake?.();
  };
  limited({ signal: stop.signal, timeoutMs, onTimeout }, (limit) =>
    follow(target, id, limit, onNews),
  ).then(
    () => onEnd({}),
    (error: unknown) => onEnd({ error }),
  );
  try {
    for (;;) {
      for (let frame = unread.shift(); frame; frame = unread.shift()) {
        // SAFETY: the caller's type argument is a claim about its own data, as in JSON.
        yield frame as Frame<T>;
      }
      if (ending && "error" in ending && ending.error !== CLOSED) throw ending.error;
      if (ending) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    stop.abort(CLOSED);
  }
}
