/**
 * The kinds of Resonate's protocol: reads the data of each, asks the one object that it is about, and
 * writes the records as that protocol has them. Knows nothing of envelopes.
 */
import * as v from "valibot";
import { NEVER } from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import type { Create, PromiseRecord, Settle } from "../machine/promise.ts";
import { payloadText, protocolText, taskText } from "../machine/resource.ts";
import type { Schedule } from "../machine/schedule.ts";
import type { TaskCommand } from "../machine/task-command.ts";
import { newBirth, payloadOf, validate } from "./parse.ts";
import { checkTerms } from "./schedules.ts";
import { payload, promiseId, tags } from "./schemas.ts";

/** A request that was understood: its data checked as far as the kind, its text kept for `data`. */
export interface Ask {
  env: Env;
  text: string;
  data: unknown;
}

export interface Reply {
  status: 200 | 300 | 400 | 404 | 409 | 422;
  /** JSON text. */
  data: string;
}

const int = v.pipe(v.number("must be an integer"), v.safeInteger("must be an integer"));
const natural = v.pipe(int, v.minValue(0, "must be 0 or more"));
const ttl = v.pipe(int, v.minValue(1, "must be 1 or more"));
const pid = v.pipe(v.string(), v.nonEmpty("must not be empty"), v.maxLength(1024));

const idOnly = v.object({ id: promiseId });
const held = v.object({ id: promiseId, version: natural });
const createData = v.object({
  id: promiseId,
  timeoutAt: int,
  param: v.optional(payload, {}),
  tags: v.optional(tags, {}),
});
const settleData = v.object({
  id: promiseId,
  state: v.picklist(
    ["resolved", "rejected", "rejected_canceled"],
    "must be resolved, rejected or rejected_canceled",
  ),
  value: v.optional(payload, {}),
});
const createTaskData = v.object({ pid, ttl, action: v.object({ data: createData }) });
const acquireData = v.object({ id: promiseId, version: natural, pid, ttl });
const fulfillData = v.object({
  id: promiseId,
  version: natural,
  action: v.object({ data: settleData }),
});
const heartbeatData = v.object({
  pid,
  tasks: v.pipe(v.array(held), v.maxLength(1000, "must have 1,000 entries at most")),
});

const PROMISE_KINDS: Record<string, (ask: Ask) => Promise<Reply>> = {
  "promise.get": async (ask) => {
    const { id } = validate(idOnly, ask.data, "data");
    return promiseReply(await ask.env.PROMISES.getByName(id).get());
  },
  "promise.create": async (ask) => {
    const data = validate(createData, ask.data, "data");
    const create = createOf(ask, data, ["data"]);
    return promiseReply((await ask.env.PROMISES.getByName(data.id).apply(create)).record);
  },
  "promise.settle": async (ask) => {
    const data = validate(settleData, ask.data, "data");
    const settle = settleOf(ask, data, ["data"]);
    return promiseReply((await ask.env.PROMISES.getByName(data.id).apply(settle)).record);
  },
  "task.get": async (ask) => {
    const { id } = validate(idOnly, ask.data, "data");
    const task = taskText(await ask.env.PROMISES.getByName(id).get());
    return task ? { status: 200, data: `{"task":${task}}` } : refusal(404, "Task not found");
  },
  "task.create": async (ask) => {
    const { pid, ttl, action } = validate(createTaskData, ask.data, "data");
    const create = createOf(ask, action.data, ["data", "action", "data"]);
    return taken(ask, create.id, { kind: "task.create", create, pid, ttlMs: ttl });
  },
  "task.acquire": async (ask) => {
    const { id, version, pid, ttl } = validate(acquireData, ask.data, "data");
    return taken(ask, id, { kind: "task.acquire", version, pid, ttlMs: ttl });
  },
  "task.release": async (ask) => {
    const { id, version } = validate(held, ask.data, "data");
    return done(ask, id, { kind: "task.release", version });
  },
  "task.fulfill": async (ask) => {
    const { id, version, action } = validate(fulfillData, ask.data, "data");
    if (action.data.id !== id) return refusal(400, "data.action.data.id must be data.id");
    const settle = settleOf(ask, action.data, ["data", "action", "data"]);
    const answer = await commanded(ask, id, { kind: "task.fulfill", version, settle });
    return answer.status === 200 ? promiseReply(answer.record) : answer.reply;
  },
  "task.halt": async (ask) => {
    const { id } = validate(idOnly, ask.data, "data");
    return done(ask, id, { kind: "task.halt" });
  },
  "task.continue": async (ask) => {
    const { id } = validate(idOnly, ask.data, "data");
    return done(ask, id, { kind: "task.continue" });
  },
  "task.heartbeat": async (ask) => {
    const { pid, tasks } = validate(heartbeatData, ask.data, "data");
    await Promise.all(
      tasks.map(({ id, version }) =>
        ask.env.PROMISES.getByName(id).task({ kind: "task.heartbeat", version, pid }),
      ),
    );
    return { status: 200, data: "{}" };
  },
};

