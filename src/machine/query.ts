/**
 * Searching as functions: what a query finds at `now`. The store may look through its rows in whatever
 * way it likes; what this says is what is found.
 *
 * It refuses to know how entries are stored, in which order they are wanted (order.ts) and who asks.
 */
import { NEVER } from "../../client/src/protocol.ts";
import { covers, idFits } from "./ids.ts";
import { promiseEntry, type PromiseEntry, type ScheduleEntry } from "./index-entry.ts";
import type { PromiseRecord } from "./promise.ts";
import type { Task } from "./task-state.ts";

export type PromiseState = PromiseRecord["state"];

/** Instants in ms since the epoch: from the first on, before the second. */
export interface Span {
  from?: number | undefined;
  before?: number | undefined;
}

/** All of them must hold. */
export interface PromiseTerms {
  /** One of them, projected: a pending promise past its deadline is not found as pending. */
  states?: readonly PromiseState[] | undefined;
  /** It has at least these. */
  tags?: Record<string, string> | undefined;
  /** It has these, whatever their values. */
  hasTags?: readonly string[] | undefined;
  /** The state of its task, projected; `any` for every promise that has one. */
  task?: Task["state"] | "any" | undefined;
  /** Who holds its task. */
  pid?: string | undefined;
  /** Each `*` in it stands for any text. */
  pattern?: string | undefined;
  /** In small letters; each is in the id, a tag, the title or in who asks. */
  words?: readonly string[] | undefined;
  created?: Span | undefined;
  settled?: Span | undefined;
  deadline?: Span | undefined;
  /** Ids, or beginnings of ids and a `*`: one of them. Absent: all. */
  within?: readonly string[] | undefined;
}

export interface ScheduleTerms {
  tags?: Record<string, string> | undefined;
}

export interface ScheduleQuery extends ScheduleTerms {
  /** How the ids begin. */
  prefix?: string | undefined;
  /** Ids beyond this one. */
  after?: string | undefined;
  limit: number;
}

/** @param entry as stored */
export function promiseMatches(entry: PromiseEntry, terms: PromiseTerms, now: number): boolean {
  const current = projectEntry(entry, now);
  const { states, task, pid } = terms;
  return (
    (states === undefined || states.includes(current.state)) &&
    (task === undefined || isTaskIn(current, task)) &&
    (pid === undefined || current.task?.pid === pid) &&
    idMatches(current.id, terms) &&
    isWithin(current.createdAt, terms.created) &&
    isWithin(current.settledAt, terms.settled) &&
    isWithin(current.timeoutAt === NEVER ? undefined : current.timeoutAt, terms.deadline) &&
    hasTags(current.tags, terms.tags) &&
    (terms.hasTags ?? []).every((key) => Object.hasOwn(current.tags, key)) &&
    hasWords(current, terms.words)
  );
}

/** Whether what has this id could ever match: an id never changes. */
export function idMatches(id: string, { pattern, within }: PromiseTerms): boolean {
  return (
    (within === undefined || within.some((one) => covers(one, id))) &&
    (pattern === undefined || idFits(id, pattern))
  );
}

/** {@link promiseMatches}, asked of the record itself, which may have changed since it was found. */
export function recordMatches(record: PromiseRecord, terms: PromiseTerms, now: number): boolean {
  return promiseMatches(promiseEntry(record, { revision: 0 }), terms, now);
}

export function scheduleMatches({ tags }: Pick<ScheduleEntry, "tags">, terms: ScheduleTerms) {
  return hasTags(tags, terms.tags);
}

/** As `project` in promise.ts: past its deadline it is settled, and its task over. */
export function projectEntry(entry: PromiseEntry, now: number): PromiseEntry {
  if (entry.timeoutState === undefined || now < entry.timeoutAt) return entry;
  const { timeoutState: state, task, ...rest } = entry;
  return {
    ...rest,
    state,
    settledAt: entry.timeoutAt,
    ...(task && { task: { state: "fulfilled", version: task.version, resumes: 0 } }),
  };
}

function isTaskIn({ task }: PromiseEntry, state: Task["state"] | "any"): boolean {
  return task !== undefined && (state === "any" || task.state === state);
}

function isWithin(at: number | undefined, span: Span | undefined): boolean {
  if (span === undefined) return true;
  const { from = -Infinity, before = Infinity } = span;
  return at !== undefined && at >= from && at < before;
}

function hasTags(tags: Record<string, string>, wanted: Record<string, string> = {}): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => Object.hasOwn(tags, key) && tags[key] === value,
  );
}

function hasWords(entry: PromiseEntry, words: readonly string[] = []): boolean {
  if (words.length === 0) return true;
  const { id, tags, title = "", requestedBy = "" } = entry;
  const texts = [id, title, requestedBy, ...Object.entries(tags).flat()];
  const found = texts.map((text) => text.toLowerCase());
  return words.every((word) => found.some((text) => text.includes(word)));
}
