/**
 * `/l/:token`, what a link opens. A GET shows, however often and whoever looks: mail scanners,
 * previews and prefetches change nothing. Only a POST decides, of the page's own form or of an API
 * caller; whoever comes second sees who decided what, and when.
 */
import * as v from "valibot";
import { ERRORS } from "../../client/src/protocol.ts";
import { readConfig } from "../env.ts";
import type { Link } from "../machine/link.ts";
import { isSettled, type Payload, type PromiseRecord } from "../machine/promise.ts";
import { shownVotes } from "../machine/quorum.ts";
import type { LinkUse, LinkView } from "../object/link-desk.ts";
import { livenessStream } from "./await.ts";
import type { C } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { checkFits, formOf } from "./form-check.ts";
import { guessed } from "./guesses.ts";
import { readBody, readJson } from "./json.ts";
import { decidedOf, excludedFrom, modelOf, type Shown, type Tried } from "./link-model.ts";
import { refusalOfLink } from "./links.ts";
import { verifyLink, type LinkClaims } from "./link-token.ts";
import { mediaTypeOf } from "./negotiate.ts";
import { approvalHeaders } from "./pages/approval-headers.ts";
import { approvalPage, linkGonePage } from "./pages/approval.tsx";
import { FORM_NAMES } from "./pages/approval-form.tsx";
import { readForm } from "./pages/form-data.ts";
import { languageOf } from "./pages/texts.ts";
import { pathOf, validate } from "./parse.ts";
import { originOf } from "./promises.ts";
import { receiptOf } from "./receipts.ts";
import { fields, machineState, payload, writableState } from "./schemas.ts";
import { payloadOf } from "./values.ts";

type Decision = { state: "resolved" | "rejected" | "rejected_canceled"; value: Payload };
/** Or one that is to be corrected before it can be taken. */
type FormDecision =
  | Decision
  | (Pick<Decision, "state"> & Pick<Required<Tried>, "values" | "errors" | "reason">);

/** What an API caller sends; with a link of one outcome nothing. */
const decisionBody = fields({
  state: v.optional(writableState),
  value: v.optional(payload, {}),
});

/** `GET /l/:token`: the page, its live events, or the same as JSON. */
export async function showLink(c: C): Promise<Response> {
  // Whoever mails a link may add parameters of his own: they mean nothing here.
  const wanted = mediaTypeOf(c.req.raw);
  const opened = await openLink(c);
  if ("refusal" in opened) return gone(c, opened.refusal);
  if (wanted === "text/event-stream") return live(c, opened.claims);
  if (wanted === "text/html") return page(c, opened.view, 200);
  return answer(c, opened.view, false);
}

/** `POST /l/:token` */
export async function decideByLink(c: C): Promise<Response> {
  const mediaType = c.req.header("content-type")?.toLowerCase() ?? "";
  const isForm = mediaType.startsWith("application/x-www-form-urlencoded");
  const opened = await openLink(c);
  if ("refusal" in opened) return gone(c, opened.refusal);
  if (!isForm) return answer(c, await used(c, opened, await decisionOf(c, opened.view)), true);
  return decideByForm(c, opened);
}

interface Opened {
  claims: LinkClaims;
  view: LinkView & { link: Link; record: PromiseRecord };
}

/** Why a link is not to be looked at: nobody's business. But who makes links up is told to stop. */
async function openLink(c: C): Promise<Opened | { refusal: Refusal }> {
  const claims = await verifyLink(tokenOf(c), "page", readConfig(c.env).linkKeys);
  const refusal = refusalOfLink("unknown");
  if (!claims) return { refusal: await guessed(c.req.raw, c.env, refusal) };
  if (claims.expiresAt <= Date.now()) return { refusal };
  const { link, record, standing } = await c.env.PROMISES.getByName(claims.promiseId).viewLink(
    claims.linkId,
  );
  if (!link || !record || standing === "revoked" || standing === "expired") {
    return { refusal };
  }
  return { claims, view: { link, record, standing } };
}

