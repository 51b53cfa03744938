/**
 * The list that a search makes, as it changes: what is waiting, for whoever shows it or acts on it.
 * Lines and reconnecting are `follow-list.ts`'s, and the reader's pace is `feed.ts`'s.
 */
import { TimeoutError } from "./errors.ts";
import { Feed } from "./feed.ts";
import { followList } from "./follow-list.ts";
import type { Target } from "./options.ts";
import type { ListEvent } from "./protocol.ts";
import { searchPath, type SearchQuery } from "./search.ts";

/** Events always have summaries, and a page always its count. */
export type InboxQuery = Omit<SearchQuery, "count">;

/**
 * First a page, then what happens; never its end. Read it with `for await`, once; leaving the loop
 * closes the line. Nothing is sent before the first read. Survives the loss of the network and of
 * the server, and misses nothing: after a long absence there is another page, to begin anew with.
 *
 * @example
 * await using inbox = promises.inbox({ state: "pending" });
 * for await (const event of inbox) console.log(event.type);
 */
export class Inbox extends Feed<ListEvent> {
  constructor(
    target: Target,
    query: InboxQuery,
    { signal, timeoutMs }: { signal: AbortSignal | undefined; timeoutMs: number },
  ) {
    searchPath(query);
    const onTimeout = () => new TimeoutError(timeoutMs);
    super({ signal, timeoutMs, onTimeout }, (source) => followList(target, query, source));
  }
}
