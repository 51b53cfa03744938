/**
 * A part of the audit log: who did what by right of an administrator, or by hand. Bounded in number
 * and in age: the oldest go. A few objects share the entries by chance, so that one who deletes many
 * promises does not wait for one of them.
 *
 * An entry is written before what it tells of is done, and completed when that is answered. So an act
 * that happened has an entry, whatever crashed; one without a status may or may not have happened.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import {
  actMatches,
  AUDIT_SHARDS,
  type Act,
  type AuditPage,
  type AuditQuery,
} from "../machine/audit.ts";
import { AHEAD_MS_MAX } from "../machine/deadline.ts";

const KEPT_MAX = LIMITS.auditEntriesMax / AUDIT_SHARDS;
/** Of those that are too many, some more go at once: to count them costs a look at all. */
const SPARE = 100;
/** So many one call looks at: who asks for the rare among the many gets a short page. */
const LOOK_AT_MAX = 5000;

/** There is nothing but this before the first entry: to look at an unused part writes nothing. */
const KEY = "audit";
const LAYOUT = 1;
const TABLE = `
  CREATE TABLE act (at INTEGER NOT NULL, id TEXT NOT NULL, entry TEXT NOT NULL, PRIMARY KEY (at, id))
  WITHOUT ROWID`;

export class AuditObject extends DurableObject<Env> {
  /** How many there are; `undefined` until this life of the object has counted. */
  #count: number | undefined;
  #alarmAt: number | null | undefined;

  /** Durable when it returns. The same one again changes nothing, not even what has come of it. */
  async begin(act: Act): Promise<void> {
    const { sql } = this.ctx.storage;
    this.#makeTable();
    this.#count ??= sql.exec<{ count: number }>("SELECT COUNT(*) AS count FROM act").one().count;
    const { rowsWritten } = sql.exec(
      "INSERT OR IGNORE INTO act (at, id, entry) VALUES (?, ?, ?)",
      act.at,
      act.id,
      JSON.stringify(act),
    );
    this.#count += rowsWritten > 0 ? 1 : 0;
    this.#dropTooMany();
    await this.#arm(act.at);
  }

  /** What has come of it. Of one that is gone it says nothing. */
  end({ at, id, ...rest }: Act): void {
    if (!this.#hasTable) return;
    this.ctx.storage.sql.exec(
      "UPDATE act SET entry = ? WHERE at = ? AND id = ?",
      JSON.stringify({ at, id, ...rest } satisfies Act),
      at,
      id,
    );
  }

  /** The newest first; writes nothing. */
  find({ before, limit, ...terms }: AuditQuery): AuditPage {
    if (!this.#hasTable) return { acts: [] };
    const rows = this.ctx.storage.sql.exec<{ entry: string }>(
      "SELECT entry FROM act WHERE (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?",
      before?.at ?? Number.MAX_SAFE_INTEGER,
      before?.id ?? "",
      LOOK_AT_MAX,
    );
    const acts: Act[] = [];
    let looked = 0;
    for (const { entry } of rows) {
      // SAFETY: written above, from the type.
      const act = JSON.parse(entry) as Act;
      looked += 1;
      if (actMatches(act, terms)) acts.push(act);
      const isOver = acts.length >= limit || looked >= LOOK_AT_MAX;
      if (isOver) return { acts, until: { at: act.at, id: act.id } };
    }
    return { acts };
  }

  /** Right when early, late and twice: what is old enough goes, and the next of them is armed. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    if (!this.#hasTable) return;
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM act WHERE at <= ?", Date.now() - this.#keptMs);
    this.#count = undefined;
    const { oldest } = sql
      .exec<{ oldest: number | null }>("SELECT min(at) AS oldest FROM act")
      .one();
    if (oldest !== null) await this.#arm(oldest);
  }

  #dropTooMany(): void {
    const count = this.#count ?? 0;
    if (count <= KEPT_MAX) return;
    const gone = Math.min(count - KEPT_MAX + SPARE, count - 1);
    const { rowsWritten } = this.ctx.storage.sql.exec(
      "DELETE FROM act WHERE (at, id) IN (SELECT at, id FROM act ORDER BY at, id LIMIT ?)",
      gone,
    );
    this.#count = count - rowsWritten;
  }

  async #arm(oldest: number): Promise<void> {
    if (this.#alarmAt === undefined) this.#alarmAt = await this.ctx.storage.getAlarm();
    if (this.#alarmAt !== null) return;
    const now = Date.now();
    this.#alarmAt = Math.min(Math.max(oldest + this.#keptMs, now), now + AHEAD_MS_MAX);
    await this.ctx.storage.setAlarm(this.#alarmAt);
  }

  get #keptMs(): number {
    return readConfig(this.env).auditRetentionMs;
  }

  get #hasTable(): boolean {
    return this.ctx.storage.kv.get(KEY) !== undefined;
  }

  #makeTable(): void {
    if (this.#hasTable) return;
    this.ctx.storage.sql.exec(TABLE);
    this.ctx.storage.kv.put(KEY, LAYOUT);
  }
}
