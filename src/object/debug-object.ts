/**
 * For test tools that drive the clock: which promises and schedules they have touched, so that a tick
 * reaches all of them, and what was sent meanwhile. One for a deployment; nothing is stored, because
 * such a tool begins with a reset. Without `DEBUG_SURFACE` it is never touched.
 */
import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";

export interface Touched {
  promises: string[];
  schedules: string[];
}

export interface Sent {
  address: string;
  /** JSON text. */
  message: string;
}

export class DebugObject extends DurableObject<Env> {
  #promises = new Set<string>();
  #schedules = new Set<string>();
  /** Keyed as an outbox is: the last `execute` of a task, one `unblock` for each listener. */
  #sent = new Map<string, Sent>();

  touch({ promises, schedules }: Touched): void {
    for (const id of promises) this.#promises.add(id);
    for (const id of schedules) this.#schedules.add(id);
  }

  touched(): Touched {
    return { promises: [...this.#promises], schedules: [...this.#schedules] };
  }

  send(key: string, sent: Sent): void {
    this.#sent.set(key, sent);
  }

  sent(): Sent[] {
    return [...this.#sent.values()];
  }

  clear(): void {
    this.#promises.clear();
    this.#schedules.clear();
    this.#sent.clear();
  }
}