async function decideByForm(c: C, opened: Opened): Promise<Response> {
  const body = new URLSearchParams(new TextDecoder().decode(await readBody(c.req.raw)));
  // The address is a secret, and a form that does not know it is not ours.
  const isOurs = body.get(FORM_NAMES.csrf) === (await csrfOf(tokenOf(c)));
  if (!isOurs || c.req.header("sec-fetch-site") === "cross-site") {
    throw new Refusal("forbidden", "This form is not the page's own");
  }
  const outcome = body.get(FORM_NAMES.outcome);
  if (outcome !== "resolved" && outcome !== "rejected") {
    throw invalid(FORM_NAMES.outcome, "outcome must be resolved or rejected");
  }
  const decision = decisionOfForm(opened.view, body, outcome);
  const tried = await tryDecision(c, opened, decision);
  if (tried) return tried;
  // A reload must not decide again.
  const headers = { ...approvalHeaders(), location: pathOf(c.req.url) };
  return new Response(null, { status: 303, headers });
}

/** @returns the page that says why it was not taken; `undefined` when the link's own page says all */
async function tryDecision(
  c: C,
  opened: Opened,
  decision: FormDecision,
): Promise<Response | undefined> {
  const refused = refusalOfVote(opened.view, decision.state);
  if (refused) return refusedPage(c, opened.view, refused);
  if ("errors" in decision) {
    // To whom nothing is asked any more, mistakes are of no interest.
    const isOver = decidedOf(opened.view).decided !== undefined;
    return isOver ? undefined : page(c, opened.view, 422, decision);
  }
  const { link, record, outcome } = await used(c, opened, decision);
  if (!link || !record || outcome === "voted") return undefined;
  const late = refusalOfVote({ link, record }, decision.state);
  return late && refusedPage(c, { link, record }, late);
}

/** What was decided, or a form that is to be corrected. */
function decisionOfForm(
  { link: { allowed }, record }: Opened["view"],
  body: URLSearchParams,
  outcome: "resolved" | "rejected",
): FormDecision {
  if (allowed.kind === "fixed") return { state: allowed.state, value: allowed.value };
  const reason = body.get(FORM_NAMES.reason) ?? "";
  if (outcome === "rejected")
    return { state: outcome, value: reason ? { data: text(reason) } : {} };
  const { schema } = formOf(record);
  if (!schema) return { state: outcome, value: {} };
  const { value, faults, texts } = readForm(schema, body);
  if (faults.length > 0) return { state: outcome, values: texts, errors: faults, reason };
  return { state: outcome, value: value === undefined ? {} : { data: text(value) } };
}

async function decisionOf(c: C, { link, record }: Opened["view"]): Promise<Decision> {
  const { allowed } = link;
  // Nothing to say, nothing sent: no page elsewhere sends a form like that.
  if (allowed.kind === "fixed" && c.req.header("content-type") === undefined) {
    return { state: allowed.state, value: allowed.value };
  }
  // JSON only, also where nothing is asked: a page elsewhere cannot send it unasked.
  const { text: bodyText, value } = await readJson(c.req.raw);
  const body = validate(decisionBody, value, "");
  if (allowed.kind === "fixed") return { state: allowed.state, value: allowed.value };
  if (body.state === undefined) throw invalid("state", "state is missing");
  if (body.state === "REJECTED_CANCELED" && record.quorum) {
    throw new Refusal(
      "forbidden",
      "One of several approves or rejects; to cancel is for who asked",
    );
  }
  return { state: machineState(body.state), value: payloadOf(body.value, bodyText, "value") };
}

/** @throws Refusal when the link does not decide, or the value does not fit */
async function used(c: C, { claims, view }: Opened, decision: Decision): Promise<LinkUse> {
  if (view.link.allowed.kind === "await") {
    throw new Refusal("forbidden", "This link lets you look, not decide");
  }
  if (decision.state === "resolved" && !isSettled(view.record)) {
    checkFits(view.record, decision.value.data);
  }
  const object = c.env.PROMISES.getByName(claims.promiseId);
  const fits = { fits: view.record.birth };
  return object.useLink(claims.linkId, { ...decision, ...fits });
}

