/** `GET /metrics`: what the index and the endpoints of webhooks have counted, for Prometheus. */
import type { Env } from "../env.ts";
import { REGISTRY } from "../machine/webhook-filter.ts";
import type { C } from "./edge.ts";
import { readActivity, readStats } from "./figures.ts";
import { METRICS_TYPE, metricsText, type WebhookFigures } from "./metrics-text.ts";
import { refuseQuery } from "./parse.ts";
import { requireAllIds } from "./permission.ts";
import { allShards } from "./search.ts";

/** Each is an object that has to be asked, and be woken for it. */
const ENDPOINTS_MAX = 1000;
const AT_A_TIME = 50;

export async function showMetrics(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const principal = c.get("principal");
  requireAllIds(principal);
  const now = Date.now();
  const [stats, { total }, shards, webhooks] = await Promise.all([
    readStats(c.env, principal),
    readActivity(c.env, 0),
    Promise.all(allShards(c.env).map((shard) => shard.status(now))),
    readWebhooks(c.env),
  ]);
  return new Response(metricsText({ stats, total, shards, webhooks }), {
    headers: { "content-type": METRICS_TYPE, "cache-control": "no-store" },
  });
}

/** @returns `undefined` where there are too many to ask all of them: a part would say nothing */
async function readWebhooks(env: Env): Promise<WebhookFigures | undefined> {
  const { ids, cursor } = await env.WEBHOOK_REGISTRY.getByName(REGISTRY).list("", ENDPOINTS_MAX);
  if (cursor !== undefined) return undefined;
  const figures: WebhookFigures = { endpoints: 0, disabled: 0, waiting: 0, dead: 0 };
  for (let first = 0; first < ids.length; first += AT_A_TIME) {
    const slice = ids.slice(first, first + AT_A_TIME);
    for (const webhook of await Promise.all(slice.map((id) => env.WEBHOOKS.getByName(id).get()))) {
      if (!webhook) continue;
      figures.endpoints += 1;
      figures.disabled += webhook.disabled ? 1 : 0;
      figures.waiting += webhook.waiting;
      figures.dead += webhook.dead;
    }
  }
  return figures;
}
