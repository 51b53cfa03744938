/**
 * One endpoint: a Durable Object per webhook, with its configuration, what waits to be sent there, the
 * dead letters and the log. Asleep while nothing is due. What is enqueued is durable before the answer
 * and sent by the alarm: delivered at least once, or to be found among the dead letters.
 *
 * A change is here before the registry has heard of it, and a removal is over when it has: whatever a
 * crash cuts off, the alarm takes up.
 */
import { DurableObject } from "cloudflare:workers";
import { newSecret, signWebhook } from "../../client/src/webhook.ts";
import { readConfig, type Env } from "../env.ts";
import { logFailure } from "../log.ts";
import { AHEAD_MS_MAX } from "../machine/deadline.ts";
import { isTaken } from "../machine/delivery.ts";
import {
  bodyOf,
  eventOf,
  mediaTypeOf,
  testEvent,
  type PromiseEvent,
} from "../machine/webhook-event.ts";
import {
  changed,
  created,
  gone,
  rotated,
  validSecrets,
  type NewWebhook,
  type Webhook,
  type WebhookChange,
} from "../machine/webhook.ts";
import { Announcing } from "./webhook-announcing.ts";
import { WebhookLog, type LoggedAttempt } from "./webhook-log.ts";
import { sendWebhook, type Attempt } from "./webhook-send.ts";
import { AT_ONCE, resultOf, WebhookSending } from "./webhook-sending.ts";
import { WebhookQueue, type DeadLetter, type Delivery } from "./webhook-queue.ts";
import { WebhookStore } from "./webhook-store.ts";

/** After a failure of ours or of the registry's. */
const AGAIN_MS = 5000;

/** An endpoint as it is shown: without its secrets. */
export interface ShownWebhook extends Omit<Webhook, "secret" | "previous" | "revision" | "origin"> {
  /** Until when the secret before this one is valid. */
  previousUntil?: number;
  /** How many events wait to be sent, and how many were given up. */
  waiting: number;
  dead: number;
}

export interface WebhookWithSecret {
  webhook: ShownWebhook;
  secret: string;
}

/** - `full`: there are as many endpoints as may be. */
export type CreatedWebhook = ({ outcome: "created" } & WebhookWithSecret) | { outcome: "full" };

/** What came of a test. `busy`: as many as may be are under way. */
export type TestedWebhook =
  | { outcome: "absent" | "busy" }
  | { outcome: "done"; delivered: boolean; attempt: LoggedAttempt };