const createScheduleData = v.object({
  id: promiseId,
  cron: v.string(),
  promiseId: v.string(),
  promiseTimeout: natural,
  promiseParam: v.optional(payload, {}),
  promiseTags: v.optional(tags, {}),
});

const SCHEDULE_KINDS: typeof PROMISE_KINDS = {
  "schedule.get": async (ask) => {
    const { id } = validate(idOnly, ask.data, "data");
    return scheduleReply(await ask.env.SCHEDULES.getByName(id).get());
  },
  "schedule.create": async (ask) => {
    const data = validate(createScheduleData, ask.data, "data");
    const { promiseTimeout: promiseTimeoutMs, promiseParam, ...rest } = data;
    const param = payloadOf(promiseParam, ask.text, "data", "promiseParam");
    const terms = { ...rest, timezone: "UTC", promiseTimeoutMs, promiseParam: param };
    checkTerms(terms);
    const object = ask.env.SCHEDULES.getByName(data.id);
    return scheduleReply((await object.create({ terms, birth: newBirth() })).schedule);
  },
  "schedule.delete": async (ask) => {
    const { id } = validate(idOnly, ask.data, "data");
    const { outcome } = await ask.env.SCHEDULES.getByName(id).remove();
    return outcome === "absent" ? scheduleReply(null) : { status: 200, data: "{}" };
  },
};

/** What is served, by name. */
export const KINDS = { ...PROMISE_KINDS, ...SCHEDULE_KINDS };

/** What the protocol has besides: known, so that nobody takes it for a mistake of his own. */
export const NOT_SERVED = new Set([
  "promise.register_callback",
  "promise.register_listener",
  "promise.search",
  "task.fence",
  "task.suspend",
  "task.search",
  "schedule.search",
]);

function promiseReply(record: PromiseRecord | null): Reply {
  if (!record) return refusal(404, "Promise not found");
  return { status: 200, data: `{"promise":${protocolText(record)}}` };
}

function scheduleReply(schedule: Schedule | null): Reply {
  if (!schedule) return refusal(404, "Schedule not found");
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
  const param = payloadText(schedule.promiseParam);
  return { status: 200, data: `{"schedule":${text.slice(0, -1)},"promiseParam":${param}}}` };
}

/** The holder gets what it needs to begin. What it may skip, it is not told: that is always right. */
async function taken(ask: Ask, id: string, command: TaskCommand): Promise<Reply> {
  const { status, record, reply } = await commanded(ask, id, command);
  if (status !== 200 || !record) return reply;
  const data = `{"task":${taskText(record)},"promise":${protocolText(record)},"preload":[]}`;
  return { status, data };
}

async function done(ask: Ask, id: string, command: TaskCommand): Promise<Reply> {
  const { status, reply } = await commanded(ask, id, command);
  return status === 200 ? { status, data: "{}" } : reply;
}

async function commanded({ env }: Ask, id: string, command: TaskCommand) {
  const { status, record } = await env.PROMISES.getByName(id).task(command);
  return { status, record, reply: refusal(status, REASONS[status]) };
}

const REASONS: Record<Reply["status"], string> = {
  200: "",
  300: "",
  400: "The task needs a promise with the tag resonate:target",
  404: "Task not found",
  409: "The task is not in a state that allows this, or its version is another",
  422: "The promise has no target, so it has no task",
};

export function refusal(status: Reply["status"], reason: string): Reply {
  return { status, data: JSON.stringify(reason) };
}

function createOf(
  { env, text }: Ask,
  data: v.InferOutput<typeof createData>,
  path: string[],
): Create {
  const { retentionMs } = readConfig(env);
  return {
    kind: "create",
    id: data.id,
    birth: newBirth(),
    param: payloadOf(data.param, text, ...path, "param"),
    tags: data.tags,
    timeoutAt: data.timeoutAt,
    strict: false,
    ...(retentionMs !== undefined && { retentionMs }),
  };
}

function settleOf({ text }: Ask, data: v.InferOutput<typeof settleData>, path: string[]): Settle {
  const value = payloadOf(data.value, text, ...path, "value");
  return { kind: "settle", state: data.state, value, strict: false };
}
