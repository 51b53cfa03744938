/**
 * The REST resource `/schedules/:id`: PUT makes one, GET shows it with its next runs, PATCH pauses it
 * and lets it go on, POST runs it now, DELETE ends it; and `/schedules`, the list of them. Knows
 * bytes and headers; when it fires is machine/schedule.ts's matter.
 */
import * as v from "valibot";
import { HEADER, LIMITS } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";
import { payloadText, promiseUrl } from "../machine/resource.ts";
import {
  faultOfCron,
  faultOfTemplate,
  idOfOccurrence,
  nextRuns,
  type Schedule,
  type ScheduleTerms,
} from "../machine/schedule.ts";
import { noteAct } from "./acts.ts";
import { callOf, type C } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { readJson } from "./json.ts";
import { idOfPath, newBirth, parseKeys, refuseQuery, validate } from "./parse.ts";
import { noSchedule, outOfReach } from "./permission.ts";
import { reachesAll, type Principal } from "./principal.ts";
import { originOf } from "./promises.ts";
import { parsePage, textOfCursor } from "./page-query.ts";
import { readPage, searchSchedules } from "./search.ts";
import { searchWithin } from "./search-within.ts";
import { duration, faultOfId, fields, payload, tags, utf8Length } from "./schemas.ts";
import { checkTarget } from "./targets.ts";
import { durationOf, payloadOf } from "./values.ts";

const PREFIX = "/schedules/";
const NEXT_RUNS = 10;

const cron = v.pipe(v.string("must be a string"), v.maxLength(200));

export const scheduleBody = fields({
  cron,
  timezone: v.optional(v.pipe(v.string(), v.maxLength(100)), "UTC"),
  promiseId: v.optional(v.pipe(v.string(), v.maxLength(1024)), "{{.id}}/{{.timestamp}}"),
  promiseTimeout: duration,
  promiseParam: v.optional(payload, {}),
  promiseTags: v.optional(tags, {}),
  description: v.optional(v.pipe(v.string(), v.maxLength(1000))),
});

export const pauseBody = fields({ paused: v.boolean("must be true or false") });

/** `PUT /schedules/:id` */
export async function createSchedule(c: C): Promise<Response> {
  const id = idOfPath(c.req.url, PREFIX);
  refuseQuery(c.req.url);
  const { text, value } = await readJson(c.req.raw);
  const body = validate(scheduleBody, value, "");
  const { promiseTimeout, promiseParam, description, ...rest } = body;
  const terms: ScheduleTerms = {
    ...rest,
    id,
    promiseTimeoutMs: durationOf(promiseTimeout, "promiseTimeout", Date.now()),
    promiseParam: payloadOf(promiseParam, text, "promiseParam"),
    ...(description !== undefined && { description }),
  };
  const origin = originOf({ env: c.env, request: c.req.raw });
  const pushed = checkTerms(terms, origin, callOf(c));
  const { idempotencyKey } = parseKeys(c.req.raw.headers);
  await noteAct(c.req.raw, c.env, "schedule.create", id);
  const { outcome, schedule } = await c.env.SCHEDULES.getByName(id).create({
    terms: { ...terms, ...pushed },
    birth: newBirth(),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  });
  if (outcome === "exists") {
    throw new Refusal("schedule_exists", `The schedule "${id}" exists already`, { field: "id" });
  }
  return answer(c, outcome === "created" ? 201 : 200, schedule);
}

