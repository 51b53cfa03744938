/**
 * The filters that everybody has, and those that this browser keeps: a name and what it searches. The
 * address says which one is shown, so that it can be passed on.
 */
import type { Sort } from "../../../../../../client/src/protocol.ts";
import type { SearchQuery } from "../../../../../../client/src/search.ts";
import { Store } from "../live/store.ts";
import { parseQueryText } from "./query-text.ts";

export interface Filter {
  /** In the address. */
  key: string;
  name: string;
  query: SearchQuery;
}

/** One that somebody has kept. */
export interface OwnFilter {
  name: string;
  text: string;
  /** Of {@link FILTERS}, which it narrows. */
  base: string;
}

export const FILTERS: readonly Filter[] = [
  { key: "waiting", name: "Waiting", query: { state: "pending" } },
  {
    key: "overdue",
    name: "Overdue soon",
    query: { state: "pending", deadlineBefore: "+1d", sort: "deadline" },
  },
  {
    key: "settled",
    name: "Recently settled",
    query: { state: "settled", settledAfter: "-1d", sort: "-settled" },
  },
  { key: "failed", name: "Failed", query: { state: "rejected", sort: "-settled" } },
  { key: "all", name: "All", query: {} },
];

export const ORDERS: readonly { sort: Sort; name: string }[] = [
  { sort: "-created", name: "Newest first" },
  { sort: "created", name: "Oldest first" },
  { sort: "deadline", name: "Next deadline first" },
  { sort: "-settled", name: "Last settled first" },
  { sort: "id", name: "By id" },
];

/** What the inbox shows, as its address says it. */
export interface InboxAddress {
  filter: Filter;
  text: string;
  /** `undefined`: the filter's own. */
  sort: Sort | undefined;
}

export function addressOf(search: string): InboxAddress {
  const given = new URLSearchParams(search);
  const text = given.get("q") ?? "";
  const filter = FILTERS.find(({ key }) => key === given.get("filter")) ?? FILTERS[0]!;
  const sort = ORDERS.find((order) => order.sort === given.get("sort"))?.sort;
  return { filter, text, sort };
}

export function hrefOf({ filter, text, sort }: InboxAddress): string {
  const given = new URLSearchParams();
  if (filter !== FILTERS[0]) given.set("filter", filter.key);
  if (text.trim() !== "") given.set("q", text.trim());
  if (sort !== undefined && sort !== sortOf(filter.query)) given.set("sort", sort);
  const query = given.toString();
  return query === "" ? "/" : `/?${query}`;
}

/** What is typed narrows the filter; where both say the same, it counts. */
export function queryOf({ filter, text, sort }: InboxAddress): SearchQuery & { sort: Sort } {
  const query = { ...filter.query, ...parseQueryText(text).query };
  return { ...query, sort: sort ?? sortOf(query) };
}

export function sortOf({ sort = "-created" }: SearchQuery): Sort {
  return sort;
}

const STORED_AS = "durable-promises.filters";
/** Each is counted, again and again. */
const OWN_MAX = 12;
const NAME_CHARACTERS_MAX = 40;

export const ownFilters = new Store<readonly OwnFilter[]>(load());

/** @returns why it cannot be kept */
export function keepFilter({ name, text, base }: OwnFilter): string | undefined {
  const own = { name: name.trim().slice(0, NAME_CHARACTERS_MAX), text: text.trim(), base };
  if (own.name === "") return "It needs a name.";
  const others = ownFilters.value.filter((filter) => filter.name !== own.name);
  if (others.length >= OWN_MAX) return `There may be ${OWN_MAX} of them.`;
  save([...others, own]);
  return undefined;
}

export function dropFilter(name: string): void {
  save(ownFilters.value.filter((filter) => filter.name !== name));
}

function save(filters: readonly OwnFilter[]): void {
  ownFilters.set(filters);
  try {
    localStorage.setItem(STORED_AS, JSON.stringify(filters));
  } catch {
    // Private windows keep nothing: they are there until the page is left.
  }
}

function load(): readonly OwnFilter[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORED_AS) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isOwnFilter).slice(0, OWN_MAX) : [];
  } catch {
    return [];
  }
}

function isOwnFilter(kept: unknown): kept is OwnFilter {
  const { name, text, base } = (kept ?? {}) as Partial<OwnFilter>;
  return [name, text, base].every((field) => typeof field === "string");
}
