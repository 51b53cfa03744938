/**
 * Links: `POST /links` makes one, `GET /links?promise=` lists those of a promise, `DELETE /links/:id`
 * revokes one. A link's id says which promise it belongs to, so that it is found without an index; its
 * URL is answered once, when it is made, and is a secret.
 */
import * as v from "valibot";
import { LIMITS } from "../../client/src/protocol.ts";
import { readConfig } from "../env.ts";
import { standingOf, type Allowed, type Link, type LinkStanding } from "../machine/link.ts";
import { payloadText } from "../machine/resource.ts";
import { noteAct } from "./acts.ts";
import { byOf } from "./by.ts";
import { callOf, type C } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { checkFits } from "./form-check.ts";
import { readJson } from "./json.ts";
import { encode, signLink } from "./link-token.ts";
import { pathOf, queryOf, refuseQuery, validate } from "./parse.ts";
import { permit } from "./permission.ts";
import { originOf } from "./promises.ts";
import { duration, fields, machineState, payload, promiseId, writableState } from "./schemas.ts";
import { durationOf, payloadOf } from "./values.ts";

const PREFIX = "/links/";
const EXPIRES_IN = "7d";

const text = (max: number) => v.pipe(v.string("must be a string"), v.maxLength(max));
const pointer = v.pipe(
  text(500),
  v.regex(/^(?:\/(?:[^~/]|~[01])*)*$/, 'must be a JSON pointer, like "/status"'),
);

export const linkBody = fields({
  promise: promiseId,
  allow: v.optional(v.picklist(["choose", "fixed", "await", "callback"]), "choose"),
  outcome: v.optional(fields({ state: writableState, value: v.optional(payload, {}) })),
  expiresIn: v.optional(duration, EXPIRES_IN),
  uses: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000)), 1),
  audience: v.optional(text(LIMITS.linkAudienceCharactersMax)),
  note: v.optional(text(LIMITS.linkNoteCharactersMax)),
  mapping: v.optional(
    fields({
      outcome: v.optional(pointer),
      rejected: v.optional(v.pipe(v.array(text(200)), v.maxLength(100))),
      value: v.optional(pointer),
    }),
  ),
  verifier: v.optional(
    fields({
      scheme: v.picklist(["standard-webhooks", "github", "stripe", "slack", "hmac"]),
      secrets: v.pipe(v.array(v.pipe(text(500), v.nonEmpty())), v.minLength(1), v.maxLength(5)),
      header: v.optional(v.pipe(text(100), v.regex(/^[\w-]+$/, "must be the name of a header"))),
      prefix: v.optional(text(100)),
      encoding: v.optional(v.picklist(["hex", "base64"])),
    }),
  ),
});
type LinkBody = v.InferOutput<typeof linkBody>;

/** `POST /links` */
export async function createLink(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const { linkKeys } = readConfig(c.env);
  if (linkKeys.length === 0) {
    throw new Refusal("not_configured", "This deployment has no LINK_KEYS, so it makes no links");
  }
  const { text: bodyText, value } = await readJson(c.req.raw);
  const body = validate(linkBody, value, "");
  await permit(callOf(c), "settle", body.promise, "no promise");
  const { who } = byOf(c.get("principal"), "link");
  const link = {
    ...linkOf(body, bodyText, Date.now()),
    ...(who !== undefined && { createdBy: who }),
  };
  await checkFixed(c, body.promise, link);
  await noteAct(c.req.raw, c.env, "link.create", link.id);
  const made = await c.env.PROMISES.getByName(body.promise).createLink(link);
  if (made === "absent") {
    throw new Refusal("not_found", `There is no promise "${body.promise}"`, { field: "promise" });
  }
  if (made === "full") {
    throw new Refusal("too_many_links", `A promise may have ${LIMITS.linksMax} links`);
  }
  const use = link.allowed.kind === "callback" ? "callback" : "page";
  const claims = {
    promiseId: body.promise,
    linkId: link.id,
    expiresAt: link.expiresAt,
    use,
  } as const;
  const path = use === "callback" ? "/c/" : "/l/";
  const url =
    originOf({ request: c.req.raw, env: c.env }) + path + (await signLink(claims, linkKeys));
  return json(201, `${linkText(link, body.promise).slice(0, -1)},"url":${JSON.stringify(url)}}`);
}

/** `GET /links?promise=…` */
export async function listLinks(c: C): Promise<Response> {
  const query = queryOf(c.req.url, ["promise"]);
  const promise = validate(promiseId, query.get("promise") ?? undefined, "promise");
  await permit(callOf(c), "settle", promise, "no promise");
  const links = await c.env.PROMISES.getByName(promise).links();
  return json(200, `{"links":[${links.map((link) => linkText(link, promise)).join(",")}]}`);
}

