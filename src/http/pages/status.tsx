/**
 * What a browser sees at the URL of a promise: how it stands, live. Rendered on the server and right
 * without JavaScript (then it reloads while pending); with it, it follows the promise by
 * Server-Sent Events from the very same URL. No external request, no inline script.
 */
import { html } from "hono/html";
import { NEVER } from "../../../client/src/protocol.ts";
import { isSettled, type PromiseRecord } from "../../machine/promise.ts";
import { entityTag } from "../../machine/resource.ts";

const WORDS: Record<PromiseRecord["state"] | "absent", string> = {
  absent: "Not created yet",
  pending: "Pending",
  resolved: "Resolved",
  rejected: "Rejected",
  rejected_canceled: "Canceled",
  rejected_timedout: "Timed out",
};

/** The page for an id, created or not. 404 in status as in words while nobody has created it. */
export async function statusPage(id: string, record: PromiseRecord | null): Promise<Response> {
  const state = record ? record.state : "absent";
  const open = !record || !isSettled(record);
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${WORDS[state]}: ${id}`}</title>
        <link rel="stylesheet" href="/assets/status.css" />
        <link rel="icon" href="data:," />
        {open && (
          <noscript>
            <meta http-equiv="refresh" content="5" />
          </noscript>
        )}
        {open && <script type="module" src="/assets/status.js" />}
      </head>
      <body data-state={state} data-etag={record ? entityTag(record) : undefined}>
        <main>
          <p class="kind">Durable promise</p>
          <h1>{id}</h1>
          <p class="state" role="status" aria-live="polite">
            {WORDS[state]}
          </p>
          {record && <Facts record={record} />}
          {!record && (
            <p>Nobody has created this promise. This page will tell when somebody does.</p>
          )}
        </main>
      </body>
    </html>
  );
  return new Response(String(await html`<!doctype html>${page}`), {
    status: record ? 200 : 404,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      vary: "accept",
      "referrer-policy": "no-referrer",
      "content-security-policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    },
  });
}

function Facts({ record }: { record: PromiseRecord }) {
  const settled = isSettled(record) ? record : undefined;
  const tags = Object.entries(record.tags);
  return (
    <dl>
      {settled && (
        <Data name={settled.state === "resolved" ? "Value" : "Reason"} of={settled.value} />
      )}
      <Data name="Asked with" of={record.param} />
      <Instant name="Created" at={record.createdAt} />
      {settled && <Instant name="Settled" at={settled.settledAt} />}
      {!settled && record.timeoutAt !== NEVER && <Instant name="Deadline" at={record.timeoutAt} />}
      {tags.length > 0 && (
        <>
          <dt>Tags</dt>
          <dd>
            {tags.map(([key, value]) => (
              <code>
                {key} = {value}
              </code>
            ))}
          </dd>
        </>
      )}
    </dl>
  );
}

function Data({ name, of: { data } }: { name: string; of: { data?: string } }) {
  if (data === undefined) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <pre tabindex={0}>{prettyText(data)}</pre>
      </dd>
    </>
  );
}

function Instant({ name, at }: { name: string; at: number }) {
  const date = new Date(at);
  const iso = Number.isNaN(date.getTime()) ? `${at} ms` : date.toISOString();
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <time datetime={iso}>{iso.replace("T", " ").replace(/\.\d+Z$/, " UTC")}</time>
      </dd>
    </>
  );
}

/** Indented, unless a second writing would change it: then to the letter. */
function prettyText(data: string): string {
  const value: unknown = JSON.parse(data);
  if (typeof value === "string") return value;
  return JSON.stringify(value) === data ? JSON.stringify(value, null, 2) : data;
}
