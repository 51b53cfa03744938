/** The groups of workers: who is connected now, and what waits, runs or sleeps for each. */
import { TASK_STATES, type TaskState } from "../../../../../../client/src/protocol.ts";
import { ask } from "../api/ask.ts";
import { isForbidden } from "../format/fault.ts";
import { useAgain } from "../live/again.ts";
import { useLoad } from "../live/load.ts";
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
    <div class="table-wrap" tabindex={0} role="region" aria-label="Worker groups">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Group</th>
            <th scope="col">Connected</th>
            {SHOWN_STATES.map((state) => (
              <th scope="col" class="num" key={state}>
                {HEADS[state]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <Row key={group.group} {...group} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const HEADS = {
  pending: "Waiting",
  acquired: "Running",
  suspended: "Suspended",
  halted: "Halted",
} as const;

function Row({ group, workers, tasks }: Group) {
  const isStuck = workers.length === 0 && (tasks.pending ?? 0) > 0;
  return (
    <tr>
      <th scope="row" class="mono">
        {group}
      </th>
      <td>
        {workers.length === 0 ? (
          <span class={`badge ${isStuck ? "tone-bad" : "tone-quiet"}`}>
            {isStuck ? "Nobody, and work waits" : "Nobody"}
          </span>
        ) : (
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
        )}
      </td>
      {SHOWN_STATES.map((state) => (
        <td class="num" key={state}>
          {(tasks[state] ?? 0) === 0 ? (
            <span class="faint">0</span>
          ) : (
            (tasks[state] ?? 0).toLocaleString()
          )}
        </td>
      ))}
    </tr>
  );
}
