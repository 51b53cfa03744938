/**
 * API keys, a share of them by their hash: what each may do, kept until it is revoked. A Durable
 * Object for each of a few shares, for a key that nobody made must not make an object.
 *
 * A key itself is not here, only its SHA-256. That is enough, and a slow hash would buy nothing: keys
 * are drawn by us with more than 128 bits, so there is nothing to guess (slow hashes are for what
 * people think up). It does not know who asks.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS, type ApiKey } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";

/** A key that has ended is shown for a while, so that somebody can see why it does not work. */
const ENDED_KEPT_MS = 30 * 24 * 60 * 60 * 1000;

export interface StoredKey {
  /** SHA-256, hex. */
  digest: string;
  /** Its `id` is the beginning of the digest, by which it is found. */
  key: ApiKey;
}

export class KeyObject extends DurableObject<Env> {
  /** @returns whether there was room for it */
  put(stored: StoredKey): boolean {
    const kept = this.#all();
    const endedBefore = stored.key.createdAt - ENDED_KEPT_MS;
    const ended = kept.filter(({ key: { expiresAt = Infinity } }) => expiresAt < endedBefore);
    for (const { key } of ended) this.ctx.storage.kv.delete(rowOf(key.id));
    if (kept.length - ended.length >= LIMITS.keysMax) return false;
    this.ctx.storage.kv.put(rowOf(stored.key.id), stored);
    return true;
  }

  /** Found by the beginning of the digest, recognised by all of it in constant time. */
  find(id: string, digest: string): ApiKey | null {
    const stored = this.#get(id);
    return stored && isSame(stored.digest, digest) ? stored.key : null;
  }

  get(id: string): ApiKey | null {
    return this.#get(id)?.key ?? null;
  }

  list(): ApiKey[] {
    return this.#all().map(({ key }) => key);
  }

  /** @returns whether it was there */
  remove(id: string): boolean {
    return this.ctx.storage.kv.delete(rowOf(id));
  }

  #get(id: string): StoredKey | undefined {
    return this.ctx.storage.kv.get<StoredKey>(rowOf(id));
  }

  #all(): StoredKey[] {
    return Array.from(this.ctx.storage.kv.list<StoredKey>({ prefix: rowOf("") }), ([, key]) => key);
  }
}

function rowOf(id: string): string {
  return `key:${id}`;
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => new TextEncoder().encode(text));
  return a!.length === b!.length && crypto.subtle.timingSafeEqual(a!, b!);
}
