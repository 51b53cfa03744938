/**
 * A promise being watched, as an async iterable that can be closed. The frames are `watch.ts`'s, and
 * the reader's pace is `feed.ts`'s.
 */
import { TimeoutError } from "./errors.ts";
import { Feed } from "./feed.ts";
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
export class Watch<T = Json> extends Feed<Frame<T>> {
  readonly id: string;

  constructor(
    target: Target,
    id: string,
    limit: { signal: AbortSignal | undefined; timeoutMs: number },
  ) {
    const onTimeout = () => new TimeoutError(limit.timeoutMs, { id });
    super({ ...limit, onTimeout }, ({ signal, push }) =>
      // Absent, pending, its votes and an end: a watch has no more news than may be unread.
      follow(target, id, signal, (frame) => {
        // SAFETY: the caller's type argument is a claim about its own data, as in JSON.
        push(frame as Frame<T>);
      }),
    );
    this.id = id;
  }
}
