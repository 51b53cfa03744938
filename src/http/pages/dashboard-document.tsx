/**
 * A page of the dashboard as a document: its head, and headers that let nothing in from elsewhere.
 * It never holds anybody's data: that is fetched by who may see it.
 */
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import { approvalHeaders } from "./approval-headers.ts";

/** As data, for it is the only picture. */
const ICON =
  "data:image/svg+xml," +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><rect x="1" y="1" width="18" height="18" ' +
      'rx="5.5" fill="#2f4bc7"/><path d="M6 10.3 8.8 13 14 7" fill="none" stroke="#fff" stroke-width="2" ' +
      'stroke-linecap="round" stroke-linejoin="round"/></svg>',
  );

interface DashboardDocument {
  /** Where it is asked for. */
  url: string;
  title: string;
  /** The file in `/assets/` that brings it to life. */
  script?: string;
  children: Child;
}

export async function dashboardDocument(
  { url, title, script, children }: DashboardDocument,
  status = 200,
): Promise<Response> {
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="stylesheet" href="/assets/dashboard.css" />
        <link rel="icon" href={ICON} />
        {script !== undefined && <script type="module" src={`/assets/${script}`} />}
      </head>
      <body>{children}</body>
    </html>
  );
  const text = String(await html`<!doctype html>${page}`);
  const headers = approvalHeaders();
  headers["content-security-policy"] = withSockets(headers["content-security-policy"] ?? "", url);
  // No secret stands in its addresses; and without a referrer its forms would have no origin.
  headers["referrer-policy"] = "same-origin";
  return new Response(text, { status, headers: { ...headers, vary: "accept" } });
}

/** By the letter of CSP 3 `'self'` takes in WebSockets of the same host; not all browsers know it. */
function withSockets(policy: string, url: string): string {
  const { host } = new URL(url);
  // An IPv6 address cannot be said there.
  if (!/^[\w.-]+(?::\d+)?$/.test(host)) return policy;
  return policy.replace("connect-src 'self'", `connect-src 'self' ws://${host} wss://${host}`);
}
