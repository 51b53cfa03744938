/** The timeline of a promise, with what the index knows of who executes it. */
import type { PromiseRecord, TaskSummary } from "../../../../../../client/src/protocol.ts";
import { promises } from "../api/promises.ts";
import { useAgain } from "../live/again.ts";
import { useLoad } from "../live/load.ts";
import { timelineOf } from "./timeline.ts";
import { TimelineList } from "./timeline-list.tsx";

const ASK_AGAIN_MS = 4000;
/** Only who has one is executed by somebody. */
const TARGET_TAG = "resonate:target";

export function TimelinePanel({ record }: { record: PromiseRecord }) {
  const { id, state, tags } = record;
  const hasTask = TARGET_TAG in tags;
  const { data, reload } = useLoad(
    (signal) => (hasTask ? taskOf(id, signal) : Promise.resolve(undefined)),
    [id, state],
  );
  useAgain(() => {
    if (hasTask && state === "PENDING") reload();
  }, ASK_AGAIN_MS);
  return (
    <section class="panel">
      <h2>Timeline</h2>
      <TimelineList moments={timelineOf(record, data)} />
    </section>
  );
}

async function taskOf(id: string, signal: AbortSignal): Promise<TaskSummary | undefined> {
  // A star in it would find others.
  if (id.includes("*")) return undefined;
  const query = { id, limit: 1, view: "summary" } as const;
  const page = await promises.search(query, { signal }).page();
  return page.promises[0]?.task;
}
