/**
 * One durable promise as a function: `decide(record, command, now)` says what a command does to it,
 * `project(record, now)` what it is at this instant. Every legal transition is in this file.
 *
 * It refuses to know how a promise is stored, who asks, over which surface, and what time it is:
 * the record, the command and `now` are all there is, and the answer is data.
 *
 * Rules: the published Durable Promise specification (idempotency keys and `strict`), Resonate's
 * abstract specification (projection: the deadline always wins), Restate's durable promises example
 * (an id behaves as if it had always existed).
 */
import { NEVER } from "../../client/src/protocol.ts";
import { escalate, type EscalationStep } from "./escalation.ts";
import { moved } from "./extension.ts";
import { imported, type Import } from "./import.ts";
import { verdict, type Quorum, type Vote } from "./quorum.ts";
import { bornTask, fulfilledTask, TARGET_TAG, type Task } from "./task-state.ts";
import { isTimer } from "./timer.ts";

/** JSON as text. Data passes through unread, so nobody in between can change it. */
export type JsonText = string;

export interface Payload {
  headers?: Record<string, string>;
  data?: JsonText;
}

export type WritableState = "resolved" | "rejected" | "rejected_canceled";
export type SettledState = WritableState | "rejected_timedout";

/** Who has settled a promise, and how. */
export interface By {
  how: "api" | "protocol" | "example" | "link" | "callback" | "worker" | "deadline" | "escalation";
  /** A name that the edge has verified: of a key, a token, or of whom a link was made for. */
  who?: string;
  /** The id of the link. */
  link?: string;
}

interface Born {
  id: string;
  /** Random, drawn when the promise is made: tells this life of the id from one after a purge. */
  birth: string;
  param: Payload;
  tags: Record<string, string>;
  /** ms since the epoch; `NEVER` for none. */
  timeoutAt: number;
  createdAt: number;
  idempotencyKeyForCreate?: string;
  /** What the deadline writes; without it `rejected_timedout`, or `resolved` for a timer. */
  onTimeout?: { state: WritableState; value: Payload };
  /** How long the settled promise is kept at least. Absent: for ever. */
  retentionMs?: number;
  /** Not for others to wait for: born over Resonate's protocol without a tag that says otherwise. */
  internal?: true;
  /** Made over Resonate's protocol: its param is in that encoding. */
  overProtocol?: true;
  /** Where a worker that is called at its own address reaches us. */
  serverUrl?: string;
  /** What a person is asked, as the edge has checked it. */
  form?: JsonText;
  /** It has a schema: what resolves the promise is to be held against it first. */
  hasSchema?: true;
  /** Who asked. */
  requestedBy?: string;
  /** Settled by several, then. */
  quorum?: Quorum;
  votes?: Vote[];
  /** What happens while nobody settles it. */
  escalation?: EscalationStep[];
  /** So many of its steps have happened. */
  escalated?: number;
  /** How often somebody has moved its deadline: the record is another one then. */
  extended?: number;
  /** Who executes it; there is one exactly where a tag names a target. */
  task?: Task;
}

export interface PendingPromise extends Born {
  state: "pending";
}

export interface SettledPromise extends Born {
  state: SettledState;
  value: Payload;
  settledAt: number;
  settledBy?: By;
  idempotencyKeyForComplete?: string;
}

export type PromiseRecord = PendingPromise | SettledPromise;

export interface Create {
  kind: "create";
  id: string;
  birth: string;
  param: Payload;
  tags: Record<string, string>;
  timeoutAt: number;
  onTimeout?: { state: WritableState; value: Payload };
  retentionMs?: number;
  internal?: true;
  overProtocol?: true;
  serverUrl?: string;
  form?: JsonText;
  hasSchema?: true;
  requestedBy?: string;
  quorum?: Quorum;
  escalation?: EscalationStep[];
  idempotencyKey?: string;
  strict: boolean;
}

export interface Settle {
  kind: "settle";
  state: WritableState;
  value: Payload;
  by?: By;
  /** The birth of the promise whose schema the value fits. */
  fits?: string;
  idempotencyKey?: string;
  strict: boolean;
  /** Where every id is as if it had always existed: make the promise first if nobody has. */
  orCreate?: { id: string; birth: string; retentionMs?: number };
}

/** Move the deadline of a pending promise later. */
export interface Extend {
  kind: "extend";
  timeoutAt: number;
}

/** Delete a settled promise; its id is free again. */
export interface Purge {
  kind: "purge";
}

/** Delete the promise whatever its state; who waits is told that there will be no outcome. */
export interface Dispose {
  kind: "dispose";
}

/** Do what time alone does: store the deadline's settlement, delete after the retention. */
export interface Wake {
  kind: "wake";
}

export type Command = Create | Settle | Extend | Import | Purge | Dispose | Wake;

