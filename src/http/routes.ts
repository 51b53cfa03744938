/**
 * Every address of this server, which methods it takes and who may use it: one table, of which the
 * router, the `allow` of a 405 and the tests of authorisation are made. A route without a rule does
 * not compile; one whose rule is not tried by the generated matrix fails a test.
 */
import type { Scope } from "../../client/src/protocol.ts";
import { apiPage, asset, openApi } from "./docs.ts";
import { callOf, type C, type Call } from "./edge.ts";
import { callBare, callWrapped } from "./example.ts";
import { receiveCallback } from "./callback.ts";
import { exportPromises } from "./export.ts";
import { importPromises } from "./import.ts";
import { dashboard, home, signInForm } from "./dashboard.ts";
import { listGroups, showActivity, showGroup, showStats } from "./figures.ts";
import { rebuildIndex, showIndex } from "./index-admin.ts";
import { readAudit } from "./audit.ts";
import { readAwaiters } from "./awaiters.ts";
import { health, ready } from "./health.ts";
import { createKey, listKeys, revokeKey } from "./keys.ts";
import { decideByLink, showLink } from "./link-page.ts";
import { createLink, listLinks, revokeLink } from "./links.ts";
import { listPromises } from "./list.ts";
import { showMetrics } from "./metrics.ts";
import { isAwait } from "./negotiate.ts";
import type { Outside } from "./permission.ts";
import { poll } from "./poll.ts";
import { changePromise, createPromise, purgePromise, readPromise } from "./promises.ts";
import { jwks, readReceipt } from "./receipts.ts";
import { callProtocol, tokenInEnvelope } from "./rpc.ts";
import {
  createSchedule,
  deleteSchedule,
  listSchedules,
  pauseSchedule,
  readSchedule,
  runSchedule,
} from "./schedules.ts";
import { signIn, signOut, whoAmI } from "./session.ts";
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  listDeadLetters,
  listWebhooks,
  readDeliveries,
  readWebhook,
  redeliver,
  rotateWebhook,
  testWebhook,
} from "./webhooks.ts";

/**
 * Who may.
 *
 * - `open`: everybody, always, also where there are no keys. Nobody is asked who they are.
 * - `public`: everybody once there are keys; before, as everything else. What has a right of its own
 *   in its URL belongs here too.
 * - `any`: whoever is let in; the handler calls `permit` for each id, for the body says what is asked.
 * - a scope, on no id in particular: the handler keeps to the caller's prefixes.
 * - a scope on an id: `path` is checked before the handler runs, `body` by the handler (`permit`).
 *   `outside` is what is said when the id is beyond the caller's prefixes.
 */
export type Rule =
  | "open"
  | "public"
  | "any"
  | { scope: Scope }
  | { scope: Scope | ((request: Request) => Scope); id: "path" | "body"; outside: Outside };

type Answer = Response | Promise<Response>;
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** HEAD comes with GET, OPTIONS with everything. */
export interface Route {
  /** `:id+` is all the rest of the path, slashes and all. */
  on: `${Method} /${string}`;
  rule: Rule;
  handle: (c: C) => Answer;
  /** The same on the shorter way, for what is asked all the time. */
  handleCall?: (call: Call) => Answer;
  /** Where a token may be besides the headers. */
  token?: (request: Request) => Promise<string | undefined>;
}

/** With `handle` left to be derived. */
function call(
  on: Route["on"],
  rule: Rule,
  handleCall: (call: Call) => Answer,
): Route & { handleCall: object } {
  return { on, rule, handleCall, handle: (c) => handleCall(callOf(c)) };
}

/** One id in the path, and what is said where it is not the caller's. */
function inPath(scope: Scope | ((request: Request) => Scope), outside: Outside): Rule {
  return { scope, id: "path", outside };
}

function awaitOrRead(request: Request): Scope {
  return isAwait(request) ? "await" : "read";
}

