/**
 * Who may execute a promise, as a function: `decideTask(record, command, now, settings)` says what a
 * command does to the task in that promise's record. Every legal transition of a task is in this
 * file.
 *
 * It refuses to know the other promises (that they were asked is in the command), how messages
 * travel, what is stored in memory, and what time it is.
 *
 * Rules: RULES.md, section 2, and the handlers of Resonate's abstract specification. Statuses come
 * in this order: 400, 404, 409, 422. A promise past its deadline has no task to hold, wake, halt or
 * offer (implementation questions C4 to C8): every guard asks the projection.
 */
import { NEVER } from "../../client/src/protocol.ts";
import {
  decide,
  isSettled,
  project,
  type Decision,
  type PendingPromise,
  type PromiseRecord,
} from "./promise.ts";
import type {
  CallbackTask,
  CreateTask,
  FenceTask,
  HolderCommand,
  Message,
  SuspendTask,
  TaskCommand,
  TaskDecision,
  TaskRecord,
  TaskSettings,
} from "./task-command.ts";
import {
  acquiredTask,
  delayedUntil,
  dueAt,
  fencedTask,
  haltedTask,
  pendingTask,
  suspendedTask,
  TARGET_TAG,
  type AcquiredTask,
  type Lease,
  type PendingTask,
  type Task,
} from "./task-state.ts";
import { isTimer } from "./timer.ts";

/** So many offers come at the same interval; then it doubles, up to a bound. */
const OFFERS_IN_A_ROW = 12;
const SLOW_MS = 5 * 60 * 1000;

/** A promise that is not over, with its task, of which then neither is. */
type Live<T extends Task = Task> = PendingPromise & { task: T };

/**
 * @param record what is stored, or `null`
 * @param now ms since the epoch, read once for this command
 */
export function decideTask(
  record: PromiseRecord | null,
  command: TaskCommand,
  now: number,
  settings: TaskSettings,
): TaskDecision {
  const current = record && project(record, now);
  const decision = decideCurrent(current, command, now, settings);
  const isNews = record?.state === "pending" && current && isSettled(current);
  if (!isNews || !tellsTheEnd(command, decision)) return decision;
  // As in `decide`: what somebody has been told is stored, whatever clock comes after.
  return { ...decision, write: current, changed: "settled" };
}

/**
 * A promise that was just made, its task offered in the same turn when it is due. `decide` makes the
 * promise and knows nothing of offers.
 */
export function offerBorn(
  decision: Decision,
  now: number,
  settings: TaskSettings,
): Decision & Pick<TaskDecision, "offer"> {
  if (decision.outcome !== "created" || !decision.record?.task) return decision;
  const { record, write, offer: offered } = decideTask(decision.record, TICK, now, settings);
  if (!write) return decision;
  return { ...decision, record, write, ...(offered && { offer: offered }) };
}

const TICK = { kind: "task.tick" } as const;

/** The task of a projected record as the wire shows it; `null` where there is none (404). */
export function taskRecord(record: PromiseRecord | null): TaskRecord | null {
  if (!record?.task) return null;
  const { id, task } = record;
  const { state, version, resumes } = task;
  const lease = task.state === "acquired" && { ttl: task.ttlMs, pid: task.pid };
  return { id, state, version, resumes: resumes.length, ...lease };
}

/**
 * When a `task.tick` will find something to do; `null` for never. From the deadline on there is
 * nothing, and whether anybody is to be told of that is not the task's matter.
 */
export function taskWakeAt(record: PromiseRecord | null, now: number): number | null {
  const current = record && project(record, now);
  if (!isLive(current)) return null;
  const { task, timeoutAt } = current;
  const due =
    task.state === "pending" ? task.retryAt : task.state === "acquired" ? task.expiresAt : Infinity;
  return due < Math.min(timeoutAt, NEVER) ? due : null;
}

