/**
 * An endpoint as a value: what it is told, where, in which form, and with which secrets. How it is
 * made, changed, given a new secret and switched off. Secrets are drawn by who calls.
 *
 * It refuses to know what is on its way to it.
 */
import type { WebhookEventType, WebhookFormat } from "../../client/src/protocol.ts";
import type { WebhookFilter } from "./webhook-filter.ts";

/** What its owner says of it. */
export interface WebhookTerms {
  url: string;
  events: WebhookEventType[];
  filter: WebhookFilter;
  format: WebhookFormat;
  /** The waits between attempts; see delivery.ts. */
  retryMs: readonly number[];
  description: string;
}

export interface Webhook extends WebhookTerms {
  id: string;
  /** Where it was registered: the addresses in events are below it, unless the deployment has one. */
  origin: string;
  createdAt: number;
  /** Nothing is sent: because its owner said so, or the endpoint answered 410. */
  disabled?: { at: number; why: "asked" | "gone" };
  secret: string;
  /** The one before, while it is valid. */
  previous?: { secret: string; until: number };
  /** Raised by every change that promises must hear of. */
  revision: number;
}

export interface NewWebhook extends WebhookTerms {
  id: string;
  origin: string;
  disabled: boolean;
}

export type WebhookChange = { [Key in keyof WebhookTerms]?: WebhookTerms[Key] | undefined } & {
  disabled?: boolean | undefined;
};

export function created(given: NewWebhook, secret: string, now: number): Webhook {
  const { disabled, ...terms } = given;
  const off = disabled && { disabled: { at: now, why: "asked" as const } };
  return { ...terms, createdAt: now, secret, revision: 1, ...off };
}

export function changed(webhook: Webhook, change: WebhookChange, now: number): Webhook {
  const { disabled = webhook.disabled !== undefined, ...terms } = change;
  const given = Object.fromEntries(
    Object.entries(terms).filter(([, value]) => value !== undefined),
  );
  const { disabled: off, ...rest } = webhook;
  return {
    ...rest,
    ...given,
    revision: webhook.revision + 1,
    ...(disabled && { disabled: off ?? { at: now, why: "asked" } }),
  };
}

/** It has answered that it is no more. */
export function gone(webhook: Webhook, now: number): Webhook {
  const disabled = webhook.disabled ?? { at: now, why: "gone" as const };
  return { ...webhook, disabled, revision: webhook.revision + 1 };
}

/** Of three secrets the oldest is no longer valid, however long it was to be. */
export function rotated(webhook: Webhook, secret: string, until: number): Webhook {
  return { ...webhook, secret, previous: { secret: webhook.secret, until } };
}

/** The newest first. */
export function validSecrets({ secret, previous }: Webhook, now: number): string[] {
  return previous && now < previous.until ? [secret, previous.secret] : [secret];
}
