/**
 * Searching as functions: which shard has an id, what a query finds at `now`, in which order, and how
 * the shards' pages become one. Ids are in the order of their code points, which is the byte order
 * of UTF-8 and so the order of SQLite; JavaScript's own is another beyond U+FFFF.
 *
 * It refuses to know how entries are stored and who asks.
 */
import { promiseEntry, type PromiseEntry, type ScheduleEntry } from "./index-entry.ts";
import type { PromiseRecord } from "./promise.ts";
import type { Task } from "./task-state.ts";

/** All of them must hold. */
export interface PromiseTerms {
  /** Projected: a pending promise past its deadline is not found as pending. */
  state?: PromiseRecord["state"] | undefined;
  /** It has at least these. */
  tags?: Record<string, string> | undefined;
  /** The state of its task, projected; `any` for every promise that has one. */
  task?: Task["state"] | "any" | undefined;
  /** Who holds its task. */
  pid?: string | undefined;
}

export interface ScheduleTerms {
  tags?: Record<string, string> | undefined;
}

interface Bounds {
  /** How the ids begin. */
  prefix?: string | undefined;
  /** Ids beyond this one. */
  after?: string | undefined;
  limit: number;
}

export type PromiseQuery = { kind: "promise" } & PromiseTerms & Bounds;
export type ScheduleQuery = { kind: "schedule" } & ScheduleTerms & Bounds;
export type IndexQuery = PromiseQuery | ScheduleQuery;

/** What is found. The rest is read from the object, which alone knows the truth. */
export interface Hit {
  id: string;
  /** Of the task, where there is one. */
  version?: number;
}

/** From one shard, in order. */
export interface ShardPage {
  hits: Hit[];
  /** How far it has looked; left out when there is nothing beyond. */
  until?: string;
}

export interface Page {
  hits: Hit[];
  /** To go on after; left out at the end. A page may be short, or empty, and not the last. */
  cursor?: string;
}

/**
 * FNV-1a over the UTF-16 units, stirred (Murmur3's last step), for its low bits know only the low
 * bits of the id. Must never change: entries would stay behind on shards that nobody asks for them.
 */
export function indexShardOf(id: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % shards;
}

/** The number of shards is not in it: after a change the old ones must be found, to refuse. */
export function shardName(shard: number): string {
  return `shard-${shard}`;
}

export function promiseMatches(entry: PromiseEntry, terms: PromiseTerms, now: number): boolean {
  const current = projected(entry, now);
  return (
    (terms.state === undefined || current.state === terms.state) &&
    (terms.task === undefined || isTaskIn(current, terms.task)) &&
    (terms.pid === undefined || current.task?.pid === terms.pid) &&
    hasTags(current.tags, terms.tags)
  );
}

/** The same asked of the record itself, which may have changed since it was found. */
export function recordMatches(record: PromiseRecord, terms: PromiseTerms, now: number): boolean {
  return promiseMatches(promiseEntry(record, { revision: 0 }), terms, now);
}

export function scheduleMatches({ tags }: Pick<ScheduleEntry, "tags">, terms: ScheduleTerms) {
  return hasTags(tags, terms.tags);
}

/** Of pages that were all asked for `limit + 1` after the same id. */
export function mergePages(pages: ShardPage[], limit: number): Page {
  const ends = pages.flatMap(({ until }) => until ?? []);
  ends.sort(compareIds);
  // Beyond the shard that has looked least far, something could be missing.
  const bound = ends[0];
  const known = pages
    .flatMap(({ hits }) => hits)
    .filter(({ id }) => bound === undefined || compareIds(id, bound) <= 0);
  known.sort((a, b) => compareIds(a.id, b.id));
  const hits = known.slice(0, limit);
  const cursor = known.length > limit ? hits.at(-1)?.id : bound;
  return { hits, ...(cursor !== undefined && { cursor }) };
}

export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const difference = rank(a.charCodeAt(at)) - rank(b.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The least id that is greater than all with this prefix; `undefined` when there is none. */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  // Between U+D7FF and U+E000 are the surrogates, which no id has alone.
  return last === undefined
    ? undefined
    : String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}

/** A surrogate is half of a code point beyond all others. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** As `project` in promise.ts: past its deadline it is settled, and its task over. */
function projected(entry: PromiseEntry, now: number): PromiseEntry {
  if (entry.timeoutState === undefined || now < entry.timeoutAt) return entry;
  const { task } = entry;
  return {
    ...entry,
    state: entry.timeoutState,
    settledAt: entry.timeoutAt,
    ...(task && { task: { state: "fulfilled", version: task.version, resumes: 0 } }),
  };
}

function isTaskIn({ task }: PromiseEntry, state: Task["state"] | "any"): boolean {
  return task !== undefined && (state === "any" || task.state === state);
}

function hasTags(tags: Record<string, string>, wanted: Record<string, string> = {}): boolean {
  return Object.entries(wanted).every(([key, value]) => tags[key] === value);
}
