/**
 * What waits to be sent to an endpoint, and the dead letters: how they are stored. The only file that
 * knows these tables, which the first event makes.
 *
 * A delivery is one row and its text another: an attempt writes the small one only. All of it is
 * bounded: too many that wait make dead letters of the oldest, too many of those drop the oldest.
 */
import { LIMITS, type WebhookFormat } from "../../client/src/protocol.ts";
import type { Event } from "../machine/webhook-event.ts";

/** A row may have 2 MB; a promise with a mebibyte asked and another answered is cut. */
const PART_BYTES = 1_800_000;

const TABLES = `
  CREATE TABLE delivery (
    number INTEGER PRIMARY KEY, event TEXT, type TEXT, subject TEXT, at INTEGER, format TEXT,
    bytes INTEGER, attempts INTEGER, first_at INTEGER, next_at INTEGER, dead_at INTEGER, why TEXT
  );
  CREATE UNIQUE INDEX delivery_event ON delivery (event);
  CREATE INDEX delivery_due ON delivery (next_at, attempts) WHERE next_at IS NOT NULL;
  CREATE TABLE body (
    number INTEGER, part INTEGER, text BLOB, PRIMARY KEY (number, part)
  ) WITHOUT ROWID;`;

/** What waits to be sent. */
export interface Delivery {
  /** Never the same twice, in the order of age. */
  number: number;
  event: string;
  type: string;
  /** The promise's id. */
  subject: string;
  format: WebhookFormat;
  /** So often it was tried, and when the first time was. */
  attempts: number;
  firstAt: number | null;
}

/** What was given up. `why`: the last failure or status, `disabled`, or `full`. */
export interface DeadLetter {
  number: number;
  event: string;
  type: string;
  subject: string;
  at: number;
  attempts: number;
  deadAt: number;
  why: string;
}

interface Tally {
  waiting: number;
  dead: number;
  bytes: number;
}

export class WebhookQueue {
  #storage: DurableObjectStorage;
  #hasTables: boolean | undefined;
  #lastNumber = 0;
  /** `undefined` until it has been counted in this life of the object. */
  #tally: Tally | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** The storage was emptied. */
  forget(): void {
    this.#hasTables = false;
    this.#tally = undefined;
  }

