/**
 * `GET /promises?...`: a search. JSON, or the same search as a live list: as Server-Sent Events, or on
 * a WebSocket.
 */
import { HEADER, SUBPROTOCOL } from "../../client/src/protocol.ts";
import { roomFor } from "../in-memory.ts";
import { recordMatches } from "../machine/query.ts";
import { resourceText } from "../machine/resource.ts";
import { summaryOf } from "../machine/summary.ts";
import { offeredSubprotocols } from "./auth.ts";
import type { Call } from "./edge.ts";
import { invalid } from "./errors.ts";
import { listEvents, listSocket } from "./list-stream.ts";
import { JSON_HEADERS, mediaTypeOf, VARY } from "./negotiate.ts";
import { isFull, type Principal } from "./principal.ts";
import { originOf } from "./promises.ts";
import { findPromises, readPage, type PageRead, type PromisesFound } from "./search.ts";
import { cursorText, parseSearch, type SearchAsked } from "./search-query.ts";

/** `GET /promises` */
export async function listPromises(call: Call): Promise<Response> {
  const { request, principal } = call;
  const isSocket = request.headers.get("upgrade")?.toLowerCase() === "websocket";
  if (isSocket || mediaTypeOf(request) === "text/event-stream") return followList(call, isSocket);
  const now = Date.now();
  const asked = parseSearch(request.url, principal, now);
  const page = await findPromises(call.env, asked, now);
  const { texts, cursor } = await textsOf(call, asked, page, now);
  const parts = [
    `"promises":[${texts.join(",")}]`,
    `"cursor":${JSON.stringify(cursor)}`,
    `"indexedAt":${page.indexedAt}`,
    ...(page.count === undefined ? [] : [`"count":${page.count}`]),
  ];
  return new Response(`{${parts.join(",")}}`, {
    headers: { ...JSON_HEADERS, "cache-control": "no-store", vary: VARY },
  });
}

async function textsOf(
  call: Call,
  asked: SearchAsked,
  { found, next }: PromisesFound,
  now: number,
): Promise<{ texts: string[]; cursor: string | null }> {
  const { env, request } = call;
  const origin = originOf(call);
  const cursorAt = (place: { key: number; id: string }) =>
    cursorText(request.url, place, asked.asOf);
  if (asked.view === "summary") {
    const texts = found.map(({ entry }) => JSON.stringify(summaryOf(entry, origin)));
    return { texts, cursor: next ? cursorAt(next) : null };
  }
  const keys = new Map(found.map(({ key, entry }) => [entry.id, key]));
  const page = { ids: [...keys.keys()], ...(next && { cursor: next.id }) };
  const read: PageRead = await readPage(page, async (id) => {
    await roomFor(env, id);
    const record = await env.PROMISES.getByName(id).get();
    // The index may be behind: what is there now is what counts.
    return record && recordMatches(record, asked.terms, now)
      ? resourceText(record, origin)
      : undefined;
  });
  const last = read.cursor;
  return {
    texts: read.texts,
    cursor: last === undefined ? null : cursorAt({ key: keys.get(last) ?? 0, id: last }),
  };
}

async function followList(call: Call, isSocket: boolean): Promise<Response> {
  const { request, principal } = call;
  const url = new URL(request.url);
  const resumed = url.searchParams.get("lastEventId") ?? request.headers.get("last-event-id");
  url.searchParams.delete("lastEventId");
  const asked = parseSearch(url.href, principal, Date.now());
  if (asked.after) throw invalid("cursor", "A live list begins with its first page");
  const followed = {
    env: call.env,
    url: url.href,
    asked,
    who: isFull(principal) ? undefined : shareOf(principal),
    origin: originOf(call),
    signal: request.signal,
    resumed: resumed ?? undefined,
  };
  if (!isSocket) {
    const body = request.method === "HEAD" ? null : await listEvents(followed);
    return new Response(body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store", vary: VARY },
    });
  }
  const webSocket = await listSocket(followed);
  const speaksOurs = offeredSubprotocols(request.headers).includes(SUBPROTOCOL);
  return new Response(null, {
    status: 101,
    webSocket,
    ...(speaksOurs && { headers: { [HEADER.subprotocol]: SUBPROTOCOL } }),
  });
}

/** Two keys may have one name; a tag of a socket has 256 characters at most. */
function shareOf({ kind, name, prefixes }: Principal): string {
  return `${kind} ${name} ${String(prefixes)}`.slice(0, 256);
}
