/**
 * The parameters of `GET /promises?...` as a search: `SEARCH_PARAMETERS` of protocol.ts. What is not
 * one of them is a 400, for a term that is silently dropped finds too much.
 *
 * A cursor is good for the search that it came from and no other: it carries where the page ended and
 * when the first one was asked for, and a digest of the terms.
 */
import * as v from "valibot";
import {
  LIMITS,
  SEARCH_PARAMETERS,
  SORTS,
  STATE_WORDS,
  TASK_STATES,
  type StateWord,
} from "../../client/src/protocol.ts";
import { parseDurationMs } from "../duration.ts";
import { indexShardOf } from "../machine/ids.ts";
import { orderOf, type Place } from "../machine/order.ts";
import type { PromiseState, PromiseTerms, Span } from "../machine/query.ts";
import { invalid } from "./errors.ts";
import { badCursor, limitText, readCursor, textOfCursor } from "./page-query.ts";
import { dateOf, validate } from "./parse.ts";
import type { Principal } from "./principal.ts";
import type { PromiseSearch } from "./search.ts";
import { faultOfId } from "./schemas.ts";

export interface SearchAsked extends PromiseSearch {
  view: "full" | "summary";
}

const NAMES: ReadonlySet<string> = new Set(SEARCH_PARAMETERS);
const REPEATABLE = new Set(["state", "tag"]);
/** What may differ from page to page. */
const PAGING = new Set(["cursor", "limit", "count", "view"]);
const TAG = /^tags\[(?<key>[\s\S]*)\]$/;

const single = v.object({
  sort: v.optional(v.picklist(SORTS, `must be one of ${SORTS.join(", ")}`), "-created"),
  limit: v.optional(limitText, String(LIMITS.searchLimitDefault)),
  cursor: v.optional(v.string()),
  count: v.optional(v.picklist(["true", "false"], "must be true or false"), "false"),
  view: v.optional(v.picklist(["full", "summary"], "must be full or summary"), "full"),
  task: v.optional(
    v.picklist([...TASK_STATES, "any"], `must be any or one of ${TASK_STATES.join(", ")}`),
  ),
  q: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(
        LIMITS.searchTextCharactersMax,
        `must have ${LIMITS.searchTextCharactersMax} characters at most`,
      ),
    ),
  ),
});

const STATES_OF: Record<Extract<StateWord, Lowercase<StateWord>>, PromiseState[]> = {
  pending: ["pending"],
  resolved: ["resolved"],
  rejected: ["rejected", "rejected_canceled", "rejected_timedout"],
  settled: ["resolved", "rejected", "rejected_canceled", "rejected_timedout"],
};

/** Of whom `principal` may see. @param now ms, of this request */
export function parseSearch(url: string, { prefixes }: Principal, now: number): SearchAsked {
  const query = new URL(url).searchParams;
  checkNames(query);
  const asked = validate(single, Object.fromEntries(query), "");
  const terms: PromiseTerms = {
    ...termsOf(query, now),
    ...(asked.task && { task: asked.task }),
    ...(asked.q !== undefined && { words: wordsOf(asked.q) }),
  };
  checkCount(terms);
  const order = orderOf(asked.sort);
  if (order.by === "settled" && terms.states?.every((state) => state === "pending")) {
    throw invalid(
      "sort",
      "sort=settled finds settled promises only, and state asks for pending ones",
    );
  }
  const digest = digestOf(query);
  const cursor = asked.cursor === undefined ? undefined : cursorOf(asked.cursor, digest);
  return {
    terms: {
      ...terms,
      // What has no place in the order is not found, and so it is not in the list that is live.
      ...(order.by === "settled" && { settled: terms.settled ?? {} }),
      ...(order.by === "deadline" && { deadline: terms.deadline ?? {} }),
      ...(prefixes !== "all" && { within: prefixes }),
    },
    order,
    limit: asked.limit,
    wantsCount: asked.count === "true",
    view: asked.view,
    asOf: cursor?.asOf ?? now,
    after: cursor?.place,
  };
}

/** What a page ends with. */
export function cursorText(url: string, place: Place, asOf: number): string {
  const digest = digestOf(new URL(url).searchParams);
  return textOfCursor(JSON.stringify([digest, asOf, place.key, place.id]));
}

function cursorOf(encoded: string, digest: string): { place: Place; asOf: number } {
  const text = readCursor(encoded);
  if (text === undefined || !text.startsWith("[")) throw badCursor();
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    throw badCursor();
  }
  const [of, asOf, key, id] = Array.isArray(parts) ? (parts as unknown[]) : [];
  if (typeof of !== "string" || typeof id !== "string" || faultOfId(id) !== undefined) {
    throw badCursor();
  }
  if (!Number.isSafeInteger(asOf) || !Number.isSafeInteger(key)) throw badCursor();
  if (of !== digest) {
    throw invalid("cursor", "cursor is of another search: its other parameters must not change");
  }
  // SAFETY: looked at above.
  return { place: { key: key as number, id }, asOf: asOf as number };
}

