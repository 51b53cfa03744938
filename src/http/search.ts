/**
 * Searching at the edge: asks every shard of the index, makes one page of theirs, and reads each of
 * the page where it lives. What has gone, or has changed since it was indexed, is left out there; so
 * a page may be short. The other way round, what was written a moment ago may not be found yet.
 */
import * as v from "valibot";
import { LIMITS } from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import {
  mergePages,
  shardName,
  type Hit,
  type IndexQuery,
  type Page,
  type PromiseTerms,
  type ScheduleTerms,
} from "../machine/query.ts";
import { invalid } from "./errors.ts";
import { validate } from "./parse.ts";
import { faultOfId } from "./schemas.ts";

export interface PageAsked {
  limit: number;
  /** The last id of the page before. */
  cursor?: string | undefined;
}

/** Of a page, only the ids that begin so. */
export interface Bounds extends PageAsked {
  prefix?: string | undefined;
}

/** What a search answers: ids in order, and where to go on. */
export interface IdPage {
  ids: string[];
  cursor?: string;
}

/** The texts of what is there and is what was looked for. */
export interface PageRead {
  texts: string[];
  cursor?: string;
}

/** Shards give up on a page for which they look too long; so often they are asked to go on. */
const ROUNDS_MAX = 8;
/** Records held at once, besides what is answered: each may have 2 MB. */
const READ_AT_A_TIME = 16;
/** As many as a heartbeat may name. */
const LEASES_MAX = 1000;

export async function searchPromises(
  env: Env,
  { limit, cursor, ...terms }: PromiseTerms & Bounds,
  now: number,
): Promise<IdPage> {
  return idsOf(await ask(env, { ...terms, kind: "promise", after: cursor, limit }, now));
}

export async function searchSchedules(
  env: Env,
  { limit, cursor, ...terms }: ScheduleTerms & Bounds,
): Promise<IdPage> {
  return idsOf(await ask(env, { ...terms, kind: "schedule", after: cursor, limit }, Date.now()));
}

/** What `pid` holds, as far as the index has heard: for a heartbeat that names nothing. */
export async function leasesOf(
  env: Env,
  pid: string,
  now = Date.now(),
): Promise<{ id: string; version: number }[]> {
  const query: IndexQuery = { kind: "promise", task: "acquired", pid, limit: LEASES_MAX };
  const { hits, cursor } = await ask(env, query, now);
  if (cursor !== undefined) console.warn(`"${pid}" has more than ${LEASES_MAX} leases`);
  return hits.map(({ id, version = 0 }) => ({ id, version }));
}

/**
 * The texts of a page. Cut where it has enough of them, by their length; then the cursor is earlier.
 *
 * @param read `undefined` for what is not there any more, or is not what was looked for
 */
export async function readPage(
  { ids, cursor }: IdPage,
  read: (id: string) => Promise<string | undefined>,
): Promise<PageRead> {
  const texts: string[] = [];
  let length = 0;
  for (let first = 0; first < ids.length; first += READ_AT_A_TIME) {
    const slice = ids.slice(first, first + READ_AT_A_TIME);
    for (const text of await Promise.all(slice.map(read))) {
      if (text === undefined) continue;
      texts.push(text);
      length += text.length;
    }
    const last = slice.at(-1);
    const isCut = length >= LIMITS.searchTextMax && first + READ_AT_A_TIME < ids.length;
    if (isCut && last !== undefined) return { texts, cursor: last };
  }
  return { texts, ...(cursor !== undefined && { cursor }) };
}

const pageQuery = v.strictObject({
  limit: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,4}$/, `must be 1 to ${LIMITS.searchLimitMax}`),
      v.transform(Number),
      v.minValue(1, `must be 1 to ${LIMITS.searchLimitMax}`),
      v.maxValue(LIMITS.searchLimitMax, `must be 1 to ${LIMITS.searchLimitMax}`),
    ),
    String(LIMITS.searchLimitDefault),
  ),
  cursor: v.optional(v.string()),
});

/** `?limit=&cursor=` of a list. */
export function parsePage(url: string): PageAsked {
  const query = new URL(url).searchParams;
  for (const name of query.keys()) {
    if (!Object.hasOwn(pageQuery.entries, name)) {
      throw invalid(name, `There is no parameter "${name}" here, only "limit" and "cursor"`);
    }
    if (query.getAll(name).length > 1) throw invalid(name, `${name} was sent twice`);
  }
  const { limit, cursor } = validate(pageQuery, Object.fromEntries(query), "");
  return cursor === undefined ? { limit } : { limit, cursor: cursorOf(cursor) };
}

/** Opaque to callers of REST, so that it may hold more one day: base64url. */
export function textOfCursor(id: string): string {
  const bytes = new TextEncoder().encode(id);
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function cursorOf(text: string): string {
  try {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const id = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)),
    );
    if (faultOfId(id) === undefined) return id;
  } catch {
    // Not base64, or not UTF-8: no page ever ended like this.
  }
  throw invalid("cursor", "cursor must be one that a page ended with");
}

async function ask(env: Env, query: IndexQuery, now: number): Promise<Page> {
  let page: Page = { hits: [], ...(query.after !== undefined && { cursor: query.after }) };
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    page = await askAll(env, { ...query, after: page.cursor }, now);
    if (page.hits.length > 0 || page.cursor === undefined) break;
  }
  return page;
}

async function askAll(env: Env, query: IndexQuery, now: number): Promise<Page> {
  const { indexShards } = readConfig(env);
  const asked = { ...query, limit: query.limit + 1 };
  const pages = Array.from({ length: indexShards }, (_, shard) =>
    env.INDEX.getByName(shardName(shard)).search(asked, now),
  );
  return mergePages(await Promise.all(pages), query.limit);
}

function idsOf({ hits, ...rest }: Page): IdPage {
  return { ids: hits.map(({ id }: Hit) => id), ...rest };
}
