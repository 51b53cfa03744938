/**
 * When a schedule fires and what it makes: `nextRunAt(cron, timezone, after)`, `due(schedule, now)`
 * and `occurrence(schedule, at)`. An occurrence is a function of its instant alone, so that firing
 * twice, late or after a crash makes the same promises.
 *
 * It refuses to know whether the promises were made, and what time it is.
 *
 * Cron: 5 fields, 6 with seconds first, 7 with years last; `@daily` and the like; weekdays 0 to 7
 * (0 and 7 are Sunday) or names; `?` is `*`. In the zone of the schedule: an hour that the clocks
 * skip fires right after the gap, one that they repeat fires once (a fixed time) or in both (an
 * interval).
 */
import { Cron } from "croner";
import { NEVER } from "../../client/src/protocol.ts";
import type { Create, Payload } from "./promise.ts";

export interface ScheduleTerms {
  id: string;
  cron: string;
  /** IANA name. */
  timezone: string;
  /** A template: `{{.id}}` is the schedule's id, `{{.timestamp}}` the instant in ms. */
  promiseId: string;
  /** From the instant of an occurrence to its deadline; `NEVER` for none. */
  promiseTimeoutMs: number;
  promiseParam: Payload;
  promiseTags: Record<string, string>;
  description?: string;
  /** Where workers that are called at an address of their own reach us. */
  serverUrl?: string;
}

export interface Schedule extends ScheduleTerms {
  /** Random: tells this schedule from a later one by the same id. */
  birth: string;
  createdAt: number;
  /** `null` while paused, or when there is no next time. */
  nextRunAt: number | null;
  lastRunAt?: number;
  paused: boolean;
  idempotencyKey?: string;
  /** The last stretch of occurrences that was passed over after a long absence. */
  skipped?: { from: number; to: number };
}

export interface CreateSchedule {
  terms: ScheduleTerms;
  birth: string;
  idempotencyKey?: string;
}

export interface CreatedSchedule {
  outcome: "created" | "repeated" | "exists";
  schedule: Schedule;
}

/** Idempotent by id; repeating it is a success by its key only, as with promises. */
export function create(
  existing: Schedule | null,
  { terms, birth, idempotencyKey }: CreateSchedule,
  now: number,
): CreatedSchedule {
  const keyed = idempotencyKey !== undefined;
  if (existing) {
    const repeated = keyed && idempotencyKey === existing.idempotencyKey;
    return { outcome: repeated ? "repeated" : "exists", schedule: existing };
  }
  const schedule: Schedule = {
    ...terms,
    birth,
    createdAt: now,
    nextRunAt: nextRunAt(terms.cron, terms.timezone, now),
    paused: false,
    ...(keyed && { idempotencyKey }),
  };
  return { outcome: "created", schedule };
}

/** Made up for after an absence; older ones are passed over, and the schedule says so. */
export const CATCH_UP_MAX = 1000;

/** The first instant after `after`; `null` when there is none, or none within croner's horizon. */
export function nextRunAt(cron: string, timezone: string, after: number): number | null {
  return patternOf(cron, timezone).nextRun(new Date(after))?.getTime() ?? null;
}

/** The next `count` instants, for people to look at. */
export function nextRuns(schedule: Schedule, count: number): number[] {
  const runs: number[] = [];
  for (let at = schedule.nextRunAt; at !== null && runs.length < count;) {
    runs.push(at);
    at = nextRunAt(schedule.cron, schedule.timezone, at);
  }
  return runs;
}

/** What is wrong with a pattern or a zone, as a sentence; `undefined` for nothing. */
export function faultOfCron(cron: string, timezone: string, now: number): string | undefined {
  if (!isZone(timezone)) return `"${timezone}" is not an IANA time zone`;
  try {
    if (nextRunAt(cron, timezone, now) !== null) return undefined;
    return `"${cron}" has no next run`;
  } catch (error) {
    return `"${cron}" is not a cron expression: ${(error as Error).message}`;
  }
}

/** What is wrong with a template; `undefined` for nothing. */
export function faultOfTemplate(promiseId: string): string | undefined {
  if (!promiseId.includes("{{.timestamp}}")) return "must contain {{.timestamp}}";
  const unknown = /\{\{(?!\.id\}\}|\.timestamp\}\})[^}]*\}\}/.exec(promiseId)?.[0];
  return unknown && `must have {{.id}} and {{.timestamp}} only, not ${unknown}`;
}

export interface Due {
  /** Instants to make promises for, oldest first. */
  runs: number[];
  /** The schedule after that. */
  next: Schedule;
}

/** Everything that is due at `now`: nothing when it is early, all that was missed when it is late. */
export function due(schedule: Schedule, now: number): Due {
  const { cron, timezone } = schedule;
  const runs: number[] = [];
  let at = schedule.nextRunAt;
  while (at !== null && at <= now && runs.length < CATCH_UP_MAX) {
    runs.push(at);
    at = nextRunAt(cron, timezone, at);
  }
  const lastRunAt = runs.at(-1);
  if (lastRunAt === undefined) return { runs, next: schedule };
  const missed = at !== null && at <= now ? { from: at, to: now } : undefined;
  return {
    runs,
    next: {
      ...schedule,
      lastRunAt,
      nextRunAt: missed ? nextRunAt(cron, timezone, now) : at,
      ...(missed && { skipped: missed }),
    },
  };
}

/** The promise of the occurrence at `at`; `birth` tells its life from others. */
export function occurrence(schedule: ScheduleTerms, at: number, birth: string): Create {
  const id = idOfOccurrence(schedule, at);
  const lineage = Object.fromEntries(
    ["resonate:origin", "resonate:branch", "resonate:parent"].map((tag) => [tag, id]),
  );
  return {
    kind: "create",
    id,
    birth,
    param: schedule.promiseParam,
    tags: { ...lineage, ...schedule.promiseTags, "resonate:schedule": schedule.id },
    timeoutAt: Math.min(at + schedule.promiseTimeoutMs, NEVER),
    strict: false,
    ...(schedule.serverUrl !== undefined && { serverUrl: schedule.serverUrl }),
  };
}

export function idOfOccurrence({ id, promiseId }: ScheduleTerms, at: number): string {
  return promiseId.replaceAll("{{.id}}", () => id).replaceAll("{{.timestamp}}", String(at));
}

/** Paused, it has no next run; going on, it begins with the first after `now`. */
export function paused(schedule: Schedule, pause: boolean, now: number): Schedule {
  if (schedule.paused === pause) return schedule;
  const { cron, timezone } = schedule;
  return { ...schedule, paused: pause, nextRunAt: pause ? null : nextRunAt(cron, timezone, now) };
}

function patternOf(cron: string, timezone: string): Cron {
  // croner would put the present in the place of a `?`.
  return new Cron(cron.replaceAll("?", "*"), { timezone, paused: true });
}

function isZone(timezone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: timezone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
