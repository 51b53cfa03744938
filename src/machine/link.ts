/**
 * A link: a capability for one promise that can be handed to somebody who has no key. What it allows,
 * until when, how often, and for whom; whether it is good at this instant.
 *
 * It refuses to know tokens and signatures (http/link-token.ts) and who presents it.
 */
import type { By, Payload, WritableState } from "./promise.ts";

/** Where in what a sender posts the answer is: JSON pointers (RFC 6901). */
export interface Mapping {
  /** The field that says how it ends; left out, everything that comes resolves the promise. */
  outcome?: string;
  /** Its values that reject the promise; every other one resolves it. */
  rejected?: string[];
  /** The field that becomes the value; left out, the whole body does. */
  value?: string;
}

/** How a sender signs what it posts. */
export interface Verifier {
  scheme: "standard-webhooks" | "github" | "stripe" | "slack" | "hmac";
  /** Newer and older: either is good. */
  secrets: string[];
  /** Of `hmac`: the header with the signature, what comes before it there, and how it is written. */
  header?: string;
  prefix?: string;
  encoding?: "hex" | "base64";
}

export type Allowed =
  /** A person decides, by the form that is stored with the promise. */
  | { kind: "choose" }
  /** One click, one outcome. */
  | { kind: "fixed"; state: WritableState; value: Payload }
  /** To look and to wait. */
  | { kind: "await" }
  /** What another system posts becomes the outcome. */
  | { kind: "callback"; mapping?: Mapping; verifier?: Verifier };

export interface Link {
  id: string;
  allowed: Allowed;
  createdAt: number;
  createdBy?: string;
  expiresAt: number;
  /** So many decisions it is good for. Looking is none. */
  usesMax: number;
  uses: number;
  /** For whom: recorded with the decision. */
  audience?: string;
  note?: string;
  revokedAt?: number;
}

export type LinkStanding = "good" | "unknown" | "revoked" | "expired" | "used";

export function standingOf(link: Link | undefined, now: number): LinkStanding {
  if (!link) return "unknown";
  if (link.revokedAt !== undefined) return "revoked";
  if (link.expiresAt <= now) return "expired";
  return link.uses >= link.usesMax ? "used" : "good";
}

/** Who decides with it, as the promise records it. */
export function byLink({ id, audience, allowed }: Link): By {
  const how = allowed.kind === "callback" ? "callback" : "link";
  return { how, link: id, ...(audience !== undefined && { who: audience }) };
}
