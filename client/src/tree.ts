/**
 * A family of promises as a tree, by what they say of themselves: the tag `resonate:parent`, else the
 * nearest id that theirs goes on from (`a/b` of `a`, `flow.1.2` of `flow.1`, `flow:1` of `flow`), else
 * the tag `resonate:origin`. Pure: neither searches nor draws, and takes any order, gaps and cycles.
 */
import type { PromiseSummary } from "./protocol.ts";

/** What a tree needs to know of a promise: records and summaries have it. */
export type TreeMember = Pick<PromiseSummary, "id" | "tags" | "createdOn" | "completedOn">;

export interface TreeNode<P extends TreeMember = PromiseSummary> {
  id: string;
  /** Absent only of a root that nobody has created: `a`, where there is `a/b`. */
  promise?: P;
  /** In the order in which they were created. */
  children: TreeNode<P>[];
  /** When it was created; of a root that is not there, when its first child was. */
  startAt: number;
  /** When it was settled. Absent while it is pending, or while a child of an absent root is. */
  endAt?: number;
}

/** A line of a drawing, from top to bottom. */
export interface TreeRow<P extends TreeMember = PromiseSummary> {
  node: TreeNode<P>;
  /** Of the root 0. */
  depth: number;
  /** Whether it is its parent's last child. */
  isLast: boolean;
}

export const PARENT_TAG = "resonate:parent";
export const ORIGIN_TAG = "resonate:origin";

/** What an id may go on with behind its parent's. */
const SEPARATORS = ["/", ".", ":"];

/**
 * The tree below `rootId`. Whoever is of its family, by id or origin, is in it, whatever the other tags
 * say; who is not and hangs on nobody in it is left out. A promise whose parent is missing hangs on
 * the nearest ancestor that is there; of promises that name each other as parent, the first hangs on
 * the root.
 *
 * @example
 * const { children } = treeOf("flow", await Array.fromAsync(promises.search({ id: "flow*", view: "summary" })));
 */
export function treeOf<P extends TreeMember>(rootId: string, promises: Iterable<P>): TreeNode<P> {
  const members = new Map(Array.from(promises, (promise) => [promise.id, promise]));
  const parents = parentsOf(rootId, members);
  const nodes = new Map<string, TreeNode<P>>();
  for (const promise of members.values()) nodes.set(promise.id, nodeOf(promise));
  const root = nodes.get(rootId) ?? { id: rootId, children: [], startAt: Infinity };
  nodes.set(rootId, root);
  for (const [id, parent] of parents) nodes.get(parent)!.children.push(nodes.get(id)!);
  for (const { children } of nodes.values()) children.sort(byBirth);
  return root.promise ? root : spanning(root);
}

/** The nodes as the lines of a drawing: each before its children. */
export function treeRows<P extends TreeMember>(root: TreeNode<P>): TreeRow<P>[] {
  const rows: TreeRow<P>[] = [];
  const open: TreeRow<P>[] = [{ node: root, depth: 0, isLast: true }];
  for (let row = open.pop(); row; row = open.pop()) {
    rows.push(row);
    const { node, depth } = row;
    // The last one first: the first one is then on top.
    for (let index = node.children.length - 1; index >= 0; index -= 1) {
      const isLast = index === node.children.length - 1;
      open.push({ node: node.children[index]!, depth: depth + 1, isLast });
    }
  }
  return rows;
}

/** From the first start to the last end, with what is pending as lasting until `now`: a waterfall's width. */
export function treeSpan(
  root: TreeNode<TreeMember>,
  now: number,
): { startAt: number; endAt: number } {
  let { startAt } = root;
  let endAt = root.endAt ?? now;
  for (const { node } of treeRows(root)) {
    startAt = Math.min(startAt, node.startAt);
    endAt = Math.max(endAt, node.endAt ?? now);
  }
  return { startAt, endAt };
}

function nodeOf<P extends TreeMember>(promise: P): TreeNode<P> {
  const { id, createdOn, completedOn } = promise;
  const node: TreeNode<P> = { id, promise, children: [], startAt: createdOn };
  return completedOn === undefined ? node : { ...node, endAt: completedOn };
}

