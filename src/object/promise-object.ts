/**
 * One durable promise: a Durable Object per promise id, and what may be asked of it. It puts each step
 * in its order (lane.ts) and has it done (turns.ts, across.ts, link-desk.ts).
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import { logFailure } from "../log.ts";
import type { IndexEntry } from "../machine/index-entry.ts";
import { differences, imported, type Import } from "../machine/import.ts";
import type { Link } from "../machine/link.ts";
import {
  asBorn,
  isSettled,
  type Command,
  type Decision,
  type PromiseRecord,
  type Settle,
} from "../machine/promise.ts";
import type { TaskCommand, TaskDecision } from "../machine/task-command.ts";
import {
  Across,
  FENCE_MS,
  type AcrossAnswer,
  type FenceAnswer,
  type Standing,
  type Write,
  type WriteAnswer,
} from "./across.ts";
import { Lane } from "./lane.ts";
import { LinkDesk, type LinkUse, type LinkView } from "./link-desk.ts";
import { Links } from "./links.ts";
import { closeQuietly, refuseFrame } from "./sockets.ts";
import { Turns, type Answer } from "./turns.ts";
import { ready } from "./webhook-filters.ts";

/** The runtime counts retries of an alarm from 0 and gives up after the sixth. */
const LAST_ALARM_RETRY = 5;
const ALARM_AGAIN_MS = 60_000;

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

/** Who waits. */
export interface Awaiting {
  sockets: number;
  listeners: string[];
  tasks: string[];
}

/**
 * Most methods take `at`, the instant in ms: left out it is now. Given, a test tool drives the clock
 * (`DEBUG_SURFACE`): then there are no alarms, and what a step sends is sent before it answers.
 */
