/**
 * Who wants to hear of a promise, answered within a turn: what the registry said, kept once for all
 * objects of an isolate. Where nobody listens it costs a look at the clock.
 *
 * An answer is at most five seconds old: a new endpoint is heard of everywhere within that, and at once
 * where the registry is in the same isolate, as it is on a local server. Only values are kept here: a
 * promise that one object awaits would hang in another when the first one is evicted.
 */
import type { WebhookEventType } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";
import { logFailure } from "../log.ts";
import { matches, REGISTRY, type Filtered, type Subscription } from "../machine/webhook-filter.ts";

/** What the registry knows: of enabled endpoints only. */
export interface Snapshot {
  /** Another one with every change. */
  version: number;
  endpoints: Subscription[];
}

/** Older than this it is not used. */
const STALE_MS = 5000;
/** Older than this it is asked for again, beside the work: who is busy never waits for it. */
const REFRESH_MS = 2500;
const ASK_AGAIN_MS = 1000;

const NOBODY: readonly string[] = [];

interface Heard {
  version: number;
  at: number;
  /** Those that name one promise: however many there are, they cost the others nothing. */
  byPromise: Map<string, Subscription[]>;
  others: Subscription[];
}

let heard: Heard | undefined;
let askedAt = -Infinity;

/**
 * To be awaited, where it is something, before {@link matching} is asked.
 *
 * @throws what the registry throws, when it never answered this isolate; later its last answer serves
 */
export function ready(env: Env): Promise<void> | undefined {
  const now = Date.now();
  // A clock that was set back makes no answer young.
  const age = heard ? Math.abs(now - heard.at) : Infinity;
  if (age < REFRESH_MS) return undefined;
  if (age >= STALE_MS) return ask(env);
  if (Math.abs(now - askedAt) >= ASK_AGAIN_MS) void ask(env);
  return undefined;
}

/** The ids of the endpoints that want this event of this promise. */
export function matching(promise: Filtered, event: WebhookEventType): readonly string[] {
  if (!heard) throw new Error("whom to tell is not known before the registry has answered");
  const named = heard.byPromise.get(promise.id);
  if (!named && heard.others.length === 0) return NOBODY;
  return [...(named ?? []), ...heard.others]
    .filter(({ events, filter }) => matches(filter, promise) && events.includes(event))
    .map(({ id }) => id);
}

/** Said by the registry; `at` is when it was certainly not said yet. */
export function hear({ version, endpoints }: Snapshot, at: number): void {
  const byPromise = new Map<string, Subscription[]>();
  const others: Subscription[] = [];
  for (const endpoint of endpoints) {
    const { promise } = endpoint.filter;
    if (promise === undefined) others.push(endpoint);
    else byPromise.set(promise, [...(byPromise.get(promise) ?? []), endpoint]);
  }
  heard = { version, at, byPromise, others };
}

/** As in an isolate that has just begun. For tests. */
export function forget(): void {
  heard = undefined;
  askedAt = -Infinity;
}

async function ask(env: Env): Promise<void> {
  const at = Date.now();
  askedAt = at;
  try {
    const snapshot = await env.WEBHOOK_REGISTRY.getByName(REGISTRY).snapshot(heard?.version);
    if (snapshot) hear(snapshot, at);
    else if (heard) heard.at = at;
  } catch (error) {
    if (!heard) throw error;
    logFailure("the filters of webhooks could not be had", error);
  }
}
