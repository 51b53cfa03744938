/**
 * Which promises an endpoint wants to hear of. A filter names one promise, or says how ids begin and
 * which tags there are, all of which must hold; one that says nothing wants all.
 */
import type { WebhookEventType } from "../../client/src/protocol.ts";

/** The name of the one object that knows all endpoints. */
export const REGISTRY = "registry";

export interface WebhookFilter {
  /** This one only. */
  promise?: string | undefined;
  /** How the id begins. */
  prefix?: string | undefined;
  /** It has at least these. */
  tags?: Record<string, string> | undefined;
}

/** An endpoint as far as a promise must know it. */
export interface Subscription {
  id: string;
  events: readonly WebhookEventType[];
  filter: WebhookFilter;
}

/** What of a promise a filter asks for. */
export interface Filtered {
  id: string;
  tags: Record<string, string>;
}

export function matches({ promise, prefix, tags }: WebhookFilter, { id, ...has }: Filtered) {
  return (
    (promise === undefined || promise === id) &&
    (prefix === undefined || id.startsWith(prefix)) &&
    (tags === undefined || Object.entries(tags).every(([key, value]) => has.tags[key] === value))
  );
}
