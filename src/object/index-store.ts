/**
 * What a shard of the index stores and how: a table for promises, one for schedules, one for what is
 * gone. The only file that knows the tables. The newer entry wins here; what a query finds is the
 * machine's matter.
 *
 * A row written is the bill: an entry is one row, and one more where a task is taken or let go, for
 * the index of holders.
 */
import type {
  IndexEntry,
  PromiseEntry,
  RemovedEntry,
  ScheduleEntry,
} from "../machine/index-entry.ts";
import { endOfPrefix, type IndexQuery } from "../machine/query.ts";
import { entryOf, promiseValues, tagsOf, type PromiseRow } from "./index-row.ts";

/** There is nothing but this before the first entry: to look at an unused shard writes nothing. */
const KEY = "index";

/** Raised when the tables change. */
const LAYOUT = 1;

interface Stored {
  layout: number;
  /** How many shards there are. */
  shards: number;
}

const TABLES = `
  CREATE TABLE promise (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, birth TEXT NOT NULL,
    state TEXT NOT NULL, timeout_state TEXT,
    created_at INTEGER NOT NULL, timeout_at INTEGER NOT NULL, settled_at INTEGER,
    tags TEXT NOT NULL,
    task_state TEXT, task_version INTEGER, task_resumes INTEGER, pid TEXT, ttl_ms INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX promise_by_pid ON promise (pid) WHERE pid IS NOT NULL;
  CREATE TABLE schedule (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, tags TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE removed (
    kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, removed_at INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
  ) WITHOUT ROWID;`;

/** Not what is older than a removal, nor than what is there. */
const PUT_PROMISE = `
  INSERT INTO promise (id, revision, birth, state, timeout_state, created_at, timeout_at,
    settled_at, tags, task_state, task_version, task_resumes, pid, ttl_ms)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14
  WHERE NOT EXISTS (
    SELECT 1 FROM removed WHERE kind = 'promise' AND id = ?1 AND revision >= ?2)
  ON CONFLICT (id) DO UPDATE SET
    revision = excluded.revision, birth = excluded.birth, state = excluded.state,
    timeout_state = excluded.timeout_state, created_at = excluded.created_at,
    timeout_at = excluded.timeout_at, settled_at = excluded.settled_at, tags = excluded.tags,
    task_state = excluded.task_state, task_version = excluded.task_version,
    task_resumes = excluded.task_resumes, pid = excluded.pid, ttl_ms = excluded.ttl_ms
  WHERE excluded.revision > promise.revision`;

const PUT_SCHEDULE = `
  INSERT INTO schedule (id, revision, tags) SELECT ?1, ?2, ?3
  WHERE NOT EXISTS (
    SELECT 1 FROM removed WHERE kind = 'schedule' AND id = ?1 AND revision >= ?2)
  ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, tags = excluded.tags
  WHERE excluded.revision > schedule.revision`;

const PUT_REMOVED = `
  INSERT INTO removed (kind, id, revision, removed_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (kind, id) DO UPDATE SET revision = excluded.revision, removed_at = excluded.removed_at
  WHERE excluded.revision > removed.revision`;

export class IndexStore {
  #storage: DurableObjectStorage;
  /** As stored; `undefined` until it is known that anything is. */
  #shards: number | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** How many shards there were at the first entry; `undefined` before it. */
  shards(): number | undefined {
    if (this.#shards !== undefined) return this.#shards;
    const stored = this.#storage.kv.get<Stored>(KEY);
    if (stored && stored.layout !== LAYOUT) {
      throw new Error(`unknown layout ${stored.layout} of the index`);
    }
    this.#shards = stored?.shards;
    return this.#shards;
  }

  /** All of them or none. */
  put(entries: IndexEntry[], shards: number, now: number): void {
    this.#storage.transactionSync(() => {
      if (this.shards() === undefined) this.#begin(shards);
      for (const entry of entries) this.#putOne(entry, now);
    });
    this.#shards = shards;
  }

  /** In the order of ids, `count` at most: what may match, to be looked at by the machine. */
  *promises(query: IndexQuery & { kind: "promise" }, count: number): Generator<PromiseEntry> {
    const { where, values } = range(query);
    // The holder's few rows by their own index, which has the ids in order too.
    const held = query.pid === undefined ? "" : " AND pid = ?";
    const rows = this.#storage.sql.exec<PromiseRow>(
      `SELECT * FROM promise WHERE ${where}${held} ORDER BY id LIMIT ?`,
      ...values,
      ...(query.pid === undefined ? [] : [query.pid]),
      count,
    );
    for (const row of rows) yield entryOf(row);
  }

  *schedules(query: IndexQuery & { kind: "schedule" }, count: number): Generator<ScheduleEntry> {
    const { where, values } = range(query);
    const rows = this.#storage.sql.exec<{ id: string; revision: number; tags: string }>(
      `SELECT id, revision, tags FROM schedule WHERE ${where} ORDER BY id LIMIT ?`,
      ...values,
      count,
    );
    for (const { tags, ...rest } of rows) yield { kind: "schedule", ...rest, tags: tagsOf(tags) };
  }

  /** Forgets what was removed before `before`. Says when the oldest of the others was. */
  sweep(before: number): number | null {
    if (this.shards() === undefined) return null;
    const { sql } = this.#storage;
    sql.exec("DELETE FROM removed WHERE removed_at < ?", before);
    return sql
      .exec<{ oldest: number | null }>("SELECT min(removed_at) AS oldest FROM removed")
      .one().oldest;
  }

  #begin(shards: number): void {
    this.#storage.sql.exec(TABLES);
    this.#storage.kv.put(KEY, { layout: LAYOUT, shards } satisfies Stored);
  }

  #putOne(entry: IndexEntry, now: number): void {
    const { sql } = this.#storage;
    switch (entry.kind) {
      case "promise":
        sql.exec(PUT_PROMISE, ...promiseValues(entry));
        return;
      case "schedule":
        sql.exec(PUT_SCHEDULE, entry.id, entry.revision, JSON.stringify(entry.tags));
        return;
      case "removed":
        this.#remove(entry, now);
        return;
      default:
        entry satisfies never;
    }
  }

  /** Remembered also where nothing was: what is older than it may still be on its way. */
  #remove({ of, id, revision }: RemovedEntry, now: number): void {
    const { sql } = this.#storage;
    sql.exec(`DELETE FROM ${of} WHERE id = ? AND revision < ?`, id, revision);
    sql.exec(PUT_REMOVED, of, id, revision, now);
  }
}

function range({ prefix = "", after = "" }: IndexQuery): { where: string; values: string[] } {
  const end = endOfPrefix(prefix);
  return end === undefined
    ? { where: "id > ? AND id >= ?", values: [after, prefix] }
    : { where: "id > ? AND id >= ? AND id < ?", values: [after, prefix, end] };
}
