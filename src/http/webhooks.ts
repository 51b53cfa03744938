/**
 * The REST resource `/webhooks/:id`: an endpoint that is told what happens to promises. Parse, one call
 * to its object, serialise. A secret is answered where it is made, by POST and by rotate, and never
 * again. Who may read only some promises may be told of these only, and sees no other endpoints.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";
import { DEFAULT_RETRY_MS } from "../machine/delivery.ts";
import { REGISTRY, type WebhookFilter } from "../machine/webhook-filter.ts";
import type { LoggedAttempt } from "../object/webhook-log.ts";
import type { ShownWebhook, WebhookObject } from "../object/webhook-object.ts";
import { noteAct } from "./acts.ts";
import type { C } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { readJson } from "./json.ts";
import { refuseQuery, validate } from "./parse.ts";
import { originOf } from "./promises.ts";
import { reachesAll, type Principal } from "./principal.ts";
import { parsePage, textOfCursor } from "./page-query.ts";
import { readPage } from "./search.ts";
import { checkPushUrl } from "./targets.ts";
import {
  overlapOf,
  redeliverBody,
  rotateBody,
  waitsOf,
  webhookBody,
  webhookChange,
} from "./webhook-body.ts";

const ID = /^wh_[\da-f]{32}$/;

/** `POST /webhooks`: answers the secret. */
export async function createWebhook(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const { url, retry, filter, ...rest } = validate(webhookBody, await bodyOf(c), "");
  checkPushUrl(url, "url", c.env);
  requireReach(c.get("principal"), filter);
  const id = `wh_${crypto.randomUUID().replaceAll("-", "")}`;
  await noteAct(c.req.raw, c.env, "webhook.create", id);
  const made = await objectOf(c.env, id).create({
    ...rest,
    id,
    url,
    filter,
    retryMs: retry === undefined ? DEFAULT_RETRY_MS : waitsOf(retry),
    origin: originOf({ env: c.env, request: c.req.raw }),
  });
  if (made.outcome === "full") {
    const detail = `There may be ${LIMITS.webhooksMax} webhooks at most`;
    throw new Refusal("too_many_webhooks", detail);
  }
  const { webhook, secret } = made;
  const location = `${originOf({ env: c.env, request: c.req.raw })}/webhooks/${id}`;
  return answer({ ...wire(webhook), secret }, 201, { location });
}

/** `GET /webhooks?limit=&cursor=`: all that the caller may see, in the order of their ids. */
export async function listWebhooks(c: C): Promise<Response> {
  const { limit, cursor } = parsePage(c.req.url);
  const registry = c.env.WEBHOOK_REGISTRY.getByName(REGISTRY);
  const page = await readPage(await registry.list(cursor ?? "", limit), async (id) => {
    const webhook = await objectOf(c.env, id).get();
    const mine = webhook && reachesFilter(c.get("principal"), webhook.filter);
    return mine ? JSON.stringify(wire(webhook)) : undefined;
  });
  return pageAnswer("webhooks", page.texts, page.cursor);
}

/** `GET /webhooks/:id` */
export async function readWebhook(c: C): Promise<Response> {
  return answer(wire((await ownOf(c)).webhook));
}

/** `PATCH /webhooks/:id`: what is left out stays as it is. */
export async function changeWebhook(c: C): Promise<Response> {
  const { object, id } = await ownOf(c);
  const { url, retry, filter, ...rest } = validate(webhookChange, await bodyOf(c), "");
  if (url !== undefined) checkPushUrl(url, "url", c.env);
  if (filter) requireReach(c.get("principal"), filter);
  await noteAct(c.req.raw, c.env, "webhook.change", id);
  const changed = await object.update({
    ...rest,
    url,
    filter,
    retryMs: retry && waitsOf(retry),
  });
  if (!changed) throw noWebhook(id);
  return answer(wire(changed));
}

/** `DELETE /webhooks/:id`: with everything that waits for it. */
export async function deleteWebhook(c: C): Promise<Response> {
  const { object, id } = await ownOf(c);
  await noteAct(c.req.raw, c.env, "webhook.delete", id);
  if (!(await object.remove())) throw noWebhook(id);
  return new Response(null, { status: 204 });
}

/** `POST /webhooks/:id/test`: sends an event now, and answers what came of it. */
export async function testWebhook(c: C): Promise<Response> {
  const { object, id } = await ownOf(c);
  const tested = await object.sendTest();
  if (tested.outcome === "absent") throw noWebhook(id);
  if (tested.outcome !== "done") {
    const headers = { "retry-after": "10" };
    throw new Refusal("unavailable", "Other tests of this webhook are under way", { headers });
  }
  return answer({ delivered: tested.delivered, ...shownAttempt(tested.attempt) });
}

