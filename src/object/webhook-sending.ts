/**
 * Sends what is due at an endpoint, six at a time, and writes down what came of each. It decides
 * nothing: machine/delivery.ts says when to try again. At least once: a crash between the sending and
 * the writing sends the same event again, under the same id.
 *
 * What has failed before has half of the lines, however much of it there is: a receiver that hangs on
 * the old does not keep the new from being sent, nor the other way round.
 */
import { logFailure } from "../log.ts";
import { fateOf, type Failure, type Outcome } from "../machine/delivery.ts";
import type { Webhook } from "../machine/webhook.ts";
import type { WebhookLog } from "./webhook-log.ts";
import type { Attempt } from "./webhook-send.ts";
import type { Delivery, WebhookQueue } from "./webhook-queue.ts";

/** As many connections as one request may have open on Cloudflare. */
export const AT_ONCE = 6;
const RETRIES_AT_ONCE = 3;
/** An alarm may take 15 minutes; what is left then has the next one. */
const RUN_MS_MAX = 60_000;

export interface Endpoint {
  /** As it is now; `null` when it was removed. */
  current(): Webhook | null;
  send(webhook: Webhook, delivery: Delivery, text: string): Promise<Attempt>;
  /** It has answered that it is no more. */
  gone(): void;
}

export class WebhookSending {
  #queue: WebhookQueue;
  #log: WebhookLog;
  #endpoint: Endpoint;
  /** By number. */
  #underWay = new Map<number, { retries: boolean; over: Promise<void> }>();
  #running: Promise<void> | undefined;
  #endAt = 0;

  constructor(queue: WebhookQueue, log: WebhookLog, endpoint: Endpoint) {
    this.#queue = queue;
    this.#log = log;
    this.#endpoint = endpoint;
  }

  /** Over when nothing is due any more, or after a minute. What comes meanwhile is sent with it. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Something new is due: if it runs, it need not wait for the next alarm. */
  more(): void {
    if (this.#running) this.#fill();
  }

  async #run(): Promise<void> {
    this.#endAt = Date.now() + RUN_MS_MAX;
    this.#fill();
    while (this.#underWay.size > 0) {
      await Promise.all(Array.from(this.#underWay.values(), ({ over }) => over));
    }
  }

  #fill(): void {
    const webhook = this.#endpoint.current();
    if (!webhook || webhook.disabled || Date.now() >= this.#endAt) return;
    while (this.#underWay.size < AT_ONCE) {
      const delivery = this.#next();
      if (!delivery) return;
      const { number, attempts } = delivery;
      const over = this.#send(webhook, delivery).finally(() => {
        this.#underWay.delete(number);
        this.#fill();
      });
      this.#underWay.set(number, { retries: attempts > 0, over });
    }
  }

  /** The first that is due; while half of the lines have retries, the first that is new. */
  #next(): Delivery | undefined {
    const lines = [...this.#underWay.values()];
    const besides = [...this.#underWay.keys()];
    const freshOnly = lines.filter(({ retries }) => retries).length >= RETRIES_AT_ONCE;
    return this.#queue.due(Date.now(), besides, freshOnly);
  }

  async #send(webhook: Webhook, delivery: Delivery): Promise<void> {
    try {
      const text = this.#queue.textOf(delivery.number);
      this.#settle(webhook, delivery, await this.#endpoint.send(webhook, delivery, text));
    } catch (error) {
      // A bug of ours must not be met again at once.
      logFailure("an event could not be sent", error, { webhook: webhook.id });
      const { number, attempts, firstAt } = delivery;
      this.#queue.retry(number, attempts, firstAt ?? Date.now(), Date.now() + RUN_MS_MAX);
    }
  }

  #settle({ retryMs }: Webhook, delivery: Delivery, { outcome, at, ms, answer }: Attempt): void {
    const { number, event, type, subject } = delivery;
    // It was removed meanwhile, and everything with it.
    if (!this.#endpoint.current()) return;
    const now = Date.now();
    const attempts = delivery.attempts + 1;
    const firstAt = delivery.firstAt ?? at;
    const fate = fateOf({ attempts, firstAt }, outcome, retryMs, now, Math.random());
    const result = resultOf(outcome);
    this.#log.add({ event, type, subject, attempt: attempts, at, ms, ...result, answer });
    if (fate.kind === "done") this.#queue.remove(number);
    else if (fate.kind === "retry") this.#queue.retry(number, attempts, firstAt, fate.at);
    else this.#queue.bury(number, result.failure ?? String(result.status), now, attempts);
    if (fate.kind === "dead" && fate.gone) this.#endpoint.gone();
  }
}

/** An outcome as it is shown: a status, or why there is none. */
export function resultOf(outcome: Outcome): { status: number | null; failure: Failure | null } {
  return outcome.kind === "answered"
    ? { status: outcome.status, failure: null }
    : { status: null, failure: outcome.failure };
}