export class PromiseObject extends DurableObject<Env> {
  #turns = new Turns(this.ctx, this.env);
  #lane = new Lane(() => this.#turns.coldUntil);
  #across = new Across({
    peer: (id) => this.env.PROMISES.getByName(id),
    lane: this.#lane,
    preload: this.#turns.preload,
    id: () => this.#turns.id,
    look: (at) => this.#turns.get(at),
    turn: (command, at) => this.#turns.task(command, at),
    now: (at) => this.#turns.now(at),
  });
  #links = new Links(this.ctx.storage);
  #linkDesk = new LinkDesk({
    links: this.#links,
    get: () => this.#turns.get(),
    apply: (command) => this.#turns.apply(command),
    now: () => this.#turns.now(),
  });

  /** The promise as it is now; `null` for an id that nobody has created. Writes nothing. */
  get(at?: number): PromiseRecord | null {
    return this.#turns.get(at);
  }

  /** {@link get}, when nothing is under way that would make its task look like what it will not be. */
  look(at?: number): PromiseRecord | null | Promise<PromiseRecord | null> {
    return this.#lane.run({ kind: "look" }, () => this.get(at));
  }

  /** Any command of the machine. */
  apply(command: Command, at?: number): Answer | Promise<Answer> {
    const applied = this.#inLane(command, () => this.#turns.apply(command, at));
    return at === undefined ? applied : this.#afterSending(applied);
  }

  /** One step of the task: it lies in the record of its promise. */
  task(command: TaskAsk, at?: number): TaskAnswer | Promise<TaskAnswer> {
    const asked = this.#inLane(command, () => {
      const { status, record } = this.#turns.task(this.#withHorizon(command, at), at);
      const taken = command.kind === "task.create" || command.kind === "task.acquire";
      return { status, record, ...(taken && { preload: this.#turns.preload.text }) };
    });
    return at === undefined ? asked : this.#afterSending(asked);
  }

  /** Asked of the awaiter: {@link Across.suspend}. */
  async suspend(version: number, awaited: string[], at?: number): Promise<AcrossAnswer> {
    await ready(this.env);
    const answer = await this.#across.suspend(version, awaited, at);
    return answer.status === 300 ? { ...answer, preload: this.#turns.preload.text } : answer;
  }

  /** Asked of the holder's task: {@link Across.fence}. */
  async fence(version: number, write: Write, at?: number): Promise<FenceAnswer> {
    await ready(this.env);
    return this.#across.fence(version, write, at);
  }

  /** Asked of the awaiter: {@link Across.callback}. */
  async callback(awaited: string, at?: number): Promise<AcrossAnswer> {
    await ready(this.env);
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
    if (!this.#turns.subscribe((rows) => rows.addAwaiter(awaiter), at)) return { is: "full" };
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
    return this.#turns.subscribe((rows) => rows.addListener(address), at)
      ? standing
      : { is: "full" };
  }

  /** Asked of the target of a fence. A create that comes again is answered as it was the first time. */
  write({ command }: Write, notAfter: number, at?: number): WriteAnswer | Promise<WriteAnswer> {
    const written = this.#inLane(command, (): WriteAnswer => {
      if (this.#turns.now(at) >= notAfter) return { is: "late", record: null };
      const { outcome, record } = this.#turns.apply(command, at);
      if (!record) return { is: "missing", record };
      const again =
        command.kind === "create" && outcome === "exists" && command.birth === record.birth;
      return { is: "done", record: again ? asBorn(record) : record };
    });
    return at === undefined ? written : this.#afterSending(written);
  }

  /** Who waits now; `null` for an id that nobody has created, when nobody does. Writes nothing. */
  awaiters(): Awaiting | null {
    const record = this.get();
    const sockets = this.#turns.sockets.open().length;
    const { awaiters: tasks, listeners } = this.#turns.subscribers;
    return record || sockets > 0 ? { sockets, listeners, tasks } : null;
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

  useLink(
    id: string,
    decision: Pick<Settle, "state" | "value" | "fits">,
  ): LinkUse | Promise<LinkUse> {
    return this.#inLane({ kind: "settle" }, () => this.#linkDesk.use(id, decision));
  }

  /** Somebody has come to the inbox who may take the task. @returns whether it was offered */
  poke(): boolean {
    return this.#turns.poke();
  }

  /** What time alone does until `at`, for a test tool: the promise first, the task when all are done. */
  async tick(what: "promise" | "task", at: number): Promise<void> {
    if (what === "promise") await this.apply({ kind: "wake" }, at);
    else await this.#afterSending(this.#tickTask(at));
  }

  /** How it is stored, for a shard of the index that compares. Writes nothing. */
  indexEntry(): IndexEntry {
    return this.#turns.indexEntry();
  }

  /** When the index knows what has changed so far: for who has just changed it and will search. */
  async indexed(): Promise<void> {
    await this.#turns.tellIndex();
  }

  snapshot(): Snapshot {
    const { awaiters, listeners } = this.#turns.subscribers;
    return { record: this.#turns.stored(), awaiters, listeners };
  }

  /**
   * {@link get} and {@link apply} for the edge: how it stands then, as the frame that an awaiter at
   * `origin` would get. Text crosses RPC and is answered at two thirds of the cost of a record.
   */
  read(origin: string): string {
    return this.#turns.frame(this.get(), origin);
  }

  /** @returns what is not the same, where the id is taken; nothing when it was free */
  importRecord(command: Import): string[] | undefined {
    const { outcome, record } = this.#turns.apply(command);
    if (outcome === "imported" || !record) return undefined;
    return differences(record, imported(command, this.#turns.now()), this.#turns.now());
  }

  /** @param requestId for the log */
  change(command: Command, origin: string, requestId?: string): Changed | Promise<Changed> {
    const changed = (): Changed | Promise<Changed> =>
      this.#inLane(command, () => {
        const { outcome, record } = this.#turns.apply(command);
        return { outcome, frame: this.#turns.frame(record, origin) };
      });
    return this.#loudly(changed, { promise: this.#turns.id, requestId });
  }

  /**
   * An awaiter: a WebSocket upgrade, at a URL whose origin is the one the awaiter uses. 429 when the
   * promise has as many as it may.
   */
  override async fetch(request: Request): Promise<Response> {
    const turns = this.#turns;
    await turns.lookAtAlarm();
    const record = turns.get();
    const settled = record !== null && isSettled(record);
    if (!settled && !turns.sockets.hasRoom(readConfig(this.env).awaitersMax)) {
      return new Response(null, { status: 429 });
    }
    const { origin } = new URL(request.url);
    const webSocket = turns.sockets.accept(origin, turns.frame(record, origin), settled);
    turns.arm(record, !settled, turns.now());
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
    const turns = this.#turns;
    turns.alarmIsOver();
    try {
      await ready(this.env);
      await turns.wake();
      await this.#tickTask();
      await turns.deliver();
      await turns.tellIndex();
      turns.arm(turns.stored(), turns.sockets.open().length > 0, turns.now());
    } catch (error) {
      // The runtime tries six times, then drops the alarm for good, and who waits would wait for ever.
      if ((info?.retryCount ?? 0) < LAST_ALARM_RETRY) throw error;
      logFailure("an alarm failed", error, { promise: turns.id });
      await this.ctx.storage.setAlarm(turns.now() + ALARM_AGAIN_MS);
    }
  }

  /** What fails is logged here too: an error that has crossed to the edge has lost its stack. */
  #loudly<T>(work: () => T | Promise<T>, facts: Parameters<typeof logFailure>[2]): T | Promise<T> {
    const failed = (error: unknown): never => {
      logFailure("a change failed", error, facts);
      throw error;
    };
    try {
      const answer = work();
      return answer instanceof Promise ? answer.catch(failed) : answer;
    } catch (error) {
      return failed(error);
    }
  }

  /** Whatever may end the lease, or the promise with it, waits for its turn. */
  #inLane<T>({ kind }: Pick<Command | TaskAsk, "kind">, work: () => T): T | Promise<T> {
    const step = (): T | Promise<T> =>
      ENDS_A_LEASE.has(kind) ? this.#lane.run({ kind: "change" }, work) : work();
    const hearing = ready(this.env);
    return hearing ? hearing.then(step) : step();
  }

  /** A lease ends in its turn like everything else that ends one; an offer needs none. */
  #tickTask(at?: number): void | Promise<void> {
    const task = this.#turns.stored()?.task;
    if (task?.state !== "acquired" && task?.state !== "pending") return undefined;
    const tick = (): void => void this.#turns.task({ kind: "task.tick" }, at);
    return task.state === "pending" ? tick() : this.#lane.run({ kind: "change" }, tick);
  }

  #withHorizon(command: TaskAsk, at: number | undefined): TaskAsk {
    if (at !== undefined || !("pid" in command)) return command;
    // Not beyond a short lease: after a crash its end would wait for that.
    const ttlMs = "ttlMs" in command ? command.ttlMs : Infinity;
    return { ...command, horizonAt: this.#turns.now() + Math.min(2 * FENCE_MS, ttlMs) };
  }

  async #afterSending<T>(answer: T | Promise<T>): Promise<T> {
    const answered = await answer;
    await this.#turns.sent();
    return answered;
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