/** `POST /webhooks/:id/rotate` with `{"overlap": "24h"}` or nothing: answers the new secret. */
export async function rotateWebhook(c: C): Promise<Response> {
  const { object, id } = await ownOf(c);
  const isEmpty = c.req.raw.body === null || c.req.header("content-length") === "0";
  const given: unknown = isEmpty ? {} : await bodyOf(c);
  const { overlap } = validate(rotateBody, given, "");
  await noteAct(c.req.raw, c.env, "webhook.rotate", id);
  const rotated = await object.rotate(overlapOf(overlap));
  if (!rotated) throw noWebhook(id);
  return answer({ ...wire(rotated.webhook), secret: rotated.secret });
}

/** `GET /webhooks/:id/deliveries`: the last attempts, the latest first. */
export async function readDeliveries(c: C): Promise<Response> {
  const { object, id } = await ownOf(c);
  const deliveries = await object.deliveries();
  if (!deliveries) throw noWebhook(id);
  return answer({ deliveries: deliveries.map(shownAttempt) });
}

/** `GET /webhooks/:id/dead-letters?limit=&cursor=`: the oldest first. */
export async function listDeadLetters(c: C): Promise<Response> {
  const { limit, cursor = "0" } = parsePage(c.req.url);
  if (!/^\d{1,16}$/.test(cursor)) throw invalid("cursor", "cursor must be one of this list");
  const { object, id } = await ownOf(c, { query: true });
  const found = await object.deadLetters(Number(cursor), limit + 1);
  if (!found) throw noWebhook(id);
  const page = found.slice(0, limit);
  const texts = page.map(({ event, type, subject, at, attempts, deadAt, why }) =>
    JSON.stringify({ event, type, promise: subject, at, attempts, deadOn: deadAt, reason: why }),
  );
  const last = found.length > limit ? String(page.at(-1)?.number) : undefined;
  return pageAnswer("deadLetters", texts, last);
}

/** `POST /webhooks/:id/redeliver` with `{"event": "evt_…"}` or `{"all": true}`. */
export async function redeliver(c: C): Promise<Response> {
  const { object, id } = await ownOf(c);
  const asked = validate(redeliverBody, await bodyOf(c), "");
  const event = "event" in asked ? asked.event : undefined;
  await noteAct(c.req.raw, c.env, "webhook.redeliver", id);
  const redelivered = await object.redeliver(event);
  if (redelivered === null) throw noWebhook(id);
  if (event !== undefined && redelivered === 0) {
    throw new Refusal("event_not_found", `No event "${event}" waits here`, { field: "event" });
  }
  return answer({ redelivered }, 202);
}

interface Own {
  id: string;
  object: DurableObjectStub<WebhookObject>;
  webhook: ShownWebhook;
}

/** The endpoint of the path, if the caller may see it; else there is none. */
async function ownOf(c: C, { query = false } = {}): Promise<Own> {
  if (!query) refuseQuery(c.req.url);
  const id = c.req.param("id") ?? "";
  // Of what is no id of ours, no object is made.
  if (!ID.test(id)) throw noWebhook(id);
  const object = objectOf(c.env, id);
  const webhook = await object.get();
  if (!webhook || !reachesFilter(c.get("principal"), webhook.filter)) throw noWebhook(id);
  return { id, object, webhook };
}

function objectOf(env: Env, id: string): DurableObjectStub<WebhookObject> {
  return env.WEBHOOKS.getByName(id);
}

function noWebhook(id: string): Refusal {
  return new Refusal("webhook_not_found", `There is no webhook "${id}"`, { field: "id" });
}

function reachesFilter(principal: Principal, { promise, prefix = "" }: WebhookFilter): boolean {
  return reachesAll(principal, promise ?? `${prefix}*`);
}

function requireReach(principal: Principal, filter: WebhookFilter): void {
  if (reachesFilter(principal, filter)) return;
  const detail = "Your key does not reach all promises that this filter takes in";
  throw new Refusal("forbidden", detail, { field: "filter" });
}

async function bodyOf(c: C): Promise<unknown> {
  return (await readJson(c.req.raw)).value;
}

function shownAttempt({ subject, ...attempt }: LoggedAttempt) {
  return { ...attempt, promise: subject };
}

function wire({ createdAt, disabled, retryMs, dead, previousUntil, ...shown }: ShownWebhook) {
  return {
    ...shown,
    retry: retryMs,
    disabled: disabled !== undefined,
    ...(disabled && { disabledOn: disabled.at, disabledReason: disabled.why }),
    createdOn: createdAt,
    ...(previousUntil !== undefined && { previousSecretUntil: previousUntil }),
    deadLetters: dead,
  };
}

function answer(body: object, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store", ...headers } });
}

function pageAnswer(name: string, texts: string[], cursor: string | undefined): Response {
  const next = cursor === undefined ? "" : `,"cursor":"${textOfCursor(cursor)}"`;
  return new Response(`{"${name}":[${texts.join(",")}]${next}}`, {
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
