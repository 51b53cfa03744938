/** The groups of workers: who is connected now, and what waits, runs or sleeps for each. */
import { TASK_STATES, type TaskState } from "../../../../../../client/src/protocol.ts";
import { ask } from "../api/ask.ts";
import { isForbidden } from "../format/fault.ts";
import { useAgain } from "../live/again.ts";
import { useLoad } from "../live/load.ts";
import { DataTable, type Column } from "../parts/data-table.tsx";
import { Empty, Fault, Skeleton } from "../parts/notice.tsx";

interface Group {
  group: string;
  /** The process ids that are connected. */
  workers: string[];
  tasks: Partial<Record<TaskState, number>>;
}

const ASK_AGAIN_MS = 3000;
const WORKERS_SHOWN = 6;
/** What is fulfilled waits for nobody. */
const SHOWN_STATES = TASK_STATES.filter((state) => state !== "fulfilled");

export function GroupsPage() {
  const { data, error, reload } = useLoad(
    (signal) => ask<{ groups: Group[] }>("/groups", { signal }),
    [],
  );
  useAgain(reload, ASK_AGAIN_MS);
  return (
    <div class="page">
      <header class="page-head">
        <div class="page-title">
          <h1 tabindex={-1}>Workers</h1>
          <p class="page-lead">Who executes durable functions, and how much there is to do.</p>
        </div>
      </header>
      {isForbidden(error) ? (
        <Empty icon="workers" title="Your key may not see workers" />
      ) : (
        error !== undefined && <Fault error={error} onRetry={reload} />
      )}
      {!data && error === undefined && <Skeleton lines={6} />}
      {data && data.groups.length === 0 && (
        <Empty icon="workers" title="No workers yet">
          <p>
            They connect by themselves:{" "}
            <code>
              new Resonate({"{"} url, group {"}"})
            </code>
            .
          </p>
        </Empty>
      )}
      {data && data.groups.length > 0 && <GroupTable groups={data.groups} />}
    </div>
  );
}

function GroupTable({ groups }: { groups: Group[] }) {
  return (
    <DataTable
      label="Worker groups"
      columns={COLUMNS}
      items={groups}
      keyOf={({ group }) => group}
    />
  );
}

const HEADS = {
  pending: "Waiting",
  acquired: "Running",
  suspended: "Suspended",
  halted: "Halted",
} as const;

const COLUMNS: Column<Group>[] = [
  { head: "Group", cell: ({ group }) => <span class="mono">{group}</span> },
  { head: "Connected", cell: (group) => <Workers {...group} /> },
  ...SHOWN_STATES.map((state): Column<Group> => ({
    head: HEADS[state],
    isNumber: true,
    cell: ({ tasks }) => {
      const count = tasks[state] ?? 0;
      return <span class={count === 0 ? "faint" : undefined}>{count.toLocaleString()}</span>;
    },
  })),
];

function Workers({ workers, tasks }: Group) {
  if (workers.length === 0) {
    const isStuck = (tasks.pending ?? 0) > 0;
    return (
      <span class={`badge ${isStuck ? "tone-bad" : "tone-quiet"}`}>
        {isStuck ? "Nobody, and work waits" : "Nobody"}
      </span>
    );
  }
  return (
    <span class="chips">
      <span class="badge tone-good">{workers.length.toLocaleString()}</span>
      {workers.slice(0, WORKERS_SHOWN).map((pid) => (
        <span class="chip" key={pid} title={pid}>
          <span class="mono">{pid}</span>
        </span>
      ))}
      {workers.length > WORKERS_SHOWN && (
        <span class="chip more">+{workers.length - WORKERS_SHOWN}</span>
      )}
    </span>
  );
}
