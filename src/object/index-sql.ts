/**
 * Terms of a search as SQL. What it lets through is looked at by the machine once more, unless it is
 * exact: then what matches can also be counted without being read.
 *
 * Measured in workerd of 2026-08-15: a look at each of 100,000 rows takes 1 to 23 ms. So there is no
 * index for any of this, and a promise pays for none.
 */
import { NEVER } from "../../client/src/protocol.ts";
import { endOfPrefix } from "../machine/ids.ts";
import type { Order, Place } from "../machine/order.ts";
import type { PromiseTerms, Span } from "../machine/query.ts";
import { tagsText } from "./index-row.ts";

export type Values = (string | number)[];

export interface Where {
  sql: string;
  values: Values;
  /** It lets through nothing that the terms do not. */
  exact: boolean;
}

/** The instant at which a row is settled, projected. */
const SETTLED_AT = "CASE WHEN settled = 1 THEN settled_at ELSE timeout_at END";

/** The deadline as it was at an instant. */
const DEADLINE_THEN = `CASE WHEN moved IS NULL THEN timeout_at ELSE coalesce((
  SELECT json_extract(value, '$.timeoutAt') FROM json_each(moved)
  WHERE json_extract(value, '$.until') > ? ORDER BY key LIMIT 1), timeout_at) END`;

export function whereOf(terms: PromiseTerms, { by }: Pick<Order, "by">, now: number): Where {
  const parts: string[] = [];
  const values: Values = [];
  let exact = true;
  const and = (sql: string, ...bound: Values): void => {
    parts.push(`(${sql})`);
    values.push(...bound);
  };
  addStates(and, terms, by === "settled" || terms.settled !== undefined, now);
  addSpan(and, "created_at", terms.created);
  addSpan(and, SETTLED_AT, terms.settled);
  addSpan(and, "timeout_at", terms.deadline);
  if (by === "deadline" || terms.deadline) and("timeout_at < ?", NEVER);
  if (terms.pid !== undefined) and("pid = ?", terms.pid);
  if (terms.task !== undefined) and("task_state IS NOT NULL");
  if (terms.task !== undefined && terms.task !== "any") exact = false;
  for (const [key, value] of Object.entries(terms.tags ?? {})) {
    and("instr(tags, ?) > 0", tagsText({ [key]: value }));
  }
  for (const key of terms.hasTags ?? []) and("instr(tags, ?) > 0", `,${JSON.stringify(key)}:`);
  if (terms.pattern !== undefined) exact = addPattern(and, terms.pattern) && exact;
  if (terms.within) addWithin(and, terms.within);
  for (const word of terms.words ?? []) {
    exact = false;
    // What is not ASCII has other small letters in JavaScript; a quote or a backslash is escaped in tags.
    if (/^[\u0020\u0021\u0023-\u005b\u005d-\u007e]+$/.test(word)) {
      and("instr(lower(concat_ws(' ', id, tags, title, requested_by)), ?) > 0", word);
    }
  }
  return { sql: parts.length === 0 ? "1" : parts.join(" AND "), values, exact };
}

/** The number by which rows stand in an order, and what is beyond a place in it. */
export function orderSql(
  { by, descending }: Order,
  after: Place | undefined,
  asOf: number,
): { key: string; keyValues: Values; beyond: string; beyondValues: Values; orderBy: string } {
  const down = descending ? " DESC" : "";
  if (by === "id") {
    return {
      key: "0",
      keyValues: [],
      beyond: after ? `id ${descending ? "<" : ">"} ?` : "1",
      beyondValues: after ? [after.id] : [],
      orderBy: `id${down}`,
    };
  }
  const key = { created: "created_at", settled: SETTLED_AT, deadline: DEADLINE_THEN }[by];
  const keyValues = by === "deadline" ? [asOf] : [];
  const then = descending ? "<" : ">";
  return {
    key,
    keyValues,
    beyond: after ? `sort_key ${then} ? OR (sort_key = ? AND id > ?)` : "1",
    beyondValues: after ? [after.key, after.key, after.id] : [],
    orderBy: `sort_key${down}, id`,
  };
}

type And = (sql: string, ...values: Values) => void;

function addStates(and: And, terms: PromiseTerms, settledOnly: boolean, now: number): void {
  const { states } = terms;
  const pending = !settledOnly && (states === undefined || states.includes("pending"));
  const settled = states?.filter((state) => state !== "pending");
  if (pending && settled === undefined) return;
  // The key begins with `settled`, so the others are not looked at.
  const open = "settled = 0 AND timeout_at > ?";
  if (settled?.length === 0) {
    if (pending) and(open, now);
    else and("0");
    return;
  }
  const over = "settled = 1 OR timeout_at <= ?";
  if (settled === undefined) {
    and(over, now);
    return;
  }
  const marks = settled.map(() => "?").join(", ");
  const one = `CASE WHEN settled = 1 THEN state ELSE timeout_state END IN (${marks})`;
  if (pending) and(`(${open}) OR ((${over}) AND ${one})`, now, now, ...settled);
  else and(`(${over}) AND ${one}`, now, ...settled);
}

function addSpan(and: And, column: string, span: Span | undefined): void {
  if (span?.from !== undefined) and(`${column} >= ?`, span.from);
  if (span?.before !== undefined) and(`${column} < ?`, span.before);
}

/** @returns whether that is all that the pattern says */
function addPattern(and: And, pattern: string): boolean {
  const star = pattern.indexOf("*");
  if (star === -1) {
    and("id = ?", pattern);
    return true;
  }
  addPrefix(and, pattern.slice(0, star));
  for (const piece of pattern.slice(star).split("*")) if (piece) and("instr(id, ?) > 0", piece);
  return star === pattern.length - 1;
}

function addPrefix(and: And, prefix: string): void {
  if (prefix === "") return;
  const end = endOfPrefix(prefix);
  if (end === undefined) and("id >= ?", prefix);
  else and("id >= ? AND id < ?", prefix, end);
}

function addWithin(and: And, patterns: readonly string[]): void {
  const parts: string[] = [];
  const values: Values = [];
  const or: And = (sql, ...bound) => {
    parts.push(`(${sql})`);
    values.push(...bound);
  };
  for (const pattern of patterns) {
    if (pattern === "*") return;
    if (pattern.endsWith("*")) addPrefix(or, pattern.slice(0, -1));
    else or("id = ?", pattern);
  }
  and(parts.length === 0 ? "0" : parts.join(" OR "), ...values);
}