function decideCurrent(
  current: PromiseRecord | null,
  command: TaskCommand,
  now: number,
  settings: TaskSettings,
): TaskDecision {
  switch (command.kind) {
    case "task.create":
      return create(current, command, now);
    case "task.acquire":
      if (!current?.task) return refuse(404, current);
      if (!isLive(current) || current.task.version !== command.version) return refuse(409, current);
      return acquire(current, command, now);
    case "task.halt":
      if (!current?.task) return refuse(404, current);
      if (!isLive(current)) return refuse(409, current);
      if (current.task.state === "halted") return unchanged(current);
      return change(current, haltedTask(current.task));
    case "task.continue":
      if (!current?.task) return refuse(404, current);
      if (!isLive(current) || current.task.state !== "halted") return refuse(409, current);
      return free(current, now, settings);
    case "task.release":
    case "task.fulfill":
    case "task.guard":
    case "task.suspend":
    case "task.fence":
      if (isMalformed(command, current)) return refuse(400, current);
      if (!current?.task) return refuse(404, current);
      if (!isHeld(current) || current.task.version !== command.version) return refuse(409, current);
      return decideHeld(current, command, now, settings);
    case "task.heartbeat":
    case "task.resume":
    case "task.tick":
    case "task.poke":
    case "task.park":
      return isLive(current) ? hear(current, command, now, settings) : unchanged(current);
    case "task.callback":
      return remember(current, command);
    default:
      return command satisfies never;
  }
}

function create(current: PromiseRecord | null, command: CreateTask, now: number): TaskDecision {
  if (command.create.tags[TARGET_TAG] === undefined) return refuse(400, current);
  if (current) {
    if (!current.task) return refuse(422, current);
    return isLive(current) ? acquire(current, command, now) : unchanged(current);
  }
  const { record } = decide(null, command.create, now);
  // Born past its deadline, it is over: there is nothing to acquire.
  const made = isLive(record) ? acquire(record, command, now).record : record;
  return { status: 200, record: made, ...(made && { write: made }), changed: "created" };
}

function acquire(current: Live, lease: Lease & { horizonAt?: number }, now: number): TaskDecision {
  const { task } = current;
  if (task.state !== "pending") return refuse(409, current);
  return change(current, fencedTask(acquiredTask(task, lease, now), lease.horizonAt));
}

function decideHeld(
  current: Live<AcquiredTask>,
  command: HolderCommand,
  now: number,
  settings: TaskSettings,
): TaskDecision {
  switch (command.kind) {
    case "task.release":
      return free(current, now, settings);
    case "task.fulfill": {
      const { record } = decide(current, command.settle, now);
      return { status: 200, record, ...(record && { write: record }), changed: "settled" };
    }
    case "task.guard":
      return unchanged(current);
    case "task.suspend":
      return suspend(current, command);
    case "task.fence":
      return fence(current, command);
    default:
      return command satisfies never;
  }
}

function suspend(current: Live<AcquiredTask>, { awaited, outcome }: SuspendTask): TaskDecision {
  const { task } = current;
  if (outcome === "settled") {
    // The holder goes on with what it is about to see, so what had woken it is no news.
    const seen =
      task.resumes.length === 0 ? unchanged(current) : change(current, { ...task, resumes: [] });
    return { ...seen, status: 300 };
  }
  // What an earlier suspend awaited still counts; a new birth of the same id takes its place.
  const births = awaited.map(({ id, birth }) => [id, birth] as const);
  return change(current, suspendedTask(task, { ...task.awaiting, ...Object.fromEntries(births) }));
}

/** One write covers all fences for a while: only a fence that outlives the horizon moves it. */
function fence(current: Live<AcquiredTask>, { notAfter, horizonAt }: FenceTask): TaskDecision {
  const { task } = current;
  if (notAfter <= (task.fenceUntil ?? 0)) return unchanged(current);
  return change(current, fencedTask(task, Math.max(notAfter, horizonAt)));
}

