/**
 * Webhooks: endpoints that are told what becomes of promises. What they are sent is signed by the
 * rules of Standard Webhooks; the receiver's side is `verifyWebhook`.
 */
import { answerOf } from "./calls.ts";
import { type Duration, parseDuration } from "./duration.ts";
import type { CallOptions, Target } from "./options.ts";
import type { WebhookEventType, WebhookFormat } from "./protocol.ts";
import { send, sendDelete, sendOnce } from "./send.ts";

/** Which promises: one, or those whose ids begin so and that have at least these tags. */
export interface WebhookFilter {
  promise?: string;
  prefix?: string;
  tags?: Record<string, string>;
}

/** What an endpoint is told, and how. */
export interface WebhookChange {
  /** `https://`, on the public internet; a local server may call this machine. */
  url?: string;
  /** @default both */
  events?: WebhookEventType[];
  /** @default all promises */
  filter?: WebhookFilter;
  /** @default "json" */
  format?: WebhookFormat;
  /** The waits between attempts. @default ten of them, three days in all */
  retry?: Duration[];
  description?: string;
  /** Whether nothing is sent. @default false */
  disabled?: boolean;
}

export type WebhookOptions = Omit<WebhookChange, "url"> & CallOptions;

/** An endpoint as it stands; never its secret. */
export interface Webhook {
  id: string;
  url: string;
  events: WebhookEventType[];
  filter: WebhookFilter;
  format: WebhookFormat;
  /** In ms. */
  retry: number[];
  description: string;
  disabled: boolean;
  disabledOn?: number;
  /** `gone`: it answered 410. */
  disabledReason?: "asked" | "gone";
  createdOn: number;
  /** Until when the secret before this one is valid too. */
  previousSecretUntil?: number;
  /** How many events wait to be sent. */
  waiting: number;
  /** How many were given up. */
  deadLetters: number;
}

/** One attempt. */
export interface Delivery {
  /** The `webhook-id`. */
  event: string;
  type: WebhookEventType | "webhook.test";
  /** The promise's id; `null` of a test. */
  promise: string | null;
  /** Counts from 1. */
  attempt: number;
  at: number;
  ms: number;
  /** `null` when nothing was answered; then `failure` says why. */
  status: number | null;
  failure: "timeout" | "network" | "refused" | null;
  /** How the answer begins. */
  answer: string;
}

/** An event that was given up. */
export interface DeadLetter {
  event: string;
  type: WebhookEventType;
  /** The promise's id. */
  promise: string;
  at: number;
  attempts: number;
  deadOn: number;
  reason: string;
}

export interface RotateOptions extends CallOptions {
  /** How long the secret before stays valid. @default "24h" */
  overlap?: Duration;
}

