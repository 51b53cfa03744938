/**
 * What is typed into the search box, as a query. Words are free text; `name:value` narrows:
 * `is:pending`, `id:orders/*`, `tag:team=ops`, `has:team`, `task:acquired`, and `created:-1h`,
 * `settled:-1d`, `due:+2h` for instants. Quotes hold blanks. Pure; it asks nobody.
 */
import {
  TASK_STATES,
  type StateWord,
  type TaskState,
} from "../../../../../../client/src/protocol.ts";
import type { SearchQuery } from "../../../../../../client/src/search.ts";

export interface Typed {
  query: SearchQuery;
  /** What of it makes no sense, a sentence each. */
  faults: string[];
}

/** For the help beside the box. */
export const TERMS = [
  { term: "is:", example: "is:rejected", does: "how it stands" },
  { term: "id:", example: "id:orders/*", does: "its id, * for any text" },
  { term: "tag:", example: "tag:team=ops", does: "a tag and its value" },
  { term: "has:", example: "has:team", does: "a tag, whatever its value" },
  { term: "due:", example: "due:+2h", does: "deadline before then" },
  { term: "created:", example: "created:-1d", does: "created since then" },
  { term: "settled:", example: "settled:-1h", does: "settled since then" },
  { term: "task:", example: "task:acquired", does: "who executes it" },
] as const;

/** `rejected` is all that failed, as in the API; a plain rejection has no word of its own there. */
const STATES: ReadonlyMap<string, StateWord> = new Map([
  ["pending", "pending"],
  ["resolved", "resolved"],
  ["rejected", "rejected"],
  ["canceled", "REJECTED_CANCELED"],
  ["timedout", "REJECTED_TIMEDOUT"],
  ["settled", "settled"],
]);
const INSTANTS = {
  created: "createdAfter",
  settled: "settledAfter",
  due: "deadlineBefore",
} as const;
const INSTANT =
  /^(?:[+-]\d+(?:\.\d+)?(?:ms|s|m|h|d|w)|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?|\d{10,16})$/;
const TASKS: readonly string[] = [...TASK_STATES, "any"];
const NAMES = ["is", "id", "tag", "has", "task", "created", "settled", "due"] as const;
type TermName = (typeof NAMES)[number];

export function parseQueryText(text: string): Typed {
  const words: string[] = [];
  const states: StateWord[] = [];
  const tags = new Map<string, string>();
  const hasTags: string[] = [];
  const query: SearchQuery = {};
  const faults: string[] = [];
  for (const { name, value } of termsOf(text)) {
    const state = STATES.get(value.toLowerCase());
    if (name === undefined) words.push(value);
    else if (value === "") faults.push(`${name}: needs something behind it.`);
    else if (name === "id") query.id = value;
    else if (name === "has") hasTags.push(value);
    else if (name === "tag") {
      const [key = "", ...rest] = value.split("=");
      if (rest.length === 0) hasTags.push(key);
      else tags.set(key, rest.join("="));
    } else if (name === "is") {
      if (state) states.push(state);
      else faults.push(`is: takes ${[...STATES.keys()].join(", ")}.`);
    } else if (name === "task") {
      if (TASKS.includes(value)) query.task = value as TaskState | "any";
      else faults.push(`task: takes ${TASKS.join(", ")}.`);
    } else if (INSTANT.test(value)) query[INSTANTS[name]] = value;
    else faults.push(`${name}: takes a date, or a time from now like -1h or +7d.`);
  }
  if (words.length > 0) query.q = words.join(" ");
  if (states.length > 0) query.state = states;
  if (tags.size > 0) query.tags = Object.fromEntries(tags);
  if (hasTags.length > 0) query.hasTags = hasTags;
  return { query, faults };
}

/** The text with one more term; once is enough. */
export function withTerm(text: string, term: string): string {
  const shown = /\s/.test(term) ? term.replace(":", ':"').concat('"') : term;
  return text.includes(shown) ? text : `${text.trim()} ${shown}`.trim();
}

function termsOf(text: string): { name: TermName | undefined; value: string }[] {
  const found = text.matchAll(/(?:([a-z]+):)?(?:"([^"]*)"?|([^\s"]+)|(?=\s|$))/g);
  const terms: { name: TermName | undefined; value: string }[] = [];
  for (const [whole, before, inQuotes, bare] of found) {
    if (whole === "") continue;
    const value = inQuotes ?? bare ?? "";
    const name = NAMES.find((known) => known === before);
    // `10:30` and `http://…` are words like others.
    const isWord = name === undefined && before !== undefined;
    terms.push({ name, value: isWord ? `${before}:${value}` : value });
  }
  return terms;
}
