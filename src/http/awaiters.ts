/**
 * `GET /awaiters/:id`: who waits for a promise at this moment. A look that changes nothing and wakes
 * nobody. It shows no more than the caller may see: tasks beyond its prefixes are left out, and of a
 * listener's address what may be a secret.
 */
import { LIMITS, type Awaiters } from "../../client/src/protocol.ts";
import type { Call } from "./edge.ts";
import { JSON_HEADERS } from "./negotiate.ts";
import { idOfPath, refuseQuery } from "./parse.ts";
import { noPromise } from "./permission.ts";
import { reaches } from "./principal.ts";
import { redactedUrl } from "./redacted-url.ts";

const PREFIX = "/awaiters/";

export async function readAwaiters({ request, env, principal }: Call): Promise<Response> {
  refuseQuery(request.url);
  const id = idOfPath(request.url, PREFIX);
  const found = await env.PROMISES.getByName(id).awaiters();
  if (!found) throw noPromise(id);
  const tasks = found.tasks.filter((task) => reaches(principal, task));
  const most = LIMITS.awaitersListedMax;
  const shown: Awaiters = {
    sockets: found.sockets,
    listeners: found.listeners.slice(0, most).map(shownAddress),
    tasks: tasks.slice(0, most),
    ...((tasks.length > most || found.listeners.length > most) && { more: true }),
  };
  const headers = { ...JSON_HEADERS, "cache-control": "no-store" };
  return new Response(JSON.stringify(shown), { headers });
}

/** Whoever has made it may have put a key into its query. */
function shownAddress(address: string): string {
  return /^https?:/i.test(address) ? redactedUrl(address) : address;
}
