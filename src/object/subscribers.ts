/**
 * Who is to be told something, a row each, because there can be many and the record would be written
 * anew for every one: when the promise settles, awaiters (tasks of other promises) and listeners
 * (addresses); now, those whom a step of its escalation names, and webhooks; and when it is deleted,
 * the index. A row goes when its owner has confirmed that it knows.
 *
 * Knows the layout of these rows and nothing else.
 */
import type { WebhookEventType } from "../../client/src/protocol.ts";

/** What all of these rows begin with. */
export const SUBSCRIBER_PREFIX = "subscriber:";
const PREFIX = SUBSCRIBER_PREFIX;
const AWAITER = `${PREFIX}awaiter:`;
const LISTENER = `${PREFIX}listener:`;
const NOTICE = `${PREFIX}notice:`;
const EVENT = `${PREFIX}event:`;
const ORPHAN = `${PREFIX}orphan:`;
const REMOVAL = `${PREFIX}removal`;

/** A task that awaited a life of this id which went without an end. */
export interface Orphan {
  birth: string;
  awaiter: string;
}

/** What a webhook hears of. */
export interface OwedEvent {
  type: WebhookEventType;
  webhook: string;
}

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

  /** Steps of the escalation, by their index. */
  get notices(): number[] {
    return this.#named(NOTICE).map(Number);
  }

  get events(): OwedEvent[] {
    return this.#named(EVENT).map((name) => {
      const end = name.indexOf(":");
      // SAFETY: written below.
      return { type: name.slice(0, end) as WebhookEventType, webhook: name.slice(end + 1) };
    });
  }

  get orphans(): Orphan[] {
    return this.#named(ORPHAN).map((name) => {
      const end = name.indexOf(":");
      return { birth: name.slice(0, end), awaiter: name.slice(end + 1) };
    });
  }

  /** The promise goes without an end: whoever awaits it is to look again. All other rows go with it. */
  orphan(birth: string): void {
    const { awaiters } = this;
    for (const row of this.#known()) if (!row.startsWith(ORPHAN)) this.#remove(row);
    for (const awaiter of awaiters) this.#add(`${ORPHAN}${birth}:${awaiter}`);
  }

  removeOrphan({ birth, awaiter }: Orphan): void {
    this.#remove(`${ORPHAN}${birth}:${awaiter}`);
  }

  /** The index is owed the word that there is nothing here any more. */
  get removal(): boolean {
    return this.#known().has(REMOVAL);
  }

  addRemoval(): void {
    this.#add(REMOVAL);
  }

  removeRemoval(): void {
    this.#remove(REMOVAL);
  }

  addNotice(step: number): void {
    this.#add(NOTICE + step);
  }

  addEvent({ type, webhook }: OwedEvent): void {
    this.#add(`${EVENT}${type}:${webhook}`);
  }

  removeNotice(step: number): void {
    this.#remove(NOTICE + step);
  }

  removeEvent({ type, webhook }: OwedEvent): void {
    this.#remove(`${EVENT}${type}:${webhook}`);
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
