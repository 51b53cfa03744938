/**
 * Finding the family of a promise: whose ids go on from its id, and who names it, or its origin, in
 * their tags. Searches, within a limit; what hangs on what is tree.ts's matter.
 */
import { shown } from "./duration.ts";
import { isNotFoundError, NotFoundError } from "./errors.ts";
import { checkId, promisePath } from "./id.ts";
import type { CallOptions, Target } from "./options.ts";
import { LIMITS, type PromiseRecord, type PromiseSummary } from "./protocol.ts";
import { answerOf } from "./calls.ts";
import { Search, type SearchQuery } from "./search.ts";
import { send } from "./send.ts";
import { ORIGIN_TAG, PARENT_TAG, type TreeNode, treeOf } from "./tree.ts";

export interface TreeOptions extends CallOptions {
  /** No more promises than this are looked at. @default 5000 */
  nodesMax?: number;
}

export interface Tree {
  root: TreeNode;
  /** Whether there are more than were looked at. */
  isCut: boolean;
}

const NODES_MAX = 5000;
const PAGE = 1000;
/** Children who name nobody but their parent are searched for one parent at a time. */
const PARENTS_MAX = 50;

/**
 * The tree below a promise.
 *
 * @throws NotFoundError if there is neither the promise nor anybody below it.
 */
export async function familyOf(
  target: Target,
  rootId: string,
  { nodesMax = NODES_MAX, ...options }: TreeOptions,
): Promise<Tree> {
  checkId(rootId);
  if (!Number.isSafeInteger(nodesMax) || nodesMax < 1) {
    throw new RangeError(`nodesMax must be a whole number from 1, got ${shown(nodesMax)}`);
  }
  const root = await rootOf(target, rootId, options);
  const found = new Map<string, PromiseSummary>();
  if (root) found.set(rootId, root);
  let isCut = false;
  const find = async (query: SearchQuery) => {
    const search = new Search<PromiseSummary>(
      target,
      { sort: "created", limit: PAGE, ...query, view: "summary" },
      options,
    );
    for await (const promise of search) {
      if (found.size >= nodesMax && !found.has(promise.id)) {
        isCut = true;
        return;
      }
      found.set(promise.id, promise);
    }
  };
  const origin = root?.tags[ORIGIN_TAG] ?? rootId;
  const below = patternsBelow(rootId).map((id) => find({ id }));
  await Promise.all([...below, find({ tags: { [ORIGIN_TAG]: origin } })]);
  const asked = new Set<string>();
  const parents = [rootId];
  for (let id = parents.shift(); id !== undefined && !isCut; id = parents.shift()) {
    isCut = asked.size >= PARENTS_MAX;
    if (isCut) break;
    asked.add(id);
    await find({ tags: { [PARENT_TAG]: id } });
    for (const { id: child, tags } of found.values()) {
      const saysMore = tags[ORIGIN_TAG] !== undefined || tags[PARENT_TAG] === undefined;
      if (!saysMore && !asked.has(child) && !parents.includes(child)) parents.push(child);
    }
  }
  const tree = treeOf(rootId, found.values());
  if (!tree.promise && tree.children.length === 0) {
    throw new NotFoundError(`There is no promise "${rootId}", and none below it`, {
      code: "not_found",
      status: 404,
    });
  }
  return { root: tree, isCut };
}

/** What may find more: a star in an id stands for any text then. */
function patternsBelow(rootId: string): string[] {
  const parts = rootId.split("*");
  const { searchWildcardsMax, idBytesMax } = LIMITS;
  if (parts.length > searchWildcardsMax)
    return [`${parts.slice(0, searchWildcardsMax).join("*")}*`];
  // No id is long enough to go on from it.
  if (new TextEncoder().encode(rootId).length + 2 > idBytesMax) return [];
  return ["/", ".", ":"].map((separator) => `${rootId}${separator}*`);
}

/** From where it lives: the index may not have heard of it yet. */
async function rootOf(
  target: Target,
  id: string,
  options: CallOptions,
): Promise<PromiseSummary | undefined> {
  if (!id.includes("*")) {
    const search = new Search<PromiseSummary>(target, { id, view: "summary", limit: 1 }, options);
    const [indexed] = (await search.page()).promises;
    if (indexed) return indexed;
  }
  try {
    const verdict = await send(target, { method: "GET", path: promisePath(id) }, options);
    const record = answerOf<PromiseRecord>(verdict, "a promise", "id", "state");
    const { state, timeout, tags, createdOn, completedOn, form, requestedBy, url } = record;
    return {
      id,
      state,
      timeout,
      tags,
      createdOn,
      url,
      ...(completedOn !== undefined && { completedOn }),
      ...(form?.title !== undefined && { title: form.title }),
      ...(requestedBy !== undefined && { requestedBy }),
    };
  } catch (error) {
    if (isNotFoundError(error)) return undefined;
    throw error;
  }
}