/** `DELETE /links/:id`: at once, and for good. */
export async function revokeLink(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const id = pathOf(c.req.url).slice(PREFIX.length);
  const promise = promiseOfLink(id);
  if (promise === undefined) throw refusalOfLink("unknown");
  await permit(callOf(c), "settle", promise, "no promise");
  await noteAct(c.req.raw, c.env, "link.revoke", id);
  const revoked = await c.env.PROMISES.getByName(promise).revokeLink(id);
  if (!revoked) throw refusalOfLink("unknown");
  return new Response(null, { status: 204 });
}

/** Which promise a link's id belongs to; `undefined` for what is no id of a link. */
export function promiseOfLink(id: string): string | undefined {
  const [, promise] = /^lnk_([\w-]+)\.[\w-]+$/.exec(id) ?? [];
  if (promise === undefined) return undefined;
  try {
    const binary = atob(promise.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
    return v.is(promiseId, decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}

export function refusalOfLink(standing: Exclude<LinkStanding, "good">): Refusal {
  return new Refusal("link_not_found", LINK_WORDS[standing]);
}

const LINK_WORDS: Record<Exclude<LinkStanding, "good">, string> = {
  unknown: "This link is not valid",
  revoked: "This link was revoked",
  expired: "This link has expired",
  used: "This link has been used",
};

function linkOf(body: LinkBody, bodyText: string, now: number): Link {
  const { promise, uses, audience, note } = body;
  const random = encode(crypto.getRandomValues(new Uint8Array(12)));
  return {
    id: `lnk_${encode(new TextEncoder().encode(promise))}.${random}`,
    allowed: allowedOf(body, bodyText),
    createdAt: now,
    expiresAt: now + durationOf(body.expiresIn, "expiresIn", now),
    usesMax: uses,
    uses: 0,
    ...(audience !== undefined && { audience }),
    ...(note !== undefined && { note }),
  };
}

function allowedOf({ allow, outcome, mapping, verifier }: LinkBody, bodyText: string): Allowed {
  if (allow !== "fixed" && outcome) throw invalid("outcome", 'outcome goes with allow: "fixed"');
  if (allow !== "callback" && (mapping ?? verifier)) {
    const field = mapping ? "mapping" : "verifier";
    throw invalid(field, `${field} goes with allow: "callback"`);
  }
  switch (allow) {
    case "choose":
    case "await":
      return { kind: allow };
    case "fixed": {
      if (!outcome) throw invalid("outcome", "outcome is missing");
      const value = payloadOf(outcome.value, bodyText, "outcome", "value");
      return { kind: allow, state: machineState(outcome.state), value };
    }
    case "callback":
      if (verifier?.scheme === "standard-webhooks") checkSecrets(verifier.secrets);
      return {
        kind: allow,
        ...(mapping && { mapping: defined(mapping) }),
        ...(verifier && { verifier: defined(verifier) }),
      };
    default:
      return allow satisfies never;
  }
}

/** A secret that is none would refuse every sender, and nobody would know why. */
function checkSecrets(secrets: string[]): void {
  const isGood = /^(?:whsec_)?(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  const bad = secrets.findIndex((secret) => !isGood.test(secret));
  if (bad === -1) return;
  throw invalid(`verifier.secrets.${bad}`, `verifier.secrets.${bad} must be whsec_ and base64`);
}

/** Without the fields that were left out. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  // SAFETY: the entries of the value itself, but those that are undefined.
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** What a link decides must fit as what a person decides. @throws Refusal 422 */
async function checkFixed(c: C, promise: string, { allowed }: Link): Promise<void> {
  if (allowed.kind !== "fixed" || allowed.state !== "resolved") return;
  const record = await c.env.PROMISES.getByName(promise).get();
  if (record) checkFits(record, allowed.value.data);
}

/** What its owner sees: never the URL, nor the secrets of a sender. */
function linkText(link: Link, promise: string): string {
  const { allowed, createdAt, expiresAt, revokedAt, usesMax, ...rest } = link;
  const shown = {
    ...rest,
    promise,
    allow: allowed.kind,
    ...(allowed.kind === "callback" && {
      ...(allowed.mapping && { mapping: allowed.mapping }),
      ...(allowed.verifier && { verifier: { scheme: allowed.verifier.scheme } }),
    }),
    usesMax,
    standing: standingOf(link, Date.now()),
    createdOn: createdAt,
    expiresOn: expiresAt,
    ...(revokedAt !== undefined && { revokedOn: revokedAt }),
  };
  if (allowed.kind !== "fixed") return JSON.stringify(shown);
  const outcome = `{"state":"${allowed.state.toUpperCase()}","value":${payloadText(allowed.value)}}`;
  return `${JSON.stringify(shown).slice(0, -1)},"outcome":${outcome}}`;
}

function json(status: 200 | 201, body: string): Response {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return new Response(body, { status, headers });
}
