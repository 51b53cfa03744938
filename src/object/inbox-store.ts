/**
 * What an inbox stores and how: tasks that wait for a worker, and messages that wait for one. The only
 * file that knows the tables. They are made by the first row: a group whose workers are always there
 * stores nothing. Messages are bounded; a parked task is a small row for a promise that is itself kept.
 *
 * Every row has a number: microseconds since the epoch or a little more, never the same twice. So the
 * order of the numbers is the order of age, in every life of the object.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import type { Addressee } from "../machine/address.ts";

/** A task to be executed: the version that a worker acquires it with. */
export interface Offer extends Addressee {
  id: string;
  version: number;
}

/** A message that is owed until it is acknowledged. */
export interface Unblock extends Addressee {
  promiseId: string;
  /** The whole message, as JSON. */
  text: string;
}

export interface ParkedTask {
  id: string;
  number: number;
}

/** A blob and its row may have 2 MB; a promise with a mebibyte asked and another answered is cut. */
const PART_BYTES = 1_800_000;

const TABLES = `
  CREATE TABLE parked (
    id TEXT PRIMARY KEY, version INTEGER, cast_to TEXT, pid TEXT, number INTEGER
  ) WITHOUT ROWID;
  CREATE TABLE kept (
    number INTEGER, part INTEGER, promise_id TEXT, cast_to TEXT, pid TEXT, text BLOB,
    PRIMARY KEY (number, part)
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX kept_for ON kept (cast_to, pid, promise_id) WHERE part = 0;`;

