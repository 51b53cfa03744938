/**
 * An event as it leaves: its id, which stays the same however often and to whom it is sent, and the
 * text of its body in either form. Text, because `data` was never parsed and must not be.
 */
import type { WebhookEventType, WebhookFormat } from "../../client/src/protocol.ts";
import { asBorn, isSettled, type JsonText, type PromiseRecord } from "./promise.ts";
import { resourceText } from "./resource.ts";

/** What happened to a promise: the record as it was after that, or later. */
export interface PromiseEvent {
  type: WebhookEventType;
  record: PromiseRecord;
}

export interface Event {
  /** The `webhook-id`: ASCII, without full stops. */
  id: string;
  type: WebhookEventType | "webhook.test";
  /** When it happened. */
  at: number;
  /** Of what. */
  subject: string;
  data: JsonText;
}

/** The last instant that a date can say; a clock that a test tool drives may be beyond it. */
const DATE_MS_MAX = 8_640_000_000_000_000;

const ENDING = { "promise.created": "created", "promise.settled": "settled" } as const;

/** The same for every endpoint, in every attempt: one life of a promise is created and settled once. */
export function idOfEvent({ type, record }: PromiseEvent): string {
  return `evt_${record.birth}_${ENDING[type]}`;
}

/** @param origin where the receiver reaches us */
export function eventOf({ type, record }: PromiseEvent, origin: string): Event {
  const shown = type === "promise.created" ? asBorn(record) : record;
  // A deadline that had passed before the promise was made settles it then, not before.
  const settledAt = isSettled(shown) ? shown.settledAt : -Infinity;
  return {
    id: idOfEvent({ type, record }),
    type,
    at: type === "promise.created" ? record.createdAt : Math.max(record.createdAt, settledAt),
    subject: record.id,
    data: resourceText(shown, origin),
  };
}

/** @param id drawn for it: no two tests are the same event */
export function testEvent(id: string, webhookId: string, now: number): Event {
  const data = JSON.stringify({ webhook: webhookId });
  return { id: `evt_${id}_test`, type: "webhook.test", at: now, subject: webhookId, data };
}

/** The body: shapes in `WebhookEvent` and `CloudEvent` of protocol.ts. */
export function bodyOf(event: Event, format: WebhookFormat, origin: string): string {
  const { id, type, subject, data } = event;
  const timestamp = new Date(Math.min(event.at, DATE_MS_MAX)).toISOString();
  const head =
    format === "json"
      ? { type, timestamp }
      : {
          specversion: "1.0",
          id,
          source: origin,
          type,
          subject,
          time: timestamp,
          datacontenttype: "application/json",
        };
  return `${JSON.stringify(head).slice(0, -1)},"data":${data}}`;
}

export function mediaTypeOf(format: WebhookFormat): string {
  return format === "json" ? "application/json" : "application/cloudevents+json";
}
