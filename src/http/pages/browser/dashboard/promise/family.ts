/**
 * The tree that a promise is part of: from the origin that it names, else from the first of its
 * ancestors by id that is there, else from itself. The client finds the members; here is only where
 * to begin.
 */
import { isNotFoundError } from "../../../../../../client/src/errors.ts";
import type { Tree } from "../../../../../../client/src/family.ts";
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { ORIGIN_TAG } from "../../../../../../client/src/tree.ts";
import { promises } from "../api/promises.ts";

/** More cannot be taken in at a glance, and each is an element or two. */
export const NODES_MAX = 300;
/** Each is a search. */
const ANCESTORS_MAX = 8;

/** Where the tree of a promise begins. */
export async function rootOf(
  { id, tags }: Pick<PromiseRecord, "id" | "tags">,
  signal: AbortSignal,
): Promise<string> {
  const origin = tags[ORIGIN_TAG];
  if (origin !== undefined) return origin;
  const ancestors = ancestorsOf(id);
  const found = await Promise.all(
    ancestors.map(async (ancestor) => {
      const query = { id: ancestor, limit: 1, view: "summary" } as const;
      const page = await promises.search(query, { signal }).page();
      return page.promises[0]?.id === ancestor;
    }),
  );
  return ancestors.find((_, index) => found[index]) ?? id;
}

/** `undefined` for a promise that is alone. */
export async function familyOf(rootId: string, signal: AbortSignal): Promise<Tree | undefined> {
  try {
    const tree = await promises.tree(rootId, { nodesMax: NODES_MAX, signal });
    return tree.root.children.length === 0 ? undefined : tree;
  } catch (error) {
    if (isNotFoundError(error)) return undefined;
    throw error;
  }
}

/** The shortest first: what an id goes on from, at a slash, a full stop or a colon. */
export function ancestorsOf(id: string): string[] {
  const ends = Array.from(id.matchAll(/[/.:]/g), ({ index }) => index).filter((end) => end > 0);
  // A star would search for more than itself.
  return ends
    .map((end) => id.slice(0, end))
    .filter((ancestor) => !ancestor.includes("*"))
    .slice(-ANCESTORS_MAX);
}
