/**
 * One schedule: a Durable Object per schedule id, asleep between its occurrences. Every occurrence is
 * made before the schedule moves on, and making it twice changes nothing: a crash at any point only
 * means that the same ones are made again.
 */
import { DurableObject } from "cloudflare:workers";
import { readConfig, type Env } from "../env.ts";
import { logFailure } from "../log.ts";
import { AHEAD_MS_MAX } from "../machine/deadline.ts";
import { nextRevision, removedEntry, scheduleEntry } from "../machine/index-entry.ts";
import type { Create } from "../machine/promise.ts";
import {
  create,
  due,
  occurrence,
  paused,
  type CreatedSchedule,
  type CreateSchedule,
  type Schedule,
} from "../machine/schedule.ts";
import { Indexing, putEntry } from "./indexing.ts";

const KEY = "schedule";
/** So many promises are made at a time: as many as one request may have calls under way. */
const AT_A_TIME = 6;
const AGAIN_MS = 5000;

export interface ScheduleAnswer {
  outcome: "absent" | "done";
  schedule: Schedule | null;
}

export class ScheduleObject extends DurableObject<Env> {
  /** Looks and changes wait for a firing: in between it is neither before nor after. */
  #firing: Promise<void> | undefined;
  #indexing = new Indexing(this.env, (work) => this.ctx.waitUntil(work));
  /** The last stamp of an entry in the index, and the one of the last removal. */
  #revision = 0;
  #removed = 0;

  async get(): Promise<Schedule | null> {
    await this.#firing;
    return this.#load();
  }

  async create(command: CreateSchedule, at?: number): Promise<CreatedSchedule> {
    if (!this.#load()) await this.#list(command);
    const created = create(this.#load(), command, at ?? Date.now());
    if (created.outcome === "created") this.#save(created.schedule, at);
    return created;
  }

  async pause(pause: boolean): Promise<ScheduleAnswer> {
    await this.#firing;
    const schedule = this.#load();
    if (!schedule) return { outcome: "absent", schedule };
    const next = paused(schedule, pause, Date.now());
    if (next !== schedule) this.#save(next);
    return { outcome: "done", schedule: next };
  }

  async remove(): Promise<ScheduleAnswer> {
    await this.#firing;
    const schedule = this.#load();
    if (!schedule) return { outcome: "absent", schedule };
    this.ctx.storage.kv.delete(KEY);
    void this.ctx.storage.deleteAll();
    this.#removed = this.#stamp();
    this.#indexing.push(removedEntry("schedule", schedule.id, { revision: this.#removed }));
    return { outcome: "done", schedule };
  }

  /** An occurrence besides the others, at this instant; paused or not. `null` without a schedule. */
  async runNow(): Promise<string | null> {
    const schedule = await this.get();
    if (!schedule) return null;
    const run = occurrence(schedule, Date.now(), newBirth());
    await this.#make(run);
    return run.id;
  }

  /** Right when early (nothing is due), late (all that was missed), and twice. */
  override async alarm(): Promise<void> {
    this.#firing ??= this.#fire().finally(() => {
      this.#firing = undefined;
    });
    await this.#firing;
  }

  /**
   * What an alarm at `at` would do, for a test tool that drives the clock.
   *
   * @returns the ids of the promises that were due
   */
  async fire(at: number): Promise<string[]> {
    const schedule = await this.get();
    if (!schedule) return [];
    const { runs } = due(schedule, at);
    await this.#fire(at);
    return runs.map((run) => occurrence(schedule, run, "").id);
  }

  async #fire(at?: number): Promise<void> {
    const schedule = this.#load();
    if (!schedule) return;
    const { runs, next } = due(schedule, at ?? Date.now());
    try {
      for (let first = 0; first < runs.length; first += AT_A_TIME) {
        const slice = runs.slice(first, first + AT_A_TIME);
        const made = slice.map((run) => this.#make(occurrence(schedule, run, newBirth()), at));
        await allOf(made);
      }
    } catch (error) {
      // Not by throwing: the runtime gives an alarm up after six tries.
      logFailure("a schedule could not fire", error, { schedule: schedule.id });
      await this.ctx.storage.setAlarm(Date.now() + AGAIN_MS);
      return;
    }
    // Nothing enters while it fires but a create, which changes no schedule that is there.
    this.#save(next, at);
  }

  /**
   * In the index before it is here, and gone from here before it is there: whatever a crash or a
   * failure leaves behind, the index has too much and never too little, and who lists asks here. It
   * makes a create wait, and fail with the index; schedules are few.
   */
  async #list({ terms }: CreateSchedule): Promise<void> {
    let revision;
    do {
      revision = this.#stamp();
      await putEntry(this.env, scheduleEntry(terms, { revision }));
      // One that was made and removed in between has taken this one's place in the list with it.
    } while (revision < this.#removed);
  }

  #stamp(): number {
    this.#revision = nextRevision(this.#revision, Date.now());
    return this.#revision;
  }

  #make(run: Create, at?: number): Promise<unknown> {
    const { retentionMs } = readConfig(this.env);
    const kept = retentionMs === undefined ? run : { ...run, retentionMs };
    return this.env.PROMISES.getByName(run.id).apply(kept, at);
  }

  #load(): Schedule | null {
    return this.ctx.storage.kv.get<Schedule>(KEY) ?? null;
  }

  /** State and alarm in one turn. */
  #save(schedule: Schedule, at?: number): void {
    this.ctx.storage.kv.put(KEY, schedule);
    // A clock that is driven has no alarms.
    if (at !== undefined) return;
    if (schedule.nextRunAt === null) void this.ctx.storage.deleteAlarm();
    else void this.ctx.storage.setAlarm(Math.min(schedule.nextRunAt, Date.now() + AHEAD_MS_MAX));
  }
}

/** Waits for all, also when one fails: nothing of a firing may happen after it is over. */
async function allOf(calls: Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(calls)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

function newBirth(): string {
  return crypto.randomUUID().slice(0, 18);
}
