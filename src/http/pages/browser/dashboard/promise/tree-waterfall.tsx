/** A tree over time: a line for each promise, a bar from when it was created to when it was settled. */
import type { TreeNode } from "../../../../../../client/src/tree.ts";
import { STATE_NAMES, STATE_TONES } from "../format/state.ts";
import { tookText } from "../format/time.ts";
import { now } from "../live/clock.ts";
import { useStore } from "../live/store.ts";
import { StateMark } from "../parts/state.tsx";
import { promiseHref } from "../places.ts";
import { shortName } from "./tree-graph.tsx";
import { waterfallOf, type Bar } from "./tree-layout.ts";

/** Deeper ones stand below each other: else nothing would be left for their names. */
const INDENTS_MAX = 8;

interface TreeWaterfall {
  root: TreeNode;
  currentId: string;
}

export function TreeWaterfall({ root, currentId }: TreeWaterfall) {
  // What is pending grows with time.
  const { bars, spanMs } = waterfallOf(root, useStore(now));
  return (
    <div class="waterfall" tabindex={0} role="region" aria-label="The tree over time">
      <div class="waterfall-axis faint" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <span key={part}>{tookText(spanMs * part)}</span>
        ))}
      </div>
      <ol>
        {bars.map((bar) => (
          <Line key={bar.node.id} bar={bar} isCurrent={bar.node.id === currentId} />
        ))}
      </ol>
    </div>
  );
}

function Line({ bar, isCurrent }: { bar: Bar; isCurrent: boolean }) {
  const { node, depth, left, width, ms } = bar;
  const { id, promise } = node;
  const state = promise?.state;
  const took = state === "PENDING" ? `for ${tookText(ms)} so far` : tookText(ms);
  const indent = { "padding-left": `${Math.min(depth, INDENTS_MAX) * 0.875}rem` };
  return (
    <li class={`waterfall-line tone-${state ? STATE_TONES[state] : "quiet"}`}>
      <a
        class="waterfall-name"
        style={indent}
        href={promiseHref(id)}
        aria-current={isCurrent ? "true" : false}
        title={id}
      >
        {state && <StateMark state={state} />}
        <span class="clip mono">{shortName(id)}</span>
      </a>
      <span
        class="waterfall-track"
        title={`${state ? STATE_NAMES[state] : "Not created"}, ${took}`}
      >
        <span
          class={state === "PENDING" ? "waterfall-bar open" : "waterfall-bar"}
          style={{ left: `${left}%`, width: `${width}%` }}
        />
      </span>
      <span class="waterfall-took number quiet">{tookText(ms)}</span>
    </li>
  );
}
