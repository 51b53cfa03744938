/** What endpoints were told of this promise, and what came of it; what was given up can be sent again. */
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { may, session } from "../api/session.ts";
import { useLoad } from "../live/load.ts";
import { useStore } from "../live/store.ts";
import { Fault } from "../parts/notice.tsx";
import { Ago } from "../parts/time.tsx";
import { loadDeliveries, redeliver, type DeliveryRow } from "./delivery-rows.ts";

export function Deliveries({ record }: { record: PromiseRecord }) {
  const { id, state } = record;
  const isAllowed = may(useStore(session), "admin");
  const { data, error, reload } = useLoad(
    (signal) => (isAllowed ? loadDeliveries(record, signal) : Promise.resolve([])),
    [id, state, isAllowed],
  );
  if (!isAllowed || (data?.length === 0 && error === undefined)) return null;
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>Webhook deliveries</h2>
        <button type="button" class="button small" onClick={reload}>
          Refresh
        </button>
      </header>
      {error !== undefined && <Fault error={error} onRetry={reload} />}
      <ul class="rows">
        {(data ?? []).map((row) => (
          <Row key={`${row.webhook} ${row.event}`} row={row} onSent={reload} />
        ))}
      </ul>
    </section>
  );
}

function Row({ row, onSent }: { row: DeliveryRow; onSent: () => void }) {
  const { url, webhook, type, standing, said, attempts, at } = row;
  const tone = { delivered: "good", failing: "late", dead: "bad" }[standing];
  const word = { delivered: "Delivered", failing: "Trying again", dead: "Given up" }[standing];
  return (
    <li class="row-item">
      <div class="row-main">
        <a class="row-name mono clip" href={`/dashboard/webhooks?id=${webhook}`}>
          {url}
        </a>
        <span class="quiet">
          {type}, {attempts === 1 ? "1 attempt" : `${attempts} attempts`}
          {said !== "" && `, ${said}`}
        </span>
      </div>
      <div class="row-side">
        <span class={`badge tone-${tone}`}>{word}</span>
        <span class="quiet">
          <Ago at={at} />
        </span>
        {standing !== "delivered" && (
          <button
            type="button"
            class="button small"
            onClick={() => void redeliver(row).then(onSent)}
          >
            Redeliver
          </button>
        )}
      </div>
    </li>
  );
}
