/**
 * Links: capabilities for one promise that can be handed to somebody who has no key. A person opens
 * one and decides on its page; another system is given one as its webhook target. Looking at a link
 * changes nothing, however often and whoever looks.
 */
import { answerOf, jsonOf } from "./calls.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { checkId } from "./id.ts";
import type { CallOptions, Target } from "./options.ts";
import type { Payload, WritableState } from "./protocol.ts";
import { send } from "./send.ts";

/**
 * - `choose`: a person decides, by the promise's form. `fixed`: one click, one outcome.
 * - `await`: to look and to wait. `callback`: what another system posts becomes the outcome.
 */
export type LinkAllow = "choose" | "fixed" | "await" | "callback";

/** Where in what a sender posts the answer is: JSON pointers (RFC 6901). */
export interface LinkMapping {
  /** The field that says how it ends. @default everything that comes resolves the promise */
  outcome?: string;
  /** Its values that reject the promise; every other one resolves it. */
  rejected?: string[];
  /** The field that becomes the value. @default the whole body */
  value?: string;
}

export type LinkScheme = "standard-webhooks" | "github" | "stripe" | "slack" | "hmac";

/** How the sender signs: what is not signed so is refused, with a 401. */
export interface LinkVerifier {
  scheme: LinkScheme;
  /** Newer and older: either is good. */
  secrets: string[];
  /** Of `hmac`: the header of the signature. @default "x-signature" */
  header?: string;
  /** Of `hmac`: what comes before the signature there. @default "" */
  prefix?: string;
  /** Of `hmac`. @default "hex" */
  encoding?: "hex" | "base64";
}

export interface LinkOptions extends CallOptions {
  /** @default "choose" */
  allow?: LinkAllow;
  /** Of `fixed`, and only there: what the click does. */
  outcome?: { state: WritableState; value?: Payload<unknown> };
  /** @default "7d" */
  expiresIn?: Duration;
  /** How many decisions it is good for. Looking is none. @default 1 */
  uses?: number;
  /** For whom; recorded with the decision, and the name of the vote. @example "ada@example.com" */
  audience?: string;
  /** Shown on the page. */
  note?: string;
  /** Of `callback`, and only there. */
  mapping?: LinkMapping;
  /** Of `callback`, and only there. @default whoever has the URL may post */
  verifier?: LinkVerifier;
}

/** A link as it stands: never its URL, nor the secrets of a sender. */
export interface Link {
  id: string;
  /** The promise's id. */
  promise: string;
  allow: LinkAllow;
  outcome?: { state: WritableState; value: Payload };
  standing: "good" | "revoked" | "expired" | "used";
  createdOn: number;
  /** The name of the key or token that made it. */
  createdBy?: string;
  expiresOn: number;
  revokedOn?: number;
  uses: number;
  usesMax: number;
  audience?: string;
  note?: string;
  mapping?: LinkMapping;
  verifier?: { scheme: LinkScheme };
}

/** The links of promises: `promises.links`. */
export class Links {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /**
   * Makes a link. Its `url` is a secret, and is answered here only.
   *
   * @throws NotFoundError if nobody has created the promise.
   * @throws ApiError with code `invalid_request`, `too_many_links`, or `not_configured` where the
   *   deployment has no keys for links.
   * @example
   * const { url } = await promises.links.create("orders/42/approval", { audience: "ada@example.com" });
   */
  async create(promiseId: string, options: LinkOptions = {}): Promise<Link & { url: string }> {
    const { signal: _, timeout: __, expiresIn, ...rest } = options;
    const asked = {
      promise: checkId(promiseId),
      ...rest,
      ...(expiresIn !== undefined && {
        expiresIn: parseDuration(expiresIn, "expiresIn", Date.now()),
      }),
    };
    const body = jsonOf(asked, "outcome", rest.outcome?.value?.data);
    // May be repeated: the URL of one whose answer was lost is known to nobody.
    const verdict = await send(this.#target, { method: "POST", path: "/links", body }, options);
    return answerOf<Link & { url: string }>(verdict, "a link", "id", "url");
  }

  /** All links of a promise, those that are used, expired or revoked too. */
  async list(promiseId: string, options: CallOptions = {}): Promise<Link[]> {
    const path = `/links?promise=${encodeURIComponent(checkId(promiseId))}`;
    const verdict = await send(this.#target, { method: "GET", path }, options);
    return answerOf<{ links: Link[] }>(verdict, "links", "links").links;
  }

  /**
   * Ends a link, at once and for good. Others to the same promise stay. May be repeated.
   *
   * @param id the link's, not its URL
   * @throws ApiError with code `link_not_found`.
   */
  async revoke(id: string, options: CallOptions = {}): Promise<void> {
    const path = `/links/${encodeURIComponent(id)}`;
    await send(this.#target, { method: "DELETE", path }, options);
  }
}