/**
 * Why a vote does not count, where the link's page would only come again.
 *
 * @returns `undefined` when it counts, is the same again, or all is decided
 */
function refusalOfVote(shown: Shown, state: Decision["state"]): Refusal | undefined {
  if (isSettled(shown.record)) return undefined;
  if (excludedFrom(shown)) {
    return new Refusal("not_a_voter", "You are not one of those who decide this");
  }
  const { decided } = decidedOf(shown);
  if (!decided || (decided.outcome === "resolved") === (state === "resolved")) return undefined;
  return new Refusal("already_voted", "You have voted before, and that vote stays");
}

/** A person is shown a page, a program told by a problem document. */
async function refusedPage(c: C, shown: Shown, refusal: Refusal): Promise<Response> {
  if (mediaTypeOf(c.req.raw) !== "text/html") throw refusal;
  const votedBefore = refusal.code === "already_voted";
  return page(c, shown, votedBefore ? 409 : 403, { votedBefore });
}

/** For API callers: what became of it, and how the promise stands. */
async function answer(
  c: C,
  { standing, link, record, outcome }: LinkUse,
  decides: boolean,
): Promise<Response> {
  if (!record || !link) throw refusalOfLink("unknown");
  const settled = isSettled(record) ? record : undefined;
  // A second click of the same person is no contradiction.
  const isOwn = settled?.settledBy?.link === link.id;
  const hasVoted = !settled && decidedOf({ link, record }).decided !== undefined;
  const isLost = decides && !isOwn && !hasVoted && outcome !== "settled";
  const status = isLost ? 409 : decides && hasVoted ? 202 : 200;
  const origin = originOf({ request: c.req.raw, env: c.env });
  const receipt = isLost && settled ? await receiptOf(settled, origin, c.env) : undefined;
  const body = {
    ...(receipt !== undefined && { receipt }),
    promise: record.id,
    state: record.state.toUpperCase(),
    allow: link.allowed.kind,
    ...(outcome !== undefined && { outcome }),
    ...(link.audience !== undefined && { audience: link.audience }),
    standing,
    form: JSON.parse(record.form ?? "{}"),
    ...(record.votes && { votes: shownVotes(record.votes) }),
    ...(settled && { completedOn: settled.settledAt, settledBy: settled.settledBy }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...approvalHeaders(), "content-type": "application/json" },
  });
}

async function page(
  c: C,
  shown: Shown,
  status: 200 | 403 | 409 | 422,
  tried: Tried = {},
): Promise<Response> {
  const token = tokenOf(c);
  const language = languageOf(c.req.header("accept-language"));
  const here = { language, now: Date.now(), csrf: await csrfOf(token), action: `/l/${token}` };
  const html = await approvalPage(modelOf(shown, here, tried));
  return new Response(c.req.method === "HEAD" ? null : html, {
    status,
    headers: approvalHeaders(),
  });
}

async function gone(c: C, refusal: Refusal): Promise<Response> {
  if (mediaTypeOf(c.req.raw) !== "text/html") throw refusal;
  const html = await linkGonePage(languageOf(c.req.header("accept-language")));
  const body = c.req.method === "HEAD" ? null : html;
  const headers = { ...approvalHeaders(), ...refusal.extra.headers };
  return new Response(body, { status: ERRORS[refusal.code].status, headers });
}

/** That something happened, and nothing of what: the page fetches itself anew. */
async function live(c: C, { promiseId }: LinkClaims): Promise<Response> {
  const headers = { ...approvalHeaders(), "content-type": "text/event-stream" };
  if (c.req.method === "HEAD") return new Response(null, { headers });
  const origin = originOf({ request: c.req.raw, env: c.env });
  const { signal } = c.req.raw;
  const followed = { promises: c.env.PROMISES, id: promiseId, origin, signal };
  return new Response(await livenessStream(followed), { headers });
}

async function csrfOf(token: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`form ${token}`));
  return Array.from(new Uint8Array(digest, 0, 16), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

function tokenOf(c: C): string {
  return pathOf(c.req.url).slice("/l/".length);
}

function text(value: unknown): string {
  return JSON.stringify(value);
}
