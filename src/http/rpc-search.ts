/**
 * The searches of Resonate's protocol: promises, tasks and schedules in the order of their ids, a
 * page at a time, the cursor being the last id. A page may be short and not the last: the cursor
 * says whether there is more.
 */
import * as v from "valibot";
import { LIMITS } from "../../client/src/protocol.ts";
import { roomFor } from "../in-memory.ts";
import type { PromiseRecord } from "../machine/promise.ts";
import { recordMatches, scheduleMatches, type PromiseTerms } from "../machine/query.ts";
import { protocolText, taskText } from "../machine/resource.ts";
import { validate } from "./parse.ts";
import type { Ask, Kinds, Reply } from "./rpc-ask.ts";
import { scheduleText } from "./rpc-schedules.ts";
import { promiseId, tags } from "./schemas.ts";
import { findIds, readPage, searchSchedules, type PageAsked, type PageRead } from "./search.ts";
import { searchWithin } from "./search-within.ts";

const PROMISE_STATES = [
  "pending",
  "resolved",
  "rejected",
  "rejected_canceled",
  "rejected_timedout",
] as const;
const TASK_STATES = ["pending", "acquired", "suspended", "halted", "fulfilled"] as const;

const LIMIT = `must be an integer, 1 to ${LIMITS.searchLimitMax}`;

const page = {
  limit: v.optional(
    v.pipe(
      v.number(LIMIT),
      v.integer(LIMIT),
      v.minValue(1, LIMIT),
      v.maxValue(LIMITS.searchLimitMax, LIMIT),
    ),
    LIMITS.searchLimitDefault,
  ),
  cursor: v.optional(promiseId),
};
const promiseSearch = v.object({ state: stateOf(PROMISE_STATES), tags: v.optional(tags), ...page });
const taskSearch = v.object({ state: stateOf(TASK_STATES), ...page });
const scheduleSearch = v.object({ tags: v.optional(tags), ...page });

/** What is served, by name. */
export const SEARCH_KINDS: Kinds = {
  "promise.search": async (ask) => {
    const { limit, cursor, state, tags: wanted } = validate(promiseSearch, ask.data, "data");
    const terms = { ...(state && { states: [state] }), tags: wanted };
    return reply("promises", await readPromises(ask, terms, { limit, cursor }, protocolText));
  },
  "task.search": async (ask) => {
    const { limit, cursor, state = "any" } = validate(taskSearch, ask.data, "data");
    return reply("tasks", await readPromises(ask, { task: state }, { limit, cursor }, taskText));
  },
  "schedule.search": async ({ env, data, principal }) => {
    const { limit, cursor, ...terms } = validate(scheduleSearch, data, "data");
    const found = await searchWithin(principal.prefixes, { limit, cursor }, (bounds) =>
      searchSchedules(env, { ...terms, ...bounds }),
    );
    const read = await readPage(found, async (id) => {
      const schedule = await env.SCHEDULES.getByName(id).get();
      const matches = schedule && scheduleMatches({ tags: schedule.promiseTags }, terms);
      return matches ? scheduleText(schedule) : undefined;
    });
    return reply("schedules", read);
  },
};

async function readPromises(
  { env, at, principal }: Ask,
  terms: PromiseTerms,
  page: PageAsked,
  textOf: (record: PromiseRecord) => string | undefined,
): Promise<PageRead> {
  const now = at ?? Date.now();
  const { prefixes } = principal;
  const within = prefixes === "all" ? undefined : prefixes;
  const found = await findIds(env, { ...terms, within }, page, now);
  return readPage(found, async (id) => {
    await roomFor(env, id);
    const record = await env.PROMISES.getByName(id).get(at);
    return record && recordMatches(record, terms, now) ? textOf(record) : undefined;
  });
}

function reply(name: string, { texts, cursor }: PageRead): Reply {
  const next = cursor === undefined ? "" : `,"cursor":${JSON.stringify(cursor)}`;
  return { status: 200, data: `{"${name}":[${texts.join(",")}]${next}}` };
}

function stateOf<const States extends readonly string[]>(states: States) {
  return v.optional(v.picklist(states, `must be one of ${states.join(", ")}`));
}
