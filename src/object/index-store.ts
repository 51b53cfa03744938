/**
 * What a shard of the index stores and how: a table for promises, one for schedules, one for what is
 * gone. Which entry wins is the machine's matter; what is found in the tables, index-look.ts's.
 *
 * A row written is the bill: an entry is one row, also when it moves from the pending to the settled
 * (a key that changes is written once), and one more where a task is taken, for the index of holders.
 */
import { superseding } from "../machine/index-change.ts";
import {
  sameEntry,
  type IndexEntry,
  type PromiseEntry,
  type RemovedEntry,
} from "../machine/index-entry.ts";
import {
  entryOf,
  phaseOf,
  PROMISE_COLUMNS,
  promiseValues,
  tagsText,
  type PromiseRow,
} from "./index-row.ts";
import { LAYOUT, layOut, migrate } from "./index-tables.ts";

/** There is nothing but this before the first entry: to look at an unused shard writes nothing. */
const KEY = "index";

/** A group that nobody has come to for so long, and that has no tasks, is none. */
const GROUP_KEPT_MS = 30 * 24 * 60 * 60 * 1000;

interface Stored {
  layout: number;
  /** How many shards there are. */
  shards: number;
}

/** What became of one id. */
export interface Change {
  id: string;
  seq: number;
  before: PromiseEntry | undefined;
  after: PromiseEntry | undefined;
}

/** What is known of one id. */
type Before = (PromiseRow | { id: null }) & { removal: number | null };

const COLUMNS = PROMISE_COLUMNS.join(", ");
const MARKS = PROMISE_COLUMNS.map(() => "?").join(", ");
const INSERT_PROMISE = `INSERT INTO promise (${COLUMNS}) VALUES (${MARKS})`;
const UPDATE_PROMISE = `UPDATE promise SET (${COLUMNS}) = (${MARKS}) WHERE settled = ? AND id = ?`;
const ONE_PROMISE = "SELECT * FROM promise WHERE settled IN (0, 1) AND id = ?";
const REMOVAL = "SELECT revision FROM removed WHERE kind = ? AND id = ?";
/** Both in one look; always one row. */
const BEFORE = `
  SELECT p.*, r.revision AS removal FROM (SELECT ?1 AS asked)
  LEFT JOIN promise AS p ON p.settled IN (0, 1) AND p.id = asked
  LEFT JOIN removed AS r ON r.kind = 'promise' AND r.id = asked`;

const PUT_SCHEDULE = `
  INSERT INTO schedule (id, revision, tags) SELECT ?1, ?2, ?3
  WHERE NOT EXISTS (
    SELECT 1 FROM removed WHERE kind = 'schedule' AND id = ?1 AND revision >= ?2)
  ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, tags = excluded.tags
  WHERE excluded.revision > schedule.revision`;

const PUT_REMOVED = `
  INSERT INTO removed (kind, id, revision, removed_at, seq) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (kind, id) DO UPDATE SET
    revision = excluded.revision, removed_at = excluded.removed_at, seq = excluded.seq
  WHERE excluded.revision > removed.revision`;

export class IndexStore {
  #storage: DurableObjectStorage;
  #onGone: (entry: PromiseEntry, now: number) => void;
  /** As stored; `undefined` until it is known that anything is. */
  #shards: number | undefined;
  /** The stamp of the last change in this life; the clock stands in for those of earlier ones. */
  #seq = 0;

  /** @param onGone told in the transaction that removes an entry */
  constructor(
    storage: DurableObjectStorage,
    onGone: (entry: PromiseEntry, now: number) => void = () => {},
  ) {
    this.#storage = storage;
    this.#onGone = onGone;
  }

  /** How many shards there were at the first entry; `undefined` before it. */
  shards(): number | undefined {
    if (this.#shards !== undefined) return this.#shards;
    const stored = this.#storage.kv.get<Stored>(KEY);
    if (stored && stored.layout !== LAYOUT) {
      this.#storage.transactionSync(() => {
        migrate(this.#storage.sql, stored.layout);
        this.#storage.kv.put(KEY, { ...stored, layout: LAYOUT } satisfies Stored);
      });
    }
    this.#shards = stored?.shards;
    return this.#shards;
  }

