/** A line for each schedule: its name, its pattern, and when it runs. */
import type { Schedule } from "../../../../../../client/src/schedules.ts";
import { IdText } from "../parts/id.tsx";
import { Ago, Left } from "../parts/time.tsx";

interface ScheduleTable {
  items: Schedule[];
  chosenId: string | undefined;
}

export function ScheduleTable({ items, chosenId }: ScheduleTable) {
  return (
    <div class="table-wrap" tabindex={0} role="region" aria-label="Schedules">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Schedule</th>
            <th scope="col">Pattern</th>
            <th scope="col">Next run</th>
            <th scope="col" class="lesser">
              Last run
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((schedule) => (
            <Row key={schedule.id} schedule={schedule} isChosen={schedule.id === chosenId} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ schedule, isChosen }: { schedule: Schedule; isChosen: boolean }) {
  const { id, description, cron, timezone, paused, nextRunTime, lastRunTime } = schedule;
  return (
    <tr class={isChosen ? "chosen" : undefined}>
      <th scope="row">
        <a
          class="cell-link"
          href={`/dashboard/schedules?id=${encodeURIComponent(id)}`}
          aria-current={isChosen ? "true" : false}
        >
          <IdText id={id} />
        </a>
        {description && <span class="cell-note">{description}</span>}
      </th>
      <td>
        <code class="cron">{cron}</code>
        <span class="cell-note">{timezone}</span>
      </td>
      <td>
        {paused ? (
          <span class="badge tone-late">Paused</span>
        ) : nextRunTime === null ? (
          <span class="faint">never</span>
        ) : (
          <Left at={nextRunTime} isCalm />
        )}
      </td>
      <td class="lesser">
        {lastRunTime === undefined ? <span class="faint">not yet</span> : <Ago at={lastRunTime} />}
      </td>
    </tr>
  );
}
