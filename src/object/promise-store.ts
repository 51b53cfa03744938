/**
 * What a promise object stores and how: one kv record, written once per transition (one row; a table
 * would cost three before its first). The only file that knows the layout.
 */
import type { PromiseRecord } from "../machine/promise.ts";

const KEY = "promise";

/** Raised when the shape changes; {@link loadPromise} then reads the older ones too. */
const LAYOUT = 1;

interface Stored {
  layout: number;
  record: PromiseRecord;
}

/** Reads the storage each time, never a cache: a stale twin of the object must not answer. */
export function loadPromise(storage: DurableObjectStorage): PromiseRecord | null {
  const stored = storage.kv.get<Stored>(KEY);
  if (!stored) return null;
  if (stored.layout !== LAYOUT) throw new Error(`unknown storage layout ${stored.layout}`);
  return stored.record;
}

/** Synchronous: what the same turn writes beside it becomes durable with it, or not at all. */
export function savePromise(storage: DurableObjectStorage, record: PromiseRecord): void {
  storage.kv.put(KEY, { layout: LAYOUT, record } satisfies Stored);
}

/**
 * Everything goes, the alarm too, so that the id costs nothing any more. The kv delete comes first:
 * whoever enters next finds no promise, whatever is left of the files.
 */
export function deletePromise(storage: DurableObjectStorage): void {
  storage.kv.delete(KEY);
  void storage.deleteAll();
}
