/**
 * What the index keeps of a promise and of a schedule: enough to find it, never enough to show it.
 * And the stamp that orders what is said of one id: the newer one wins, so that messages may come
 * twice, late and in any order.
 *
 * It refuses to know who sends an entry, how it is stored, and what is looked for (query.ts).
 */
import { NEVER } from "../../client/src/protocol.ts";
import { project, type PromiseRecord, type SettledState } from "./promise.ts";
import type { Task } from "./task-state.ts";

export interface PromiseEntry {
  kind: "promise";
  id: string;
  /** See {@link nextRevision}. */
  revision: number;
  birth: string;
  /** As stored: whether the deadline has passed is asked when somebody looks. */
  state: PromiseRecord["state"];
  /** What the deadline makes of it. Only while it is pending. */
  timeoutState?: SettledState;
  createdAt: number;
  timeoutAt: number;
  settledAt?: number;
  tags: Record<string, string>;
  /** Of its form, and who asks: cut, for they are shown in lists only. */
  title?: string;
  requestedBy?: string;
  task?: TaskEntry;
  /** Earlier deadlines of the last hour, each with the instant until which it was the one. */
  moved?: { until: number; timeoutAt: number }[];
}

/** Without the instants of a lease or an offer: a heartbeat is no news to the index. */
export interface TaskEntry {
  state: Task["state"];
  version: number;
  /** How many. */
  resumes: number;
  pid?: string;
  ttlMs?: number;
}

export interface ScheduleEntry {
  kind: "schedule";
  id: string;
  revision: number;
  tags: Record<string, string>;
}

/** There is nothing under this id any more. */
export interface RemovedEntry {
  kind: "removed";
  of: "promise" | "schedule";
  id: string;
  revision: number;
  /** How the promise was before it went: its end may not have been told. */
  last?: PromiseEntry;
}

export type IndexEntry = PromiseEntry | ScheduleEntry | RemovedEntry;

/** @param record as stored or projected: both are found by the same searches */
export function promiseEntry(
  record: PromiseRecord,
  { revision }: { revision: number },
): PromiseEntry {
  const { id, birth, state, createdAt, timeoutAt, tags, task } = record;
  return {
    kind: "promise",
    id,
    revision,
    birth,
    state,
    createdAt,
    timeoutAt,
    tags,
    ...titleOf(record),
    ...(record.requestedBy !== undefined && { requestedBy: cut(record.requestedBy) }),
    ...(record.state === "pending"
      ? { timeoutState: stateAtTimeout(record) }
      : { settledAt: record.settledAt }),
    ...(task && { task: taskEntry(task) }),
  };
}

export function scheduleEntry(
  { id, promiseTags }: { id: string; promiseTags: Record<string, string> },
  { revision }: { revision: number },
): ScheduleEntry {
  return { kind: "schedule", id, revision, tags: promiseTags };
}

export function removedEntry(
  of: RemovedEntry["of"],
  id: string,
  { revision, last }: { revision: number; last?: PromiseEntry },
): RemovedEntry {
  return { kind: "removed", of, id, revision, ...(last && { last }) };
}

/** Do both say the same? Then the second need not be sent. */
export function sameEntry(one: IndexEntry, other: IndexEntry): boolean {
  return (
    JSON.stringify({ ...one, revision: 0, moved: 0 }) ===
    JSON.stringify({ ...other, revision: 0, moved: 0 })
  );
}

/**
 * The stamp of an entry: the instant at which it was the truth, in thousandths of a millisecond so
 * that what happens within one has an order too. It needs no storing: an object that starts again
 * stamps with a later clock. So it orders the lives of an id as well, and a purge between them.
 *
 * What we accept: a clock that steps back from one life of the object to the next leaves what is
 * written in that step unlisted until it is written again; reads by id are not affected.
 *
 * @param previous the last stamp in this life of the object; 0 for none
 */
export function nextRevision(previous: number, now: number): number {
  return Math.max(previous + 1, now * 1000);
}

/** It is shown in a line of a list. */
const TEXT_CHARACTERS_MAX = 200;

function titleOf({ form }: PromiseRecord): { title?: string } {
  if (form === undefined) return {};
  // SAFETY: the edge has checked it before it was stored.
  const { title } = JSON.parse(form) as { title?: string };
  return title === undefined ? {} : { title: cut(title) };
}

/** Not in the middle of a character: half of one would come back as another. */
function cut(text: string): string {
  return text.length <= TEXT_CHARACTERS_MAX
    ? text
    : text.slice(0, TEXT_CHARACTERS_MAX).replace(/[\ud800-\udbff]$/, "");
}

function stateAtTimeout(record: PromiseRecord): SettledState {
  const { state } = project(record, NEVER);
  // No deadline is later than NEVER, so the projection is settled; this tells the compiler.
  return state === "pending" ? "rejected_timedout" : state;
}

function taskEntry(task: Task): TaskEntry {
  const { state, version, resumes } = task;
  const lease = task.state === "acquired" && { pid: task.pid, ttlMs: task.ttlMs };
  return { state, version, resumes: resumes.length, ...lease };
}
