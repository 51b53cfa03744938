/** What was given up, each to be sent again. */
import type { DeadLetter } from "../../../../../../client/src/webhooks.ts";
import { promises } from "../api/promises.ts";
import { faultText } from "../format/fault.ts";
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
  return (
    <>
      <h3>Given up</h3>
      <div class="table-wrap" tabindex={0} role="region" aria-label="Given up">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Promise</th>
              <th scope="col">Event</th>
              <th scope="col">Why</th>
              <th scope="col" class="num">
                Attempts
              </th>
              <th scope="col">When</th>
              <th scope="col">
                <span class="unseen">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {letters.map(({ event, promise, type, reason, attempts, deadOn }) => (
              <tr key={event}>
                <th scope="row">
                  <a class="cell-link" href={promiseHref(promise)}>
                    <IdText id={promise} />
                  </a>
                </th>
                <td>{type}</td>
                <td>{reason}</td>
                <td class="num">{attempts}</td>
                <td>
                  <Ago at={deadOn} />
                </td>
                <td class="num">
                  <button type="button" class="button small" onClick={() => void send(event)}>
                    Redeliver
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
