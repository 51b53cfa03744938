/** The endpoints that are told what happens: how each stands, and of the chosen one what it was told. */
import type { Webhook } from "../../../../../../client/src/webhooks.ts";
import { promises } from "../api/promises.ts";
import { isForbidden } from "../format/fault.ts";
import { gather } from "../live/gather.ts";
import { useLoad } from "../live/load.ts";
import { Empty, Fault, Skeleton } from "../parts/notice.tsx";
import { WebhookDetail } from "./detail.tsx";
import { WebhookTable } from "./table.tsx";

const SHOWN_MAX = 500;

export function WebhooksPage({ search }: { search: string }) {
  const chosenId = new URLSearchParams(search).get("id");
  const { data, error, reload } = useLoad(
    (signal) => gather(promises.webhooks.list({ signal }), SHOWN_MAX),
    [],
  );
  const chosen = data?.items.find(({ id }) => id === chosenId);
  return (
    <div class="page">
      <header class="page-head">
        <div class="page-title">
          <h1 tabindex={-1}>Webhooks</h1>
          <p class="page-lead">Who is told when a promise is created or settled.</p>
        </div>
      </header>
      {isForbidden(error) ? (
        <Empty icon="webhook" title="Your key may not see webhooks">
          <p>
            They are for keys with the scope <code>admin</code>.
          </p>
        </Empty>
      ) : (
        error !== undefined && <Fault error={error} onRetry={reload} />
      )}
      {!data && error === undefined && <Skeleton lines={6} />}
      {data && <Listed items={data.items} chosen={chosen} onChange={reload} />}
      {data?.hasMore && <p class="quiet">Only the first {SHOWN_MAX} are shown.</p>}
    </div>
  );
}

interface Listed {
  items: Webhook[];
  chosen: Webhook | undefined;
  onChange: () => void;
}

function Listed({ items, chosen, onChange }: Listed) {
  if (items.length === 0) {
    return (
      <Empty icon="webhook" title="Nobody is told">
        <p>
          Make an endpoint with <code>POST /webhooks</code>.
        </p>
      </Empty>
    );
  }
  return (
    <div class={chosen ? "stack chosen-one" : "stack"}>
      <WebhookTable items={items} chosenId={chosen?.id} />
      {chosen && <WebhookDetail key={chosen.id} webhook={chosen} onChange={onChange} />}
    </div>
  );
}
