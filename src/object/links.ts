/**
 * The links to one promise: a row each, in the promise's own object, so that using one and settling
 * the promise are one turn. Knows their layout; what is good is machine/link.ts's matter.
 */
import type { Link } from "../machine/link.ts";

const PREFIX = "link:";

export class Links {
  #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get(id: string): Link | undefined {
    return this.#storage.kv.get<Link>(PREFIX + id);
  }

  save(link: Link): void {
    this.#storage.kv.put(PREFIX + link.id, link);
  }

  /** Oldest first. */
  all(): Link[] {
    const links = Array.from(this.#storage.kv.list<Link>({ prefix: PREFIX }), ([, link]) => link);
    return links.toSorted((one, other) => one.createdAt - other.createdAt);
  }
}
