/**
 * The deliveries of one promise, gathered from the endpoints that hear of it: of each event the last
 * attempt that its endpoint remembers, and whether it was given up.
 */
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import type { Webhook, WebhookFilter } from "../../../../../../client/src/webhooks.ts";
import { promises } from "../api/promises.ts";
import { faultText } from "../format/fault.ts";
import { say } from "../parts/toasts.tsx";

export interface DeliveryRow {
  webhook: string;
  url: string;
  event: string;
  type: string;
  standing: "delivered" | "failing" | "dead";
  /** The last answer: a status, or why there is none. */
  said: string;
  attempts: number;
  at: number;
}

/** Endpoints asked, and those looked at to find them: each is a call. */
const ASKED_MAX = 20;
const LOOKED_AT_MAX = 500;
const DEAD_MAX = 1000;

export async function loadDeliveries(
  record: Pick<PromiseRecord, "id" | "tags">,
  signal: AbortSignal,
): Promise<DeliveryRow[]> {
  const told: Webhook[] = [];
  let looked = 0;
  for await (const webhook of promises.webhooks.list({ signal })) {
    looked += 1;
    if (hears(webhook.filter, record)) told.push(webhook);
    if (told.length >= ASKED_MAX || looked >= LOOKED_AT_MAX) break;
  }
  const rows = await Promise.all(told.map((webhook) => rowsOf(webhook, record.id, signal)));
  return rows.flat().toSorted((a, b) => b.at - a.at);
}

export async function redeliver({ webhook, event }: DeliveryRow): Promise<void> {
  try {
    await promises.webhooks.redeliver(webhook, { event });
    say("It is being sent again.");
  } catch (error) {
    say(faultText(error), "bad");
  }
}

export function hears(
  { promise, prefix, tags }: WebhookFilter,
  record: Pick<PromiseRecord, "id" | "tags">,
): boolean {
  return (
    (promise === undefined || promise === record.id) &&
    (prefix === undefined || record.id.startsWith(prefix)) &&
    Object.entries(tags ?? {}).every(([key, value]) => record.tags[key] === value)
  );
}

async function rowsOf(webhook: Webhook, id: string, signal: AbortSignal): Promise<DeliveryRow[]> {
  const rows = new Map<string, DeliveryRow>();
  const { id: webhookId, url } = webhook;
  // The latest first: of each event the first is the one that counts.
  for (const {
    promise,
    event,
    type,
    attempt,
    at,
    status,
    failure,
  } of await promises.webhooks.deliveries(webhookId, { signal })) {
    if (promise !== id || rows.has(event)) continue;
    const isTaken = status !== null && status >= 200 && status < 300;
    rows.set(event, {
      webhook: webhookId,
      url,
      event,
      type,
      standing: isTaken ? "delivered" : "failing",
      said: String(status ?? failure ?? ""),
      attempts: attempt,
      at,
    });
  }
  if (webhook.deadLetters > 0) await addDead(webhook, id, rows, signal);
  return [...rows.values()];
}

async function addDead(
  { id: webhookId, url }: Webhook,
  id: string,
  rows: Map<string, DeliveryRow>,
  signal: AbortSignal,
): Promise<void> {
  let looked = 0;
  for await (const dead of promises.webhooks.deadLetters(webhookId, { signal })) {
    if ((looked += 1) > DEAD_MAX) return;
    if (dead.promise !== id) continue;
    rows.set(dead.event, {
      webhook: webhookId,
      url,
      event: dead.event,
      type: dead.type,
      standing: "dead",
      said: dead.reason,
      attempts: dead.attempts,
      at: dead.deadOn,
    });
  }
}
