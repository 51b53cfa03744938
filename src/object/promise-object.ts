/**
 * One durable promise: a Durable Object per promise id. It decides nothing; it loads, asks the
 * machine, commits in one synchronous turn (state and alarm together), then tells who waits.
 *
 * Between load and commit there is no `await`: every `await` is a door through which another request
 * enters. Dying at any point is safe: before the commit nothing happened; after it, the record is
 * durable, sockets drop and connect again, and the alarm takes up what is owed.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS, type Frame } from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import { wakeAt } from "../machine/deadline.ts";
import {
  asBorn,
  decide,
  isSettled,
  project,
  type Command,
  type Decision,
  type PromiseRecord,
  type Settle,
} from "../machine/promise.ts";
import { nextRevision, promiseEntry, removedEntry } from "../machine/index-entry.ts";
import type { Link } from "../machine/link.ts";
import { standingFrame } from "../machine/resource.ts";
import { decideTask, offerBorn } from "../machine/task.ts";
import type { TaskCommand, TaskDecision, TaskSettings } from "../machine/task-command.ts";
import {
  Across,
  CLOCK_MARGIN_MS,
  FENCE_MS,
  type AcrossAnswer,
  type FenceAnswer,
  type Peer,
  type Standing,
  type Write,
  type WriteAnswer,
} from "./across.ts";
import { Indexing } from "./indexing.ts";
import { Lane } from "./lane.ts";
import { LinkDesk, type LinkUse, type LinkView } from "./link-desk.ts";
import { Links } from "./links.ts";
import { Offers } from "./offers.ts";
import { Outbox } from "./outbox.ts";
import { Preload } from "./preload.ts";
import { PromiseStore } from "./promise-store.ts";
import { closeQuietly, refuseFrame, Sockets, tellEnd, tellNews, type Waiting } from "./sockets.ts";
import { Subscribers } from "./subscribers.ts";

/** The runtime counts retries of an alarm from 0 and gives up after the sixth. */
const LAST_ALARM_RETRY = 5;
const ALARM_AGAIN_MS = 60_000;
/** A parked task is offered when somebody comes; this is for the day that word of it is lost. */
const PARK_MS = 60 * 60 * 1000;

/** What a command answers across RPC: a value, never an exception. */
export type Answer = Pick<Decision, "outcome" | "record">;

export interface TaskAnswer extends Pick<TaskDecision, "status" | "record"> {
  /** For who has just got the task: JSON text of promises that it need not ask for. */
  preload?: string;
}

/** What may be asked of a task in one step. */
export type TaskAsk = Extract<
  TaskCommand,
  {
    kind: `task.${"create" | "acquire" | "release" | "fulfill" | "halt" | "continue" | "heartbeat"}`;
  }
>;

/** An answer, shown to a caller. */
export interface Changed {
  outcome: Decision["outcome"];
  frame: string;
}

/** For test tools that drive the clock: everything that is stored, as it is. */
export interface Snapshot {
  record: PromiseRecord | null;
  awaiters: string[];
  listeners: string[];
}

type Turn = Decision & Pick<TaskDecision, "offer">;

/**
 * Most methods take `at`, the instant in ms: left out it is now. Given, a test tool drives the clock
 * (`DEBUG_SURFACE`): then there are no alarms, and what a step sends is sent before it answers.
 */