/** Who hangs on whom, of all that hang on the root in the end. */
function parentsOf(rootId: string, members: ReadonlyMap<string, TreeMember>): Map<string, string> {
  const isThere = (id: string) => id === rootId || members.has(id);
  const parents = new Map<string, string>();
  for (const member of members.values()) {
    const parent = member.id === rootId ? undefined : parentOf(member, isThere);
    if (parent !== undefined) parents.set(member.id, parent);
  }
  cutCycles(rootId, members, parents);
  const hangs = new Map([[rootId, true]]);
  for (const id of Array.from(parents.keys())) {
    const path: string[] = [];
    let at: string | undefined = id;
    while (at !== undefined && !hangs.has(at)) {
      path.push(at);
      at = parents.get(at);
    }
    const isUnderRoot = at !== undefined && hangs.get(at) === true;
    // Led away from the root, by tags: whoever is of its family by name comes back to it.
    let family = isUnderRoot ? path.length : 0;
    for (const [index, step] of path.entries()) {
      if (!isUnderRoot && belongs(members.get(step), rootId)) family = index + 1;
    }
    if (!isUnderRoot && family > 0) parents.set(path[family - 1]!, rootId);
    for (const [index, step] of path.entries()) hangs.set(step, index < family);
  }
  return new Map(Array.from(parents).filter(([id]) => hangs.get(id)));
}

function parentOf({ id, tags }: TreeMember, isThere: (id: string) => boolean): string | undefined {
  const parent = tags[PARENT_TAG];
  if (parent !== undefined && parent !== id && isThere(parent)) return parent;
  for (let end = id.length - 1; end > 0; end -= 1) {
    if (SEPARATORS.includes(id[end]!) && isThere(id.slice(0, end))) return id.slice(0, end);
  }
  const origin = tags[ORIGIN_TAG];
  return origin !== undefined && origin !== id && isThere(origin) ? origin : undefined;
}

/** Where promises name each other as parent, the first of them hangs on the root, if any is of its family. */
function cutCycles(
  rootId: string,
  members: ReadonlyMap<string, TreeMember>,
  parents: Map<string, string>,
): void {
  const done = new Set<string>();
  for (const start of Array.from(parents.keys())) {
    const path = new Set<string>();
    let at: string | undefined = start;
    while (at !== undefined && !done.has(at) && !path.has(at)) {
      path.add(at);
      at = parents.get(at);
    }
    if (at !== undefined && path.has(at)) {
      const walked = Array.from(path);
      const ring = walked.slice(walked.indexOf(at));
      const named = ring.map((id) => members.get(id)!);
      named.sort(byAge);
      const first = named[0]!.id;
      if (named.some((member) => belongs(member, rootId))) parents.set(first, rootId);
      else parents.delete(first);
    }
    for (const id of path) done.add(id);
  }
}

function belongs(member: TreeMember | undefined, rootId: string): boolean {
  return (
    member !== undefined &&
    (member.tags[ORIGIN_TAG] === rootId ||
      SEPARATORS.some((separator) => member.id.startsWith(rootId + separator)))
  );
}

/** A root that is not there lasts as long as its children. */
function spanning<P extends TreeMember>(root: TreeNode<P>): TreeNode<P> {
  const { children } = root;
  if (children.length === 0) return root;
  let startAt = Infinity;
  let endAt: number | undefined = 0;
  for (const child of children) {
    startAt = Math.min(startAt, child.startAt);
    endAt =
      endAt === undefined || child.endAt === undefined ? undefined : Math.max(endAt, child.endAt);
  }
  return { ...root, startAt, ...(endAt !== undefined && { endAt }) };
}

function byBirth(a: TreeNode<TreeMember>, b: TreeNode<TreeMember>): number {
  return a.startAt - b.startAt || a.id.localeCompare(b.id, undefined, { numeric: true });
}

function byAge(a: TreeMember, b: TreeMember): number {
  return a.createdOn - b.createdOn || a.id.localeCompare(b.id, undefined, { numeric: true });
}