  /** @returns false for an event that is here already */
  add(event: Event, text: string, format: WebhookFormat, now: number): boolean {
    this.#makeTables();
    const { id, type, subject, at } = event;
    if (this.#number("SELECT 1 FROM delivery WHERE event = ?", id) !== null) return false;
    const bytes = new TextEncoder().encode(text);
    this.#lastNumber = Math.max(this.#lastNumber + 1, now * 1000);
    const number = this.#lastNumber;
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec(
        `INSERT INTO delivery (number, event, type, subject, at, format, bytes, attempts, next_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)`,
        number,
        id,
        type,
        subject,
        at,
        format,
        bytes.length,
        now,
      );
      for (let part = 0; part * PART_BYTES < bytes.length; part += 1) {
        const slice = bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
        this.#storage.sql.exec(
          "INSERT INTO body (number, part, text) VALUES (?, ?, ?)",
          number,
          part,
          slice,
        );
      }
      this.#count({ waiting: 1, bytes: bytes.length });
      this.#makeRoom(now);
    });
    return true;
  }

  /** The next that is due, besides those; `fresh` asks for one that was not tried yet. */
  due(now: number, besides: number[], fresh: boolean): Delivery | undefined {
    if (!this.#found) return undefined;
    const [row] = this.#storage.sql.exec<{
      number: number;
      event: string;
      type: string;
      subject: string;
      format: WebhookFormat;
      attempts: number;
      first_at: number | null;
    }>(
      `SELECT number, event, type, subject, format, attempts, first_at FROM delivery
        WHERE next_at <= ? AND (attempts = 0 OR NOT ?)
          AND number NOT IN (SELECT value FROM json_each(?))
        ORDER BY next_at LIMIT 1`,
      now,
      fresh ? 1 : 0,
      JSON.stringify(besides),
    );
    if (!row) return undefined;
    const { first_at: firstAt, ...rest } = row;
    return { ...rest, firstAt };
  }

  textOf(number: number): string {
    const rows = this.#storage.sql.exec<{ text: ArrayBuffer }>(
      "SELECT text FROM body WHERE number = ? ORDER BY part",
      number,
    );
    const decoder = new TextDecoder();
    let text = "";
    for (const row of rows) text += decoder.decode(row.text, { stream: true });
    return text + decoder.decode();
  }

  /** Delivered, or dropped. */
  remove(number: number): void {
    const row = this.#find(number);
    if (!row) return;
    this.#storage.sql.exec("DELETE FROM delivery WHERE number = ?", number);
    this.#storage.sql.exec("DELETE FROM body WHERE number = ?", number);
    this.#count({ [row.isDead ? "dead" : "waiting"]: -1, bytes: -row.bytes });
  }

  /** Nothing for one that was given up or removed meanwhile. */
  retry(number: number, attempts: number, firstAt: number, nextAt: number): void {
    if (!this.#found) return;
    this.#storage.sql.exec(
      `UPDATE delivery SET attempts = ?, first_at = ?, next_at = ?
        WHERE number = ? AND next_at IS NOT NULL`,
      attempts,
      firstAt,
      nextAt,
      number,
    );
  }

  /** Makes a dead letter of a delivery. */
  bury(number: number, why: string, now: number, attempts: number | null = null): void {
    const row = this.#find(number);
    if (!row || row.isDead) return;
    this.#storage.sql.exec(
      `UPDATE delivery SET attempts = COALESCE(?, attempts), next_at = NULL, dead_at = ?, why = ?
        WHERE number = ?`,
      attempts,
      now,
      why,
      number,
    );
    this.#count({ waiting: -1, dead: 1 });
    this.#makeRoom(now);
  }

  /** Of all that waits. */
  buryAll(why: string, now: number): void {
    if (!this.#found) return;
    this.#storage.sql.exec(
      "UPDATE delivery SET next_at = NULL, dead_at = ?, why = ? WHERE next_at IS NOT NULL",
      now,
      why,
    );
    this.#tally = undefined;
    this.#makeRoom(now);
  }

  /**
   * Due at once, with all its attempts before it: this event, dead or waiting, or every dead letter.
   *
   * @returns how many
   */
  revive(event: string | undefined, now: number): number {
    if (!this.#found) return 0;
    const revived = this.#storage.sql.exec(
      `UPDATE delivery SET attempts = 0, first_at = NULL, next_at = ?2, dead_at = NULL, why = NULL
        WHERE CASE WHEN ?1 IS NULL THEN next_at IS NULL ELSE event = ?1 END
        RETURNING number`,
      event ?? null,
      now,
    );
    const count = revived.toArray().length;
    this.#tally = undefined;
    this.#makeRoom(now);
    return count;
  }

  /** When the next is due; `null` when nothing waits. */
  get nextAt(): number | null {
    return this.#found
      ? this.#number("SELECT MIN(next_at) FROM delivery WHERE next_at IS NOT NULL")
      : null;
  }

  get tally(): Readonly<Tally> {
    return this.#count({});
  }

  /** Oldest first. */
  deadLetters(after: number, most: number): DeadLetter[] {
    if (!this.#found) return [];
    const rows = this.#storage.sql.exec<Omit<DeadLetter, "deadAt"> & { dead_at: number }>(
      `SELECT number, event, type, subject, at, attempts, dead_at, why FROM delivery
        WHERE next_at IS NULL AND number > ? ORDER BY number LIMIT ?`,
      after,
      most,
    );
    return Array.from(rows, ({ dead_at: deadAt, ...row }) => ({ ...row, deadAt }));
  }

  #makeRoom(now: number): void {
    const { webhookWaitingMax, webhookDeadLettersMax, webhookKeptBytesMax } = LIMITS;
    for (;;) {
      const { waiting, dead, bytes } = this.tally;
      if (dead > webhookDeadLettersMax || (bytes > webhookKeptBytesMax && dead > 0)) {
        this.remove(this.#number("SELECT MIN(number) FROM delivery WHERE next_at IS NULL")!);
      } else if (waiting > webhookWaitingMax || bytes > webhookKeptBytesMax) {
        const oldest = "SELECT MIN(number) FROM delivery WHERE next_at IS NOT NULL";
        this.bury(this.#number(oldest)!, "full", now);
      } else return;
    }
  }

  #find(number: number): { bytes: number; isDead: boolean } | undefined {
    if (!this.#found) return undefined;
    const [row] = this.#storage.sql.exec<{ bytes: number; next_at: number | null }>(
      "SELECT bytes, next_at FROM delivery WHERE number = ?",
      number,
    );
    return row && { bytes: row.bytes, isDead: row.next_at === null };
  }

  #count({ waiting = 0, dead = 0, bytes = 0 }: Partial<Tally>): Tally {
    if (!this.#tally) {
      this.#tally = {
        waiting: this.#sum("SELECT COUNT(next_at) FROM delivery"),
        dead: this.#sum("SELECT COUNT(*) - COUNT(next_at) FROM delivery"),
        bytes: this.#sum("SELECT SUM(bytes) FROM delivery"),
      };
    } else {
      this.#tally.waiting += waiting;
      this.#tally.dead += dead;
      this.#tally.bytes += bytes;
    }
    return this.#tally;
  }

  #sum(query: string): number {
    return this.#found ? (this.#number(query) ?? 0) : 0;
  }

  /** The first column of the first row; `null` without one. */
  #number(query: string, ...bindings: SqlStorageValue[]): number | null {
    const [row] = this.#storage.sql.exec(query, ...bindings).raw();
    // SAFETY: only columns of numbers are asked for.
    return (row?.[0] as number | null | undefined) ?? null;
  }

  get #found(): boolean {
    this.#hasTables ??=
      this.#number("SELECT 1 FROM sqlite_master WHERE name = 'delivery'") !== null;
    return this.#hasTables;
  }

  #makeTables(): void {
    if (!this.#found) this.#storage.sql.exec(TABLES);
    this.#hasTables = true;
  }
}
