/** The tree that a promise is part of, as a graph or as a waterfall over time; asked again while it grows. */
import { useState } from "hono/jsx/dom";
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { treeRows, type TreeNode } from "../../../../../../client/src/tree.ts";
import { useAgain } from "../live/again.ts";
import { useLoad } from "../live/load.ts";
import { Fault } from "../parts/notice.tsx";
import { familyAround, NODES_MAX } from "./family.ts";
import { TreeGraph } from "./tree-graph.tsx";
import { TreeWaterfall } from "./tree-waterfall.tsx";

const ASK_AGAIN_MS = 4000;

export function TreePanel({ record }: { record: PromiseRecord }) {
  const { id, state } = record;
  const [isWaterfall, setWaterfall] = useState(false);
  const { data, error, reload } = useLoad((signal) => familyAround(record, signal), [id, state]);
  const isGrowing = data === undefined ? state === "PENDING" : hasPending(data.root);
  useAgain(() => {
    if (isGrowing) reload();
  }, ASK_AGAIN_MS);
  if (error !== undefined && !data) {
    return (
      <section class="panel">
        <h2>Tree</h2>
        <Fault error={error} onRetry={reload} />
      </section>
    );
  }
  if (!data) return null;
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>Tree</h2>
        <div class="segments" role="group" aria-label="How it is drawn">
          <button
            type="button"
            class="segment"
            aria-pressed={isWaterfall ? "false" : "true"}
            onClick={() => setWaterfall(false)}
          >
            Graph
          </button>
          <button
            type="button"
            class="segment"
            aria-pressed={isWaterfall ? "true" : "false"}
            onClick={() => setWaterfall(true)}
          >
            Waterfall
          </button>
        </div>
      </header>
      {isWaterfall ? (
        <TreeWaterfall root={data.root} currentId={id} />
      ) : (
        <TreeGraph root={data.root} currentId={id} />
      )}
      {data.isCut && (
        <p class="quiet">There are more: only {NODES_MAX.toLocaleString()} of them are drawn.</p>
      )}
    </section>
  );
}

function hasPending(root: TreeNode): boolean {
  return treeRows(root).some(({ node }) => node.promise?.state === "PENDING");
}
