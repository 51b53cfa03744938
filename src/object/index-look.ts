/**
 * What is read of the tables of a shard of the index, which index-store.ts lays out and writes. What a
 * query finds is the machine's matter; here is how it is looked for.
 */
import { endOfPrefix } from "../machine/ids.ts";
import type { PromiseEntry, ScheduleEntry } from "../machine/index-entry.ts";
import { keyOf, type Found, type Order, type Place } from "../machine/order.ts";
import {
  projectEntry,
  promiseMatches,
  type PromiseTerms,
  type ScheduleQuery,
} from "../machine/query.ts";
import { entryOf, tagsOf, type PromiseRow } from "./index-row.ts";
import { orderSql, whereOf } from "./index-sql.ts";

export interface Search {
  terms: PromiseTerms;
  order: Order;
  /** Beyond this. */
  after?: Place | undefined;
  /** When the first page was asked for. */
  asOf: number;
  limit: number;
}

/** Of a shard that has tables: an unused one has none. */
export class IndexLook {
  #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** What matches at `now`, in order, projected. */
  find({ terms, order, after, asOf, limit }: Search, now: number): Found[] {
    const where = whereOf(terms, order, now);
    const { key, keyValues, beyond, beyondValues, orderBy } = orderSql(order, after, asOf);
    const rows = this.#sql.exec<PromiseRow>(
      `SELECT * FROM (SELECT *, ${key} AS sort_key FROM promise WHERE ${where.sql})
       WHERE ${beyond} ORDER BY ${orderBy} ${where.exact ? "LIMIT ?" : ""}`,
      ...keyValues,
      ...where.values,
      ...beyondValues,
      ...(where.exact ? [limit] : []),
    );
    const found: Found[] = [];
    for (const row of rows) {
      const entry = entryOf(row);
      if (!where.exact && !promiseMatches(entry, terms, now)) continue;
      const current = projectEntry(entry, now);
      const place = keyOf(current, order.by, asOf);
      if (place !== undefined) found.push({ entry: current, key: place });
      if (found.length >= limit) break;
    }
    return found;
  }

  /** How many match at `now`. */
  count(terms: PromiseTerms, order: Order, now: number): number {
    const { sql, values, exact } = whereOf(terms, order, now);
    if (exact) {
      const query = `SELECT count(*) AS n FROM promise WHERE ${sql}`;
      return this.#sql.exec<{ n: number }>(query, ...values).one().n;
    }
    let count = 0;
    const rows = this.#sql.exec<PromiseRow>(`SELECT * FROM promise WHERE ${sql}`, ...values);
    for (const row of rows) if (promiseMatches(entryOf(row), terms, now)) count += 1;
    return count;
  }

  /** What has changed since a stamp. Removals are remembered for a while only. */
  *changesSince(
    seq: number,
  ): Generator<{ id: string; seq: number; entry: PromiseEntry | undefined }> {
    for (const row of this.#sql.exec<PromiseRow>("SELECT * FROM promise WHERE seq > ?", seq)) {
      yield { id: row.id, seq: row.seq, entry: entryOf(row) };
    }
    const gone = this.#sql.exec<{ id: string; seq: number }>(
      "SELECT id, seq FROM removed WHERE kind = 'promise' AND seq > ?",
      seq,
    );
    for (const one of gone) yield { ...one, entry: undefined };
  }

  /** Those whose deadline is after the first instant, and not after the second. */
  *overBetween(after: number, until: number): Generator<PromiseEntry> {
    const rows = this.#sql.exec<PromiseRow>(
      "SELECT * FROM promise WHERE settled = 0 AND timeout_at > ? AND timeout_at <= ?",
      after,
      until,
    );
    for (const row of rows) yield entryOf(row);
  }

  /** The next deadline after an instant; `null` when there is none. */
  nextDeadline(after: number): number | null {
    return this.#sql
      .exec<{ next: number | null }>(
        "SELECT min(timeout_at) AS next FROM promise WHERE settled = 0 AND timeout_at > ?",
        after,
      )
      .one().next;
  }

  /** Ids beyond one, in their order: of the pending, or of all. */
  ids(which: "pending" | "all", after: string, limit: number): string[] {
    // The byte order of SQLite is that of the code points, so the two lists are merged by it there.
    const settled =
      which === "all" ? "UNION ALL SELECT id FROM promise WHERE settled = 1 AND id > ?1" : "";
    return this.#sql
      .exec<{ id: string }>(
        `SELECT id FROM promise WHERE settled = 0 AND id > ?1 ${settled} ORDER BY id LIMIT ?2`,
        after,
        limit,
      )
      .toArray()
      .map(({ id }) => id);
  }

  *schedules(query: ScheduleQuery): Generator<ScheduleEntry> {
    const { prefix = "", after = "" } = query;
    const end = endOfPrefix(prefix);
    const rows = this.#sql.exec<{ id: string; revision: number; tags: string }>(
      `SELECT id, revision, tags FROM schedule
       WHERE id > ? AND id >= ? ${end === undefined ? "" : "AND id < ?"} ORDER BY id`,
      after,
      prefix,
      ...(end === undefined ? [] : [end]),
    );
    for (const { tags, ...rest } of rows) yield { kind: "schedule", ...rest, tags: tagsOf(tags) };
  }

  groups(): string[] {
    const rows = this.#sql.exec<{ name: string }>("SELECT name FROM worker_group");
    return rows.toArray().map(({ name }) => name);
  }
}
