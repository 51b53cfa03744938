/** Until the index has heard of it: of a new promise it is told within about a second. */
import type { DurablePromises, SearchQuery } from "../../client/src/index.ts";
import { eventually } from "../eventually.ts";

/** Waits until a search finds so many. */
export async function untilFound(
  promises: DurablePromises,
  query: SearchQuery,
  wanted: number,
): Promise<void> {
  await eventually(async () => {
    const { count } = await promises.search({ ...query, limit: 1, count: true }).page();
    if (count !== wanted) throw new Error(`${count} are found, and not ${wanted}`);
  });
}