export class WebhookObject extends DurableObject<Env> {
  #store = new WebhookStore(this.ctx.storage);
  #queue = new WebhookQueue(this.ctx.storage);
  #log = new WebhookLog(this.ctx.storage);
  #sending = new WebhookSending(this.#queue, this.#log, {
    current: () => this.#store.load(),
    send: (webhook, delivery, text) => this.#send(webhook, delivery, text),
    gone: () => this.#switchOff(),
  });
  #announcing = new Announcing(
    this.env,
    this.#store,
    () => this.ctx.id.name ?? "",
    () => this.#empty(),
  );
  #testing = 0;
  /** Of the alarm that this life of the object has set; `null` for none. */
  #alarmAt: number | null = null;

  get(): ShownWebhook | null {
    const webhook = this.#store.load();
    return webhook && this.#shown(webhook);
  }

  /** Idempotent: the id is drawn by who calls, once for what is to be one endpoint. */
  async create(given: NewWebhook): Promise<CreatedWebhook> {
    const existing = this.#store.load();
    const webhook = existing ?? created(given, newSecret(), Date.now());
    if (!existing) this.#save(webhook);
    if ((await this.#announcing.done()) === "full") return { outcome: "full" };
    const { secret } = webhook;
    return { outcome: "created", webhook: this.#shown(webhook), secret };
  }

  async update(change: WebhookChange): Promise<ShownWebhook | null> {
    const webhook = this.#store.load();
    if (!webhook) return null;
    const now = Date.now();
    const next = changed(webhook, change, now);
    if (next.disabled) this.#queue.buryAll("disabled", now);
    this.#save(next);
    await this.#announcing.done();
    return this.get();
  }

  /** A new secret; the one before stays valid for so long. */
  rotate(overlapMs: number): WebhookWithSecret | null {
    const webhook = this.#store.load();
    if (!webhook) return null;
    const next = rotated(webhook, newSecret(), Date.now() + overlapMs);
    this.#store.save(next);
    return { webhook: this.#shown(next), secret: next.secret };
  }

  /** With everything that waits. @returns whether it was there */
  async remove(): Promise<boolean> {
    if (!this.#store.load()) return false;
    this.#store.forget();
    this.#arm();
    await this.#announcing.done();
    return true;
  }

  /** An event that must arrive: durable when this has answered. The same one comes in once. */
  enqueue(event: PromiseEvent): void {
    const webhook = this.#store.load();
    // Who asks has not heard yet that it was removed.
    if (!webhook) return;
    const now = Date.now();
    const origin = this.#originOf(webhook);
    const made = eventOf(event, origin);
    if (this.#log.hasDelivered(made.id)) return;
    const { format } = webhook;
    if (!this.#queue.add(made, bodyOf(made, format, origin), format, now)) return;
    if (webhook.disabled) this.#queue.buryAll("disabled", now);
    this.#arm();
    this.#sending.more();
  }

  /** Sends an event now, and says what came of it. A disabled endpoint may be tested too. */
  async sendTest(): Promise<TestedWebhook> {
    const webhook = this.#store.load();
    if (!webhook) return { outcome: "absent" };
    if (this.#testing >= AT_ONCE) return { outcome: "busy" };
    const { id, format } = webhook;
    const event = testEvent(crypto.randomUUID(), id, Date.now());
    const { type } = event;
    const delivery = { event: event.id, format };
    this.#testing += 1;
    try {
      const text = bodyOf(event, format, this.#originOf(webhook));
      const { outcome, ...sent } = await this.#send(webhook, delivery, text);
      const named = { event: event.id, type, subject: null, attempt: 1 };
      const attempt = { ...named, ...resultOf(outcome), ...sent };
      if (this.#store.load()) this.#log.add(attempt);
      return { outcome: "done", delivered: isTaken(outcome), attempt };
    } finally {
      this.#testing -= 1;
    }
  }

  /** The last attempts, the latest first. */
  deliveries(): LoggedAttempt[] | null {
    return this.#store.load() && this.#log.all;
  }

  /** What was given up, the oldest first. */
  deadLetters(after: number, most: number): DeadLetter[] | null {
    return this.#store.load() && this.#queue.deadLetters(after, most);
  }

  /**
   * Sends again from the beginning: this event, or every dead letter.
   *
   * @returns how many; `null` without an endpoint
   */
  redeliver(event?: string): number | null {
    const webhook = this.#store.load();
    if (!webhook) return null;
    const count = this.#queue.revive(event, Date.now());
    if (webhook.disabled) this.#queue.buryAll("disabled", Date.now());
    this.#arm();
    this.#sending.more();
    return count;
  }

  /** Right when early (nothing is due, it arms again), late, and twice. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    let earliest = 0;
    try {
      await Promise.all([this.#announcing.done(), this.#sending.run()]);
    } catch (error) {
      // Not by throwing: the runtime gives an alarm up after six tries.
      logFailure("a webhook's alarm failed", error, { webhook: this.ctx.id.name });
      earliest = Date.now() + AGAIN_MS;
    }
    this.#arm(earliest);
  }

  async #send(
    webhook: Webhook,
    { event, format }: Pick<Delivery, "event" | "format">,
    body: string,
  ): Promise<Attempt> {
    const now = Date.now();
    const secrets = validSecrets(webhook, now);
    const signed = await signWebhook({ id: event, timestamp: now, body, secrets });
    const headers = {
      "content-type": mediaTypeOf(format),
      "user-agent": "durable-promises",
      ...signed,
    };
    const loopback = readConfig(this.env).callsLoopback;
    return sendWebhook({ url: webhook.url, headers, body }, { loopback });
  }

  /** Of what waits, nothing is to be sent to an endpoint that is no more. */
  #switchOff(): void {
    const webhook = this.#store.load();
    if (!webhook) return;
    this.#queue.buryAll("disabled", Date.now());
    this.#save(gone(webhook, Date.now()));
    this.ctx.waitUntil(this.#announcing.done());
  }

  #save(webhook: Webhook): void {
    this.#store.save(webhook);
    this.#arm();
  }

  #originOf({ origin }: Webhook): string {
    return readConfig(this.env).publicUrl ?? origin;
  }

  #shown(webhook: Webhook): ShownWebhook {
    const { secret: _, previous, revision: __, origin: ___, ...shown } = webhook;
    const { waiting, dead } = this.#queue.tally;
    const until = previous && previous.until > Date.now() && { previousUntil: previous.until };
    return { ...shown, ...until, waiting, dead };
  }

  /** The registry knows that it is gone: nothing is left. */
  #empty(): void {
    void this.ctx.storage.deleteAll();
    this.#queue.forget();
    this.#log.forget();
    this.#alarmAt = null;
  }

  /** An alarm that is set already and comes earlier will arm the next one itself. */
  #arm(earliest = 0): void {
    const now = Date.now();
    const sendAt = this.#store.load() ? this.#queue.nextAt : null;
    const due = Math.min(sendAt ?? Infinity, this.#announcing.owed ? now + AGAIN_MS : Infinity);
    if (due === Infinity) return;
    const at = Math.min(Math.max(due, earliest), now + AHEAD_MS_MAX);
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    void this.ctx.storage.setAlarm(at);
  }
}