  /** All of them or none. @returns what has changed of promises */
  put(entries: IndexEntry[], shards: number, now: number): Change[] {
    const changes = this.#storage.transactionSync(() => {
      if (this.shards() === undefined) this.#begin(shards);
      return entries.flatMap((entry) => this.#putOne(entry, now));
    });
    this.#shards = shards;
    return changes;
  }

  /** Whether what is stored is older than the entry, and says something else. */
  isWrong(entry: IndexEntry): boolean {
    if (entry.kind === "schedule") return false;
    const stored = this.#one(entry.id);
    if (!stored) return entry.kind === "promise";
    return stored.revision < entry.revision && !sameEntry(stored, entry);
  }

  /** A stamp for all that has changed until `now`: what changes later has a greater one. */
  seq(now: number): number {
    this.#seq = Math.max(this.#seq, now * 1000);
    return this.#seq;
  }

  /** Workers of the group have come. */
  noteGroup(name: string, shards: number, now: number): void {
    this.#storage.transactionSync(() => {
      if (this.shards() === undefined) this.#begin(shards);
      this.#storage.sql.exec(
        `INSERT INTO worker_group (name, seen_at) VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at`,
        name,
        now,
      );
      this.#storage.sql.exec("DELETE FROM worker_group WHERE seen_at < ?", now - GROUP_KEPT_MS);
    });
    this.#shards = shards;
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
    layOut(this.#storage.sql);
    this.#storage.kv.put(KEY, { layout: LAYOUT, shards } satisfies Stored);
  }

  #putOne(entry: IndexEntry, now: number): Change[] {
    switch (entry.kind) {
      case "promise":
        return this.#putPromise(entry, now);
      case "schedule":
        this.#storage.sql.exec(PUT_SCHEDULE, entry.id, entry.revision, tagsText(entry.tags));
        return [];
      case "removed":
        return this.#remove(entry, now);
      default:
        return entry satisfies never;
    }
  }

  #putPromise(entry: PromiseEntry, now: number): Change[] {
    const { id } = entry;
    const found = this.#storage.sql.exec<Before>(BEFORE, id).one();
    const before = found.id === null ? undefined : entryOf(found);
    const after = superseding(before, found.removal ?? undefined, entry, now);
    if (!after) return [];
    // The life before ended without a word of it.
    if (before && before.birth !== after.birth) this.#onGone(before, now);
    const seq = this.#nextSeq(now);
    const values = promiseValues(after, seq);
    if (before) this.#storage.sql.exec(UPDATE_PROMISE, ...values, phaseOf(before), id);
    else this.#storage.sql.exec(INSERT_PROMISE, ...values);
    return [{ id, seq, before, after }];
  }

  /** Remembered also where nothing was: what is older than it may still be on its way. */
  #remove({ of, id, revision, last }: RemovedEntry, now: number): Change[] {
    const { sql } = this.#storage;
    const [known] = sql.exec<{ revision: number }>(REMOVAL, of, id).toArray();
    if (known && revision <= known.revision) return [];
    const seq = this.#nextSeq(now);
    const stored = of === "promise" ? this.#one(id) : undefined;
    const before = stored && stored.revision < revision ? stored : undefined;
    if (before) {
      sql.exec("DELETE FROM promise WHERE settled = ? AND id = ?", phaseOf(before), id);
    }
    // Where another life has taken its place, that has counted it.
    const gone = stored && !before ? undefined : (last ?? before);
    if (gone) this.#onGone(gone, now);
    if (of === "schedule") {
      sql.exec("DELETE FROM schedule WHERE id = ? AND revision < ?", id, revision);
    }
    sql.exec(PUT_REMOVED, of, id, revision, now, seq);
    return before ? [{ id, seq, before, after: undefined }] : [];
  }

  #one(id: string): PromiseEntry | undefined {
    const [row] = this.#storage.sql.exec<PromiseRow>(ONE_PROMISE, id).toArray();
    return row && entryOf(row);
  }

  #nextSeq(now: number): number {
    this.#seq = Math.max(this.#seq + 1, now * 1000);
    return this.#seq;
  }
}
