/**
 * The kinds of Resonate's protocol that are about a task. What is malformed without a look at the
 * task is refused here, also for a task that does not exist; the rest is its object's matter.
 */
import * as v from "valibot";
import { LIMITS } from "../../client/src/protocol.ts";
import { protocolText, taskText } from "../machine/resource.ts";
import type { TaskAsk } from "../object/promise-object.ts";
import { validate } from "./parse.ts";
import { reaches } from "./principal.ts";
import {
  createData,
  createOf,
  idOf,
  natural,
  objectOf,
  promiseReply,
  refusal,
  settleData,
  settleOf,
  type Ask,
  type Kinds,
  type Reply,
} from "./rpc-ask.ts";
import { callbackData } from "./rpc-promises.ts";
import { promiseId } from "./schemas.ts";
import { leasesOf } from "./search.ts";

const ttl = v.pipe(natural, v.minValue(1, "must be 1 or more"));
const pid = v.pipe(v.string(), v.nonEmpty("must not be empty"), v.maxLength(1024));

const held = v.object({ id: promiseId, version: natural });
const createTaskData = v.object({ pid, ttl, action: v.object({ data: createData }) });
const acquireData = v.object({ ...held.entries, pid, ttl });
const fulfillData = v.object({ ...held.entries, action: v.object({ data: settleData }) });
const heartbeatData = v.object({
  pid,
  tasks: v.pipe(v.array(held), v.maxLength(LIMITS.heartbeatTasksMax, "must have fewer entries")),
});
const suspendData = v.object({
  ...held.entries,
  actions: v.pipe(
    v.array(v.object({ data: callbackData })),
    v.nonEmpty("must not be empty"),
    v.maxLength(LIMITS.awaitedMax, `must have ${LIMITS.awaitedMax} entries at most`),
  ),
});
/** Of an action the answer repeats the head, so that its sender knows it again. */
const actionHead = v.optional(
  v.object({ corrId: v.optional(v.string(), ""), version: v.optional(v.string(), "") }),
  {},
);
const fenceData = v.object({
  ...held.entries,
  action: v.variant("kind", [
    v.object({ kind: v.literal("promise.create"), head: actionHead, data: createData }),
    v.object({ kind: v.literal("promise.settle"), head: actionHead, data: settleData }),
  ]),
});

const ACTION = ["data", "action", "data"];

export const TASK_KINDS: Kinds = {
  "task.get": async (ask) => {
    const task = taskText(await objectOf(ask, idOf(ask)).look(ask.at));
    return task ? { status: 200, data: `{"task":${task}}` } : refusal(404, "Task not found");
  },
  "task.create": async (ask) => {
    const { pid, ttl, action } = validate(createTaskData, ask.data, "data");
    const create = createOf(ask, action.data, ACTION);
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
    const settle = settleOf(ask, action.data, ACTION, "worker");
    const answer = await objectOf(ask, id).task({ kind: "task.fulfill", version, settle }, ask.at);
    return answer.status === 200 ? promiseReply(answer.record) : refused(answer.status);
  },
  "task.halt": async (ask) => done(ask, idOf(ask), { kind: "task.halt" }),
  "task.continue": async (ask) => done(ask, idOf(ask), { kind: "task.continue" }),
  "task.heartbeat": async (ask) => {
    const { pid, tasks } = validate(heartbeatData, ask.data, "data");
    // Some of its clients mean all that they hold, and say nothing.
    const leases = tasks.length > 0 ? tasks : await leasesOf(ask.env, pid, ask.at);
    // Nothing is said of one that is not there, or not theirs.
    const own = leases.filter(({ id }) => reaches(ask.principal, id));
    await Promise.all(
      own.map(({ id, version }) =>
        objectOf(ask, id).task({ kind: "task.heartbeat", version, pid }, ask.at),
      ),
    );
    return { status: 200, data: "{}" };
  },
  "task.suspend": async (ask) => {
    const { id, version, actions } = validate(suspendData, ask.data, "data");
    const awaited = actions.map(({ data }) => data.awaited);
    const fault = faultOfSuspend(
      id,
      awaited,
      actions.map(({ data }) => data.awaiter),
    );
    if (fault) return refusal(400, fault);
    const { status, preload } = await objectOf(ask, id).suspend(version, awaited, ask.at);
    if (status === 300) return { status, data: `{"preload":${preload ?? "[]"}}` };
    return status === 200 ? { status, data: "{}" } : refused(status);
  },
  "task.fence": async (ask) => {
    const { id, version, action } = validate(fenceData, ask.data, "data");
    if (action.data.id === id)
      return refusal(400, "A task cannot fence a write to its own promise");
    const command =
      action.kind === "promise.create"
        ? createOf(ask, action.data, ACTION)
        : settleOf(ask, action.data, ACTION, "worker");
    const write = { id: action.data.id, command };
    const { status, written } = await objectOf(ask, id).fence(version, write, ask.at);
    if (!written) return refused(status);
    const { data } = promiseReply(written.record);
    const head = JSON.stringify({ ...action.head, status: written.status });
    // What it may skip, the holder was told when it got the task; a long list with each step is dear.
    return {
      status,
      data: `{"action":{"kind":"${action.kind}","head":${head},"data":${data}},"preload":[]}`,
    };
  },
};

function faultOfSuspend(id: string, awaited: string[], awaiters: string[]): string | undefined {
  if (awaiters.some((awaiter) => awaiter !== id)) return "The awaiter must be the suspending task";
  if (awaited.includes(id)) return "A task cannot await its own promise";
  return new Set(awaited).size < awaited.length ? "A promise is awaited twice" : undefined;
}

/** The holder gets what it needs to begin. */
async function taken(ask: Ask, id: string, command: TaskAsk): Promise<Reply> {
  const { status, record, preload } = await objectOf(ask, id).task(command, ask.at);
  if (status !== 200 || !record) return refused(status);
  const data = `{"task":${taskText(record)},"promise":${protocolText(record)},"preload":${preload ?? "[]"}}`;
  return { status, data };
}

async function done(ask: Ask, id: string, command: TaskAsk): Promise<Reply> {
  const { status } = await objectOf(ask, id).task(command, ask.at);
  return status === 200 ? { status, data: "{}" } : refused(status);
}

const REASONS: { [status: number]: string } = {
  400: "The task needs a promise with the tag resonate:target",
  404: "Task not found",
  409: "The task is not in a state that allows this, or its version is another",
  422: "A promise has no task, does not exist, or is not for others to wait for",
  503: "Not all promises answered in time, so it may or may not have happened; try again",
};

function refused(status: Reply["status"]): Reply {
  return refusal(status, REASONS[status] ?? "Not possible");
}
