/**
 * A value that components follow. Knows nothing of what it holds.
 *
 * Subscribed in a layout effect: an ordinary effect runs a frame later (hono 4.13), and one whose
 * component is gone by then would follow for ever.
 */
import { useLayoutEffect, useState } from "hono/jsx/dom";

export class Store<T> {
  #value: T;
  readonly #readers = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const reader of this.#readers) reader();
  }

  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  /** @returns how to leave */
  subscribe(reader: () => void): () => void {
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }
}

export function useStore<T>(store: Store<T>): T {
  const [, setTurn] = useState(0);
  useLayoutEffect(() => {
    const read = store.value;
    const leave = store.subscribe(() => setTurn((turn) => turn + 1));
    if (!Object.is(read, store.value)) setTurn((turn) => turn + 1);
    return leave;
  }, [store]);
  return store.value;
}
