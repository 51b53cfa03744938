/**
 * Promises that come from elsewhere with their history: whether such a record can be one, and whether
 * it is the one that is there. It becomes what it says, untouched; nobody is told what has happened to
 * it before, and what is due by now happens as if it had always been here.
 *
 * It refuses to know where a record comes from, and in which form.
 */
import { NEVER } from "../../client/src/protocol.ts";
import { isSettled, project, type PromiseRecord, type SettledPromise } from "./promise.ts";
import { verdict } from "./quorum.ts";
import { bornTask, fulfilledTask, haltedTask, TARGET_TAG } from "./task-state.ts";
import { isTimer } from "./timer.ts";

/** A promise without its task, which is nobody's here yet. */
export interface Import {
  kind: "import";
  record: PromiseRecord;
  /** Its task was out of service. */
  halted: boolean;
}

/** Clocks differ; what is further ahead has not happened. */
const AHEAD_MS = 5 * 60 * 1000;

export interface Fault {
  field: string;
  /** To follow the name of the field in a sentence. */
  is: string;
}

/** As it is to be stored: not projected, so that its deadline and its escalation happen here. */
export function imported({ record, halted }: Import, now: number): PromiseRecord {
  const task = bornTask(record, isTimer(record.tags), now);
  if (!task) return record;
  if (isSettled(record)) return { ...record, task: fulfilledTask(task) };
  return { ...record, task: halted ? haltedTask(task) : task };
}

/** What keeps a record from being that of a promise; `undefined` when nothing does. */
export function faultOfImport(record: PromiseRecord, now: number): Fault | undefined {
  const { createdAt, timeoutAt, tags } = record;
  if (createdAt > now + AHEAD_MS) return { field: "createdOn", is: "is in the future" };
  if (createdAt > timeoutAt) return { field: "createdOn", is: "is after the deadline" };
  if (record.onTimeout && isTimer(tags)) {
    return { field: "onTimeout", is: "goes with no timer, whose deadline resolves it" };
  }
  if (record.quorum && tags[TARGET_TAG] !== undefined) {
    return { field: "quorum", is: "goes with no target, for a worker settles that" };
  }
  return (
    faultOfVotes(record) ??
    faultOfEscalation(record, now) ??
    (isSettled(record) ? faultOfSettlement(record, now) : undefined)
  );
}

/** The names, as callers know them, of what is not the same in both at `now`. */
export function differences(one: PromiseRecord, other: PromiseRecord, now: number): string[] {
  const [here, there] = [shown(project(one, now)), shown(project(other, now))];
  return Object.keys(here).filter((name) => !isSame(here[name], there[name]));
}

function faultOfSettlement(record: SettledPromise, now: number): Fault | undefined {
  const { state, createdAt, settledAt, timeoutAt } = record;
  const field = "completedOn";
  if (settledAt < createdAt) return { field, is: "is before createdOn" };
  if (settledAt > timeoutAt) return { field, is: "is after the deadline, which came first" };
  if (settledAt > now + AHEAD_MS) return { field, is: "is in the future" };
  if (settledAt < timeoutAt) {
    return state === "rejected_timedout"
      ? { field: "state", is: "is what the deadline writes, and it was not there yet" }
      : undefined;
  }
  // What the deadline makes of it, had nobody been there; of the steps before it nothing is said.
  const { escalation: _, ...rest } = record;
  const end = project(pendingOf(rest), NEVER);
  if (end.state !== state) return { field: "state", is: `is not what the deadline makes of it` };
  return record.idempotencyKeyForComplete === undefined
    ? undefined
    : { field: "idempotencyKeyForComplete", is: "is of nobody: the deadline settled it" };
}

function pendingOf(record: Omit<SettledPromise, "escalation">): PromiseRecord {
  const {
    value: _,
    settledAt: __,
    settledBy: ___,
    idempotencyKeyForComplete: ____,
    ...born
  } = record;
  return { ...born, state: "pending" };
}

/** Each vote must have left it open, while it is; of a settled one the last may have decided it. */
function faultOfVotes(record: PromiseRecord): Fault | undefined {
  const { quorum, votes, requestedBy } = record;
  if (!votes) return undefined;
  if (!quorum) return { field: "votes", is: "goes with a quorum" };
  for (const [index, vote] of votes.entries()) {
    const { is } = verdict(quorum, votes.slice(0, index), vote, requestedBy);
    const mayDecide = isSettled(record) && index === votes.length - 1;
    if (is === "counted" || (mayDecide && (is === "reached" || is === "missed"))) continue;
    return { field: `votes.${index}`, is: is === "voted" ? "is by somebody twice" : "cannot be" };
  }
  return undefined;
}

function faultOfEscalation(record: PromiseRecord, now: number): Fault | undefined {
  const { escalation = [], escalated = 0, createdAt } = record;
  const early = escalation.slice(0, escalated).findIndex(({ afterMs }) => {
    return createdAt + afterMs > now + AHEAD_MS;
  });
  if (early !== -1) return { field: `escalation.${early}.done`, is: "is in the future" };
  const ended = escalation.slice(0, escalated).findIndex(({ settle }) => settle !== undefined);
  if (ended === -1 || isSettled(record)) return undefined;
  return { field: `escalation.${ended}.done`, is: "has settled it, and yet it is pending" };
}

/** All that was asked and answered, by the names of the REST resource. */
function shown(record: PromiseRecord): Record<string, unknown> {
  const settled = isSettled(record) ? record : undefined;
  const { onTimeout, escalation, escalated = 0 } = record;
  return {
    id: record.id,
    state: record.state,
    param: record.param,
    value: settled?.value,
    timeout: record.timeoutAt,
    tags: record.tags,
    createdOn: record.createdAt,
    completedOn: settled?.settledAt,
    idempotencyKeyForCreate: record.idempotencyKeyForCreate,
    idempotencyKeyForComplete: settled?.idempotencyKeyForComplete,
    onTimeout,
    retention: record.retentionMs,
    form: record.form,
    requestedBy: record.requestedBy,
    quorum: record.quorum,
    votes: record.votes,
    escalation: escalation && { steps: escalation, done: escalated },
    settledBy: settled?.settledBy,
    internal: record.internal,
    protocol: record.overProtocol,
  };
}

/** By what they say: the order of keys says nothing. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  const [a, b] = [Object.entries(one), new Map(Object.entries(other))];
  return a.length === b.size && a.every(([key, value]) => b.has(key) && isSame(value, b.get(key)));
}
