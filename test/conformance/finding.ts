/**
 * Searching as a client would that knows nothing but the contract: a search is a list of parameters,
 * an answer is a page, and all pages are what the cursors lead to. It judges only what every page
 * must be: an answer of 200, of the right shape, that no cache may keep.
 */
import { expect } from "vitest";
import type { PromiseRecord, PromiseSummary, SearchPage } from "../../client/src/protocol.ts";
import type { Answer, Service } from "./service.ts";
import { eventually } from "../eventually.ts";

/** In their order, and as often as given. */
export type Parameters = [name: string, value: string][];

/** `id=orders/*&limit=3` as parameters, for tests to read well; nothing in it is encoded. */
export function parametersOf(text: string): Parameters {
  if (text === "") return [];
  return text.split("&").map((part) => {
    const [name = "", ...value] = part.split("=");
    return [name, value.join("=")];
  });
}

export function pathOf(parameters: Parameters): string {
  return `/promises?${new URLSearchParams(parameters).toString()}`;
}

export interface Finder {
  service: Service;
  /** What is sent with every request: who asks. */
  headers: Record<string, string>;
}

export function ask({ service, headers }: Finder, parameters: Parameters): Promise<Answer> {
  return service.send("GET", pathOf(parameters), { headers });
}

/** One page. */
export async function find<Item = PromiseSummary>(
  finder: Finder,
  parameters: Parameters,
): Promise<SearchPage<Item>> {
  const answer = await ask(finder, parameters);
  expect(answer.status, `${pathOf(parameters)}: ${answer.text.slice(0, 300)}`).toBe(200);
  expect(answer.headers.get("content-type")).toMatch(/^application\/json\b/);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  // SAFETY: what the body really is, is what the next lines and the caller go on to assert.
  const page = JSON.parse(answer.text) as SearchPage<Item>;
  expect(Array.isArray(page.promises)).toBe(true);
  expect(page.cursor === null || typeof page.cursor === "string").toBe(true);
  expect(Number.isSafeInteger(page.indexedAt)).toBe(true);
  return page;
}

/** All pages, one after the other; `between` happens after each that is not the last. */
export async function findAll<Item = PromiseSummary>(
  finder: Finder,
  parameters: Parameters,
  between: (page: SearchPage<Item>) => Promise<void> = async () => {},
): Promise<Item[]> {
  const found: Item[] = [];
  let page = await find<Item>(finder, parameters);
  // A cursor that leads in a circle must end a test, not outlast it.
  for (let pages = 1; pages <= 2_000; pages += 1) {
    found.push(...page.promises);
    if (page.cursor === null) return found;
    await between(page);
    page = await find<Item>(finder, [...parameters, ["cursor", page.cursor]]);
  }
  throw new Error(`${pathOf(parameters)}: no end`);
}

/** The ids that are found, in their order, as soon as `expected` are; else what was found last. */
export async function expectFound(
  finder: Finder,
  parameters: Parameters,
  expected: string[],
  patience: { forMs?: number } = {},
): Promise<void> {
  await eventually(async () => {
    const found = await findAll(finder, [["view", "summary"], ...parameters]);
    expect(
      found.map(({ id }) => id),
      pathOf(parameters),
    ).toEqual(expected);
  }, patience);
}

/** What a search has to say of a promise, by what the promise says of itself. */
export function summaryOf(record: PromiseRecord): PromiseSummary {
  const { id, state, timeout, tags, createdOn, completedOn, form, requestedBy, url } = record;
  return {
    id,
    state,
    timeout,
    tags,
    createdOn,
    ...(completedOn !== undefined && { completedOn }),
    ...(form?.title !== undefined && { title: form.title }),
    ...(requestedBy !== undefined && { requestedBy }),
    url,
  };
}
