/**
 * The last attempts at an endpoint, to be looked at: a ring of rows. The only file that knows its
 * table, which the first attempt makes.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import type { Failure } from "../machine/delivery.ts";

/** What came of an attempt: the `attempt`-th for its event. */
export interface LoggedAttempt {
  event: string;
  type: string;
  /** The promise's id. `null` of a test, and of what was written before this was. */
  subject: string | null;
  attempt: number;
  at: number;
  ms: number;
  /** `null` when nothing was answered; then `failure` says why. */
  status: number | null;
  failure: Failure | null;
  /** How the answer begins. */
  answer: string;
}

const TABLE = `
  CREATE TABLE IF NOT EXISTS attempt (
    slot INTEGER PRIMARY KEY, number INTEGER, event TEXT, type TEXT, subject TEXT, attempt INTEGER,
    at INTEGER, ms INTEGER, status INTEGER, failure TEXT, answer TEXT
  )`;

export class WebhookLog {
  #sql: SqlStorage;
  /** How many there ever were; `undefined` until this life of the object has looked. */
  #count: number | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#sql = storage.sql;
  }

  add(logged: LoggedAttempt): void {
    const { event, type, subject, attempt, at, ms, status, failure, answer } = logged;
    if (this.#counted === 0) this.#sql.exec(TABLE);
    this.#count = this.#counted + 1;
    this.#sql.exec(
      `INSERT OR REPLACE INTO attempt
         (slot, number, event, type, subject, attempt, at, ms, status, failure, answer)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      this.#count % LIMITS.webhookLogMax,
      this.#count,
      event,
      type,
      subject,
      attempt,
      at,
      ms,
      status,
      failure,
      answer,
    );
  }

  /** The latest first. */
  get all(): LoggedAttempt[] {
    if (this.#counted === 0) return [];
    const rows = this.#sql.exec<LoggedAttempt & Record<string, SqlStorageValue>>(
      `SELECT event, type, subject, attempt, at, ms, status, failure, answer FROM attempt
        ORDER BY number DESC`,
    );
    return rows.toArray();
  }

  /** As far as it is remembered. */
  hasDelivered(event: string): boolean {
    if (this.#counted === 0) return false;
    const found = this.#sql.exec(
      "SELECT 1 FROM attempt WHERE event = ? AND status BETWEEN 200 AND 299 LIMIT 1",
      event,
    );
    return !found.next().done;
  }

  /** The storage was emptied. */
  forget(): void {
    this.#count = 0;
  }

  get #counted(): number {
    this.#count ??= this.#hasTable ? this.#countRows() : 0;
    return this.#count;
  }

  #countRows(): number {
    const named = this.#sql.exec(
      "SELECT 1 FROM pragma_table_info('attempt') WHERE name = 'subject'",
    );
    // A table of before there were subjects.
    if (named.next().done) this.#sql.exec("ALTER TABLE attempt ADD COLUMN subject TEXT");
    const [row] = this.#sql.exec<{ n: number | null }>("SELECT MAX(number) AS n FROM attempt");
    return row?.n ?? 0;
  }

  get #hasTable(): boolean {
    const found = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'attempt'");
    return !found.next().done;
  }
}
