/**
 * What a promise object stores and how: the record as JSON text under one kv key, written once per
 * transition (one row; a table would cost three before its first). The only file that knows the
 * layout.
 *
 * Whatever is answered has touched the storage, by reading or by writing: there the runtime stops a
 * stale twin of the object (Cloudflare docs, Durable Objects, "Known issues"). Memory only saves a
 * reading where a writing follows.
 */
import type { PromiseRecord } from "../machine/promise.ts";

const KEY = "promise";

/** Raised when the shape changes; loading then reads the older ones too. */
const LAYOUT = 1;

/**
 * A stored value may have 2 MB, and V8 writes two bytes for each character of a string with one
 * beyond Latin-1. A promise with a mebibyte asked and another answered does not fit: it is cut.
 */
const TEXT_LENGTH_MAX = 900_000;
const PART_BYTES = 1_800_000;

interface Stored {
  layout: number;
  record: PromiseRecord;
}

/** In place of the text, where the record is cut into parts `promise.0`, `promise.1`, … */
interface Cut {
  parts: number;
}

export class PromiseStore {
  #storage: DurableObjectStorage;
  /** What is stored, as far as this life of the object knows. */
  #last: { text: string | undefined; record: PromiseRecord | null } | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  load(): PromiseRecord | null {
    const stored = this.#storage.kv.get<string | Cut>(KEY);
    const text = typeof stored === "object" ? this.#joined(stored) : stored;
    if (!this.#last || this.#last.text !== text) {
      this.#last = { text, record: text === undefined ? null : parse(text) };
    }
    return this.#last.record;
  }

  /** From memory where it can: only for a decision that is written, or else taken again on a load. */
  recall(): PromiseRecord | null {
    return this.#last ? this.#last.record : this.load();
  }

  /** Synchronous: what the same turn writes beside it becomes durable with it, or not at all. */
  save(record: PromiseRecord): void {
    const text = JSON.stringify({ layout: LAYOUT, record } satisfies Stored);
    this.#storage.kv.put(KEY, text.length > TEXT_LENGTH_MAX ? this.#cut(text) : text);
    this.#last = { text, record };
  }

  /**
   * Everything goes, the alarm too, so that the id costs nothing any more. The kv delete comes first:
   * whoever enters next finds no promise, whatever is left of the files.
   */
  delete(): void {
    this.#storage.kv.delete(KEY);
    void this.#storage.deleteAll();
    this.#last = { text: undefined, record: null };
  }

  /** The promise goes, and what begins with `prefix` stays. */
  deleteBut(prefix: string): void {
    for (const [key] of this.#storage.kv.list()) {
      if (!key.startsWith(prefix)) this.#storage.kv.delete(key);
    }
    this.#last = { text: undefined, record: null };
  }

  #cut(text: string): Cut {
    const bytes = new TextEncoder().encode(text);
    const parts = Math.ceil(bytes.length / PART_BYTES);
    for (let part = 0; part < parts; part += 1) {
      const start = part * PART_BYTES;
      this.#storage.kv.put(`${KEY}.${part}`, bytes.slice(start, start + PART_BYTES));
    }
    return { parts };
  }

  #joined({ parts }: Cut): string {
    const decoder = new TextDecoder();
    let text = "";
    for (let part = 0; part < parts; part += 1) {
      text += decoder.decode(this.#storage.kv.get<Uint8Array>(`${KEY}.${part}`), { stream: true });
    }
    return text + decoder.decode();
  }
}

function parse(text: string): PromiseRecord {
  // SAFETY: only `save` writes here, and the layout says with which shape.
  const { layout, record } = JSON.parse(text) as Stored;
  if (layout !== LAYOUT) throw new Error(`unknown storage layout ${layout}`);
  return record;
}
