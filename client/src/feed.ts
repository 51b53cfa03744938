/**
 * What comes by itself, handed over at the reader's pace. Knows nothing of where it comes from, but
 * tells that place when so much is unread that it should stop for a while.
 */
import { limited } from "./limit.ts";

export interface Source<T> {
  /** Ends when nobody reads any more, or the time is up. */
  signal: AbortSignal;
  /** Hands something over; `true`: enough for now. */
  push: (item: T) => boolean;
  /** Waits until all that was handed over is read. */
  drained: () => Promise<void>;
}

export interface FeedLimit {
  signal: AbortSignal | undefined;
  timeoutMs: number;
  onTimeout: () => unknown;
}

/** Who does not read for so long is told later, instead of filling the memory. */
const UNREAD_MAX = 1000;

const CLOSED = Symbol("closed by its reader");

/** A sequence that is read once, and that can be closed at any time. */
export class Feed<T> implements AsyncIterable<T>, AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #items: AsyncGenerator<T, void, undefined>;

  /** @param run begins with the first read; the sequence ends, or throws, as it does */
  constructor(limit: FeedLimit, run: (source: Source<T>) => Promise<unknown>) {
    this.#items = itemsOf(limit, this.#stop, run);
  }

  [Symbol.asyncIterator](): AsyncIterator<T, void, undefined> {
    return this.#items;
  }

  /** Stops; a read under way ends the iteration. May be called at any time, repeatedly. */
  async close(): Promise<void> {
    // Before `return()`: that one queues behind a read under way, which only this ends.
    this.#stop.abort(CLOSED);
    await this.#items.return();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function* itemsOf<T>(
  { signal, timeoutMs, onTimeout }: FeedLimit,
  stop: AbortController,
  run: (source: Source<T>) => Promise<unknown>,
): AsyncGenerator<T, void, undefined> {
  const onAbort = () => stop.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const unread: T[] = [];
  let ending: { error?: unknown } | undefined;
  let wake: (() => void) | undefined;
  let onDrained: (() => void) | undefined;
  const push = (item: T) => {
    unread.push(item);
    wake?.();
    return unread.length >= UNREAD_MAX;
  };
  const drained = () =>
    unread.length === 0 ? Promise.resolve() : new Promise<void>((resolve) => (onDrained = resolve));
  const onEnd = (how: { error?: unknown }) => {
    ending = how;
    wake?.();
  };
  limited({ signal: stop.signal, timeoutMs, onTimeout }, (limit) =>
    run({ signal: limit, push, drained }),
  ).then(
    () => onEnd({}),
    (error: unknown) => onEnd({ error }),
  );
  try {
    for (;;) {
      while (unread.length > 0) {
        // SAFETY: there is one, by its length; `undefined` may be one of them.
        yield unread.shift() as T;
      }
      onDrained?.();
      if (ending && "error" in ending && ending.error !== CLOSED) throw ending.error;
      if (ending) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    stop.abort(CLOSED);
  }
}
