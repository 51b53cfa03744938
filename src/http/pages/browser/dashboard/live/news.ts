/**
 * Told when something happens to what a search finds, while a component is there. For what is better
 * asked anew than worked out; who may not be told hears nothing.
 */
import { useLayoutEffect, useRef } from "hono/jsx/dom";
import type { ListEvent } from "../../../../../../client/src/protocol.ts";
import type { InboxQuery } from "../../../../../../client/src/inbox.ts";
import { promises } from "../api/promises.ts";

/** @param query `undefined`: nothing is listened to */
export function useNews(
  query: InboxQuery | undefined,
  onNews: (event: ListEvent) => void,
  dependencies: readonly unknown[],
): void {
  const latest = useRef(onNews);
  latest.current = onNews;
  useLayoutEffect(() => {
    if (!query) return undefined;
    const stop = new AbortController();
    void listen({ limit: 1, ...query }, stop.signal, (event) => latest.current(event));
    return () => stop.abort();
  }, dependencies);
}

async function listen(
  query: InboxQuery,
  signal: AbortSignal,
  onNews: (event: ListEvent) => void,
): Promise<void> {
  try {
    for await (const event of promises.inbox(query, { signal })) onNews(event);
  } catch {
    // Stopped, or refused: what is shown was asked for, and stays.
  }
}