/** The endpoints of a deployment: `promises.webhooks`. For keys of the scope `admin`. */
export class Webhooks {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /**
   * Makes an endpoint. Its `secret` is answered here and by {@link rotate} only. Not repeated when
   * the line breaks: there might be two, and everything told twice.
   *
   * @throws ApiError with code `invalid_request` for a URL that must not be called.
   * @example
   * const { secret } = await promises.webhooks.create("https://shop.example.com/hook", {
   *   events: ["promise.settled"],
   *   filter: { prefix: "orders/" },
   * });
   */
  async create(url: string, options: WebhookOptions = {}): Promise<Webhook & { secret: string }> {
    const body = bodyOf({ ...options, url });
    const call = { method: "POST", path: "/webhooks", body } as const;
    const verdict = await sendOnce(this.#target, call, options);
    return answerOf<Webhook & { secret: string }>(verdict, "a webhook", "id", "secret");
  }

  /** All of them, in the order of their ids. @example for await (const webhook of promises.webhooks.list()) … */
  list(options: CallOptions = {}): AsyncGenerator<Webhook, void, undefined> {
    return this.#pages<Webhook>("/webhooks", "webhooks", options);
  }

  /** @throws ApiError with code `webhook_not_found`; so do all below. */
  async get(id: string, options: CallOptions = {}): Promise<Webhook> {
    const verdict = await send(this.#target, { method: "GET", path: pathOf(id) }, options);
    return answerOf<Webhook>(verdict, "a webhook", "id");
  }

  /** Changes what is given; the rest stays as it is. */
  async update(id: string, change: WebhookChange & CallOptions): Promise<Webhook> {
    const call = { method: "PATCH", path: pathOf(id), body: bodyOf(change) } as const;
    return answerOf<Webhook>(await send(this.#target, call, change), "a webhook", "id");
  }

  /** Removes it, with everything that waits for it. */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await sendDelete(this.#target, pathOf(id), options, "webhook_not_found");
  }

  /** Sends an event of the type `webhook.test` now, and says what came of it. */
  async test(id: string, options: CallOptions = {}): Promise<Delivery & { delivered: boolean }> {
    const verdict = await sendOnce(
      this.#target,
      { method: "POST", path: pathOf(id, "test") },
      options,
    );
    return answerOf<Delivery & { delivered: boolean }>(verdict, "a delivery", "delivered");
  }

  /**
   * A new secret; what is sent is signed with both until `overlap` is over. Not repeated when the
   * line breaks: a second one would end the first. Rotate again if you have not got the answer.
   */
  async rotate(id: string, options: RotateOptions = {}): Promise<Webhook & { secret: string }> {
    const { overlap } = options;
    const overlapMs = overlap !== undefined && parseDuration(overlap, "overlap", Date.now());
    const body = JSON.stringify(overlapMs === false ? {} : { overlap: overlapMs });
    const call = { method: "POST", path: pathOf(id, "rotate"), body } as const;
    const verdict = await sendOnce(this.#target, call, options);
    return answerOf<Webhook & { secret: string }>(verdict, "a webhook", "id", "secret");
  }

  /** The last attempts, the latest first. */
  async deliveries(id: string, options: CallOptions = {}): Promise<Delivery[]> {
    const path = pathOf(id, "deliveries");
    const verdict = await send(this.#target, { method: "GET", path }, options);
    return answerOf<{ deliveries: Delivery[] }>(verdict, "deliveries", "deliveries").deliveries;
  }

  /** What was given up, the oldest first. */
  deadLetters(id: string, options: CallOptions = {}): AsyncGenerator<DeadLetter, void, undefined> {
    return this.#pages<DeadLetter>(pathOf(id, "dead-letters"), "deadLetters", options);
  }

  /**
   * Sends again from the beginning: one event, or every dead letter.
   *
   * @returns how many
   * @throws ApiError with code `event_not_found`.
   * @example await promises.webhooks.redeliver(id); // all
   */
  async redeliver(id: string, options: CallOptions & { event?: string } = {}): Promise<number> {
    const { event } = options;
    const body = JSON.stringify(event === undefined ? { all: true } : { event });
    const call = { method: "POST", path: pathOf(id, "redeliver"), body } as const;
    const verdict = await sendOnce(this.#target, call, options);
    return answerOf<{ redelivered: number }>(verdict, "a number", "redelivered").redelivered;
  }

  /** `timeout` is that of each page: how long the reader takes between them is its own matter. */
  async *#pages<T>(
    path: string,
    name: string,
    options: CallOptions,
  ): AsyncGenerator<T, void, undefined> {
    let cursor: string | undefined;
    do {
      const query = cursor === undefined ? "" : `?cursor=${encodeURIComponent(cursor)}`;
      const verdict = await send(this.#target, { method: "GET", path: path + query }, options);
      const page = answerOf<Record<string, T[]> & { cursor?: string }>(verdict, name, name);
      yield* page[name] ?? [];
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

function pathOf(id: string, more?: string): string {
  const path = `/webhooks/${encodeURIComponent(id)}`;
  return more === undefined ? path : `${path}/${more}`;
}

function bodyOf(change: WebhookChange): string {
  const { url, events, filter, format, retry, description, disabled } = change;
  const waits = retry?.map((wait, n) => parseDuration(wait, `retry[${n}]`, Date.now()));
  return JSON.stringify({ url, events, filter, format, retry: waits, description, disabled });
}
