/** What was given up, each to be sent again. */
import type { DeadLetter } from "../../../../../../client/src/webhooks.ts";
import { promises } from "../api/promises.ts";
import { faultText } from "../format/fault.ts";
import { DataTable, type Column } from "../parts/data-table.tsx";
import { IdText } from "../parts/id.tsx";
import { Ago } from "../parts/time.tsx";
import { say } from "../parts/toasts.tsx";
import { promiseHref } from "../places.ts";

interface DeadLetters {
  webhookId: string;
  letters: DeadLetter[];
  onSent: () => void;
}

export function DeadLetters({ webhookId, letters, onSent }: DeadLetters) {
  async function send(event: string): Promise<void> {
    try {
      await promises.webhooks.redeliver(webhookId, { event });
      say("It is being sent again.");
    } catch (error) {
      say(faultText(error), "bad");
    }
    onSent();
  }
  const columns: Column<DeadLetter>[] = [
    ...COLUMNS,
    {
      head: "What can be done",
      isNumber: true,
      isUnnamed: true,
      cell: ({ event }) => (
        <button type="button" class="button small" onClick={() => void send(event)}>
          Redeliver
        </button>
      ),
    },
  ];
  return (
    <>
      <h3>Given up</h3>
      <DataTable label="Given up" columns={columns} items={letters} keyOf={({ event }) => event} />
    </>
  );
}

const COLUMNS: Column<DeadLetter>[] = [
  {
    head: "Promise",
    cell: ({ promise }) => (
      <a class="cell-link" href={promiseHref(promise)}>
        <IdText id={promise} />
      </a>
    ),
  },
  { head: "Event", cell: ({ type }) => type },
  { head: "Why", cell: ({ reason }) => <span class="badge tone-bad">{reason}</span> },
  { head: "Attempts", isNumber: true, cell: ({ attempts }) => String(attempts) },
  { head: "When", cell: ({ deadOn }) => <Ago at={deadOn} /> },
];