function hear(current: Live, message: Message, now: number, settings: TaskSettings): TaskDecision {
  const { task } = current;
  switch (message.kind) {
    case "task.heartbeat": {
      const { version, pid, horizonAt } = message;
      const holds = task.state === "acquired" && task.version === version && task.pid === pid;
      if (!holds) return unchanged(current);
      const expiresAt = Math.min(now + task.ttlMs, NEVER);
      return change(current, fencedTask({ ...task, expiresAt }, horizonAt));
    }
    case "task.resume":
      return resume(current, message, now, settings);
    case "task.tick":
      if (task.state === "acquired" && task.expiresAt <= now) return free(current, now, settings);
      if (task.state === "pending" && task.retryAt <= now)
        return offer(current, task, now, settings, (task.offers ?? 0) + 1);
      return unchanged(current);
    case "task.poke":
      if (task.state !== "pending" || isTimer(current.tags)) return unchanged(current);
      if (now < delayedUntil(current.tags)) return unchanged(current);
      return offer(current, task, now, settings);
    case "task.park": {
      if (task.state !== "pending" || task.version !== message.version || isTimer(current.tags)) {
        return unchanged(current);
      }
      const retryAt = Math.min(now + (settings.parkMs ?? settings.retryMs), NEVER);
      return change(current, { ...task, retryAt, parked: true });
    }
    default:
      return message satisfies never;
  }
}

/**
 * Counts only for what is awaited, in that life of it, and takes it out: a message that comes twice,
 * or for a suspend that never came about, finds nothing to wake.
 */
function resume(
  current: Live,
  { awaited, birth }: Message & { kind: "task.resume" },
  now: number,
  settings: TaskSettings,
): TaskDecision {
  if (current.task.awaiting?.[awaited] !== birth) return unchanged(current);
  const { [awaited]: _, ...awaiting } = current.task.awaiting;
  const { resumes } = current.task;
  const task = {
    ...current.task,
    awaiting,
    resumes: resumes.includes(awaited) ? resumes : [...resumes, awaited],
  };
  if (task.state === "suspended") return free({ ...current, task }, now, settings);
  return change(current, task);
}

function remember(current: PromiseRecord | null, { awaited, birth }: CallbackTask): TaskDecision {
  if (current?.id === awaited) return refuse(400, current);
  if (!current?.task) return refuse(422, current);
  if (!isLive(current) || current.task.awaiting?.[awaited] === birth) return unchanged(current);
  const { task } = current;
  return change(current, { ...task, awaiting: { ...task.awaiting, [awaited]: birth } });
}

/** Nobody has it any more: due at once, and so offered in the same turn (but a timer's). */
function free(current: Live, now: number, settings: TaskSettings): TaskDecision {
  const retryAt = dueAt(current.timeoutAt, isTimer(current.tags), now);
  const task = pendingTask(current.task, retryAt);
  return retryAt <= now ? offer(current, task, now, settings) : change(current, task);
}

/** @param again how often it was offered before since it came free */
function offer(
  current: Live,
  task: PendingTask,
  now: number,
  { retryMs }: TaskSettings,
  again = 0,
): TaskDecision {
  const waitMs = Math.max(retryMs, Math.min(retryMs * 2 ** (again - OFFERS_IN_A_ROW), SLOW_MS));
  const waiting = pendingTask(task, now + waitMs);
  const offered = change(current, again === 0 ? waiting : { ...waiting, offers: again });
  return { ...offered, offer: { version: task.version } };
}

/** A refusal of the holder, or a task that is fulfilled. The sender of a message is told nothing. */
function tellsTheEnd({ kind }: TaskCommand, { status }: TaskDecision): boolean {
  return status === 409 || (kind === "task.create" && status === 200);
}

function isMalformed(command: HolderCommand, current: PromiseRecord | null): boolean {
  if (command.kind === "task.fence") return command.target === current?.id;
  if (command.kind !== "task.suspend") return false;
  const ids = new Set(command.awaited.map(({ id }) => id));
  const self = current !== null && ids.has(current.id);
  return ids.size === 0 || ids.size < command.awaited.length || self;
}

function isLive(current: PromiseRecord | null): current is Live {
  return current?.state === "pending" && current.task !== undefined;
}

function isHeld(current: PromiseRecord): current is Live<AcquiredTask> {
  return isLive(current) && current.task.state === "acquired";
}

function refuse(status: 400 | 404 | 409 | 422, record: PromiseRecord | null): TaskDecision {
  return { status, record };
}

function unchanged(record: PromiseRecord | null): TaskDecision {
  return { status: 200, record };
}

function change(current: Live, task: Task): TaskDecision {
  const record = { ...current, task };
  return { status: 200, record, write: record };
}
