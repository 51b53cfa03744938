/**
 * What an object owes the index. A new promise is told of by an alarm, a second or a little more after
 * its birth: that alarm is durable with it, so no crash keeps it from being found; and one that is
 * settled within the second is told of once. Everything else is told at once, beside the answer: after
 * its commit (the runtime holds a call back until what was written before it is durable), and again
 * until it was heard.
 *
 * What a crash cuts off in between, the index finds by asking (index-check.ts).
 */
import { readConfig, type Env } from "../env.ts";
import { logFailure } from "../log.ts";
import { indexShardOf, shardName } from "../machine/ids.ts";
import { sameEntry, type IndexEntry } from "../machine/index-entry.ts";
import { birthToldAt, heard, say, type Said } from "./index-gathering.ts";

/** When it is tried again to tell what could not be told. */
const AGAIN_MS = 5000;

/** Throws when the shard cannot be reached, or the deployment has another number of shards. */
export async function putEntry(env: Env, entry: IndexEntry): Promise<void> {
  const shard = indexShardOf(entry.id, readConfig(env).indexShards);
  await env.INDEX.getByName(shardName(shard)).put([entry]);
}

export class Indexing {
  #env: Env;
  #waitUntil: (work: Promise<void>) => void;
  #latest: IndexEntry | undefined;
  #said: Said | undefined;
  #dueAt: number | null = null;
  /** When an alarm looks whether what was said was heard; `null` where none is to. */
  #guardAt: number | null = null;

  constructor(env: Env, waitUntil: (work: Promise<void>) => void) {
    this.#env = env;
    this.#waitUntil = waitUntil;
  }

  /** Something was said, or is to be said, in this life of the object. */
  get isBegun(): boolean {
    return this.#latest !== undefined;
  }

  /** When an alarm must say what is not said yet; `null` when nothing is owed. */
  get dueAt(): number | null {
    if (!this.#said) return this.#dueAt;
    if (this.#said.isHeard) return null;
    return this.#said.hasFailed ? (this.#dueAt ?? 0) : this.#guardAt;
  }

  /** Its birth: an alarm says it later, and by then it may have changed. */
  note(entry: IndexEntry, now: number): void {
    this.#latest = entry;
    this.#said = undefined;
    this.#dueAt ??= birthToldAt(now);
  }

  /**
   * What is no news is not sent. Returns at once and never throws.
   *
   * @param bornAt of what nobody would ever ask for, should this life end before it was heard
   */
  push(entry: IndexEntry, bornAt?: number): void {
    if (this.#said && !this.#said.hasFailed && this.#latest && sameEntry(this.#latest, entry))
      return;
    this.#latest = entry;
    this.#dueAt = null;
    this.#guardAt = bornAt === undefined ? null : birthToldAt(bornAt);
    this.#said = say(this.#env, entry, this.#waitUntil);
  }

  /** For an alarm: durable at the index when it resolves, or owed again. @param now asked when it failed */
  async tell(now: () => number): Promise<void> {
    if (this.#latest === undefined) return;
    if (!this.#said || this.#said.hasFailed) this.push(this.#latest);
    try {
      let said: Said | undefined;
      // While it was heard, something newer may have taken its place, for which nobody else waits; a birth
      // that did has its own alarm.
      while (this.#said && said !== this.#said) {
        said = this.#said;
        await heard(this.#env, said);
      }
    } catch (error) {
      logFailure("the index was not told", error, { promise: this.#latest.id });
      this.#dueAt = now() + AGAIN_MS;
    }
  }
}
