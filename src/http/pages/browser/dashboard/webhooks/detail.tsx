/** One endpoint: its last attempts, what was given up, and testing it, sending again, turning it off. */
import { useState } from "hono/jsx/dom";
import type { Webhook } from "../../../../../../client/src/webhooks.ts";
import { promises } from "../api/promises.ts";
import { faultText } from "../format/fault.ts";
import { gather } from "../live/gather.ts";
import { useLoad } from "../live/load.ts";
import { Confirm } from "../parts/confirm.tsx";
import { Icon } from "../parts/icon.tsx";
import { Fault, Skeleton } from "../parts/notice.tsx";
import { say } from "../parts/toasts.tsx";
import { Attempts } from "./attempts.tsx";
import { DeadLetters } from "./dead-letters.tsx";

const DEAD_SHOWN_MAX = 100;

export function WebhookDetail({ webhook, onChange }: { webhook: Webhook; onChange: () => void }) {
  const { id, url } = webhook;
  const { data, error, reload } = useLoad(
    async (signal) => ({
      attempts: await promises.webhooks.deliveries(id, { signal }),
      dead: await gather(promises.webhooks.deadLetters(id, { signal }), DEAD_SHOWN_MAX),
    }),
    [id],
  );
  function changed(): void {
    reload();
    onChange();
  }
  return (
    <section class="panel detail" aria-label={`Endpoint ${url}`}>
      <header class="panel-head">
        <h2 class="mono clip">{url}</h2>
        <a class="button ghost square" href="/dashboard/webhooks" aria-label="Close the details">
          <Icon name="close" />
        </a>
      </header>
      <Actions webhook={webhook} onChange={changed} />
      {error !== undefined && <Fault error={error} onRetry={reload} />}
      {!data && error === undefined && <Skeleton />}
      {data && data.dead.items.length > 0 && (
        <DeadLetters webhookId={id} letters={data.dead.items} onSent={changed} />
      )}
      {data && <Attempts attempts={data.attempts} />}
    </section>
  );
}

function Actions({ webhook, onChange }: { webhook: Webhook; onChange: () => void }) {
  const { id, disabled, deadLetters } = webhook;
  const [isAsking, setAsking] = useState(false);

  async function attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      say(faultText(error), "bad");
    }
    onChange();
  }
  async function test(): Promise<void> {
    const { delivered, status, failure } = await promises.webhooks.test(id);
    const answer = status === null ? `no answer (${failure})` : `it answered ${status}`;
    say(
      delivered ? `The test arrived: ${answer}.` : `The test failed: ${answer}.`,
      delivered ? "good" : "bad",
    );
  }
  async function toggle(): Promise<void> {
    await promises.webhooks.update(id, { disabled: !disabled });
    say(disabled ? "It is told again." : "It is told nothing more.");
  }
  async function redeliverAll(): Promise<void> {
    const count = await promises.webhooks.redeliver(id);
    say(`${count.toLocaleString()} are being sent again.`);
    onChange();
  }
  return (
    <div class="actions">
      <button type="button" class="button" onClick={() => void attempt(test)}>
        <Icon name="play" size={14} /> Send a test
      </button>
      {deadLetters > 0 && (
        <button type="button" class="button" onClick={() => setAsking(true)}>
          <Icon name="refresh" size={14} /> Redeliver all given up
        </button>
      )}
      <button type="button" class="button" onClick={() => void attempt(toggle)}>
        {disabled ? "Turn on" : "Turn off"}
      </button>
      {isAsking && (
        <Confirm
          title="Redeliver all"
          action="Redeliver"
          act={redeliverAll}
          onClose={() => setAsking(false)}
        >
          <p>
            {deadLetters.toLocaleString()} events that were given up are sent again, from the
            beginning.
          </p>
        </Confirm>
      )}
    </div>
  );
}