export const ROUTES: readonly Route[] = [
  { on: "GET /health", rule: "open", handle: health },
  { on: "GET /ready", rule: "open", handle: ready },

  call("GET /promises/:id+", inPath(awaitOrRead, "no promise"), readPromise),
  call("PUT /promises/:id+", inPath("create", "forbidden"), createPromise),
  call("PATCH /promises/:id+", inPath("settle", "no promise"), changePromise),
  // An id that is free again can begin another life: that undoes what was settled.
  call("DELETE /promises/:id+", inPath("admin", "no promise"), purgePromise),
  // A search finds what the prefixes of the caller let it, and so does one that is followed live.
  call("GET /promises", { scope: "read" }, listPromises),
  call("POST /promises", { scope: "create", id: "body", outside: "forbidden" }, createPromise),

  call("GET /awaiters/:id+", inPath("read", "no promise"), readAwaiters),

  // Who makes a schedule may also stop it: what it has made stays.
  { on: "GET /schedules", rule: { scope: "read" }, handle: listSchedules },
  { on: "PUT /schedules/:id+", rule: inPath("create", "forbidden"), handle: createSchedule },
  { on: "GET /schedules/:id+", rule: inPath("read", "no schedule"), handle: readSchedule },
  { on: "PATCH /schedules/:id+", rule: inPath("create", "no schedule"), handle: pauseSchedule },
  { on: "POST /schedules/:id+", rule: inPath("create", "no schedule"), handle: runSchedule },
  { on: "DELETE /schedules/:id+", rule: inPath("create", "no schedule"), handle: deleteSchedule },

  { on: "GET /stats", rule: { scope: "read" }, handle: showStats },
  { on: "GET /activity", rule: { scope: "read" }, handle: showActivity },
  { on: "GET /groups", rule: { scope: "read" }, handle: listGroups },
  { on: "GET /groups/:group", rule: { scope: "read" }, handle: showGroup },
  { on: "GET /index", rule: { scope: "admin" }, handle: showIndex },
  { on: "POST /index/rebuild", rule: { scope: "admin" }, handle: rebuildIndex },

  { on: "GET /poll/:group/:pid", rule: { scope: "await" }, handle: poll },
  { on: "POST /", rule: "any", handle: callProtocol, token: tokenInEnvelope },
  { on: "POST /rpc", rule: "any", handle: callProtocol, token: tokenInEnvelope },
  { on: "POST /durablePromiseServer/:operation", rule: "any", handle: callWrapped },
  { on: "POST /promise/:operation", rule: "any", handle: callBare },

  // Whoever may settle a promise may hand that on, and take it back.
  {
    on: "POST /links",
    rule: { scope: "settle", id: "body", outside: "no promise" },
    handle: createLink,
  },
  {
    on: "GET /links",
    rule: { scope: "settle", id: "body", outside: "no promise" },
    handle: listLinks,
  },
  {
    on: "DELETE /links/:id",
    rule: { scope: "settle", id: "body", outside: "no promise" },
    handle: revokeLink,
  },
  { on: "GET /l/:token", rule: "public", handle: showLink },
  { on: "POST /l/:token", rule: "public", handle: decideByLink },
  { on: "POST /c/:token", rule: "public", handle: receiveCallback },
  { on: "GET /receipts/:id+", rule: inPath("read", "no promise"), handle: readReceipt },
  { on: "GET /.well-known/jwks.json", rule: "public", handle: jwks },

  { on: "POST /webhooks", rule: { scope: "admin" }, handle: createWebhook },
  { on: "GET /webhooks", rule: { scope: "admin" }, handle: listWebhooks },
  { on: "GET /webhooks/:id", rule: { scope: "admin" }, handle: readWebhook },
  { on: "PATCH /webhooks/:id", rule: { scope: "admin" }, handle: changeWebhook },
  { on: "DELETE /webhooks/:id", rule: { scope: "admin" }, handle: deleteWebhook },
  { on: "POST /webhooks/:id/test", rule: { scope: "admin" }, handle: testWebhook },
  { on: "POST /webhooks/:id/rotate", rule: { scope: "admin" }, handle: rotateWebhook },
  { on: "GET /webhooks/:id/deliveries", rule: { scope: "admin" }, handle: readDeliveries },
  { on: "GET /webhooks/:id/dead-letters", rule: { scope: "admin" }, handle: listDeadLetters },
  { on: "POST /webhooks/:id/redeliver", rule: { scope: "admin" }, handle: redeliver },

  // Who exports finds what a search would find; who imports writes settlements that nobody has seen.
  call("GET /export", { scope: "read" }, exportPromises),
  call("POST /import", { scope: "admin" }, importPromises),
  { on: "GET /metrics", rule: { scope: "read" }, handle: showMetrics },
  { on: "GET /audit", rule: { scope: "admin" }, handle: readAudit },

  { on: "POST /keys", rule: { scope: "admin" }, handle: createKey },
  { on: "GET /keys", rule: { scope: "admin" }, handle: listKeys },
  { on: "DELETE /keys/:id", rule: { scope: "admin" }, handle: revokeKey },

  // The pages are empty: what they show is asked with the session of who looks.
  { on: "GET /", rule: "public", handle: home },
  { on: "GET /dashboard/promises/:id+", rule: "public", handle: dashboard },
  { on: "GET /dashboard/schedules", rule: "public", handle: dashboard },
  { on: "GET /dashboard/groups", rule: "public", handle: dashboard },
  { on: "GET /dashboard/webhooks", rule: "public", handle: dashboard },
  { on: "GET /dashboard/activity", rule: "public", handle: dashboard },
  { on: "GET /dashboard/sign-in", rule: "public", handle: signInForm },
  { on: "POST /session", rule: "public", handle: signIn },
  { on: "GET /session", rule: "any", handle: whoAmI },
  { on: "DELETE /session", rule: "public", handle: signOut },

  { on: "GET /openapi.json", rule: "public", handle: openApi },
  { on: "GET /docs", rule: "public", handle: apiPage },
  { on: "GET /assets/:name", rule: "public", handle: asset },
];

export function methodOf({ on }: Route): Method {
  // SAFETY: what `on` begins with, by its type.
  return on.slice(0, on.indexOf(" ")) as Method;
}

/** As Hono has it, but for `:id+`. */
export function patternOf({ on }: Route): string {
  return on.slice(on.indexOf(" ") + 1);
}

/** What stands before the id in the path. */
export function beginningOf(route: Route): string {
  return patternOf(route).replace(/:.*$/, "");
}
