/**
 * How an object tells the index how it stands: after its commit (the runtime holds a call back until
 * what was written before it is durable), beside its answer, and again until it was heard. Of many
 * changes only the last is sent.
 *
 * It knows no promise and no schedule. What it owes is in memory: an object that is to survive a
 * crash with it asks `dirty` before it sleeps, and arms its alarm.
 */
import { readConfig, type Env } from "../env.ts";
import { sameEntry, type IndexEntry } from "../machine/index-entry.ts";
import { indexShardOf, shardName } from "../machine/query.ts";
import { gathered } from "./index-gathering.ts";

/** Then twice as long each time, a minute in all. */
const FIRST_RETRY_MS = 250;
const RETRIES_MAX = 8;

/** Throws when the shard cannot be reached, or the deployment has another number of shards. */
export async function putEntry(env: Env, entry: IndexEntry): Promise<void> {
  const shard = indexShardOf(entry.id, readConfig(env).indexShards);
  await env.INDEX.getByName(shardName(shard)).put([entry]);
}

export class Indexing {
  #put: (entry: IndexEntry) => Promise<void>;
  #wait: (ms: number) => Promise<void>;
  #latest: IndexEntry | undefined;
  #heard: IndexEntry | undefined;
  #sending: Promise<void> | undefined;

  /** The other two are for tests. */
  constructor(
    env: Env,
    put = (entry: IndexEntry) => gathered(env, entry),
    wait: (ms: number) => Promise<void> = (ms) => scheduler.wait(ms),
  ) {
    this.#put = put;
    this.#wait = wait;
  }

  /** The last entry was not heard yet. */
  get dirty(): boolean {
    return this.#latest !== this.#heard;
  }

  /** What is no news is not sent. Returns at once and never throws. */
  push(entry: IndexEntry): void {
    if (this.#latest && sameEntry(this.#latest, entry)) return;
    this.#latest = entry;
    this.retry();
  }

  /** For an alarm: sends what is owed, unless that is under way. */
  retry(): void {
    if (this.dirty) this.#sending ??= this.#send();
  }

  /** When nothing is under way any more: heard, or given up. */
  async idle(): Promise<void> {
    await this.#sending;
  }

  /** Its end is in the turn that finds nothing to send: a push after that begins anew. */
  async #send(): Promise<void> {
    let retries = 0;
    while (this.#latest && this.dirty && retries <= RETRIES_MAX) {
      const entry = this.#latest;
      try {
        await this.#put(entry);
        this.#heard = entry;
        retries = 0;
      } catch (error) {
        if (retries === RETRIES_MAX) console.error(error);
        else await this.#wait(FIRST_RETRY_MS * 2 ** retries * (0.5 + Math.random() / 2));
        retries += 1;
      }
    }
    this.#sending = undefined;
  }
}
