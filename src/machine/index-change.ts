/**
 * What the index makes of an entry that comes: whether it is newer than what is there, and what is
 * stored then. Entries may come twice, late and in any order.
 */
import { sameEntry, type PromiseEntry } from "./index-entry.ts";

/** So long the pages of a search in the order of deadlines may be read. */
const PAGING_MS_MAX = 60 * 60 * 1000;
/** A deadline that moves more often than this in an hour has its older places forgotten. */
const MOVED_MAX = 64;

/**
 * @param existing what is stored of this id
 * @param removedRevision of the last removal of this id, while it is remembered
 * @returns what to store in its place; `undefined` when nothing changes
 */
export function superseding(
  existing: PromiseEntry | undefined,
  removedRevision: number | undefined,
  entry: PromiseEntry,
  now: number,
): PromiseEntry | undefined {
  if (removedRevision !== undefined && entry.revision <= removedRevision) return undefined;
  if (!existing) return entry;
  if (entry.revision <= existing.revision) return undefined;
  // A task comes back to how it was before: then the stamp is news, or an older entry would win.
  if (!entry.task && sameEntry(existing, entry)) return undefined;
  const moved = movedOf(existing, entry, now);
  return moved.length > 0 ? { ...entry, moved } : entry;
}

function movedOf(
  existing: PromiseEntry,
  entry: PromiseEntry,
  now: number,
): NonNullable<PromiseEntry["moved"]> {
  if (existing.birth !== entry.birth) return [];
  const moved = (existing.moved ?? []).filter(({ until }) => until > now - PAGING_MS_MAX);
  if (existing.timeoutAt !== entry.timeoutAt)
    moved.push({ until: now, timeoutAt: existing.timeoutAt });
  return moved.slice(-MOVED_MAX);
}
