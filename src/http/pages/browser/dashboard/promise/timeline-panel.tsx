/** The timeline of a promise, with what the index says of who executes it, as it changes. */
import { useState } from "hono/jsx/dom";
import type { PromiseRecord, TaskSummary } from "../../../../../../client/src/protocol.ts";
import { useNews } from "../live/news.ts";
import { timelineOf } from "./timeline.ts";
import { TimelineList } from "./timeline-list.tsx";

/** Only who has one is executed by somebody. */
const TARGET_TAG = "resonate:target";

export function TimelinePanel({ record }: { record: PromiseRecord }) {
  const { id, state, tags } = record;
  const [task, setTask] = useState<TaskSummary | undefined>(undefined);
  const isExecuted = state === "PENDING" && TARGET_TAG in tags;
  useNews(
    isExecuted ? { id } : undefined,
    (event) => {
      if (event.type === "removed") return;
      const found = event.type === "page" ? event.promises : [event.promise];
      // A star in the id finds others, too.
      const own = found.find((promise) => promise.id === id);
      if (own) setTask(own.task);
    },
    [id, isExecuted],
  );
  return (
    <section class="panel">
      <h2>Timeline</h2>
      <TimelineList moments={timelineOf(record, task)} />
    </section>
  );
}
