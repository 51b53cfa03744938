/**
 * Searching at the edge: asks every shard of the index, makes one page of theirs, and reads each of
 * the page where it lives. What has gone, or has changed since it was indexed, is left out there; so
 * a page may be short. The other way round, what was written a moment ago may not be found yet.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import { log } from "../log.ts";
import { compareIds, shardName } from "../machine/ids.ts";
import {
  mayHaveMore,
  mergePages,
  type FoundPage,
  type Order,
  type Place,
} from "../machine/order.ts";
import type { PromiseTerms, ScheduleTerms } from "../machine/query.ts";
import type { IndexObject } from "../object/index-object.ts";

export interface PageAsked {
  limit: number;
  /** The last id of the page before. */
  cursor?: string | undefined;
}

/** Of a page, only the ids that begin so. */
export interface Bounds extends PageAsked {
  prefix?: string | undefined;
}

/** What a search in the order of ids answers, and where to go on. */
export interface IdPage {
  ids: string[];
  cursor?: string;
}

/** The texts of what is there and is what was looked for. */
export interface PageRead {
  texts: string[];
  cursor?: string;
}

export interface PromiseSearch {
  terms: PromiseTerms;
  order: Order;
  after?: Place | undefined;
  /** When the first page was asked for. */
  asOf: number;
  limit: number;
  wantsCount?: boolean;
}

export interface PromisesFound extends FoundPage {
  indexedAt: number;
  count?: number;
}

type Shard = DurableObjectStub<IndexObject>;

/** Records held at once, besides what is answered: each may have 2 MB. */
const READ_AT_A_TIME = 16;
/** As many as a heartbeat may name. */
const LEASES_MAX = 1000;

/** Ids fall to the shards by chance: twice the mean and a few are nearly always enough. */
const SHARE_TIMES = 2;
const SHARE_LEAST = 8;

const BY_ID: Order = { by: "id", descending: false };

export function allShards(env: Env): Shard[] {
  const { indexShards } = readConfig(env);
  return Array.from({ length: indexShards }, (_, shard) => env.INDEX.getByName(shardName(shard)));
}

/**
 * One page of all shards together, at `now`. Each is asked for its likely share of the page, for what is
 * not shown need not be sent; one that has given all of that is asked for the rest.
 */
export async function findPromises(
  env: Env,
  { terms, order, after, asOf, limit, wantsCount = false }: PromiseSearch,
  now: number,
): Promise<PromisesFound> {
  const shards = allShards(env);
  const whole = limit + 1;
  const share = Math.min(whole, Math.ceil((whole / shards.length) * SHARE_TIMES) + SHARE_LEAST);
  const asked = { terms, order, asOf };
  const pages = await Promise.all(
    shards.map((shard) => shard.find({ ...asked, after, limit: share }, now, wantsCount)),
  );
  const found = pages.map((page) => page.found);
  await Promise.all(
    mayHaveMore(found, order, share, limit).map(async (shard) => {
      const { key, entry } = found[shard]!.at(-1)!;
      const rest = { ...asked, after: { key, id: entry.id }, limit: whole - share };
      found[shard]!.push(...(await shards[shard]!.find(rest, now)).found);
    }),
  );
  const merged = mergePages(found, order, limit);
  return {
    ...merged,
    indexedAt: Math.min(...pages.map(({ indexedAt }) => indexedAt)),
    ...(wantsCount && { count: pages.reduce((sum, { count = 0 }) => sum + count, 0) }),
  };
}

/** In the order of ids. */
export async function findIds(
  env: Env,
  terms: PromiseTerms,
  { limit, cursor }: PageAsked,
  now: number,
): Promise<IdPage> {
  const after = cursor === undefined ? undefined : { key: 0, id: cursor };
  const search = { terms, order: BY_ID, after, asOf: now, limit };
  const { found, next } = await findPromises(env, search, now);
  return { ids: found.map(({ entry }) => entry.id), ...(next && { cursor: next.id }) };
}

export async function searchSchedules(
  env: Env,
  { limit, cursor, ...terms }: ScheduleTerms & Bounds,
): Promise<IdPage> {
  const query = { ...terms, after: cursor, limit: limit + 1 };
  const pages = await Promise.all(allShards(env).map((shard) => shard.schedules(query)));
  const ids = pages.flat().toSorted(compareIds);
  const last = ids.slice(0, limit).at(-1);
  return {
    ids: ids.slice(0, limit),
    ...(ids.length > limit && last !== undefined && { cursor: last }),
  };
}

/** What `pid` holds, as far as the index has heard: for a heartbeat that names nothing. */
export async function leasesOf(
  env: Env,
  pid: string,
  now = Date.now(),
): Promise<{ id: string; version: number }[]> {
  const terms: PromiseTerms = { task: "acquired", pid };
  const search = { terms, order: BY_ID, asOf: now, limit: LEASES_MAX };
  const { found, next } = await findPromises(env, search, now);
  if (next)
    log("warn", "a heartbeat for all leases did not reach all", { pid, reached: LEASES_MAX });
  return found.map(({ entry }) => ({ id: entry.id, version: entry.task?.version ?? 0 }));
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
