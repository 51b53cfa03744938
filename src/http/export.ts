/**
 * `GET /export?...`: the promises that a search finds, a line of JSON each, in the order of their ids.
 * A page of the index at a time, a few records at a time, and no faster than the caller reads.
 *
 * After each page comes a mark, from which another request can go on: whoever loses the line has lost
 * a page at most. What came and went meanwhile may be in it or not; what was there all the time is in
 * it once.
 */
import { LIMITS, type ExportMark } from "../../client/src/protocol.ts";
import { roomFor } from "../in-memory.ts";
import { logFailure } from "../log.ts";
import type { PromiseRecord } from "../machine/promise.ts";
import { recordMatches } from "../machine/query.ts";
import { exportText } from "../machine/resource.ts";
import { again } from "./again.ts";
import type { Call } from "./edge.ts";
import { invalid } from "./errors.ts";
import { NDJSON } from "./ndjson.ts";
import { findPromises, type PromisesFound } from "./search.ts";
import { cursorText, parseSearch, type SearchAsked } from "./search-query.ts";

const PAGE = 200;
/** Records held at once: each may have 2 MB. */
const AT_A_TIME = 16;
/** Of a search, but not of an export: it has an order, pages and a form of its own. */
const NOT_HERE = ["sort", "limit", "count", "view"];

export async function exportPromises(call: Call): Promise<Response> {
  const url = new URL(call.request.url);
  for (const name of NOT_HERE) {
    if (url.searchParams.has(name)) throw invalid(name, `There is no parameter "${name}" here`);
  }
  url.searchParams.set("sort", "id");
  url.searchParams.set("limit", String(PAGE));
  const asked = parseSearch(url.href, call.principal, Date.now());
  // What is wrong with the first page can still be a refusal.
  const first = await findPromises(call.env, asked, Date.now());
  const lines =
    call.request.method === "HEAD" ? null : streamOf(linesOf(call, url.href, asked, first));
  return new Response(lines, {
    headers: { "content-type": NDJSON, "cache-control": "no-store" },
  });
}

async function* linesOf(
  { env }: Call,
  url: string,
  asked: SearchAsked,
  first: PromisesFound,
): AsyncGenerator<string> {
  const { indexedAt } = first;
  let exported = 0;
  let cursor = asked.after ? cursorText(url, asked.after, asked.asOf) : null;
  let page = first;
  try {
    for (;;) {
      const ids = page.found.map(({ entry }) => entry.id);
      for (let start = 0; start < ids.length; start += AT_A_TIME) {
        const slice = ids.slice(start, start + AT_A_TIME);
        const read = slice.map((id) =>
          again(async () => {
            await roomFor(env, id);
            return env.PROMISES.getByName(id).get();
          }),
        );
        const texts = (await Promise.all(read)).flatMap((record) => textOf(record, asked));
        exported += texts.length;
        if (texts.length > 0) yield texts.join("");
      }
      cursor = page.next ? cursorText(url, page.next, asked.asOf) : null;
      yield markText({ cursor, exported, indexedAt });
      if (!page.next || exported >= LIMITS.exportPromisesMax) return;
      const { next: after } = page;
      page = await again(() => findPromises(env, { ...asked, after }, Date.now()));
    }
  } catch (error) {
    logFailure("an export could not go on", error);
    yield markText({
      cursor,
      exported,
      indexedAt,
      error: "It could not go on; try again from here",
    });
  }
}

/** The index may be behind: what is there now is what counts. */
function textOf(record: PromiseRecord | null, { terms }: SearchAsked): string[] {
  if (!record || !recordMatches(record, terms, Date.now())) return [];
  return [`${exportText(record)}\n`];
}

function markText(mark: ExportMark): string {
  return `${JSON.stringify(mark)}\n`;
}

/** Asked for more only when the caller has taken what there was; left alone when the caller goes. */
function streamOf(lines: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        const { value, done } = await lines.next();
        if (done) stream.close();
        else stream.enqueue(encoder.encode(value));
      },
      async cancel() {
        await lines.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
