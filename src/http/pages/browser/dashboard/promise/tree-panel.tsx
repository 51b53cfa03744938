/** The tree that a promise is part of, as a graph or as a waterfall over time; drawn again when it changes. */
import { useLayoutEffect, useMemo, useState } from "hono/jsx/dom";
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { ORIGIN_TAG } from "../../../../../../client/src/tree.ts";
import { serverNow } from "../live/clock.ts";
import { useLoad } from "../live/load.ts";
import { useNews } from "../live/news.ts";
import { Soon } from "../live/soon.ts";
import { Fault } from "../parts/notice.tsx";
import { familyOf, NODES_MAX, rootOf } from "./family.ts";
import { TreeGraph } from "./tree-graph.tsx";
import { TreeWaterfall } from "./tree-waterfall.tsx";

/** The index is told of what is new within about a second: of the ancestors, too. */
const FRESH_MS = 3000;
/** A workflow changes in bursts. */
const BURST_MS = 1000;

export function TreePanel({ record }: { record: PromiseRecord }) {
  const { id } = record;
  const { data: rootId, reload } = useLoad((signal) => rootOf(record, signal), [id]);
  useLayoutEffect(() => {
    if (serverNow() - record.createdOn > FRESH_MS) return undefined;
    const timer = setTimeout(reload, FRESH_MS);
    return () => clearTimeout(timer);
  }, [id]);
  return rootId === undefined ? null : <Family key={rootId} rootId={rootId} currentId={id} />;
}

function Family({ rootId, currentId }: { rootId: string; currentId: string }) {
  const [isWaterfall, setWaterfall] = useState(false);
  const { data, error, reload } = useLoad((signal) => familyOf(rootId, signal), [rootId]);
  const again = useMemo(() => new Soon(reload, BURST_MS), [rootId]);
  useLayoutEffect(() => () => again.close(), [again]);
  // Whose id goes on from the root's, and whoever names it: some of them twice, which is harmless.
  useNews({ id: `${rootId}*` }, () => again.want(), [rootId]);
  useNews({ tags: { [ORIGIN_TAG]: rootId } }, () => again.want(), [rootId]);
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
        <TreeWaterfall root={data.root} currentId={currentId} />
      ) : (
        <TreeGraph root={data.root} currentId={currentId} />
      )}
      {data.isCut && (
        <p class="quiet">There are more: only {NODES_MAX.toLocaleString()} of them are drawn.</p>
      )}
    </section>
  );
}
