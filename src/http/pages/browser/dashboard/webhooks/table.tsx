/** A line for each endpoint: where it is, what it hears of, and what waits for it or was given up. */
import type { Webhook, WebhookFilter } from "../../../../../../client/src/webhooks.ts";
import { DataTable, type Column } from "../parts/data-table.tsx";

interface WebhookTable {
  items: Webhook[];
  chosenId: string | undefined;
}

export function WebhookTable({ items, chosenId }: WebhookTable) {
  return (
    <DataTable
      label="Webhooks"
      columns={COLUMNS}
      items={items}
      keyOf={({ id }) => id}
      isChosen={({ id }) => id === chosenId}
    />
  );
}

const COLUMNS: Column<Webhook>[] = [
  {
    head: "Endpoint",
    cell: ({ id, url, description }) => (
      <>
        <a class="cell-link mono wrap" href={`/dashboard/webhooks?id=${id}`}>
          {url}
        </a>
        {description && <span class="cell-note">{description}</span>}
      </>
    ),
  },
  {
    head: "Hears of",
    cell: ({ events, filter }) => (
      <>
        {events.map((event) => event.replace("promise.", "")).join(", ")}
        <span class="cell-note">{filterText(filter)}</span>
      </>
    ),
  },
  { head: "Waiting", isNumber: true, cell: ({ waiting }) => waiting.toLocaleString() },
  {
    head: "Given up",
    isNumber: true,
    cell: ({ deadLetters }) =>
      deadLetters > 0 ? <b class="bad">{deadLetters.toLocaleString()}</b> : "0",
  },
  { head: "State", cell: (webhook) => <StandingBadge webhook={webhook} /> },
];

function StandingBadge({ webhook: { disabled, disabledReason } }: { webhook: Webhook }) {
  if (!disabled) return <span class="badge tone-good">On</span>;
  return (
    <span class="badge tone-late">{disabledReason === "gone" ? "Off: it is gone" : "Off"}</span>
  );
}

function filterText({ promise, prefix, tags }: WebhookFilter): string {
  const parts = [
    promise,
    prefix !== undefined && `${prefix}*`,
    ...Object.entries(tags ?? {}).map(([key, value]) => `${key}=${value}`),
  ].filter((part) => typeof part === "string");
  return parts.length === 0 ? "all promises" : parts.join(", ");
}
