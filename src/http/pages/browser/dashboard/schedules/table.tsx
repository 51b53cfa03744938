/** A line for each schedule: its name, its pattern, and when it runs. */
import type { Schedule } from "../../../../../../client/src/schedules.ts";
import { DataTable, type Column } from "../parts/data-table.tsx";
import { IdText } from "../parts/id.tsx";
import { Ago, Left } from "../parts/time.tsx";

interface ScheduleTable {
  items: Schedule[];
  chosenId: string | undefined;
}

export function ScheduleTable({ items, chosenId }: ScheduleTable) {
  return (
    <DataTable
      label="Schedules"
      columns={COLUMNS}
      items={items}
      keyOf={({ id }) => id}
      isChosen={({ id }) => id === chosenId}
    />
  );
}

const COLUMNS: Column<Schedule>[] = [
  {
    head: "Schedule",
    cell: ({ id, description }) => (
      <>
        <a class="cell-link" href={`/dashboard/schedules?id=${encodeURIComponent(id)}`}>
          <IdText id={id} />
        </a>
        {description && <span class="cell-note">{description}</span>}
      </>
    ),
  },
  {
    head: "Pattern",
    cell: ({ cron, timezone }) => (
      <>
        <code class="cron">{cron}</code>
        <span class="cell-note">{timezone}</span>
      </>
    ),
  },
  { head: "Next run", cell: (schedule) => <NextRun schedule={schedule} /> },
  {
    head: "Last run",
    cell: ({ lastRunTime }) =>
      lastRunTime === undefined ? <span class="faint">not yet</span> : <Ago at={lastRunTime} />,
  },
];

function NextRun({ schedule: { paused, nextRunTime } }: { schedule: Schedule }) {
  if (paused) return <span class="badge tone-late">Paused</span>;
  if (nextRunTime === null) return <span class="faint">never</span>;
  return <Left at={nextRunTime} isCalm />;
}
