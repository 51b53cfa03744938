/**
 * Figures of a shard of the index, derived from its rows: nothing is counted beside them, so nothing
 * costs a row, and what is told twice counts once. Only of what is gone a count is kept, for a total
 * must not fall.
 */
import { LATENCY_BOUNDS_MS } from "../../client/src/protocol.ts";
import type { PromiseEntry } from "../machine/index-entry.ts";
import type { Figures, Moments } from "../machine/figures.ts";
import { projectEntry, type PromiseTerms } from "../machine/query.ts";
import { whereOf } from "./index-sql.ts";

const KEY = "gone";
const MINUTE_MS = 60_000;

const STATE = "CASE WHEN settled = 1 OR timeout_at > ? THEN state ELSE timeout_state END";
const SETTLED_AT = "CASE WHEN settled = 1 THEN settled_at ELSE timeout_at END";
/** Which of the bounds it is within: their number for none. */
const BUCKET = `CASE ${LATENCY_BOUNDS_MS.map((bound, n) => `WHEN took <= ${bound} THEN ${n}`).join(" ")}
  ELSE ${LATENCY_BOUNDS_MS.length} END`;

export class IndexFigures {
  #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** How many there are of each kind. Of ids only: what the table cannot decide would count too much. */
  now(terms: Pick<PromiseTerms, "within">, now: number): Figures {
    const where = whereOf(terms, { by: "id" }, now);
    const { sql } = this.#storage;
    const states = sql
      .exec<{ state: string; n: number; oldest: number }>(
        `SELECT ${STATE} AS state, count(*) AS n, min(created_at) AS oldest
         FROM promise WHERE ${where.sql} GROUP BY 1`,
        now,
        ...where.values,
      )
      .toArray();
    const tasks = sql
      .exec<{ state: string; target: string; n: number }>(
        `SELECT CASE WHEN settled = 1 OR timeout_at > ? THEN task_state ELSE 'fulfilled' END AS state,
           coalesce(json_extract('{' || substr(tags, 2) || '}', '$."resonate:target"'), '') AS target,
           count(*) AS n
         FROM promise WHERE task_state IS NOT NULL AND ${where.sql} GROUP BY 1, 2`,
        now,
        ...where.values,
      )
      .toArray();
    const oldest = states.find(({ state }) => state === "pending")?.oldest;
    return {
      states: Object.fromEntries(states.map(({ state, n }) => [state, n])),
      tasks,
      ...(oldest !== undefined && { oldestPendingAt: oldest }),
    };
  }

  /** Minute by minute since then, and in all. */
  moments(since: number, now: number): Moments {
    const { sql } = this.#storage;
    const created = sql
      .exec<{ minute: number; n: number }>(
        `SELECT created_at / ${MINUTE_MS} AS minute, count(*) AS n FROM promise
         WHERE created_at >= ? GROUP BY 1`,
        since,
      )
      .toArray();
    const settled = sql
      .exec<{ minute: number; bucket: number; n: number }>(
        `SELECT at / ${MINUTE_MS} AS minute, ${BUCKET} AS bucket, count(*) AS n FROM (
           SELECT ${SETTLED_AT} AS at, ${SETTLED_AT} - created_at AS took FROM promise
           WHERE settled = 1 OR timeout_at <= ?)
         WHERE at >= ? GROUP BY 1, 2`,
        now,
        since,
      )
      .toArray();
    const totals = sql
      .exec<{ state: string; bucket: number; n: number; took: number }>(
        `SELECT state, ${BUCKET} AS bucket, count(*) AS n, total(took) AS took FROM (
           SELECT ${STATE} AS state, ${SETTLED_AT} - created_at AS took FROM promise
           WHERE settled = 1 OR timeout_at <= ?)
         GROUP BY 1, 2`,
        now,
        now,
      )
      .toArray();
    const pending = sql
      .exec<{ n: number }>(
        "SELECT count(*) AS n FROM promise WHERE settled = 0 AND timeout_at > ?",
        now,
      )
      .one().n;
    return { created, settled, totals: [...totals, ...this.#gone()], pending };
  }

  /** In the turn in which it goes. */
  noteGone(entry: PromiseEntry, now: number): void {
    const { state, settledAt, createdAt } = projectEntry(entry, now);
    // Disposed of while it was pending: it was created, and never settled.
    const took = settledAt === undefined ? 0 : settledAt - createdAt;
    const bound = LATENCY_BOUNDS_MS.findIndex((one) => took <= one);
    const bucket = bound === -1 ? LATENCY_BOUNDS_MS.length : bound;
    const gone = this.#gone();
    const known = gone.find((one) => one.state === state && one.bucket === bucket);
    const rest = gone.filter((one) => one !== known);
    const { n = 0, took: sum = 0 } = known ?? {};
    this.#storage.kv.put(KEY, [...rest, { state, bucket, n: n + 1, took: sum + took }]);
  }

  #gone(): Moments["totals"] {
    return this.#storage.kv.get<Moments["totals"]>(KEY) ?? [];
  }
}
