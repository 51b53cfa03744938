/**
 * One shard of the index: a Durable Object per shard, which knows where to find the promises and
 * schedules whose ids fall to it. What it says is a hint: the object of an id knows the truth.
 *
 * What is put while others are put becomes one transaction. The runtime makes one of a turn, and
 * each call is a turn: in workerd of 2026-08-15 a thousand puts from 16 callers were a thousand
 * fsyncs, and are 67.
 */
import { DurableObject } from "cloudflare:workers";
import { NEVER } from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import { AHEAD_MS_MAX } from "../machine/deadline.ts";
import type { Figures, Moments } from "../machine/figures.ts";
import type { IndexEntry } from "../machine/index-entry.ts";
import type { Found } from "../machine/order.ts";
import { scheduleMatches, type PromiseTerms, type ScheduleQuery } from "../machine/query.ts";
import { Checking, STEP_MS, type Check } from "./index-check.ts";
import { IndexFigures } from "./index-figures.ts";
import { Followers, type Following } from "./index-followers.ts";
import { Lag } from "./index-lag.ts";
import { IndexLook, type Search } from "./index-look.ts";
import { IndexStore } from "./index-store.ts";
import { traced } from "./trace.ts";

/** So long a removal is remembered: far longer than any message is on its way. */
const REMOVED_MS = 60 * 60 * 1000;
/** Where nobody says that the process is another one, what a crash has left behind is looked for daily. */
const CHECK_MS = 24 * 60 * 60 * 1000;

export interface ShardPage {
  found: Found[];
  /** Every change up to this instant is in, as far as this shard has been told of any. */
  indexedAt: number;
  /** Of all pages. */
  count?: number;
}

export interface ShardStatus {
  promises: number;
  followers: number;
  indexedAt: number;
  check: Check | null;
}

