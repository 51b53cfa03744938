/**
 * What the page of a link shows: from the link and its promise to the model of pages/approval.tsx. It
 * knows neither the request nor the token's meaning, and changes nothing.
 */
import { isSettled, type PromiseRecord } from "../machine/promise.ts";
import { exclusionOf } from "../machine/quorum.ts";
import type { Link } from "../machine/link.ts";
import { formOf } from "./form-check.ts";
import type { ApprovalModel } from "./pages/approval.tsx";
import { WORDS, type Language } from "./pages/texts.ts";

export interface Shown {
  link: Link;
  record: PromiseRecord;
}

/** What came of a form that is shown again, or of a vote that does not count. */
export type Tried = Pick<ApprovalModel, "values" | "errors" | "reason" | "votedBefore">;

export function modelOf(
  { link, record }: Shown,
  page: Pick<ApprovalModel, "language" | "now" | "csrf" | "action">,
  tried: Tried,
): ApprovalModel {
  const { title, description, details } = formOf(record);
  const settled = isSettled(record) ? record : undefined;
  const excluded = excludedFrom({ link, record });
  return {
    ...page,
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
    choice: choiceOf({ link, record }, page.language),
    ...(link.audience !== undefined && { audience: link.audience }),
    ...(link.note !== undefined && { note: link.note }),
    ...(record.votes && { votes: votesOf(record) }),
    ...(record.quorum && { needed: record.quorum.approvals }),
    ...(excluded && { excluded }),
    ...tried,
    ...(!settled && { live: page.action }),
    ...decidedOf({ link, record }),
  };
}

/** How it ended; or, while it is open, the vote that this link has cast. */
export function decidedOf({ link, record }: Shown): Pick<ApprovalModel, "decided"> {
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
  const own = record.votes?.find(({ by }) => by === voterOf(link));
  if (!own) return {};
  return { decided: { at: own.at, outcome: own.approves ? "resolved" : "rejected", isYou: true } };
}

/** Why the vote of who holds the link would not count. */
export function excludedFrom({ link, record }: Shown): ApprovalModel["excluded"] {
  const { quorum, requestedBy } = record;
  const { allowed } = link;
  // To withdraw what was asked is no vote.
  const withdraws = allowed.kind === "fixed" && allowed.state === "rejected_canceled";
  if (!quorum || withdraws) return undefined;
  const exclusion = exclusionOf(quorum, voterOf(link), requestedBy);
  return exclusion === "stranger" && link.audience === undefined ? "nobody" : exclusion;
}

/** As the promise counts it. */
function voterOf({ id, audience }: Link): string {
  return audience ?? `link ${id}`;
}

function choiceOf(
  { link: { allowed }, record }: Shown,
  language: Language,
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
