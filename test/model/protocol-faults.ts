// The protocol's model with one planted fault each: the mistakes that a server of many objects
// really makes. They exist to prove that the tests which hold a server against the model can fail.

import { step } from "./protocol-model.ts";
import type { Answer } from "./protocol-promise.ts";
import type { Asking, Request } from "./protocol-request.ts";
import { isPending, put } from "./protocol-state.ts";
import type { Life, State } from "./protocol-state.ts";

type Step = typeof step;

/** Found also where time stands still. */
export const FAULTS: Record<string, Step> = {
  "a suspend misses what is settled": bend("task.suspend", (state, request, now) => {
    const answer = step(state, request, now);
    if (answer.status !== 300) return answer;
    return asleep({ ...answer, status: 200, body: {} }, request.data.id);
  }),
  "a suspend waits for what nobody may wait for": bend("task.suspend", (state, request, now) => {
    const answer = step(state, request, now);
    return answer.status === 422 ? asleep({ ...answer, status: 200 }, request.data.id) : answer;
  }),
  "a suspend that is refused sleeps all the same": bend("task.suspend", (state, request, now) => {
    const answer = step(state, request, now);
    return answer.status === 422 ? asleep(answer, request.data.id) : answer;
  }),
  "an acquire does not look at the version": bend("task.acquire", (state, request, now) => {
    const { version = 0 } = state[request.data.id]?.task ?? {};
    return step(state, { ...request, data: { ...request.data, version } }, now);
  }),
  "an acquire takes what is halted": bend("task.acquire", (state, request, now) => {
    const { task } = state[request.data.id] ?? {};
    const { state: freed } = step(state, { kind: "task.continue", data: request.data }, now);
    return step(task?.state === "halted" ? freed : state, request, now);
  }),
  "a release does not look at the version": bend("task.release", (state, request, now) => {
    const { version = 0 } = state[request.data.id]?.task ?? {};
    return step(state, { ...request, data: { ...request.data, version } }, now);
  }),
  "a fence lands without its guard": bend("task.fence", (state, request, now) => {
    const answer = step(state, request, now);
    const { kind, data } = request.data.action;
    // SAFETY: an action is a request without its head.
    const inner = step(state, { kind, data } as Request, now);
    return answer.status === 409 ? { ...answer, state: inner.state } : answer;
  }),
  "the second settle wins": bend("promise.settle", (state, request, now) => {
    const life = state[request.data.id];
    if (!life || isPending(life)) return step(state, request, now);
    const { settledAt: _, ...promise } = life.promise;
    return step(put(state, { ...life, promise: { ...promise, state: "pending" } }), request, now);
  }),
  "a settle leaves the task alive": bend("promise.settle", (state, request, now) => {
    const answer = step(state, request, now);
    const [before, after] = [state[request.data.id], answer.state[request.data.id]];
    if (!before?.task || !after) return answer;
    return { ...answer, state: put(answer.state, { ...after, task: before.task }) };
  }),
  "a halt is forgotten": bend("task.halt", (state, request, now) => ({
    ...step(state, request, now),
    state,
  })),
};

/** Found only where the clock is driven. */
export const FAULTS_OF_TIME: Record<string, Step> = {
  "a read shows what is stored": bend("promise.get", (state, request, now) => {
    const promise = state[request.data.id]?.promise;
    return promise ? { status: 200, body: { promise }, state } : step(state, request, now);
  }),
  "a settle after the deadline still wins": bend("promise.settle", (state, request, now) => {
    const { timeoutAt = now } = state[request.data.id]?.promise ?? {};
    return step(state, request, Math.min(now, timeoutAt - 1));
  }),
  "a halt takes what is past its deadline": bend("task.halt", (state, request, now) => {
    const { timeoutAt = now } = state[request.data.id]?.promise ?? {};
    return step(state, request, Math.min(now, timeoutAt - 1));
  }),
  "a heartbeat does not ask who holds it": bend("task.heartbeat", (state, request, now) => {
    let at = state;
    for (const { id } of request.data.tasks) {
      const pid = state[id]?.task?.lease?.pid ?? "";
      const tasks = request.data.tasks.filter((task) => task.id === id);
      at = step(at, { kind: "task.heartbeat", data: { pid, tasks } }, now).state;
    }
    return { status: 200, body: {}, state: at };
  }),
  "a heartbeat of none is for none": bend("task.heartbeat", (state, request, now) =>
    request.data.tasks.length > 0 ? step(state, request, now) : { status: 200, body: {}, state },
  ),
};

function bend<Kind extends Request["kind"]>(
  kind: Kind,
  bent: (state: State, request: Asking<Kind>, now: number) => Answer,
): Step {
  const isBent = (request: Request): request is Asking<Kind> => request.kind === kind;
  return (state, request, now) =>
    isBent(request) ? bent(state, request, now) : step(state, request, now);
}

/** Suspended, and nobody knows that it is to be woken. */
function asleep(answer: Answer, id: string): Answer {
  const life: Life | undefined = answer.state[id];
  if (!life?.task) return answer;
  const task = { state: "suspended", version: life.task.version, resumes: [] } as const;
  return { ...answer, state: put(answer.state, { ...life, task }) };
}