export class IndexObject extends DurableObject<Env> {
  #figures = new IndexFigures(this.ctx.storage);
  #store = new IndexStore(this.ctx.storage, (entry, now) => this.#figures.noteGone(entry, now));
  #look = new IndexLook(this.ctx.storage.sql);
  #followers = new Followers(this.ctx, this.#look, (now) => this.#store.seq(now));
  #checking = new Checking({
    env: this.env,
    storage: this.ctx.storage,
    ids: (which, after, limit) => this.#look.ids(which, after, limit),
    isWrong: (entry) => this.#store.isWrong(entry),
    put: async (entries) => void (await this.#put(entries)),
  });
  #lag = new Lag();
  #waiting: IndexEntry[] = [];
  #writing: Promise<number> | undefined;
  /** The instant of the alarm; `undefined` until this life of the object has looked. */
  #alarmAt: number | null | undefined;
  /** When the oldest of those was removed that are remembered; `undefined`: to be looked for. */
  #removedAt: number | null | undefined;

  /** Durable when it returns. Twice, late, in any order: the newer entry stays. */
  async put(entries: IndexEntry[]): Promise<void> {
    this.#checkShards();
    this.#lag.heard(entries, Date.now());
    const put = (): Promise<number> => this.#put(entries);
    await traced(this.env, "index", put, (news) => ({ entries: entries.length, news }));
    await this.#checkAfterRestart();
  }

  /** At `now`; writes nothing. */
  async find(search: Search, now: number, wantsCount = false): Promise<ShardPage> {
    const indexedAt = this.#lag.freshUntil(Date.now());
    if (this.#checkShards() === undefined) {
      return { found: [], indexedAt, ...(wantsCount && { count: 0 }) };
    }
    await this.#checkAfterRestart();
    return {
      found: this.#look.find(search, now),
      indexedAt,
      ...(wantsCount && { count: this.#look.count(search.terms, search.order, now) }),
    };
  }

  /** Ids of schedules in their order; writes nothing. */
  schedules(query: ScheduleQuery): string[] {
    if (this.#checkShards() === undefined) return [];
    const ids: string[] = [];
    for (const entry of this.#look.schedules(query)) {
      if (scheduleMatches(entry, query)) ids.push(entry.id);
      if (ids.length >= query.limit) break;
    }
    return ids;
  }

  /** Workers of the group have come. Said once in a life of its inbox. */
  async noteGroup(name: string): Promise<void> {
    // The first entry of all lays out the shard.
    if (this.#checkShards() === undefined) await this.#put([]);
    this.#store.noteGroup(name, readConfig(this.env).indexShards, Date.now());
  }

  groups(): string[] {
    return this.#checkShards() === undefined ? [] : this.#look.groups();
  }

  /** How many there are of what matches. */
  figures(terms: Pick<PromiseTerms, "within">, now: number): Figures {
    if (this.#checkShards() === undefined) return { states: {}, tasks: [] };
    return this.#figures.now(terms, now);
  }

  /** What happened since an instant. */
  moments(since: number, now: number): Moments {
    if (this.#checkShards() === undefined) {
      return { created: [], settled: [], totals: [], pending: 0 };
    }
    return this.#figures.moments(since, now);
  }

  status(now: number): ShardStatus {
    const isEmpty = this.#checkShards() === undefined;
    return {
      promises: isEmpty ? 0 : this.#look.count({}, { by: "id", descending: false }, now),
      followers: this.#followers.size,
      indexedAt: this.#lag.freshUntil(now),
      check: this.#checking.last ?? null,
    };
  }

  /** Compares every row with its promise, in steps; {@link status} says how far it has come. */
  async rebuild(): Promise<Check | null> {
    if (this.#checkShards() === undefined) return null;
    const check = this.#checking.start("all", Date.now(), this.env.RUN);
    await this.#arm();
    return check;
  }

  /** A follower, by its edge: a WebSocket upgrade with `?following=` as JSON. 429 when there are too many. */
  override async fetch(request: Request): Promise<Response> {
    const text = new URL(request.url).searchParams.get("following");
    if (text === null || request.headers.get("upgrade") !== "websocket") {
      return new Response(null, { status: 400 });
    }
    // SAFETY: the edge has made it.
    const following = JSON.parse(text) as Following;
    if (!this.#followers.hasRoomFor(following.who)) return new Response(null, { status: 429 });
    // An unused shard has no tables to look into.
    if (this.#checkShards() === undefined) await this.#put([]);
    const now = Date.now();
    this.#followers.tellOfTime(now);
    const forgotten = (now - REMOVED_MS) * 1000;
    const webSocket = this.#followers.accept(following, forgotten, now);
    await this.#arm();
    return new Response(null, { status: 101, webSocket });
  }

  /** A follower has nothing to say. */
  override webSocketMessage(socket: WebSocket): void {
    this.#followers.left(socket);
  }

  override webSocketClose(socket: WebSocket): void {
    this.#followers.left(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#followers.left(socket);
  }

  /** Right when early, late and twice: what is due is done, and what is next is armed. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    const now = Date.now();
    this.#followers.tellOfTime(now);
    this.#removedAt = this.#store.sweep(now - REMOVED_MS);
    const { last } = this.#checking;
    if (last?.doneAt !== undefined && now >= last.doneAt + CHECK_MS) {
      this.#checking.start("pending", now, this.env.RUN);
    }
    try {
      await this.#checking.step(now);
    } finally {
      await this.#arm();
    }
  }

  /** @returns how many were news */
  async #put(entries: IndexEntry[]): Promise<number> {
    // Before the first entry of all there is nothing that could have been missed.
    if (this.#store.shards() === undefined) this.#checking.pass(Date.now(), this.env.RUN);
    this.#waiting.push(...entries);
    this.#writing ??= this.#write();
    return this.#writing;
  }

  /** One look at the clock lets in who is at the door; to wait longer gathers no more of them. */
  async #write(): Promise<number> {
    await scheduler.wait(0);
    const entries = this.#waiting;
    this.#waiting = [];
    this.#writing = undefined;
    const now = Date.now();
    // Before what is put covers up that a deadline has passed.
    if (this.#followers.size > 0) this.#followers.tellOfTime(now);
    const changes = this.#store.put(entries, readConfig(this.env).indexShards, now);
    if (entries.some(({ kind }) => kind === "removed")) this.#removedAt ??= now;
    if (this.#followers.size > 0) {
      // Not before it is durable: what a follower has heard must not be undone.
      await this.ctx.storage.sync();
      this.#followers.tell(changes, now);
    }
    await this.#arm();
    return changes.length;
  }

  /** What is next: a deadline that followers are told of, a step of a check, a removal to forget. */
  async #arm(): Promise<void> {
    const now = Date.now();
    const due = Math.min(this.#followers.nextAt(now), this.#checkAt(now), this.#sweepAt());
    if (this.#alarmAt === undefined) this.#alarmAt = await this.ctx.storage.getAlarm();
    if (due >= NEVER) return;
    if (this.#alarmAt !== null && this.#alarmAt <= due) return;
    this.#alarmAt = due;
    // A later instant overflows the runtime's nanoseconds; woken early, it arms again. And never that of
    // the alarm that is running: the runtime would forget both.
    await this.ctx.storage.setAlarm(Math.max(Math.min(due, now + AHEAD_MS_MAX), now + 1));
  }

  #checkAt(now: number): number {
    const { last } = this.#checking;
    if (last === undefined) return Infinity;
    return last.doneAt === undefined ? now + STEP_MS : last.doneAt + CHECK_MS;
  }

  #sweepAt(): number {
    if (this.#removedAt === undefined) this.#removedAt = this.#store.sweep(0);
    return this.#removedAt === null ? Infinity : this.#removedAt + REMOVED_MS;
  }

  /** In another process than the last time, settlements may not have been heard of: see index-check.ts. */
  async #checkAfterRestart(): Promise<void> {
    const run = this.env.RUN;
    if (this.#checking.last?.run === run && this.#checking.last) return;
    this.#checking.start("pending", Date.now(), run);
    await this.#arm();
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
