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
import { refusalOfLink } from "./links.ts";
import { verifyLink, type LinkClaims } from "./link-token.ts";
import { mediaTypeOf } from "./negotiate.ts";
import { approvalHeaders } from "./pages/approval-headers.ts";
import { approvalPage, linkGonePage, type ApprovalModel } from "./pages/approval.tsx";
import { FORM_NAMES } from "./pages/approval-form.tsx";
import { readForm } from "./pages/form-data.ts";
import { languageOf, WORDS } from "./pages/texts.ts";
import { pathOf, validate } from "./parse.ts";
import { originOf } from "./promises.ts";
import { receiptOf } from "./receipts.ts";
import { fields, machineState, payload, writableState } from "./schemas.ts";
import { payloadOf } from "./values.ts";

type Decision = { state: "resolved" | "rejected" | "rejected_canceled"; value: Payload };

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
  if (wanted === "text/html") return page(c, opened, 200);
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
  const { schema } = formOf(opened.view.record);
  const reason = body.get(FORM_NAMES.reason) ?? "";
  const outcome = body.get(FORM_NAMES.outcome);
  if (outcome !== "resolved" && outcome !== "rejected") {
    throw invalid(FORM_NAMES.outcome, "outcome must be resolved or rejected");
  }
  const approves = outcome === "resolved";
  const { allowed } = opened.view.link;
  if (allowed.kind === "fixed") {
    await used(c, opened, { state: allowed.state, value: allowed.value });
  } else if (!approves) {
    checkVoter(
      await used(c, opened, { state: "rejected", value: reason ? { data: text(reason) } : {} }),
    );
  } else {
    const read = schema ? readForm(schema, body) : { faults: [], texts: new Map() };
    if (read.faults.length > 0) {
      return page(c, opened, 422, { values: read.texts, errors: read.faults, reason });
    }
    const data = "value" in read && read.value !== undefined ? text(read.value) : undefined;
    const value = data === undefined ? {} : { data };
    checkVoter(await used(c, opened, { state: "resolved", value }));
  }
  // A reload must not decide again.
  const headers = { ...approvalHeaders(), location: pathOf(c.req.url) };
  return new Response(null, { status: 303, headers });
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

/** @throws Refusal for those who may not vote: a page that only comes again would tell them nothing */
function checkVoter({ outcome }: LinkUse): void {
  if (outcome !== "excluded") return;
  throw new Refusal("not_a_voter", "You are not one of those who decide this");
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
  const hasVoted = !settled && decidedOf(link, record).decided !== undefined;
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
  { view: { link, record } }: Opened,
  status: 200 | 422,
  tried: Pick<ApprovalModel, "values" | "errors" | "reason"> = {},
): Promise<Response> {
  const token = tokenOf(c);
  const language = languageOf(c.req.header("accept-language"));
  const { title, description, details } = formOf(record);
  const settled = isSettled(record) ? record : undefined;
  const html = await approvalPage({
    language,
    now: Date.now(),
    promise: {
      id: record.id,
      state: record.state,
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
      ...(details && { details }),
      ...(record.requestedBy !== undefined && { requestedBy: record.requestedBy }),
      ...(record.timeoutAt < Number.MAX_SAFE_INTEGER && { deadlineAt: record.timeoutAt }),
      ...(settled && { settledAt: settled.settledAt }),
    },
    choice: choiceOf(link, record, language),
    ...(link.audience !== undefined && { audience: link.audience }),
    ...(link.note !== undefined && { note: link.note }),
    ...(record.votes && { votes: votesOf(record) }),
    ...(record.quorum && { needed: record.quorum.approvals }),
    ...tried,
    csrf: await csrfOf(token),
    action: `/l/${token}`,
    ...(!settled && { live: `/l/${token}` }),
    ...decidedOf(link, record),
  });
  return new Response(c.req.method === "HEAD" ? null : html, {
    status,
    headers: approvalHeaders(),
  });
}

function choiceOf(
  { allowed }: Link,
  record: PromiseRecord,
  language: ApprovalModel["language"],
): ApprovalModel["choice"] {
  const { schema, approveLabel, rejectLabel } = formOf(record);
  if (allowed.kind === "fixed") {
    const outcome = allowed.state === "resolved" ? "resolved" : "rejected";
    const own = outcome === "resolved" ? approveLabel : rejectLabel;
    const word = outcome === "resolved" ? WORDS[language].approve : WORDS[language].reject;
    return { kind: "fixed", outcome, label: own ?? word };
  }
  if (allowed.kind !== "choose") return { kind: "await" };
  return {
    kind: "choose",
    ...(schema && { schema }),
    ...(approveLabel !== undefined && { approveLabel }),
    ...(rejectLabel !== undefined && { rejectLabel }),
  };
}

function votesOf({ votes = [] }: PromiseRecord): NonNullable<ApprovalModel["votes"]> {
  return votes.map(({ by, approves, at }) => ({
    by,
    outcome: approves ? "resolved" : "rejected",
    at,
  }));
}

/** How it ended; or, while it is open, the vote that this link has cast. */
function decidedOf(link: Link, record: PromiseRecord): Pick<ApprovalModel, "decided"> {
  if (isSettled(record)) {
    const { settledAt, settledBy, state, value } = record;
    return {
      decided: {
        at: settledAt,
        outcome: state,
        ...(settledBy?.who !== undefined && { by: settledBy.who }),
        isYou: settledBy?.link === link.id,
        ...(value.data !== undefined && { value: JSON.parse(value.data) }),
      },
    };
  }
  const voter = link.audience ?? `link ${link.id}`;
  const own = record.votes?.find(({ by }) => by === voter);
  if (!own) return {};
  return { decided: { at: own.at, outcome: own.approves ? "resolved" : "rejected", isYou: true } };
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
