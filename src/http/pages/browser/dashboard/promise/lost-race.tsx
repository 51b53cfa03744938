/** What is said to who came second: nothing was changed, and how it ended, by whom, when. */
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { prettyText } from "../format/json-text.ts";
import { StateBadge } from "../parts/state.tsx";
import { Ago } from "../parts/time.tsx";
import { settlerText } from "./timeline.ts";

/** Enough to see what won; all of it is on the page behind. */
const SHOWN_MAX = 600;

export function LostRace({ winner, onClose }: { winner: PromiseRecord; onClose: () => void }) {
  const { state, settledBy, completedOn, value } = winner;
  const data = value.data === undefined ? undefined : prettyText(JSON.stringify(value.data));
  return (
    <div class="dialog-body">
      <p>Yours came second and changed nothing. This is how it ended:</p>
      <div class="winner">
        <p>
          <StateBadge state={state} />{" "}
          <span class="quiet">
            {settledBy && settlerText(settledBy)}{" "}
            {completedOn !== undefined && <Ago at={completedOn} />}
          </span>
        </p>
        {data !== undefined && <pre class="code-block">{data.slice(0, SHOWN_MAX)}</pre>}
      </div>
      <footer class="dialog-foot">
        <button type="button" class="button primary" autofocus onClick={onClose}>
          Show it
        </button>
      </footer>
    </div>
  );
}