/** Of all that must stay the same. It guards against mistakes, not against anybody. */
function digestOf(query: URLSearchParams): string {
  const terms = Array.from(query, ([name, value]) =>
    PAGING.has(name) ? "" : JSON.stringify([name, value]),
  );
  return indexShardOf(terms.toSorted().join(""), 0xffff_fffb).toString(36);
}

function checkNames(query: URLSearchParams): void {
  const seen = new Set<string>();
  for (const name of query.keys()) {
    if (!NAMES.has(name) && !TAG.test(name)) {
      const known = [...SEARCH_PARAMETERS, "tags[key]"].join(", ");
      throw invalid(name, `There is no parameter "${name}" here, only ${known}`);
    }
    if (seen.has(name) && !REPEATABLE.has(name)) throw invalid(name, `${name} was sent twice`);
    seen.add(name);
  }
}

function termsOf(query: URLSearchParams, now: number): PromiseTerms {
  const tags = Array.from(query).flatMap(([name, value]) => {
    const key = TAG.exec(name)?.groups?.["key"];
    return key === undefined ? [] : [[key, value] as const];
  });
  const hasTags = query.getAll("tag");
  const pattern = query.get("id");
  const states = statesOf(query.getAll("state"));
  return {
    ...(pattern !== null && { pattern: patternOf(pattern) }),
    ...(states && { states }),
    // Not by assignment, which would lose a tag that is called `__proto__`.
    ...(tags.length > 0 && { tags: Object.fromEntries(tags) }),
    ...(hasTags.length > 0 && { hasTags }),
    ...spanOf(query, "created", now),
    ...spanOf(query, "settled", now),
    ...spanOf(query, "deadline", now),
  };
}

function patternOf(pattern: string): string {
  if (pattern === "") throw invalid("id", "id must not be empty");
  if (new TextEncoder().encode(pattern).length > LIMITS.idBytesMax) {
    throw invalid("id", `id must have ${LIMITS.idBytesMax} bytes at most`);
  }
  if (pattern.split("*").length - 1 > LIMITS.searchWildcardsMax) {
    throw invalid("id", `id must have ${LIMITS.searchWildcardsMax} * at most`);
  }
  return pattern;
}

function statesOf(asked: string[]): PromiseState[] | undefined {
  const words = asked.flatMap((text) => text.split(","));
  if (words.length === 0) return undefined;
  const states = words.flatMap((word) => {
    // SAFETY: refused right after, if it is none.
    const known = word as StateWord;
    if (!STATE_WORDS.includes(known)) {
      throw invalid("state", `state must be one of ${STATE_WORDS.join(", ")}, not "${word}"`);
    }
    if (known in STATES_OF) return STATES_OF[known as keyof typeof STATES_OF];
    // SAFETY: the same words, in small letters.
    return [known.toLowerCase()] as PromiseState[];
  });
  return [...new Set(states)];
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

function spanOf(query: URLSearchParams, name: "created" | "settled" | "deadline", now: number) {
  const from = query.get(`${name}After`);
  const before = query.get(`${name}Before`);
  if (from === null && before === null) return {};
  const span: Span = {
    ...(from !== null && { from: instantOf(from, `${name}After`, now) }),
    ...(before !== null && { before: instantOf(before, `${name}Before`, now) }),
  };
  return { [name]: span };
}

function instantOf(text: string, field: string, now: number): number {
  const instant = readInstant(text, now);
  if (instant === undefined || !Number.isSafeInteger(instant)) {
    throw invalid(field, `${field} must be milliseconds, a date or a time from now such as -1h`);
  }
  return instant;
}

function readInstant(text: string, now: number): number | undefined {
  if (/^-?\d+$/.test(text)) return Number(text);
  // A plus in a query is a space, unless somebody wrote it as %2B.
  const [, sign, duration = ""] = /^([-+ ])(.+)$/.exec(text) ?? [];
  if (sign === undefined) return dateOf(text.replace(" ", "+"));
  try {
    return now + (sign === "-" ? -1 : 1) * parseDurationMs(duration, now);
  } catch {
    return undefined;
  }
}

function checkCount({ tags = {}, hasTags = [], words = [] }: PromiseTerms): void {
  const count = Object.keys(tags).length + hasTags.length + words.length;
  if (count <= LIMITS.searchTermsMax) return;
  throw invalid("tags", `There must be ${LIMITS.searchTermsMax} tags and words at most`);
}