/** `GET /schedules?limit=&cursor=`: all that the caller reaches, in the order of their ids. */
export async function listSchedules(c: C): Promise<Response> {
  const { prefixes } = c.get("principal");
  const page = await searchWithin(prefixes, parsePage(c.req.url), (bounds) =>
    searchSchedules(c.env, bounds),
  );
  const { texts, cursor } = await readPage(page, async (id) => {
    const schedule = await c.env.SCHEDULES.getByName(id).get();
    return schedule ? textOf(c, schedule) : undefined;
  });
  const next = cursor === undefined ? "" : `,"cursor":"${textOfCursor(cursor)}"`;
  return new Response(`{"schedules":[${texts.join(",")}]${next}}`, {
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

/** `GET /schedules/:id` */
export async function readSchedule(c: C): Promise<Response> {
  const id = idOfPath(c.req.url, PREFIX);
  refuseQuery(c.req.url);
  const schedule = await c.env.SCHEDULES.getByName(id).get();
  if (!schedule) throw noSchedule(id);
  return answer(c, 200, schedule);
}

/** `PATCH /schedules/:id` with `{"paused": true}` or `{"paused": false}`. */
export async function pauseSchedule(c: C): Promise<Response> {
  const id = idOfPath(c.req.url, PREFIX);
  refuseQuery(c.req.url);
  const { paused } = validate(pauseBody, (await readJson(c.req.raw)).value, "");
  await noteAct(c.req.raw, c.env, "schedule.change", id);
  const { schedule } = await c.env.SCHEDULES.getByName(id).pause(paused);
  if (!schedule) throw noSchedule(id);
  return answer(c, 200, schedule);
}

/** `POST /schedules/:id`: an occurrence besides the others, now. Answers where its promise is. */
export async function runSchedule(c: C): Promise<Response> {
  const id = idOfPath(c.req.url, PREFIX);
  refuseQuery(c.req.url);
  await noteAct(c.req.raw, c.env, "schedule.run", id);
  const promiseId = await c.env.SCHEDULES.getByName(id).runNow();
  if (promiseId === null) throw noSchedule(id);
  const url = promiseUrl(originOf({ env: c.env, request: c.req.raw }), promiseId);
  return c.json({ promiseId, url }, 201, { location: url });
}

/** `DELETE /schedules/:id`: what it has made stays. */
export async function deleteSchedule(c: C): Promise<Response> {
  const id = idOfPath(c.req.url, PREFIX);
  refuseQuery(c.req.url);
  await noteAct(c.req.raw, c.env, "schedule.delete", id);
  const { schedule } = await c.env.SCHEDULES.getByName(id).remove();
  if (!schedule) throw noSchedule(id);
  return new Response(null, { status: 204 });
}

/**
 * What the shapes cannot say: a pattern that never fires, ids that could not be, or not be theirs, a
 * target that is not theirs to name.
 *
 * @returns what is to be kept besides, of tasks that are pushed
 */
export function checkTerms(
  terms: ScheduleTerms,
  origin: string,
  asker: { env: Env; principal: Principal },
): { serverUrl?: string } {
  const now = Date.now();
  const faultyCron = faultOfCron(terms.cron, terms.timezone, now);
  if (faultyCron) {
    const field = faultyCron.includes("time zone") ? "timezone" : "cron";
    throw invalid(field, `${field}: ${faultyCron}`);
  }
  if (utf8Length(payloadText(terms.promiseParam)) > LIMITS.scheduleParamBytesMax) {
    const detail = `promiseParam may have ${LIMITS.scheduleParamBytesMax} bytes at most`;
    throw new Refusal("too_large", detail, { field: "promiseParam" });
  }
  const fault = faultOfTemplate(terms.promiseId) ?? faultOfId(idOfOccurrence(terms, now));
  if (fault) throw invalid("promiseId", `promiseId ${fault}`);
  // All that it will make: what stands before the instant, and anything after it.
  const beginning = terms.promiseId
    .split("{{.timestamp}}")[0]!
    .replaceAll("{{.id}}", () => terms.id);
  if (!reachesAll(asker.principal, `${beginning}*`)) throw outOfReach(beginning);
  return checkTarget(terms.promiseTags, "promiseTags", origin, asker);
}

function answer(c: C, status: 200 | 201, schedule: Schedule): Response {
  const location = urlOf(c, schedule);
  return new Response(textOf(c, schedule), {
    status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      ...(status === 201 && { location, [HEADER.outcome]: "created" }),
    },
  });
}

function textOf(c: C, schedule: Schedule): string {
  const { birth: _, serverUrl: __, promiseParam, promiseTimeoutMs, ...rest } = schedule;
  const { createdAt, lastRunAt, nextRunAt, ...shown } = rest;
  const text = JSON.stringify({
    ...shown,
    promiseTimeout: promiseTimeoutMs,
    createdOn: createdAt,
    nextRunTime: nextRunAt,
    ...(lastRunAt !== undefined && { lastRunTime: lastRunAt }),
    nextRuns: nextRuns(schedule, NEXT_RUNS),
    url: urlOf(c, schedule),
  });
  // The param is spliced in as text: its data must not be parsed on the way.
  return `${text.slice(0, -1)},"promiseParam":${payloadText(promiseParam)}}`;
}

function urlOf(c: C, { id }: Schedule): string {
  const origin = originOf({ env: c.env, request: c.req.raw });
  return promiseUrl(origin, id).replace("/promises/", PREFIX);
}
