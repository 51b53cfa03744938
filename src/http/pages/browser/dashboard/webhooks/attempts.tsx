/** The last attempts at an endpoint, the latest first: what, when, and what was answered. */
import type { Delivery } from "../../../../../../client/src/webhooks.ts";
import { tookText } from "../format/time.ts";
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
        <div class="table-wrap" tabindex={0} role="region" aria-label="Last attempts">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Answer</th>
                <th scope="col">Event</th>
                <th scope="col">Promise</th>
                <th scope="col" class="num">
                  Attempt
                </th>
                <th scope="col" class="num">
                  Took
                </th>
                <th scope="col">When</th>
              </tr>
            </thead>
            <tbody>
              {attempts.map((attempt) => (
                <Row key={`${attempt.event} ${attempt.attempt} ${attempt.at}`} attempt={attempt} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Row({ attempt }: { attempt: Delivery }) {
  const { type, promise, attempt: number, at, ms, status, failure, answer } = attempt;
  const isTaken = status !== null && status >= 200 && status < 300;
  return (
    <tr>
      <td>
        <span class={`badge ${isTaken ? "tone-good" : "tone-bad"}`} title={answer}>
          {status ?? failure}
        </span>
      </td>
      <td>{type}</td>
      <td>
        {promise === null ? (
          <span class="faint">none</span>
        ) : (
          <a class="cell-link" href={promiseHref(promise)}>
            <IdText id={promise} />
          </a>
        )}
      </td>
      <td class="num">{number}</td>
      <td class="num">{tookText(ms)}</td>
      <td>
        <Ago at={at} />
      </td>
    </tr>
  );
}
