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
  decide,
  isSettled,
  project,
  type Command,
  type Decision,
  type PromiseRecord,
} from "../machine/promise.ts";
import { standingFrame } from "../machine/resource.ts";
import { decideTask } from "../machine/task.ts";
import type { TaskCommand, TaskDecision, TaskSettings } from "../machine/task-command.ts";
import { PromiseStore } from "./promise-store.ts";
import { closeQuietly, refuseFrame, Sockets, tellEnd, tellNews, type Waiting } from "./sockets.ts";

/** The runtime counts retries of an alarm from 0 and gives up after the sixth. */
const LAST_ALARM_RETRY = 5;
const ALARM_AGAIN_MS = 60_000;

/** An offer has nobody who delivers it, so nothing is offered again. */
const TASK_SETTINGS: TaskSettings = { retryMs: Infinity };

/** What time alone does: to the promise, else to its task. */
function decideAlarm(stored: PromiseRecord | null, now: number): Decision {
  const woken = decide(stored, { kind: "wake" }, now);
  if (woken.write !== undefined || !stored?.task) return woken;
  const { record, write } = decideTask(stored, { kind: "task.tick" }, now, TASK_SETTINGS);
  return { outcome: "unchanged", record, ...(write && { write }) };
}

/** What a command answers across RPC: a value, never an exception. */
export type Answer = Pick<Decision, "outcome" | "record">;

export type TaskAnswer = Pick<TaskDecision, "status" | "record">;

/** An answer, shown to a caller. */
export interface Changed {
  outcome: Decision["outcome"];
  frame: string;
}

export class PromiseObject extends DurableObject<Env> {
  #store = new PromiseStore(this.ctx.storage);
  #sockets = new Sockets(this.ctx);
  /** The instant of the alarm; `undefined` until this life of the object has looked. */
  #alarmAt: number | null | undefined;
  #latestNow = 0;
  /** The last frame made for a reader: the same record to the same origin is the same text. */
  #lastShown: { record: PromiseRecord | null; origin: string; frame: string } | undefined;

  /** The promise as it is now; `null` for an id that nobody has created. Writes nothing. */
  get(): PromiseRecord | null {
    const record = this.#store.load();
    return record && project(record, this.#now());
  }

  /** Any command of the machine. */
  apply(command: Command): Answer {
    return this.#apply(command);
  }

  /** Any command of the task machine: the task of a promise lies in its record. */
  task(command: TaskCommand): TaskAnswer {
    const { status, record } = this.#turn((stored, now) => {
      const decision = decideTask(stored, command, now, TASK_SETTINGS);
      return { ...decision, outcome: decision.changed ?? "unchanged" };
    });
    return { status, record };
  }

  /**
   * {@link get} and {@link apply} for the edge: how it stands then, as the frame that an awaiter at
   * `origin` would get. Text crosses RPC and is answered at two thirds of the cost of a record.
   */
  read(origin: string): string {
    return this.#frame(this.get(), origin);
  }

  change(command: Command, origin: string): Changed {
    const { outcome, record } = this.#apply(command);
    return { outcome, frame: this.#frame(record, origin) };
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
      await this.#turn(decideAlarm).telling;
    } catch (error) {
      // The runtime tries six times, then drops the alarm for good, and who waits would wait for ever.
      if ((info?.retryCount ?? 0) < LAST_ALARM_RETRY) throw error;
      console.error(error);
      await this.ctx.storage.setAlarm(this.#now() + ALARM_AGAIN_MS);
    }
  }

  #apply(command: Command): Answer {
    const { outcome, record } = this.#turn((stored, now) => decide(stored, command, now));
    return { outcome, record };
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
  #now(): number {
    this.#latestNow = Math.max(this.#latestNow, Date.now());
    return this.#latestNow;
  }

  /** Load, decide, commit, tell, arm: one synchronous turn, but for a long fan-out (`telling`). */
  #turn<D extends Decision>(
    decideNow: (stored: PromiseRecord | null, now: number) => D,
  ): D & { telling: Promise<void> | undefined } {
    const now = this.#now();
    let stored = this.#store.recall();
    let decision = decideNow(stored, now);
    if (decision.write === undefined && stored !== this.#store.load()) {
      stored = this.#store.load();
      decision = decideNow(stored, now);
    }
    const { write } = decision;
    if (write) this.#store.save(write);
    else if (write === null) {
      this.#store.delete();
      this.#alarmAt = null;
    }
    // Before the first create there never was an alarm.
    if (!stored) this.#alarmAt ??= null;
    const { owed, rest } = this.#tell(decision, this.#sockets.open());
    this.#arm(write === undefined ? stored : write, owed, now);
    if (rest) this.ctx.waitUntil(rest);
    return { ...decision, telling: rest };
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
  #arm(record: PromiseRecord | null, awaited: boolean, now: number): void {
    const due = wakeAt(record, awaited, now);
    if (due === null) return;
    if (this.#alarmAt !== null && this.#alarmAt !== undefined && this.#alarmAt <= due) return;
    this.#alarmAt = due;
    void this.ctx.storage.setAlarm(due);
  }
}
