/** The last attempts at an endpoint, the latest first: what, when, and what was answered. */
import type { Delivery } from "../../../../../../client/src/webhooks.ts";
import { tookText } from "../format/time.ts";
import { DataTable, type Column } from "../parts/data-table.tsx";
import { IdText } from "../parts/id.tsx";
import { Ago } from "../parts/time.tsx";
import { promiseHref } from "../places.ts";

export function Attempts({ attempts }: { attempts: Delivery[] }) {
  return (
    <>
      <h3>Last attempts</h3>
      {attempts.length === 0 ? (
        <p class="quiet">Nothing was sent yet.</p>
      ) : (
        <DataTable
          label="Last attempts"
          columns={COLUMNS}
          items={attempts}
          keyOf={({ event, attempt, at }) => `${event} ${attempt} ${at}`}
        />
      )}
    </>
  );
}

const COLUMNS: Column<Delivery>[] = [
  {
    head: "Promise",
    cell: ({ promise }) =>
      promise === null ? (
        <span class="quiet">A test</span>
      ) : (
        <a class="cell-link" href={promiseHref(promise)}>
          <IdText id={promise} />
        </a>
      ),
  },
  { head: "Event", cell: ({ type }) => type },
  {
    head: "Answer",
    cell: ({ status, failure, answer }) => {
      const isTaken = status !== null && status >= 200 && status < 300;
      return (
        <span class={`badge ${isTaken ? "tone-good" : "tone-bad"}`} title={answer}>
          {status ?? failure}
        </span>
      );
    },
  },
  { head: "Attempt", isNumber: true, cell: ({ attempt }) => String(attempt) },
  { head: "Took", isNumber: true, cell: ({ ms }) => tookText(ms) },
  { head: "When", cell: ({ at }) => <Ago at={at} /> },
];
