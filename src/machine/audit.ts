/**
 * The audit log as functions: what an entry says, which ones are looked for, in which order, and how
 * the shards' pages become one. The newest come first.
 *
 * It refuses to know who writes an entry, how it is stored, and what is worth one.
 */
import type { AuditAct, AuditEntry } from "../../client/src/protocol.ts";

/** May be raised: all are asked, and those that were fewer are among them. */
export const AUDIT_SHARDS = 4;

export function auditName(shard: number): string {
  return `audit-${shard}`;
}

/** By chance, as ids are drawn. */
export function auditShardOf(id: string): number {
  return Number.parseInt(id.slice(0, 4), 16) % AUDIT_SHARDS;
}

/** An entry as it is kept: with a name of its own, so that writing it twice is writing it once. */
export interface Act extends AuditEntry {
  id: string;
}

/** Where in the order: entries of one millisecond are in the order of their ids. */
export interface AuditPlace {
  at: number;
  id: string;
}

/** All of them must hold. */
export interface AuditTerms {
  who?: string | undefined;
  /** A word, or all that begin so: `key.*`. */
  did?: string | undefined;
  /** An id, or the beginning of ids and a `*`. */
  on?: string | undefined;
}

export interface AuditQuery extends AuditTerms {
  /** Older than that. */
  before?: AuditPlace | undefined;
  limit: number;
}

/** From one shard. `until`: how far it has looked, where there may be more beyond. */
export interface AuditPage {
  acts: Act[];
  until?: AuditPlace;
}

export function actMatches(act: AuditEntry, { who, did, on }: AuditTerms): boolean {
  return (
    (who === undefined || act.who === who) &&
    (did === undefined || covers(did, act.did)) &&
    (on === undefined || (act.on !== undefined && covers(on, act.on)))
  );
}

/** Of pages that were all asked for more than `limit` before the same place. */
export function mergeActs(pages: readonly AuditPage[], limit: number): AuditPage {
  const ends = pages.flatMap(({ until }) => until ?? []);
  ends.sort(newestFirst);
  // Beyond the shard that has looked least far, something could be missing.
  const bound = ends[0];
  const known = pages
    .flatMap(({ acts }) => acts)
    .filter((act) => bound === undefined || newestFirst(act, bound) <= 0);
  known.sort(newestFirst);
  const acts = known.slice(0, limit);
  const last = acts.at(-1);
  const until = known.length > limit && last ? { at: last.at, id: last.id } : bound;
  return { acts, ...(until && { until }) };
}

export function newestFirst(a: AuditPlace, b: AuditPlace): number {
  if (a.at !== b.at) return b.at - a.at;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** As everybody who may see it does. */
export function entryOf(act: Act): AuditEntry {
  const { id: _, ...entry } = act;
  return entry;
}

/** Those that are noted whoever does them: the others only when somebody does them by hand. */
const ALWAYS: ReadonlySet<AuditAct> = new Set<AuditAct>([
  "key.create",
  "key.revoke",
  "webhook.create",
  "webhook.change",
  "webhook.delete",
  "webhook.rotate",
  "webhook.redeliver",
  "promise.purge",
  "promise.dispose",
  "promise.import",
  "index.rebuild",
]);

/** @param from where it came from */
export function isNoted(did: AuditAct, from: AuditEntry["from"]): boolean {
  return from !== "api" || ALWAYS.has(did);
}

function covers(pattern: string, text: string): boolean {
  return pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}
