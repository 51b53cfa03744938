/**
 * What one turn of a promise's object does: load, decide, commit state and alarm together, then tell
 * who waits. It decides nothing, the machine does.
 *
 * Between load and commit there is no `await`: every `await` is a door through which another request
 * enters. Dying at any point is safe: before the commit nothing happened; after it, the record is
 * durable, sockets drop and connect again, and the alarm takes up what is owed.
 */
import { LIMITS, type Frame, type WebhookEventType } from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import { noteInMemory } from "../in-memory.ts";
import { wakeAt } from "../machine/deadline.ts";
import type { IndexEntry } from "../machine/index-entry.ts";
import {
  decide,
  isSettled,
  project,
  type Command,
  type Decision,
  type PromiseRecord,
} from "../machine/promise.ts";
import { entityTag, standingFrame } from "../machine/resource.ts";
import { decideTask, offerBorn } from "../machine/task.ts";
import type { TaskCommand, TaskDecision, TaskSettings } from "../machine/task-command.ts";
import { CLOCK_MARGIN_MS } from "./across.ts";
import { birthToldAt } from "./index-gathering.ts";
import { IndexNews } from "./index-news.ts";
import { Offers } from "./offers.ts";
import { Outbox } from "./outbox.ts";
import { Preload } from "./preload.ts";
import { PromiseStore } from "./promise-store.ts";
import { Sockets, tellEnd, tellNews, type Waiting } from "./sockets.ts";
import { SUBSCRIBER_PREFIX, Subscribers } from "./subscribers.ts";
import { traced } from "./trace.ts";
import { matching } from "./webhook-filters.ts";

/** A parked task is offered when somebody comes; this is for the day that word of it is lost. */
const PARK_MS = 60 * 60 * 1000;

/** By then the index has been told of a birth, or an alarm that is set will come again. */
const YOUNG_MS = 10_000;

/** What a command answers across RPC: a value, never an exception. */
export type Answer = Pick<Decision, "outcome" | "record">;

type Turn = Decision & Pick<TaskDecision, "offer">;
type Decide<D extends Turn> = (stored: PromiseRecord | null, now: number) => D;
type Told<D extends Turn> = D & { telling: Promise<void> | undefined };

