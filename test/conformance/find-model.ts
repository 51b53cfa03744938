/**
 * What a search must find, written from the contract: one promise against one query, and the order
 * of two. Slow and plain on purpose; it knows nothing of an index.
 */
import {
  NEVER,
  STATES,
  type PromiseSummary,
  type Sort,
  type State,
  type StateWord,
  type TaskState,
} from "../../client/src/protocol.ts";
import type { Parameters } from "./finding.ts";

export interface Query {
  id?: string;
  states?: StateWord[];
  tags?: [key: string, value: string][];
  tagKeys?: string[];
  /** Instants in ms: `After` includes its own, `Before` does not. */
  createdAfter?: number;
  createdBefore?: number;
  settledAfter?: number;
  settledBefore?: number;
  deadlineAfter?: number;
  deadlineBefore?: number;
  q?: string;
  task?: TaskState | "any";
  sort?: Sort;
}

const RANGES = [
  ["createdAfter", "createdBefore"],
  ["settledAfter", "settledBefore"],
  ["deadlineAfter", "deadlineBefore"],
] as const;

export function parametersFor(query: Query): Parameters {
  const { id, states = [], tags = [], tagKeys = [], q, task, sort } = query;
  const parameters: Parameters = [];
  if (id !== undefined) parameters.push(["id", id]);
  for (const state of states) parameters.push(["state", state]);
  for (const [key, value] of tags) parameters.push([`tags[${key}]`, value]);
  for (const key of tagKeys) parameters.push(["tag", key]);
  for (const name of RANGES.flat()) {
    if (query[name] !== undefined) parameters.push([name, String(query[name])]);
  }
  if (q !== undefined) parameters.push(["q", q]);
  if (task !== undefined) parameters.push(["task", task]);
  if (sort !== undefined) parameters.push(["sort", sort]);
  return parameters;
}

/** All of `promises` that the query finds, in its order. */
export function search(promises: readonly PromiseSummary[], query: Query): PromiseSummary[] {
  return promises.filter((promise) => isFound(promise, query)).toSorted(orderOf(query.sort));
}

function isFound(promise: PromiseSummary, query: Query): boolean {
  const { id, states = [], tags = [], tagKeys = [], q = "", task, sort } = query;
  const deadline = promise.timeout === NEVER ? undefined : promise.timeout;
  if (id !== undefined && !isLike(promise.id, id)) return false;
  if (states.length > 0 && !states.some((word) => statesOf(word).includes(promise.state))) {
    return false;
  }
  if (!tags.every(([key, value]) => ownTag(promise, key) === value)) return false;
  if (!tagKeys.every((key) => ownTag(promise, key) !== undefined)) return false;
  const instants = [promise.createdOn, promise.completedOn, deadline];
  if (!RANGES.every((range, place) => isWithin(instants[place], query, range))) return false;
  if (!wordsOf(q).every((word) => textsOf(promise).some((text) => text.includes(word)))) {
    return false;
  }
  if (task !== undefined && promise.task === undefined) return false;
  if (task !== undefined && task !== "any" && promise.task?.state !== task) return false;
  if (sort?.endsWith("settled") === true && promise.completedOn === undefined) return false;
  return !(sort?.endsWith("deadline") === true && deadline === undefined);
}

/** `*` stands for any text, also for none; everything else for itself. */
function isLike(text: string, pattern: string): boolean {
  const [first = "", ...others] = pattern.split("*");
  const last = others.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

function statesOf(word: StateWord): State[] {
  switch (word) {
    case "pending":
      return ["PENDING"];
    case "resolved":
      return ["RESOLVED"];
    case "rejected":
      return ["REJECTED", "REJECTED_CANCELED", "REJECTED_TIMEDOUT"];
    case "settled":
      return STATES.filter((state) => state !== "PENDING");
    default:
      return [word];
  }
}

function ownTag({ tags }: PromiseSummary, key: string): string | undefined {
  return Object.hasOwn(tags, key) ? tags[key] : undefined;
}

/** What has no such instant is in no range of it. */
function isWithin(
  instant: number | undefined,
  query: Query,
  [after, before]: (typeof RANGES)[number],
): boolean {
  const { [after]: from, [before]: to } = query;
  if (from === undefined && to === undefined) return true;
  if (instant === undefined) return false;
  return (from === undefined || instant >= from) && (to === undefined || instant < to);
}

function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/u)
    .filter((word) => word !== "");
}

function textsOf({ id, tags, title = "", requestedBy = "" }: PromiseSummary): string[] {
  return [id, ...Object.entries(tags).flat(), title, requestedBy].map((text) => text.toLowerCase());
}

function orderOf(sort: Sort = "-created"): (a: PromiseSummary, b: PromiseSummary) => number {
  const direction = sort.startsWith("-") ? -1 : 1;
  const by = sort.replace("-", "");
  const keyOf = ({ createdOn, completedOn = 0, timeout }: PromiseSummary): number =>
    by === "created" ? createdOn : by === "settled" ? completedOn : timeout;
  if (by === "id") return (a, b) => direction * compareIds(a.id, b.id);
  return (a, b) => direction * (keyOf(a) - keyOf(b)) || compareIds(a.id, b.id);
}

/** As the lists of everything else here: by code points, which is by the bytes of UTF-8. */
export function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
