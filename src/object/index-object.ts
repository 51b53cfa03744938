/**
 * One shard of the index: a Durable Object per shard, which knows where to find the promises and
 * schedules whose ids fall to it. What it says is a hint: the object of an id knows the truth.
 *
 * What is put while others are put becomes one transaction. The runtime makes one of a turn, and
 * each call is a turn: in workerd of 2026-08-15 a thousand puts from 16 callers were a thousand
 * fsyncs, and are 67.
 */
import { DurableObject } from "cloudflare:workers";
import { readConfig, type Env } from "../env.ts";
import type { IndexEntry } from "../machine/index-entry.ts";
import {
  promiseMatches,
  scheduleMatches,
  type Hit,
  type IndexQuery,
  type ShardPage,
} from "../machine/query.ts";
import { IndexStore } from "./index-store.ts";

/**
 * So many rows one call looks at, some 50 ms: what asks for the rare among the many gets a short page
 * and asks again, and the others come in between.
 */
const LOOK_AT_MAX = 5000;

/** So long a removal is remembered: far longer than any message is on its way. */
const REMOVED_MS = 60 * 60 * 1000;

export class IndexObject extends DurableObject<Env> {
  #store = new IndexStore(this.ctx.storage);
  #waiting: IndexEntry[] = [];
  #writing: Promise<void> | undefined;

  /** Durable when it returns. Twice, late, in any order: the newer entry stays. */
  async put(entries: IndexEntry[]): Promise<void> {
    this.#checkShards();
    this.#waiting.push(...entries);
    this.#writing ??= this.#write();
    await this.#writing;
  }

  /** At `now`; writes nothing. */
  search(query: IndexQuery, now: number): ShardPage {
    if (this.#checkShards() === undefined) return { hits: [] };
    return pageOf(this.#look(query, now), query.limit);
  }

  /** Right when early, late and twice: what is old enough goes, and the next of them is armed. */
  override async alarm(): Promise<void> {
    const oldest = this.#store.sweep(Date.now() - REMOVED_MS);
    if (oldest !== null) await this.ctx.storage.setAlarm(oldest + REMOVED_MS);
  }

  /** One look at the clock lets in who is at the door; to wait longer gathers no more of them. */
  async #write(): Promise<void> {
    await scheduler.wait(0);
    const entries = this.#waiting;
    this.#waiting = [];
    this.#writing = undefined;
    this.#store.put(entries, readConfig(this.env).indexShards, Date.now());
    if (entries.some(({ kind }) => kind === "removed")) await this.#arm();
  }

  /** Should a crash come in between, the next removal arms for this one too. */
  async #arm(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) !== null) return;
    await this.ctx.storage.setAlarm(Date.now() + REMOVED_MS);
  }

  *#look(query: IndexQuery, now: number): Generator<Looked> {
    if (query.kind === "schedule") {
      for (const entry of this.#store.schedules(query, LOOK_AT_MAX)) {
        yield { id: entry.id, hit: scheduleMatches(entry, query) ? { id: entry.id } : undefined };
      }
      return;
    }
    for (const entry of this.#store.promises(query, LOOK_AT_MAX)) {
      const { id, task } = entry;
      const hit = { id, ...(task && { version: task.version }) };
      yield { id, hit: promiseMatches(entry, query, now) ? hit : undefined };
    }
  }

  /** With another number of shards ids fall to others, and half of them would not be found. */
  #checkShards(): number | undefined {
    const { indexShards } = readConfig(this.env);
    const stored = this.#store.shards();
    if (stored === undefined || stored === indexShards) return stored;
    throw new RangeError(
      `INDEX_SHARDS was ${stored} at the first deployment and must stay so, not ${indexShards}`,
    );
  }
}

/** An entry that was looked at, and whether it is one of those that are looked for. */
interface Looked {
  id: string;
  hit: Hit | undefined;
}

function pageOf(looked: Iterable<Looked>, limit: number): ShardPage {
  const hits: Hit[] = [];
  let count = 0;
  let until: string | undefined;
  for (const { id, hit } of looked) {
    count += 1;
    until = id;
    if (hit) hits.push(hit);
    if (hits.length >= limit) return { hits, until };
  }
  return { hits, ...(count >= LOOK_AT_MAX && until !== undefined && { until }) };
}
