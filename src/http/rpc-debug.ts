/**
 * `debug.*`: lets a conformance tool drive the clock. `head["resonate:debug_time"]` is then the `now`
 * of a request, `debug.tick` does what time alone does, `debug.snap` shows what is stored. Only with
 * `DEBUG_SURFACE=true`, and behind the same key or loopback as everything else.
 */
import * as v from "valibot";
import type { Env } from "../env.ts";
import { project, type PromiseRecord } from "../machine/promise.ts";
import { protocolText, taskText } from "../machine/resource.ts";
import type { Snapshot } from "../object/promise-object.ts";
import { validate } from "./parse.ts";
import { natural, objectOf, type Ask, type Kinds, type Reply } from "./rpc-ask.ts";

const AT_A_TIME = 50;
const DONE: Reply = { status: 200, data: "{}" };

const tickData = v.object({ time: natural });

export const DEBUG_KINDS: Kinds = {
  "debug.start": async () => DONE,
  "debug.stop": async () => DONE,
  "debug.reset": async (ask) => {
    const { promises, schedules } = await debugOf(ask.env).touched();
    await each(promises, (id) => objectOf(ask, id).apply({ kind: "dispose" }, 0));
    await each(schedules, (id) => ask.env.SCHEDULES.getByName(id).remove());
    await debugOf(ask.env).clear();
    return DONE;
  },
  "debug.tick": async (ask) => {
    const { time } = validate(tickData, ask.data, "data");
    const { promises, schedules } = await debugOf(ask.env).touched();
    // All deadlines first: a task whose own promise is over must not be woken by another's.
    await each(promises, (id) => objectOf(ask, id).tick("promise", time));
    await each(promises, (id) => objectOf(ask, id).tick("task", time));
    const made = await each(schedules, (id) => ask.env.SCHEDULES.getByName(id).fire(time));
    await debugOf(ask.env).touch({ promises: made.flat(), schedules: [] });
    return { status: 200, data: "[]" };
  },
  "debug.snap": async (ask) => {
    const { promises } = await debugOf(ask.env).touched();
    const snapshots = await each(promises, (id) => objectOf(ask, id).snapshot());
    return { status: 200, data: snapText(snapshots, await debugOf(ask.env).sent()) };
  },
};

/** Whatever a request may create is remembered before it is served, so that a tick finds it. */
export async function noteTouched({ env, data }: Ask): Promise<void> {
  const promises = idsIn(data);
  const schedules = "cron" in (data as object) ? promises : [];
  await debugOf(env).touch({ promises: schedules.length > 0 ? [] : promises, schedules });
}

function idsIn(data: unknown): string[] {
  const { id, action } = data as { id?: unknown; action?: { data?: { id?: unknown } } };
  return [id, action?.data?.id].filter((one) => typeof one === "string");
}

function debugOf(env: Env): ReturnType<Env["DEBUG"]["getByName"]> {
  return env.DEBUG.getByName("debug");
}

async function each<T>(ids: string[], ask: (id: string) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (let first = 0; first < ids.length; first += AT_A_TIME) {
    answers.push(...(await Promise.all(ids.slice(first, first + AT_A_TIME).map(ask))));
  }
  return answers;
}

function snapText(snapshots: Snapshot[], sent: { address: string; message: string }[]): string {
  const known = snapshots.flatMap(({ record, ...rest }) => (record ? [{ record, ...rest }] : []));
  const pending = known.filter(({ record }) => record.state === "pending");
  const messages = sent.map(
    ({ address, message }) => `{"address":${JSON.stringify(address)},"message":${message}}`,
  );
  const parts = {
    promises: known.map(({ record }) => protocolText(record)),
    promiseTimeouts: pending.map(({ record: { id, timeoutAt } }) =>
      JSON.stringify({ id, timeout: timeoutAt }),
    ),
    callbacks: known.flatMap(({ record, awaiters }) =>
      awaiters.map((awaiter) => JSON.stringify({ awaiter, awaited: record.id })),
    ),
    listeners: known.flatMap(({ record, listeners }) =>
      listeners.map((address) => JSON.stringify({ id: record.id, address })),
    ),
    tasks: known.flatMap(({ record }) => taskText(record) ?? []),
    taskTimeouts: pending.flatMap(({ record }) => timerText(record) ?? []),
    messages,
  };
  const texts = Object.entries(parts).map(([name, list]) => `"${name}":[${list.join(",")}]`);
  return `{${texts.join(",")}}`;
}

/** Type 0: the next offer; type 1: the end of the lease. */
function timerText(record: PromiseRecord): string | undefined {
  const { id, task } = project(record, 0);
  if (task?.state === "pending") return JSON.stringify({ id, type: 0, timeout: task.retryAt });
  if (task?.state === "acquired") return JSON.stringify({ id, type: 1, timeout: task.expiresAt });
  return undefined;
}