export class PromiseObject extends DurableObject<Env> {
  #store = new PromiseStore(this.ctx.storage);
  #sockets = new Sockets(this.ctx);
  #subscribers = new Subscribers(this.ctx.storage);
  #outbox = new Outbox(this.env, this.#subscribers);
  #preload = new Preload(this.ctx.storage);
  #offers = new Offers(this.env, (version) => this.#park(version));
  #indexing = new Indexing(this.env);
  #revision = 0;
  #lane = new Lane(() => this.#coldUntil);
  #across = new Across({
    // SAFETY: an object answers RPC with what its methods return; the stub's types lose the unions.
    peer: (id) => this.env.PROMISES.getByName(id) as unknown as Peer,
    lane: this.#lane,
    preload: this.#preload,
    id: () => this.#id,
    look: (at) => this.get(at),
    turn: (command, at) => this.#turnTask(command, at),
    now: (at) => this.#now(at),
  });
  #links = new Links(this.ctx.storage);
  #linkDesk = new LinkDesk({
    links: this.#links,
    get: () => this.get(),
    apply: (command) => this.#apply(command),
    now: () => this.#now(),
  });
  /** The instant of the alarm; `undefined` until this life of the object has looked. */
  #alarmAt: number | null | undefined;
  #latestNow = 0;
  #coldUntilKnown: number | undefined;
  /** The last frame made for a reader: the same record to the same origin is the same text. */
  #lastShown: { record: PromiseRecord | null; origin: string; frame: string } | undefined;

  /** The promise as it is now; `null` for an id that nobody has created. Writes nothing. */
  get(at?: number): PromiseRecord | null {
    const record = this.#store.load();
    return record && project(record, this.#now(at));
  }

  /** {@link get}, when nothing is under way that would make its task look like what it will not be. */
  look(at?: number): PromiseRecord | null | Promise<PromiseRecord | null> {
    return this.#lane.run({ kind: "look" }, () => this.get(at));
  }

  /** Any command of the machine. */
  apply(command: Command, at?: number): Answer | Promise<Answer> {
    const applied = this.#inLane(command, () => this.#apply(command, at));
    return at === undefined ? applied : this.#afterSending(applied);
  }

  /** One step of the task: it lies in the record of its promise. */
  task(command: TaskAsk, at?: number): TaskAnswer | Promise<TaskAnswer> {
    const asked = this.#inLane(command, () => {
      const { status, record } = this.#turnTask(this.#withHorizon(command, at), at);
      const taken = command.kind === "task.create" || command.kind === "task.acquire";
      return { status, record, ...(taken && { preload: this.#preload.text }) };
    });
    return at === undefined ? asked : this.#afterSending(asked);
  }

  /** Asked of the awaiter: {@link Across.suspend}. */
  async suspend(version: number, awaited: string[], at?: number): Promise<AcrossAnswer> {
    const answer = await this.#across.suspend(version, awaited, at);
    return answer.status === 300 ? { ...answer, preload: this.#preload.text } : answer;
  }

  /** Asked of the holder's task: {@link Across.fence}. */
  fence(version: number, write: Write, at?: number): Promise<FenceAnswer> {
    return this.#across.fence(version, write, at);
  }

  /** Asked of the awaiter: {@link Across.callback}. */
  callback(awaited: string, at?: number): Promise<AcrossAnswer> {
    return this.#across.callback(awaited, at);
  }

  /** Asked of the awaiter, by what it awaits: {@link Across.resume}. */
  resume(awaited: string, birth: string, at?: number): void | Promise<void> {
    return this.#across.resume(awaited, birth, at);
  }

  /** Asked of the awaited: how it stands, and if it is pending, a row for `awaiter`. */
  register(awaiter: string, brief: boolean, at?: number): Standing {
    const standing = this.confirm(at);
    if (standing.is !== "pending") return standing;
    if (!this.#subscribe((rows) => rows.addAwaiter(awaiter), at)) return { is: "full" };
    return brief ? { ...standing, record: { ...standing.record, param: {} } } : standing;
  }

  /** Asked of the awaited: how it stands. */
  confirm(at?: number): Standing {
    const record = this.get(at);
    if (!record) return { is: "missing" };
    if (record.internal) return { is: "internal" };
    return { is: isSettled(record) ? "settled" : "pending", record };
  }

  /** A listener's address is kept until the promise settles and the listener knows. */
  listen(address: string, at?: number): Standing {
    const standing = this.confirm(at);
    if (standing.is !== "pending") return standing;
    return this.#subscribe((rows) => rows.addListener(address), at) ? standing : { is: "full" };
  }

  /** Asked of the target of a fence. A create that comes again is answered as it was the first time. */
  write({ command }: Write, notAfter: number, at?: number): WriteAnswer | Promise<WriteAnswer> {
    const written = this.#inLane(command, (): WriteAnswer => {
      if (this.#now(at) >= notAfter) return { is: "late", record: null };
      const { outcome, record } = this.#apply(command, at);
      if (!record) return { is: "missing", record };
      const again =
        command.kind === "create" && outcome === "exists" && command.birth === record.birth;
      return { is: "done", record: again ? asBorn(record) : record };
    });
    return at === undefined ? written : this.#afterSending(written);
  }

  createLink(link: Link): ReturnType<LinkDesk["create"]> {
    return this.#linkDesk.create(link);
  }

  links(): Link[] {
    return this.#links.all();
  }

  revokeLink(id: string): boolean {
    return this.#linkDesk.revoke(id);
  }

  viewLink(id: string): LinkView {
    return this.#linkDesk.view(id);
  }

  useLink(id: string, decision: Pick<Settle, "state" | "value" | "fits">): LinkUse | Promise<LinkUse> {
    return this.#inLane({ kind: "settle" }, () => this.#linkDesk.use(id, decision));
  }

  /** Somebody has come to the inbox who may take the task. @returns whether it was offered */
  poke(): boolean {
    return (
      this.#turn((stored, now) => this.#decideTask(stored, { kind: "task.poke" }, now)).offer !==
      undefined
    );
  }

  /** What time alone does until `at`, for a test tool: the promise first, the task when all are done. */
  async tick(what: "promise" | "task", at: number): Promise<void> {
    if (what === "promise") await this.apply({ kind: "wake" }, at);
    else await this.#afterSending(this.#tickTask(at));
  }

  snapshot(): Snapshot {
    const { awaiters, listeners } = this.#subscribers;
    return { record: this.#store.load(), awaiters, listeners };
  }

  /**
   * {@link get} and {@link apply} for the edge: how it stands then, as the frame that an awaiter at
   * `origin` would get. Text crosses RPC and is answered at two thirds of the cost of a record.
   */
  read(origin: string): string {
    return this.#frame(this.get(), origin);
  }

  change(command: Command, origin: string): Changed | Promise<Changed> {
    return this.#inLane(command, () => {
      const { outcome, record } = this.#apply(command);
      return { outcome, frame: this.#frame(record, origin) };
    });
  }

  /**
   * An awaiter: a WebSocket upgrade, at a URL whose origin is the one the awaiter uses. 429 when the
   * promise has as many as it may.
   */
  override async fetch(request: Request): Promise<Response> {
    if (this.#alarmAt === undefined) {
      const alarmAt = await this.ctx.storage.getAlarm();
      this.#alarmAt ??= alarmAt;
    }
    const now = this.#now();
    const stored = this.#store.load();
    const record = stored && project(stored, now);
    const settled = record !== null && isSettled(record);
    if (!settled && !this.#sockets.hasRoom(readConfig(this.env).awaitersMax)) {
      return new Response(null, { status: 429 });
    }
    const { origin } = new URL(request.url);
    const firstFrame = standingFrame(record, this.#id, origin);
    const webSocket = this.#sockets.accept(origin, firstFrame, settled);
    this.#arm(record, !settled, now);
    return new Response(null, { status: 101, webSocket });
  }

  /** An awaiter has nothing to say but `ping`, which is answered without waking this object. */
  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const bytes = typeof message === "string" ? new TextEncoder().encode(message) : message;
    const tooLarge = bytes.byteLength > LIMITS.frameBytesMax;
    refuseFrame(
      socket,
      {
        type: "error",
        code: tooLarge ? "too_large" : "invalid_request",
        message: `An awaiter may send "ping" and nothing else`,
      },
      tooLarge ? 1009 : 1003,
    );
  }

  /** The other half of the closing: without it the awaiter's side waits for it for 10 s. */
  override webSocketClose(socket: WebSocket): void {
    closeQuietly(socket, 1000, "");
  }

  /** Right when early (nothing is due, it arms again), late (projection), and twice. */
  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    this.#alarmAt = null;
    try {
      await this.#turn((stored, now) => this.#decideWake(stored, now)).telling;
      await this.#tickTask();
      await this.#deliver();
      this.#indexing.retry();
      this.#arm(this.#store.load(), this.#sockets.open().length > 0, this.#now());
    } catch (error) {
      // The runtime tries six times, then drops the alarm for good, and who waits would wait for ever.
      if ((info?.retryCount ?? 0) < LAST_ALARM_RETRY) throw error;
      console.error(error);
      await this.ctx.storage.setAlarm(this.#now() + ALARM_AGAIN_MS);
    }
  }

  /** Whatever may end the lease, or the promise with it, waits for its turn. */
  #inLane<T>({ kind }: Pick<Command | TaskAsk, "kind">, work: () => T): T | Promise<T> {
    return ENDS_A_LEASE.has(kind) ? this.#lane.run({ kind: "change" }, work) : work();
  }

  #apply(command: Command, at?: number): Answer {
    const { outcome, record } = this.#turn((stored, now): Turn => {
      if (command.kind === "wake") return this.#decideWake(stored, now);
      const decision = decide(stored, command, now);
      if (decision.outcome === "purged" && this.#subscribers.size > 0) {
        // They are told within seconds; until then its end must be there to be told.
        return { outcome: "pending", record: decision.record };
      }
      return offerBorn(decision, now, this.#taskSettings);
    }, at);
    return { outcome, record };
  }

  /** The end is kept until everyone who is owed it knows. */
  #decideWake(stored: PromiseRecord | null, now: number): Decision {
    const woken = decide(stored, { kind: "wake" }, now);
    if (woken.outcome !== "purged" || this.#subscribers.size === 0) return woken;
    return { outcome: "unchanged", record: stored };
  }

  #turnTask(command: TaskCommand, at?: number): Pick<TaskDecision, "status" | "record"> {
    this.#offers.heard(command.kind);
    return this.#turn((stored, now) => this.#decideTask(stored, command, now), at);
  }

  #decideTask(
    stored: PromiseRecord | null,
    command: TaskCommand,
    now: number,
  ): Turn & TaskDecision {
    const decision = decideTask(stored, command, now, this.#taskSettings);
    return { ...decision, outcome: decision.changed ?? "unchanged" };
  }

  /** A lease ends in its turn like everything else that ends one; an offer needs none. */
  #tickTask(at?: number): void | Promise<void> {
    const task = this.#store.recall()?.task;
    if (task?.state !== "acquired" && task?.state !== "pending") return undefined;
    const tick = (): void => void this.#turnTask({ kind: "task.tick" }, at);
    return task.state === "pending" ? tick() : this.#lane.run({ kind: "change" }, tick);
  }

  get #taskSettings(): TaskSettings {
    return { retryMs: readConfig(this.env).taskRetryMs, parkMs: PARK_MS };
  }

  #withHorizon(command: TaskAsk, at: number | undefined): TaskAsk {
    if (at !== undefined || !("pid" in command)) return command;
    // Not beyond a short lease: after a crash its end would wait for that.
    const ttlMs = "ttlMs" in command ? command.ttlMs : Infinity;
    return { ...command, horizonAt: this.#now() + Math.min(2 * FENCE_MS, ttlMs) };
  }

  /** Fences that a crash has forgotten can only be those of a task that was held when this life began. */
  get #coldUntil(): number {
    if (this.#coldUntilKnown === undefined) {
      const task = this.#store.recall()?.task;
      const { fenceUntil = 0 } = task?.state === "acquired" ? task : {};
      this.#coldUntilKnown = fenceUntil === 0 ? 0 : fenceUntil + CLOCK_MARGIN_MS;
    }
    return this.#coldUntilKnown;
  }

  #park(version: number): void {
    this.#turnTask({ kind: "task.park", version });
  }

  /** Room for a subscription? Whoever has one is owed the deadline too. */
  #subscribe(add: (rows: Subscribers) => void, at?: number): boolean {
    if (this.#subscribers.size >= LIMITS.subscribersMax) return false;
    add(this.#subscribers);
    if (at === undefined) this.#arm(this.#store.recall(), false, this.#now());
    return true;
  }

  /** Sends what is owed for a settlement that is stored. */
  async #deliver(at?: number): Promise<void> {
    const stored = this.#store.recall();
    if (!stored || !isSettled(stored) || this.#subscribers.size === 0) return;
    const now = this.#now(at);
    await this.#outbox.deliver(stored, now, at);
    if (at === undefined) this.#arm(this.#store.recall(), false, now);
  }

  async #afterSending<T>(answer: T | Promise<T>): Promise<T> {
    const answered = await answer;
    await this.#outbox.sent;
    await this.#offers.sent;
    return answered;
  }

  #frame(record: PromiseRecord | null, origin: string): string {
    if (this.#lastShown?.record !== record || this.#lastShown.origin !== origin) {
      this.#lastShown = { record, origin, frame: standingFrame(record, this.#id, origin) };
    }
    return this.#lastShown.frame;
  }

  get #id(): string {
    const id = this.ctx.id.name;
    if (id === undefined) throw new Error("a promise object is reached by its id only");
    return id;
  }

  /** Milliseconds since the epoch; never backwards, so that what was settled stays settled. */
  #now(at?: number): number {
    if (at !== undefined) return at;
    this.#latestNow = Math.max(this.#latestNow, Date.now());
    return this.#latestNow;
  }

  /** Load, decide, commit, tell, arm: one synchronous turn, but for a long fan-out (`telling`). */
  #turn<D extends Turn>(
    decideNow: (stored: PromiseRecord | null, now: number) => D,
    at?: number,
  ): D & { telling: Promise<void> | undefined } {
    const now = this.#now(at);
    let stored = this.#store.recall();
    let decision = decideNow(stored, now);
    if (decision.write === undefined && stored !== this.#store.load()) {
      stored = this.#store.load();
      decision = decideNow(stored, now);
    }
    const { write, offer } = decision;
    if (write !== undefined) this.#commit(stored, write);
    const { owed, rest } = this.#tell(decision, this.#sockets.open());
    if (write !== undefined && at === undefined) this.#arm(write, owed, now);
    if (rest) this.ctx.waitUntil(rest);
    if (write && offer) this.#offers.send(write, offer.version, at);
    else if (write && stored) this.#offers.withdraw(stored, write);
    if (write && isSettled(write)) this.ctx.waitUntil(this.#deliver(at));
    if (write !== undefined) this.#index(write);
    return { ...decision, telling: rest };
  }

  #commit(stored: PromiseRecord | null, write: PromiseRecord | null): void {
    // It goes without an end: who awaits it looks again, instead of asleep for ever.
    if (!write && stored) this.#outbox.wake(stored);
    // Before the first write of this life, what an earlier one has left is still to be seen.
    void this.#coldUntil;
    if (!stored || !write) {
      // Before the first create, and after the end, there are no rows and there is no alarm.
      this.#subscribers.reset();
      this.#alarmAt = write ? (this.#alarmAt ?? null) : null;
    }
    if (!write) this.#store.delete();
    else {
      this.#store.save(write);
      if (isSettled(write) && stored?.task) this.#preload.clear();
    }
  }

  /** Beside the answer: nobody waits for the index, and no answer is taken from it. */
  #index(write: PromiseRecord | null): void {
    this.#revision = nextRevision(this.#revision, Date.now());
    const revision = { revision: this.#revision };
    this.#indexing.push(
      write ? promiseEntry(write, revision) : removedEntry("promise", this.#id, revision),
    );
  }

  /** `owed`: somebody is still to be told the end, now or one day. */
  #tell({ outcome, record }: Decision, waiting: Waiting[]): ReturnType<typeof tellEnd> {
    if (waiting.length === 0) return { owed: false };
    if (outcome === "disposed") {
      const frame = JSON.stringify({ type: "disposed", id: this.#id } satisfies Frame);
      return tellEnd(waiting, () => frame);
    }
    if (!record) return { owed: false };
    const frameFor = (origin: string): string => this.#frame(record, origin);
    if (isSettled(record)) return tellEnd(waiting, frameFor);
    if (outcome === "created") tellNews(waiting, frameFor);
    return { owed: true };
  }

  /** An alarm that is set already and comes earlier will arm the next one itself. */
  #arm(record: PromiseRecord | null, sockets: boolean, now: number): void {
    if (!record) return;
    const due = wakeAt(record, { sockets, messagesAt: this.#outbox.dueAt(now) }, now);
    if (due === null) return;
    if (this.#alarmAt !== null && this.#alarmAt !== undefined && this.#alarmAt <= due) return;
    this.#alarmAt = due;
    void this.ctx.storage.setAlarm(due);
  }
}

const ENDS_A_LEASE = new Set<(Command | TaskAsk)["kind"]>([
  "settle",
  "purge",
  "dispose",
  "task.release",
  "task.fulfill",
  "task.halt",
]);
