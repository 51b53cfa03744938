/**
 * How an endpoint tells the registry what it is, that it has changed, and that it is gone: again and
 * again, until that was heard. What is owed is to be seen in what is stored, so that a crash forgets
 * nothing.
 */
import type { Env } from "../env.ts";
import { logFailure } from "../log.ts";
import { REGISTRY } from "../machine/webhook-filter.ts";
import type { WebhookStore } from "./webhook-store.ts";

export class Announcing {
  #id: () => string;
  #env: Env;
  #store: WebhookStore;
  #empty: () => void;
  #telling: Promise<"heard" | "full"> | undefined;

  /** @param empty nobody is to know of it any more: its storage may go */
  constructor(env: Env, store: WebhookStore, id: () => string, empty: () => void) {
    this.#env = env;
    this.#store = store;
    this.#id = id;
    this.#empty = empty;
  }

  /** Something is still to be told. */
  get owed(): boolean {
    const { heard } = this.#store;
    const webhook = this.#store.load();
    return webhook ? webhook.revision !== heard : heard !== 0;
  }

  /**
   * When the registry has heard how it stands. What fails is owed still; `full` has no room for it, and
   * it is gone.
   */
  async done(): Promise<"heard" | "full" | "owed"> {
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = undefined;
    });
    try {
      return await this.#telling;
    } catch (error) {
      logFailure("the registry was not told of a webhook", error, { webhook: this.#id() });
      return "owed";
    }
  }

  async #tell(): Promise<"heard" | "full"> {
    const registry = this.#env.WEBHOOK_REGISTRY.getByName(REGISTRY);
    while (this.owed) {
      const webhook = this.#store.load();
      if (!webhook) {
        await registry.unregister(this.#id());
        // Nothing makes it anew: an id is drawn once.
        this.#empty();
        continue;
      }
      const { id, events, filter, revision, disabled } = webhook;
      const subscription = { id, events, filter };
      const heard = await registry.register({ subscription, revision, active: !disabled });
      if (heard === "full") {
        // Nobody was told that it was made.
        this.#empty();
        return "full";
      }
      if (this.#store.load()) this.#store.heard = revision;
    }
    return "heard";
  }
}