export class InboxStore {
  #storage: DurableObjectStorage;
  #hasTables: boolean | undefined;
  #lastNumber = 0;
  /** How much is kept; `undefined` until this life of the object has counted. */
  #kept: { messages: number; bytes: number } | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  newNumber(): number {
    this.#lastNumber = Math.max(this.#lastNumber + 1, Date.now() * 1000);
    return this.#lastNumber;
  }

  /** The latest offer of a task takes the place of the one before. */
  park({ id, version, cast, pid = "" }: Offer): void {
    this.#makeTables();
    this.#storage.sql.exec(
      `INSERT OR REPLACE INTO parked (id, version, cast_to, pid, number) VALUES (?, ?, ?, ?, ?)`,
      id,
      version,
      cast,
      pid,
      this.newNumber(),
    );
  }

  /** Deletes the row of a task, where there is one; with a `number` only if it is still that row. */
  unpark(id: string, number?: number): void {
    if (!this.#found) return;
    const stored = this.#number("SELECT number FROM parked WHERE id = ?", id);
    if (stored === null || (number !== undefined && stored !== number)) return;
    this.#storage.sql.exec("DELETE FROM parked WHERE id = ?", id);
  }

  /** Tasks that one of these workers may take, oldest first. No index: it would cost a row a task. */
  parkedFor(pids: string[], after: number, upTo: number, most: number): ParkedTask[] {
    if (pids.length === 0 || !this.#found) return [];
    const rows = this.#storage.sql.exec<{ id: string; number: number }>(
      `SELECT id, number FROM parked
        WHERE number > ? AND number <= ?
          AND (cast_to = 'any' OR pid IN (SELECT value FROM json_each(?)))
        ORDER BY number LIMIT ?`,
      after,
      upTo,
      JSON.stringify(pids),
      most,
    );
    return rows.toArray();
  }

  /** Once for each promise and addressee: the latest takes the place of the one before. */
  keep({ promiseId, cast, pid = "", text }: Unblock, number: number): void {
    const bytes = new TextEncoder().encode(text);
    this.#makeTables();
    this.#storage.transactionSync(() => {
      this.dropKept({ promiseId, cast, pid });
      for (let part = 0; part * PART_BYTES < bytes.length; part += 1) {
        this.#storage.sql.exec(
          `INSERT INTO kept (number, part, promise_id, cast_to, pid, text) VALUES (?, ?, ?, ?, ?, ?)`,
          number,
          part,
          promiseId,
          cast,
          pid,
          bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES),
        );
      }
    });
    this.#count(1, bytes.length);
    this.#dropTooMany();
  }

  /** Numbers of messages that this worker may take, oldest first. */
  keptFor(pid: string, most: number): number[] {
    if (!this.#found) return [];
    const rows = this.#storage.sql.exec<{ number: number }>(
      `SELECT number FROM kept
        WHERE part = 0 AND (cast_to = 'any' OR (cast_to = 'uni' AND pid = ?))
        ORDER BY number LIMIT ?`,
      pid,
      most,
    );
    return rows.toArray().map(({ number }) => number);
  }

  textOf(number: number): string {
    const rows = this.#storage.sql.exec<{ text: ArrayBuffer }>(
      "SELECT text FROM kept WHERE number = ? ORDER BY part",
      number,
    );
    const decoder = new TextDecoder();
    let text = "";
    for (const row of rows) text += decoder.decode(row.text, { stream: true });
    return text + decoder.decode();
  }

  /** The message has arrived, or is given up. */
  drop(number: number): void {
    if (!this.#found) return;
    const bytes = this.#number("SELECT SUM(LENGTH(text)) FROM kept WHERE number = ?", number);
    if (bytes === null) return;
    this.#storage.sql.exec("DELETE FROM kept WHERE number = ?", number);
    this.#count(-1, -bytes);
  }

  dropKept({ promiseId, cast, pid = "" }: Omit<Unblock, "text">): void {
    if (!this.#found) return;
    const number = this.#number(
      "SELECT number FROM kept WHERE part = 0 AND cast_to = ? AND pid = ? AND promise_id = ?",
      cast,
      pid,
      promiseId,
    );
    if (number !== null) this.drop(number);
  }

  dropOlderThan(instant: number): void {
    for (let at = this.oldestKept(); at !== null && at < instant; at = this.oldestKept()) {
      this.#dropOldest();
    }
  }

  /** When the oldest message was kept, in ms since the epoch; `null` when none is. */
  oldestKept(): number | null {
    if (!this.#found) return null;
    const number = this.#oldestNumber;
    return number === null ? null : Math.floor(number / 1000);
  }

  #dropTooMany(): void {
    const { unblocksKeptMax, unblocksKeptBytesMax } = LIMITS;
    for (;;) {
      const { messages, bytes } = this.#count(0, 0);
      if (messages <= unblocksKeptMax && bytes <= unblocksKeptBytesMax) return;
      this.#dropOldest();
    }
  }

  #dropOldest(): void {
    this.drop(this.#oldestNumber!);
  }

  get #oldestNumber(): number | null {
    return this.#number("SELECT MIN(number) FROM kept");
  }

  #count(messages: number, bytes: number): { messages: number; bytes: number } {
    if (!this.#kept) {
      this.#kept = {
        messages: this.#number("SELECT COUNT(*) FROM kept WHERE part = 0") ?? 0,
        bytes: this.#number("SELECT SUM(LENGTH(text)) FROM kept") ?? 0,
      };
    } else {
      this.#kept.messages += messages;
      this.#kept.bytes += bytes;
    }
    return this.#kept;
  }

  /** The first column of the first row; `null` without one. */
  #number(query: string, ...bindings: SqlStorageValue[]): number | null {
    const [row] = this.#storage.sql.exec(query, ...bindings).raw();
    // SAFETY: only columns of numbers are asked for.
    return (row?.[0] as number | null | undefined) ?? null;
  }

  get #found(): boolean {
    this.#hasTables ??= this.#number("SELECT 1 FROM sqlite_master WHERE name = 'parked'") !== null;
    return this.#hasTables;
  }

  #makeTables(): void {
    if (!this.#found) this.#storage.sql.exec(TABLES);
    this.#hasTables = true;
  }
}
