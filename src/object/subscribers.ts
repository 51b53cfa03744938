/**
 * Who is to be told when a promise settles: awaiters (tasks of other promises) and listeners
 * (addresses). A row each, because there can be many and the record would be written anew for every
 * one. A row goes when its owner has confirmed that it knows.
 *
 * Knows the layout of these rows and nothing else.
 */
const PREFIX = "subscriber:";
const AWAITER = `${PREFIX}awaiter:`;
const LISTENER = `${PREFIX}listener:`;

export class Subscribers {
  #storage: DurableObjectStorage;
  #rows: Set<string> | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get size(): number {
    return this.#known().size;
  }

  get awaiters(): string[] {
    return this.#named(AWAITER);
  }

  get listeners(): string[] {
    return this.#named(LISTENER);
  }

  addAwaiter(id: string): void {
    this.#add(AWAITER + id);
  }

  addListener(address: string): void {
    this.#add(LISTENER + address);
  }

  removeAwaiter(id: string): void {
    this.#remove(AWAITER + id);
  }

  removeListener(address: string): void {
    this.#remove(LISTENER + address);
  }

  /** The promise was made a moment ago, or is gone with all its rows: there are none. */
  reset(): void {
    this.#rows = new Set();
  }

  #add(row: string): void {
    if (this.#known().has(row)) return;
    this.#storage.kv.put(row, 1);
    this.#known().add(row);
  }

  #remove(row: string): void {
    if (this.#known().delete(row)) this.#storage.kv.delete(row);
  }

  #named(prefix: string): string[] {
    return [...this.#known()]
      .filter((row) => row.startsWith(prefix))
      .map((row) => row.slice(prefix.length));
  }

  /** Read once in a life of the object: nobody else writes here. */
  #known(): Set<string> {
    this.#rows ??= new Set(Array.from(this.#storage.kv.list({ prefix: PREFIX }), ([row]) => row));
    return this.#rows;
  }
}
