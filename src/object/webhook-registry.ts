/**
 * All endpoints of webhooks: one Durable Object that knows who wants to hear of what, so that a
 * promise need not ask them one by one. It knows no URL and no secret; those are with the endpoints.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";
import type { Subscription } from "../machine/webhook-filter.ts";
import { hear, type Snapshot } from "./webhook-filters.ts";

const KEY = "registry";

const TABLE = `
  CREATE TABLE endpoint (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, active INTEGER NOT NULL, subscription TEXT NOT NULL
  ) WITHOUT ROWID`;

/** An endpoint as it announces itself. */
export interface Announcement {
  subscription: Subscription;
  /** The newer one wins. */
  revision: number;
  /** It is to be told. */
  active: boolean;
}

/** Ids in order, and where to go on. */
export interface EndpointPage {
  ids: string[];
  cursor?: string;
}

export class WebhookRegistryObject extends DurableObject<Env> {
  #last: Snapshot | undefined;

  /** Idempotent. `full`: there are as many as may be, and this is none of them. */
  register({ subscription, revision, active }: Announcement): "done" | "full" {
    const { sql } = this.ctx.storage;
    this.#makeTable();
    const [known] = sql.exec<{ revision: number }>(
      "SELECT revision FROM endpoint WHERE id = ?",
      subscription.id,
    );
    if (known && known.revision >= revision) return "done";
    const { count } = sql.exec<{ count: number }>("SELECT COUNT(*) AS count FROM endpoint").one();
    if (!known && count >= LIMITS.webhooksMax) return "full";
    sql.exec(
      "INSERT OR REPLACE INTO endpoint (id, revision, active, subscription) VALUES (?, ?, ?, ?)",
      subscription.id,
      revision,
      active ? 1 : 0,
      JSON.stringify(subscription),
    );
    this.#changed();
    return "done";
  }

  unregister(id: string): void {
    if (this.#version === undefined) return;
    this.ctx.storage.sql.exec("DELETE FROM endpoint WHERE id = ?", id);
    this.#changed();
  }

  /** All of them, in the order of their ids. */
  list(after: string, limit: number): EndpointPage {
    if (this.#version === undefined) return { ids: [] };
    const rows = this.ctx.storage.sql.exec<{ id: string }>(
      "SELECT id FROM endpoint WHERE id > ? ORDER BY id LIMIT ?",
      after,
      limit + 1,
    );
    const found = Array.from(rows, ({ id }) => id);
    const ids = found.slice(0, limit);
    const cursor = found.length > limit ? ids.at(-1) : undefined;
    return { ids, ...(cursor !== undefined && { cursor }) };
  }

  /** Those that are to be told; `null` for who knows this version. A look writes nothing. */
  snapshot(known?: number): Snapshot | null {
    const version = this.#version ?? 0;
    return known === version ? null : this.#snapshot(version);
  }

  #snapshot(version: number): Snapshot {
    if (this.#last?.version === version) return this.#last;
    const rows =
      version === 0
        ? []
        : this.ctx.storage.sql.exec<{ subscription: string }>(
            "SELECT subscription FROM endpoint WHERE active = 1 ORDER BY id",
          );
    // SAFETY: written by `register`, from the type.
    const endpoints = Array.from(rows, (row) => JSON.parse(row.subscription) as Subscription);
    this.#last = { version, endpoints };
    return this.#last;
  }

  /** Promises of this isolate hear of it now; should a crash take it back, they ask in 5 s anyway. */
  #changed(): void {
    const version = Math.max((this.#version ?? 0) + 1, Date.now());
    this.ctx.storage.kv.put(KEY, version);
    hear(this.#snapshot(version), Date.now());
  }

  /** Of the last change; `undefined` before the first, when there is no table. */
  get #version(): number | undefined {
    return this.ctx.storage.kv.get<number>(KEY);
  }

  #makeTable(): void {
    if (this.#version === undefined) this.ctx.storage.sql.exec(TABLE);
  }
}