/**
 * - `created`, `settled`, `extended`, `imported`, `purged`, `disposed`: this command did it.
 * - `repeated`: the same key did it before, or the deadline is that already.
 * - `late`: the deadline settled it first, and the caller did not insist (`strict`).
 * - `lost`: it was settled before.
 * - `endless`: there is no deadline to move. `earlier`: it is later already.
 * - `exists`: create or import found it there. `absent`: there is none. `pending`: purge wants it settled.
 * - `voted`: counted, and more votes are needed. `already_voted`, `excluded`: not counted.
 * - `unchecked`: the promise has a schema, and nobody has held the value against it yet.
 * - `unchanged`: nothing was due.
 */
export type DecisionOutcome =
  | "created"
  | "settled"
  | "extended"
  | "imported"
  | "repeated"
  | "late"
  | "lost"
  | "endless"
  | "earlier"
  | "exists"
  | "absent"
  | "pending"
  | "purged"
  | "disposed"
  | "voted"
  | "already_voted"
  | "excluded"
  | "unchecked"
  | "unchanged";

export interface Decision {
  outcome: DecisionOutcome;
  /** The promise for the answer, projected; for purge and dispose, as it last was. */
  record: PromiseRecord | null;
  /** What to store: a record, `null` to delete, left out when nothing changes. */
  write?: PromiseRecord | null;
}

/**
 * @param record what is stored, or `null`
 * @param now ms since the epoch, read once for this command
 */
export function decide(record: PromiseRecord | null, command: Command, now: number): Decision {
  const current = record && project(record, now);
  const decision = decideCurrent(record, current, command, now);
  // Who asked to change it has now been told that the deadline won. Storing it makes that true even
  // if the object's next life runs on a slower clock. Only readers must not write.
  const untold = record?.state === "pending" && current && isSettled(current);
  if (untold && decision.write === undefined) return { ...decision, write: current };
  return decision;
}

function decideCurrent(
  record: PromiseRecord | null,
  current: PromiseRecord | null,
  command: Command,
  now: number,
): Decision {
  switch (command.kind) {
    case "create":
      return current ? createAgain(current, command) : create(command, now);
    case "settle":
      return settle(current, command, now);
    case "extend":
      return extend(current, command);
    case "import": {
      if (current) return { outcome: "exists", record: current };
      const write = imported(command, now);
      return { outcome: "imported", record: project(write, now), write };
    }
    case "purge":
      if (!current) return { outcome: "absent", record: null };
      if (!isSettled(current)) return { outcome: "pending", record: current };
      return { outcome: "purged", record: current, write: null };
    case "dispose":
      // An id that nobody has created may have awaiters all the same.
      return { outcome: "disposed", record: current, ...(current && { write: null }) };
    case "wake":
      return wake(record, current, now);
    default:
      return command satisfies never;
  }
}

/**
 * What a stored promise is at `now`: a pending one past its deadline *is* settled, at its deadline,
 * whether or not anything has been written. Every read and every guard asks this first.
 */
export function project(record: PromiseRecord, now: number): PromiseRecord {
  if (record.state !== "pending") return record;
  if (record.escalation) return projectEscalation(record, now);
  return now < record.timeoutAt ? record : timedOut(record);
}

function projectEscalation(record: PendingPromise, now: number): PromiseRecord {
  const { record: current, settled } = escalate(record, now);
  if (settled) {
    const { state, value, at } = settled;
    return { ...ended(current), state, value, settledAt: at, settledBy: { how: "escalation" } };
  }
  return now < current.timeoutAt ? current : timedOut(current);
}

function timedOut(record: PendingPromise): SettledPromise {
  const { state, value } = outcomeOfTimeout(record);
  return { ...ended(record), state, value, settledAt: record.timeoutAt };
}

/** Who settled it, as far as it is known. The deadline is nobody's act, so it is not recorded as one. */
export function settlerOf({ settledBy, settledAt, timeoutAt }: SettledPromise): By | undefined {
  return settledBy ?? (settledAt === timeoutAt ? { how: "deadline" } : undefined);
}

export function isSettled(record: PromiseRecord): record is SettledPromise {
  return record.state !== "pending";
}

/**
 * Whether tags make a promise one that others may wait for (Resonate's specification, `external`).
 * Where nobody says that it is internal, a promise is external whatever its tags.
 */
export function isExternal(tags: Record<string, string>): boolean {
  return (
    tags["resonate:external"] === "true" ||
    tags["resonate:scope"] === "global" ||
    tags[TARGET_TAG] !== undefined ||
    isTimer(tags)
  );
}

/** The promise as it was when it was made: the answer to a create that comes again. */
export function asBorn(record: PromiseRecord): PromiseRecord {
  if (record.state === "pending") return record;
  const { value: _, settledAt: __, idempotencyKeyForComplete: ___, ...born } = record;
  return project({ ...born, state: "pending" }, born.createdAt);
}

/** With the promise its task is over. */
function ended(record: PendingPromise): PendingPromise {
  return record.task ? { ...record, task: fulfilledTask(record.task) } : record;
}

function outcomeOfTimeout(record: Born): { state: SettledState; value: Payload } {
  if (record.onTimeout) return record.onTimeout;
  return { state: isTimer(record.tags) ? "resolved" : "rejected_timedout", value: {} };
}

