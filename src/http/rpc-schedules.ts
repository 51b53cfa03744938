/** The kinds of Resonate's protocol that are about a schedule. */
import * as v from "valibot";
import { NEVER } from "../../client/src/protocol.ts";
import { payloadText } from "../machine/resource.ts";
import type { Schedule } from "../machine/schedule.ts";
import { newBirth, validate } from "./parse.ts";
import { idOf, natural, refusal, type Kinds, type Reply } from "./rpc-ask.ts";
import { checkTerms } from "./schedules.ts";
import { payload, promiseId, tags } from "./schemas.ts";
import { payloadOf } from "./values.ts";

const createScheduleData = v.object({
  id: promiseId,
  cron: v.string(),
  promiseId: v.string(),
  promiseTimeout: natural,
  promiseParam: v.optional(payload, {}),
  promiseTags: v.optional(tags, {}),
});

export const SCHEDULE_KINDS: Kinds = {
  "schedule.get": async (ask) => {
    const id = idOf(ask);
    return scheduleReply(await ask.env.SCHEDULES.getByName(id).get());
  },
  "schedule.create": async (ask) => {
    const data = validate(createScheduleData, ask.data, "data");
    const { promiseTimeout: promiseTimeoutMs, promiseParam, ...rest } = data;
    const param = payloadOf(promiseParam, ask.text, "data", "promiseParam");
    const terms = { ...rest, timezone: "UTC", promiseTimeoutMs, promiseParam: param };
    const pushed = checkTerms(terms, ask.origin, ask);
    const object = ask.env.SCHEDULES.getByName(data.id);
    const made = { terms: { ...terms, ...pushed }, birth: newBirth() };
    return scheduleReply((await object.create(made, ask.at)).schedule);
  },
  "schedule.delete": async (ask) => {
    const id = idOf(ask);
    const { outcome } = await ask.env.SCHEDULES.getByName(id).remove();
    return outcome === "absent" ? scheduleReply(null) : { status: 200, data: "{}" };
  },
};

/** A schedule as the protocol has it. */
export function scheduleText(schedule: Schedule): string {
  const { id, cron, promiseId, promiseTimeoutMs, promiseTags } = schedule;
  const { createdAt, nextRunAt, lastRunAt } = schedule;
  const text = JSON.stringify({
    id,
    cron,
    promiseId,
    promiseTimeout: promiseTimeoutMs,
    promiseTags,
    createdAt,
    // The protocol has no word for a schedule that does not go on.
    nextRunAt: nextRunAt ?? NEVER,
    ...(lastRunAt !== undefined && { lastRunAt }),
  });
  return `${text.slice(0, -1)},"promiseParam":${payloadText(schedule.promiseParam)}}`;
}

function scheduleReply(schedule: Schedule | null): Reply {
  if (!schedule) return refusal(404, "Schedule not found");
  return { status: 200, data: `{"schedule":${scheduleText(schedule)}}` };
}