/** Where a method takes `at`, a test tool drives the clock: then there are no alarms. */
export class Turns {
  readonly sockets: Sockets;
  readonly subscribers: Subscribers;
  readonly preload: Preload;
  readonly indexNews: IndexNews;
  #ctx: DurableObjectState;
  #env: Env;
  #store: PromiseStore;
  #outbox: Outbox;
  #offers: Offers;
  /** The instant of the alarm; `undefined` until this life of the object has looked. */
  #alarmAt: number | null | undefined;
  #latestNow = 0;
  #coldUntil: number | undefined;
  /** The last frame made for a reader: the same record to the same origin is the same text. */
  #lastShown: { record: PromiseRecord | null; origin: string; frame: string } | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
    this.#store = new PromiseStore(ctx.storage);
    this.sockets = new Sockets(ctx);
    this.subscribers = new Subscribers(ctx.storage);
    this.preload = new Preload(ctx.storage);
    this.indexNews = new IndexNews(
      env,
      (work) => ctx.waitUntil(work),
      () => this.id,
    );
    this.#outbox = new Outbox(env, this.subscribers, {
      id: () => this.id,
      birth: () => this.#store.recall()?.birth,
      tellRemoval: async () =>
        this.#store.recall() !== null || this.indexNews.tellRemoval(() => this.now()),
    });
    this.#offers = new Offers(env, {
      isFree: (version) => {
        const task = this.get()?.task;
        return task?.state === "pending" && task.version === version;
      },
      park: (version) => void this.task({ kind: "task.park", version }),
    });
  }

  /** The promise as it is now; `null` for an id that nobody has created. Writes nothing. */
  get(at?: number): PromiseRecord | null {
    const record = this.#store.load();
    if (record && at === undefined) this.indexNews.seen(record, () => this.now());
    return record && project(record, this.now(at));
  }

  /** As it is stored. */
  stored(): PromiseRecord | null {
    return this.#store.load();
  }

  apply(command: Command, at?: number): Answer {
    const { outcome, record } = this.#turn((stored, now): Turn => {
      if (command.kind === "wake") return this.#decideWake(stored, now);
      const decision = decide(stored, command, now);
      if (decision.outcome === "purged" && this.subscribers.size > 0) {
        // They are told within seconds; until then its end must be there to be told.
        return { outcome: "pending", record: decision.record };
      }
      return offerBorn(decision, now, this.#taskSettings);
    }, at);
    return { outcome, record };
  }

  task(command: TaskCommand, at?: number): Pick<TaskDecision, "status" | "record"> {
    this.#offers.heard(command.kind);
    return this.#turn((stored, now) => this.#decideTask(stored, command, now), at);
  }

  /** @returns whether the task was offered */
  poke(): boolean {
    const poked = this.#turn((stored, now) => this.#decideTask(stored, { kind: "task.poke" }, now));
    return poked.offer !== undefined;
  }

  /** The deadline, an escalation or the retention, if due. @returns what goes on after the turn */
  wake(): Promise<void> | undefined {
    return this.#turn((stored, now) => this.#decideWake(stored, now)).telling;
  }

  /** Fences that a crash has forgotten can only be those of a task that was held when this life began. */
  get coldUntil(): number {
    if (this.#coldUntil === undefined) {
      const task = this.#store.recall()?.task;
      const { fenceUntil = 0 } = task?.state === "acquired" ? task : {};
      this.#coldUntil = fenceUntil === 0 ? 0 : fenceUntil + CLOCK_MARGIN_MS;
    }
    return this.#coldUntil;
  }

  /** Room for a subscription? Whoever has one is owed the deadline too. */
  subscribe(add: (rows: Subscribers) => void, at?: number): boolean {
    if (this.subscribers.size >= LIMITS.subscribersMax) return false;
    add(this.subscribers);
    if (at !== undefined) return true;
    const record = this.#store.recall();
    this.arm(record, false, this.now(), this.indexNews.dueAt ?? this.#untoldAt(record));
    return true;
  }

  /** Sends what is owed for what is stored. @returns `undefined` where nothing is */
  deliver(at?: number): Promise<void> | undefined {
    const stored = this.#store.recall();
    const now = this.now(at);
    const dueAt = this.#outbox.dueAt(now, stored !== null && isSettled(stored));
    return dueAt === null ? undefined : this.#deliver(stored, now, at);
  }

  /** How it is stored, for the index, which asks. */
  indexEntry(): IndexEntry {
    return this.indexNews.entryOf(this.#store.load());
  }

  /** For an alarm, or who will search what has just been changed. */
  async tellIndex(): Promise<void> {
    await this.indexNews.tell(this.#store.recall(), () => this.now());
  }

  /** What a step has sent, if the clock is driven. */
  async sent(): Promise<void> {
    await this.#outbox.sent;
    await this.#offers.sent;
  }

  /** How a promise stands, as the frame that an awaiter at `origin` would get. */
  frame(record: PromiseRecord | null, origin: string): string {
    if (this.#lastShown?.record !== record || this.#lastShown.origin !== origin) {
      this.#lastShown = { record, origin, frame: standingFrame(record, this.id, origin) };
    }
    return this.#lastShown.frame;
  }

  get id(): string {
    const id = this.#ctx.id.name;
    if (id === undefined) throw new Error("a promise object is reached by its id only");
    return id;
  }

  /** Milliseconds since the epoch; never backwards, so that what was settled stays settled. */
  now(at?: number): number {
    if (at !== undefined) return at;
    this.#latestNow = Math.max(this.#latestNow, Date.now());
    if (this.#env.FILES_MAX !== undefined) noteInMemory(this.id, this.#latestNow);
    return this.#latestNow;
  }

  /** Learns of the alarm that an earlier life has set: before anything is armed without a write. */
  async lookAtAlarm(): Promise<void> {
    if (this.#alarmAt !== undefined) return;
    const alarmAt = await this.#ctx.storage.getAlarm();
    this.#alarmAt ??= alarmAt;
  }

  /** The alarm has gone off: there is none any more. */
  alarmIsOver(): void {
    this.#alarmAt = null;
  }

  /**
   * An alarm that is set already and comes earlier will arm the next one itself.
   *
   * @param indexAt when to tell the index what it may not have been told
   */
  arm(
    record: PromiseRecord | null,
    sockets: boolean,
    now: number,
    indexAt = this.indexNews.dueAt,
  ): void {
    const messagesAt = this.#outbox.dueAt(now, record !== null && isSettled(record));
    const owed = { sockets, awaited: this.#outbox.isAwaited, messagesAt, indexAt };
    const wake = wakeAt(record, owed, now);
    if (wake === null) return;
    // Never the instant of the alarm that is running: the runtime takes it for that one, and forgets both
    // when it is over (workerd of 2026-08-15).
    const due = Math.max(wake, now + 1);
    if (this.#alarmAt !== null && this.#alarmAt !== undefined && this.#alarmAt <= due) return;
    this.#alarmAt = due;
    void this.#ctx.storage.setAlarm(due);
  }

  /** The alarm of an earlier life, which is not known here, may be the one that tells of the birth. */
  #untoldAt(record: PromiseRecord | null): number | null {
    if (this.#alarmAt !== undefined || !record || record.task) return null;
    return this.now() - record.createdAt < YOUNG_MS ? birthToldAt(record.createdAt) : null;
  }

  async #deliver(stored: PromiseRecord | null, now: number, at?: number): Promise<void> {
    await this.#outbox.deliver(stored, now, at);
    if (!this.#store.recall() && this.subscribers.size === 0) {
      this.#store.delete();
      this.#alarmAt = null;
    }
    if (at === undefined) this.arm(this.#store.recall(), false, now);
  }

  /** The end is kept until everyone who is owed it knows. */
  #decideWake(stored: PromiseRecord | null, now: number): Decision {
    const woken = decide(stored, { kind: "wake" }, now);
    if (woken.outcome !== "purged" || this.subscribers.size === 0) return woken;
    return { outcome: "unchanged", record: stored };
  }

  #decideTask(
    stored: PromiseRecord | null,
    command: TaskCommand,
    now: number,
  ): Turn & TaskDecision {
    const decision = decideTask(stored, command, now, this.#taskSettings);
    return { ...decision, outcome: decision.changed ?? "unchanged" };
  }

  get #taskSettings(): TaskSettings {
    return { retryMs: readConfig(this.#env).taskRetryMs, parkMs: PARK_MS };
  }

  #turn<D extends Turn>(decideNow: Decide<D>, at?: number): Told<D> {
    return traced(
      this.#env,
      "turn",
      () => this.#taken(decideNow, at),
      ({ outcome, record }) => ({ promise: this.id, outcome, state: record?.state }),
    );
  }

  /** Load, decide, commit, tell, arm: one synchronous turn, but for a long fan-out (`telling`). */
  #taken<D extends Turn>(decideNow: Decide<D>, at?: number): Told<D> {
    const now = this.now(at);
    let stored = this.#store.recall();
    let decision = decideNow(stored, now);
    if (decision.write === undefined && stored !== this.#store.load()) {
      stored = this.#store.load();
      decision = decideNow(stored, now);
    }
    const { write, offer } = decision;
    if (write !== undefined) {
      // Of what has happened elsewhere, those who are told were told there.
      this.#commit(stored, write, at === undefined && decision.outcome !== "imported");
      this.indexNews.changed(stored, write, at === undefined ? now : undefined);
    }
    const isNews = write && (!stored || entityTag(stored) !== entityTag(write));
    const { owed, rest } = this.#tell(decision, this.sockets.open(), isNews === true);
    if (write !== undefined && at === undefined) this.arm(write, owed, now);
    if (rest) this.#ctx.waitUntil(rest);
    if (write && offer) this.#offers.send(write, offer.version, at);
    else if (write && stored) this.#offers.withdraw(stored, write);
    const delivery = write === undefined ? undefined : this.deliver(at);
    if (delivery) this.#ctx.waitUntil(delivery);
    return { ...decision, telling: rest };
  }

  /** @param told webhooks and those whom an escalation names: not of what a driven clock does */
  #commit(stored: PromiseRecord | null, write: PromiseRecord | null, told: boolean): void {
    // Before the first write of this life, what an earlier one has left is still to be seen.
    void this.coldUntil;
    // Before the first create there never was an alarm.
    if (!stored) this.#alarmAt ??= null;
    if (!write) return this.#forget(stored, told);
    // What is told of the new life takes the place of the old one.
    if (!stored) this.subscribers.removeRemoval();
    this.#store.save(write);
    if (isSettled(write) && stored?.task) this.preload.clear();
    if (told) this.#owe(stored, write);
  }

  /** It may go without an end: then whoever awaits it is told to look again, and asleep for ever not. */
  #forget(stored: PromiseRecord | null, told: boolean): void {
    if (stored) this.subscribers.orphan(stored.birth);
    if (stored && told) this.subscribers.addRemoval();
    if (this.subscribers.size > 0) return this.#store.deleteBut(SUBSCRIBER_PREFIX);
    this.#store.delete();
    this.#alarmAt = null;
  }

  /** In the turn that makes it so: what is owed to those whom an escalation names, and to webhooks. */
  #owe(stored: PromiseRecord | null, write: PromiseRecord): void {
    const { escalation = [], escalated = 0 } = write;
    for (let step = stored?.escalated ?? 0; step < escalated; step += 1) {
      if (escalation[step]?.notify !== undefined) this.subscribers.addNotice(step);
    }
    // The steps of a workflow are its own affair.
    if (write.internal) return;
    if (!stored) this.#oweEvent("promise.created", write);
    if (isSettled(write) && !(stored && isSettled(stored))) {
      this.#oweEvent("promise.settled", write);
    }
  }

  #oweEvent(type: WebhookEventType, record: PromiseRecord): void {
    for (const webhook of matching(record, type)) this.subscribers.addEvent({ type, webhook });
  }

  /** `owed`: somebody is still to be told the end, now or one day. */
  #tell(
    { outcome, record }: Decision,
    waiting: Waiting[],
    isNews: boolean,
  ): ReturnType<typeof tellEnd> {
    if (waiting.length === 0) return { owed: false };
    if (outcome === "disposed") {
      const frame = JSON.stringify({ type: "disposed", id: this.id } satisfies Frame);
      return tellEnd(waiting, () => frame);
    }
    if (!record) return { owed: false };
    const frameFor = (origin: string): string => this.frame(record, origin);
    if (isSettled(record)) return tellEnd(waiting, frameFor);
    if (isNews) tellNews(waiting, frameFor);
    return { owed: true };
  }
}