function create(command: Create, now: number): Decision {
  const { kind: _, strict: __, idempotencyKey, ...rest } = command;
  const task = bornTask(command, isTimer(command.tags), now);
  const born: PendingPromise = {
    ...rest,
    state: "pending",
    // Born dead, it was never pending: all its instants are the deadline.
    createdAt: Math.min(now, command.timeoutAt),
    ...(idempotencyKey !== undefined && { idempotencyKeyForCreate: idempotencyKey }),
    ...(task && { task }),
  };
  const record = project(born, now);
  return { outcome: "created", record, write: record };
}

function createAgain(current: PromiseRecord, { idempotencyKey, strict }: Create): Decision {
  const sameKey =
    idempotencyKey !== undefined && idempotencyKey === current.idempotencyKeyForCreate;
  const repeated = sameKey && (!strict || current.state === "pending");
  return { outcome: repeated ? "repeated" : "exists", record: current };
}

function settle(current: PromiseRecord | null, command: Settle, now: number): Decision {
  if (current && isSettled(current)) return settleAgain(current, command);
  const pending = current ?? (command.orCreate && bornToSettle(command.orCreate, now));
  if (!pending) return { outcome: "absent", record: null };
  if (pending.hasSchema && command.state === "resolved" && command.fits !== pending.birth) {
    return { outcome: "unchecked", record: pending };
  }
  // Who asked may always withdraw; anything else is one vote among several.
  if (pending.quorum && command.state !== "rejected_canceled") {
    return vote(pending, pending.quorum, command, now);
  }
  return settled(pending, command, now);
}

function settled(pending: PendingPromise, command: Settle, now: number): Decision {
  const record: SettledPromise = {
    ...ended(pending),
    state: command.state,
    value: command.value,
    settledAt: now,
    ...(command.by && { settledBy: command.by }),
    ...(command.idempotencyKey !== undefined && {
      idempotencyKeyForComplete: command.idempotencyKey,
    }),
  };
  return { outcome: "settled", record, write: record };
}

function vote(pending: PendingPromise, quorum: Quorum, command: Settle, now: number): Decision {
  const approves = command.state === "resolved";
  // A link that names nobody is a voter of its own.
  const voter = command.by?.who ?? (command.by?.link && `link ${command.by.link}`) ?? "anybody";
  const { idempotencyKey: key } = command;
  const isRepeated = pending.votes?.some((cast) => cast.by === voter && cast.key === key);
  if (key !== undefined && isRepeated) return { outcome: "repeated", record: pending };
  const one = { by: voter, approves, at: now, ...(key !== undefined && { key }) };
  const { is, votes } = verdict(quorum, pending.votes ?? [], one, pending.requestedBy);
  const record = { ...pending, votes };
  switch (is) {
    case "reached":
    case "missed":
      return settled(record, command, now);
    case "counted":
      return { outcome: "voted", record, write: record };
    case "voted":
      return { outcome: "already_voted", record: pending };
    case "excluded":
      return { outcome: "excluded", record: pending };
    default:
      return is satisfies never;
  }
}

function settleAgain(current: SettledPromise, command: Settle): Decision {
  const { idempotencyKey, strict, state } = command;
  if (current.state === "rejected_timedout") {
    return { outcome: strict ? "lost" : "late", record: current };
  }
  const sameKey =
    idempotencyKey !== undefined && idempotencyKey === current.idempotencyKeyForComplete;
  const repeated = sameKey && (!strict || current.state === state);
  return { outcome: repeated ? "repeated" : "lost", record: current };
}

/** Steps of the escalation that were due have happened; those that are to come see the new deadline. */
function extend(current: PromiseRecord | null, { timeoutAt }: Extend): Decision {
  if (!current) return { outcome: "absent", record: null };
  if (isSettled(current)) return { outcome: "lost", record: current };
  if (current.timeoutAt === timeoutAt) return { outcome: "repeated", record: current };
  if (current.timeoutAt >= NEVER) return { outcome: "endless", record: current };
  if (timeoutAt < current.timeoutAt) return { outcome: "earlier", record: current };
  const record = { ...moved(current, timeoutAt), extended: (current.extended ?? 0) + 1 };
  return { outcome: "extended", record, write: record };
}

function bornToSettle(
  { id, birth, retentionMs }: NonNullable<Settle["orCreate"]>,
  now: number,
): PendingPromise {
  return {
    id,
    birth,
    state: "pending",
    param: {},
    tags: {},
    timeoutAt: NEVER,
    createdAt: now,
    ...(retentionMs !== undefined && { retentionMs }),
  };
}

function wake(record: PromiseRecord | null, current: PromiseRecord | null, now: number): Decision {
  if (!current || !isSettled(current)) {
    const moved = current && current !== record;
    return { outcome: "unchanged", record: current, ...(moved && { write: current }) };
  }
  // Over even if the deadline itself was never stored: who waits is told the record before it goes.
  if (current.retentionMs !== undefined && now >= current.settledAt + current.retentionMs) {
    return { outcome: "purged", record: current, write: null };
  }
  if (record?.state === "pending") return { outcome: "settled", record: current, write: current };
  return { outcome: "unchanged", record: current };
}
