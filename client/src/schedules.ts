/**
 * Schedules: promises that are made again and again, at the instants of a cron pattern. What they
 * make are promises like any other.
 */
import { answerOf, jsonOf } from "./calls.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { checkKey, createKey, promisePath } from "./id.ts";
import type { CallOptions, Target } from "./options.ts";
import type { Payload } from "./protocol.ts";
import { send, sendDelete, sendOnce } from "./send.ts";

export interface ScheduleOptions extends CallOptions {
  /** 5 to 7 fields, or `@daily`. @example "0 9 * * MON-FRI" */
  cron: string;
  /** Of the pattern's fields. @default "UTC" @example "Europe/Berlin" */
  timezone?: string;
  /** The id of each promise. @default "{{.id}}/{{.timestamp}}" */
  promiseId?: string;
  /** The deadline of each promise, from its occurrence. */
  promiseTimeout: Duration;
  /** What each promise is asked with. @default {} */
  promiseParam?: Payload<unknown>;
  promiseTags?: Record<string, string>;
  description?: string;
  /**
   * Creating again with the same key returns the schedule that is there, as it is.
   * @default the id: creating is "get or create"
   */
  idempotencyKey?: string;
}

/** A schedule as it stands. Instants are ms since the epoch. */
export interface Schedule {
  id: string;
  cron: string;
  timezone: string;
  promiseId: string;
  /** In ms. */
  promiseTimeout: number;
  promiseParam: Payload;
  promiseTags: Record<string, string>;
  description?: string;
  paused: boolean;
  createdOn: number;
  lastRunTime?: number;
  /** `null`: never again, or not while it is paused. */
  nextRunTime: number | null;
  /** The next ten. */
  nextRuns: number[];
  /** Occurrences that were passed over after a long absence: from the first to the last of them. */
  skipped?: { from: number; to: number };
  url: string;
}

/** The schedules of a deployment: `promises.schedules`. */
export class Schedules {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /**
   * Makes a schedule, or returns the one that is there: see `idempotencyKey`.
   *
   * @throws ApiError with code `schedule_exists` if it was made with another key, or
   *   `invalid_request`, which names the field.
   * @example
   * await promises.schedules.create("reports/daily", { cron: "@daily", promiseTimeout: "1h" });
   */
  async create(id: string, options: ScheduleOptions): Promise<Schedule> {
    const { signal: _, timeout: __, idempotencyKey, promiseTimeout, ...rest } = options;
    const asked = {
      ...rest,
      promiseTimeout: parseDuration(promiseTimeout, "promiseTimeout", Date.now()),
    };
    const body = jsonOf(asked, "promiseParam", rest.promiseParam?.data);
    const headers = { "idempotency-key": checkKey(idempotencyKey ?? createKey(id)) };
    const call = { method: "PUT", path: pathOf(id), headers, body } as const;
    return scheduleOf(await send(this.#target, call, options));
  }

  /** All of them, in the order of their ids. @example for await (const { id } of promises.schedules.list()) … */
  async *list(options: CallOptions = {}): AsyncGenerator<Schedule, void, undefined> {
    let cursor: string | undefined;
    do {
      const query = cursor === undefined ? "" : `?cursor=${encodeURIComponent(cursor)}`;
      const call = { method: "GET", path: `/schedules${query}` } as const;
      const verdict = await send(this.#target, call, options);
      const page = answerOf<{ schedules: Schedule[]; cursor?: string }>(
        verdict,
        "schedules",
        "schedules",
      );
      yield* page.schedules;
      ({ cursor } = page);
    } while (cursor !== undefined);
  }

  /** @throws ApiError with code `schedule_not_found`; so do all below. */
  async get(id: string, options: CallOptions = {}): Promise<Schedule> {
    return scheduleOf(await send(this.#target, { method: "GET", path: pathOf(id) }, options));
  }

  /** What falls into a pause is not made up for. */
  pause(id: string, options: CallOptions = {}): Promise<Schedule> {
    return this.#setPaused(id, true, options);
  }

  resume(id: string, options: CallOptions = {}): Promise<Schedule> {
    return this.#setPaused(id, false, options);
  }

  /**
   * One occurrence now, besides the others, also while it is paused. Not repeated when the line
   * breaks: there might be two.
   */
  async run(id: string, options: CallOptions = {}): Promise<{ promiseId: string; url: string }> {
    const call = { method: "POST", path: pathOf(id) } as const;
    const verdict = await sendOnce(this.#target, call, options);
    return answerOf<{ promiseId: string; url: string }>(verdict, "a promise", "promiseId");
  }

  /** Ends it. What it has made stays. */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await sendDelete(this.#target, pathOf(id), options, "schedule_not_found");
  }

  async #setPaused(id: string, paused: boolean, options: CallOptions): Promise<Schedule> {
    const call = { method: "PATCH", path: pathOf(id), body: JSON.stringify({ paused }) } as const;
    return scheduleOf(await send(this.#target, call, options));
  }
}

function pathOf(id: string): string {
  return promisePath(id).replace("/promises/", "/schedules/");
}

function scheduleOf(verdict: Parameters<typeof answerOf>[0]): Schedule {
  return answerOf<Schedule>(verdict, "a schedule", "id", "cron");
}
