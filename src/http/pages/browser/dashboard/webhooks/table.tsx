/** A line for each endpoint: where it is, what it hears of, and what waits for it or was given up. */
import type { Webhook, WebhookFilter } from "../../../../../../client/src/webhooks.ts";

interface WebhookTable {
  items: Webhook[];
  chosenId: string | undefined;
}

export function WebhookTable({ items, chosenId }: WebhookTable) {
  return (
    <div class="table-wrap" tabindex={0} role="region" aria-label="Webhooks">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Endpoint</th>
            <th scope="col" class="lesser">
              Hears of
            </th>
            <th scope="col" class="num">
              Waiting
            </th>
            <th scope="col" class="num">
              Given up
            </th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {items.map((webhook) => (
            <Row key={webhook.id} webhook={webhook} isChosen={webhook.id === chosenId} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ webhook, isChosen }: { webhook: Webhook; isChosen: boolean }) {
  const { id, url, description, events, filter, waiting, deadLetters } = webhook;
  return (
    <tr class={isChosen ? "chosen" : undefined}>
      <th scope="row">
        <a
          class="cell-link mono wrap"
          href={`/dashboard/webhooks?id=${id}`}
          aria-current={isChosen ? "true" : false}
        >
          {url}
        </a>
        {description && <span class="cell-note">{description}</span>}
      </th>
      <td class="lesser">
        {events.map((event) => event.replace("promise.", "")).join(", ")}
        <span class="cell-note">{filterText(filter)}</span>
      </td>
      <td class="num">{waiting.toLocaleString()}</td>
      <td class="num">{deadLetters > 0 ? <b class="bad">{deadLetters.toLocaleString()}</b> : 0}</td>
      <td>
        <StandingBadge webhook={webhook} />
      </td>
    </tr>
  );
}

export function StandingBadge({ webhook }: { webhook: Webhook }) {
  const { disabled, disabledReason } = webhook;
  if (!disabled) return <span class="badge tone-good">On</span>;
  return (
    <span class="badge tone-late">{disabledReason === "gone" ? "Off: it is gone" : "Off"}</span>
  );
}

export function filterText({ promise, prefix, tags }: WebhookFilter): string {
  const parts = [
    promise,
    prefix !== undefined && `${prefix}*`,
    ...Object.entries(tags ?? {}).map(([key, value]) => `${key}=${value}`),
  ].filter((part) => typeof part === "string");
  return parts.length === 0 ? "all promises" : parts.join(", ");
}
