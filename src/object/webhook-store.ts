/**
 * What an endpoint's object keeps under keys: its configuration, secrets and all, and how much of it
 * the registry has heard of.
 */
import type { Webhook } from "../machine/webhook.ts";

const KEY = "webhook";
const HEARD_KEY = "heard";

export class WebhookStore {
  #kv: SyncKvStorage;

  constructor({ kv }: DurableObjectStorage) {
    this.#kv = kv;
  }

  load(): Webhook | null {
    return this.#kv.get<Webhook>(KEY) ?? null;
  }

  save(webhook: Webhook): void {
    this.#kv.put(KEY, webhook);
  }

  /** The last revision that the registry has heard of; 0 for none. */
  get heard(): number {
    return this.#kv.get<number>(HEARD_KEY) ?? 0;
  }

  set heard(revision: number) {
    this.#kv.put(HEARD_KEY, revision);
  }

  /** There is no endpoint any more. The registry may have heard of it, and is to hear of that. */
  forget(): void {
    this.#kv.delete(KEY);
    this.heard = Math.max(this.heard, 1);
  }
}
