/** A tree as a graph: each promise a link in a box, lines from parents to children behind them. */
import { useMemo, useRef } from "hono/jsx/dom";
import type { TreeNode } from "../../../../../../client/src/tree.ts";
import { STATE_NAMES, STATE_TONES } from "../format/state.ts";
import { useAfterMount } from "../live/after-mount.ts";
import { StateMark } from "../parts/state.tsx";
import { promiseHref } from "../places.ts";
import { graphOf, NODE } from "./tree-layout.ts";

interface TreeGraph {
  root: TreeNode;
  currentId: string;
}

export function TreeGraph({ root, currentId }: TreeGraph) {
  const { nodes, edges, width, height } = useMemo(() => graphOf(root), [root]);
  const view = useRef<HTMLDivElement>(null);
  // A large one opens where the promise is that it is looked at from.
  useAfterMount(() => {
    const box = view.current;
    const here = nodes.find(({ node }) => node.id === currentId);
    if (!box || !here) return;
    box.scrollTo(
      here.x - (box.clientWidth - NODE.width) / 2,
      here.y - (box.clientHeight - NODE.height) / 2,
    );
  }, [currentId]);
  return (
    <div class="graph" ref={view} tabindex={0} role="region" aria-label="The tree as a graph">
      <div class="graph-space" style={{ width: `${width}px`, height: `${height}px` }}>
        <svg
          class="graph-edges"
          width={width}
          height={height}
          viewBox={`0 0 ${width} ${height}`}
          aria-hidden="true"
        >
          {edges.map(({ key, path }) => (
            <path key={key} d={path} />
          ))}
        </svg>
        {nodes.map(({ node, x, y }) => (
          <GraphNode key={node.id} node={node} x={x} y={y} isCurrent={node.id === currentId} />
        ))}
      </div>
    </div>
  );
}

interface GraphNode {
  node: TreeNode;
  x: number;
  y: number;
  isCurrent: boolean;
}

function GraphNode({ node: { id, promise }, x, y, isCurrent }: GraphNode) {
  const style = {
    left: `${x}px`,
    top: `${y}px`,
    width: `${NODE.width}px`,
    height: `${NODE.height}px`,
  };
  const said = promise ? STATE_NAMES[promise.state] : "Not created";
  return (
    <a
      class={`graph-node tone-${promise ? STATE_TONES[promise.state] : "quiet"}`}
      style={style}
      href={promiseHref(id)}
      aria-current={isCurrent ? "true" : false}
      title={`${id}\n${said}`}
    >
      {promise && <StateMark state={promise.state} />}
      <span class="graph-name">{shortName(id)}</span>
    </a>
  );
}

/** The end of an id tells it from its brothers. */
export function shortName(id: string): string {
  const end = id.slice(id.lastIndexOf("/") + 1);
  return end === "" ? id : end;
}
