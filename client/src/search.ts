/**
 * Searching promises: what is asked for as the parameters of a URL, and the pages that answer it as
 * one sequence. What matches is the server's matter.
 */
import { answerOf } from "./calls.ts";
import { shown } from "./duration.ts";
import type { CallOptions, Target } from "./options.ts";
import type {
  PromiseRecord,
  PromiseSummary,
  SearchPage,
  Sort,
  StateWord,
  TaskState,
} from "./protocol.ts";
import { send } from "./send.ts";

/** An instant: a `Date`, ms since the epoch, an RFC 3339 date, or from now: `"-1h"`, `"+7d"`. */
export type Instant = Date | number | string;

/** What must be true of a promise to be found; all that is given. */
export interface SearchQuery {
  /** An id, in which `*` stands for any text. @example "orders/*" */
  id?: string;
  /** In capitals one state; `rejected` is all three rejections, `settled` all but pending. */
  state?: StateWord | readonly StateWord[];
  /** Tags with these values, all of them. */
  tags?: Readonly<Record<string, string>>;
  /** Tags that must be there, whatever their values. */
  hasTags?: readonly string[];
  /** From this instant on. */
  createdAfter?: Instant;
  /** Up to this instant, without it. */
  createdBefore?: Instant;
  settledAfter?: Instant;
  settledBefore?: Instant;
  deadlineAfter?: Instant;
  deadlineBefore?: Instant;
  /** Words, each of which must be somewhere in the id, a tag, the title or who asks. */
  q?: string;
  /** Those that somebody is to execute: all of them, or those in this state. */
  task?: TaskState | "any";
  /** @default "-created": the newest first */
  sort?: Sort;
  /** How many are on a page, 1 to 1,000. @default 100 */
  limit?: number;
  /** Whether pages say how many there are in all. @default false */
  count?: boolean;
}

/** `full`: records, as they are where they live. `summary`: what the index knows of them, faster. */
export type SearchView = "full" | "summary";

export type Found<View extends SearchView> = View extends "summary"
  ? PromiseSummary
  : PromiseRecord;

/**
 * What a search finds. Read it with `for await` to the end, from the beginning each time, or page by
 * page. Nothing is sent before the first read.
 *
 * @example for await (const { id } of promises.search({ state: "pending" })) console.log(id);
 */
export class Search<Item> implements AsyncIterable<Item> {
  readonly #target: Target;
  readonly #query: SearchQuery & { view?: SearchView };
  readonly #options: CallOptions;

  /** @throws TypeError or RangeError for a query that makes no sense, showing what was received. */
  constructor(target: Target, query: SearchQuery & { view?: SearchView }, options: CallOptions) {
    searchPath(query);
    this.#target = target;
    this.#query = query;
    this.#options = options;
  }

  /**
   * One page. It may be short and not the last: `cursor` is `null` when it is.
   *
   * @param cursor of the page before. @default the first page
   * @throws ApiError with code `invalid_request`, which names the parameter.
   */
  async page(cursor?: string): Promise<SearchPage<Item>> {
    const path = searchPath(this.#query, cursor);
    const verdict = await send(this.#target, { method: "GET", path }, this.#options);
    return answerOf<SearchPage<Item>>(verdict, "promises", "promises", "cursor");
  }

  /** `timeout` is that of each page: how long the reader takes between them is its own matter. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    let cursor: string | undefined;
    do {
      const page: SearchPage<Item> = await this.page(cursor);
      yield* page.promises;
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
  }
}

/**
 * The address of a search. Pure.
 *
 * @throws TypeError or RangeError that names the field and shows what was received.
 * @example searchPath({ id: "orders/*", tags: { region: "eu" } }) // "/promises?id=orders%2F*&tags%5Bregion%5D=eu"
 */
export function searchPath(query: SearchQuery & { view?: SearchView }, cursor?: string): string {
  if (typeof query !== "object" || query === null) {
    throw new TypeError(`query must be an object such as { state }, got ${shown(query)}`);
  }
  const { id, state, tags = {}, hasTags = [], q, task, sort, limit, count, view } = query;
  const parameters = new URLSearchParams();
  const put = (name: string, value: string | number | undefined) => {
    if (value !== undefined) parameters.append(name, String(value));
  };
  put("id", id);
  for (const word of typeof state === "string" ? [state] : (state ?? [])) put("state", word);
  for (const [key, value] of Object.entries(tags)) put(`tags[${key}]`, value);
  for (const key of hasTags) put("tag", key);
  for (const name of INSTANTS) put(name, instantText(query[name], name));
  put("q", q);
  put("task", task);
  put("sort", sort);
  put("limit", limit);
  if (count) put("count", "true");
  put("view", view);
  put("cursor", cursor);
  const text = parameters.toString();
  return text === "" ? "/promises" : `/promises?${text}`;
}

const INSTANTS = [
  "createdAfter",
  "createdBefore",
  "settledAfter",
  "settledBefore",
  "deadlineAfter",
  "deadlineBefore",
] as const;

/** Text is passed on: which instants it may name is for the server to say, whose clock decides. */
function instantText(instant: Instant | undefined, name: string): string | undefined {
  if (instant === undefined || typeof instant === "string") return instant;
  const at = instant instanceof Date ? instant.getTime() : instant;
  if (Number.isSafeInteger(at)) return String(at);
  throw new RangeError(`${name} must be a Date, whole ms or a string, got ${shown(instant)}`);
}
