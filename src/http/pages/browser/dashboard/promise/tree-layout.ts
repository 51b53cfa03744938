/**
 * Where the nodes of a tree stand when it is drawn from left to right: children below each other, a
 * parent in the middle of its children. And where the bars of a waterfall begin and end. Pure, without
 * recursion: how deep a tree goes is its maker's choice.
 */
import { treeRows, treeSpan, type TreeNode } from "../../../../../../client/src/tree.ts";

export const NODE = { width: 176, height: 34, gapX: 36, gapY: 8 } as const;

export interface PlacedNode {
  node: TreeNode;
  x: number;
  y: number;
}

export interface Graph {
  nodes: PlacedNode[];
  /** SVG paths from a parent's right edge to a child's left. */
  edges: { key: string; path: string }[];
  width: number;
  height: number;
}

export function graphOf(root: TreeNode): Graph {
  const rows = treeRows(root);
  const places = new Map<TreeNode, PlacedNode>();
  let leaves = 0;
  // From the bottom up, each node comes after all of its children.
  for (const { node, depth } of rows.toReversed()) {
    const x = depth * (NODE.width + NODE.gapX);
    const children = node.children.map((child) => places.get(child)!);
    const y =
      children.length === 0
        ? leaves * (NODE.height + NODE.gapY)
        : (children[0]!.y + children.at(-1)!.y) / 2;
    if (children.length === 0) leaves += 1;
    places.set(node, { node, x, y });
  }
  const height = leaves * (NODE.height + NODE.gapY) - NODE.gapY;
  // It was laid out upside down.
  const nodes = rows.map(({ node }) => {
    const { x, y } = places.get(node)!;
    return { node, x, y: height - NODE.height - y };
  });
  const byNode = new Map(nodes.map((placed) => [placed.node, placed]));
  const edges = nodes.flatMap((parent) =>
    parent.node.children.map((child) => ({
      key: child.id,
      path: edgeOf(parent, byNode.get(child)!),
    })),
  );
  const width = Math.max(...nodes.map(({ x }) => x)) + NODE.width;
  return { nodes, edges, width, height };
}

export interface Bar {
  node: TreeNode;
  depth: number;
  /** In percent of the whole. */
  left: number;
  width: number;
  /** How long it took, or has taken. */
  ms: number;
}

export interface Waterfall {
  bars: Bar[];
  spanMs: number;
}

export function waterfallOf(root: TreeNode, now: number): Waterfall {
  const { startAt, endAt } = treeSpan(root, now);
  const spanMs = Math.max(1, endAt - startAt);
  const bars = treeRows(root).map(({ node, depth }) => {
    const ms = Math.max(0, (node.endAt ?? now) - node.startAt);
    return {
      node,
      depth,
      ms,
      left: ((node.startAt - startAt) / spanMs) * 100,
      width: (ms / spanMs) * 100,
    };
  });
  return { bars, spanMs };
}

function edgeOf(parent: PlacedNode, child: PlacedNode): string {
  const [x1, y1] = [parent.x + NODE.width, parent.y + NODE.height / 2];
  const [x2, y2] = [child.x, child.y + NODE.height / 2];
  const middle = (x1 + x2) / 2;
  return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
}
