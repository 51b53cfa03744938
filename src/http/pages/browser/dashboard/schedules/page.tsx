/** The schedules: when each runs next, and of the chosen one everything, and what can be done about it. */
import type { Schedule } from "../../../../../../client/src/schedules.ts";
import { promises } from "../api/promises.ts";
import { gather } from "../live/gather.ts";
import { useLoad } from "../live/load.ts";
import { Empty, Fault, Skeleton } from "../parts/notice.tsx";
import { ScheduleDetail } from "./detail.tsx";
import { ScheduleTable } from "./table.tsx";

const SHOWN_MAX = 500;

export function SchedulesPage({ search }: { search: string }) {
  const chosenId = new URLSearchParams(search).get("id");
  const { data, error, reload } = useLoad(
    (signal) => gather(promises.schedules.list({ signal }), SHOWN_MAX),
    [],
  );
  const chosen = data?.items.find(({ id }) => id === chosenId);
  return (
    <div class="page">
      <header class="page-head">
        <div class="page-title">
          <h1 tabindex={-1}>Schedules</h1>
          <p class="page-lead">Promises that the clock makes, each exactly once.</p>
        </div>
      </header>
      {error !== undefined && <Fault error={error} onRetry={reload} />}
      {!data && error === undefined && <Skeleton lines={6} />}
      {data && <Listed items={data.items} chosen={chosen} onChange={reload} />}
      {data?.hasMore && <p class="quiet">Only the first {SHOWN_MAX} are shown.</p>}
    </div>
  );
}

interface Listed {
  items: Schedule[];
  chosen: Schedule | undefined;
  onChange: () => void;
}

function Listed({ items, chosen, onChange }: Listed) {
  if (items.length === 0) {
    return (
      <Empty icon="clock" title="There are no schedules">
        <p>
          Make one with <code>PUT /schedules/:id</code>, with a cron pattern and a time zone.
        </p>
      </Empty>
    );
  }
  return (
    <div class={chosen ? "columns chosen-one" : undefined}>
      <ScheduleTable items={items} chosenId={chosen?.id} />
      {chosen && <ScheduleDetail key={chosen.id} schedule={chosen} onChange={onChange} />}
    </div>
  );
}
