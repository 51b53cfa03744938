/**
 * What the approval page says when there is nothing to decide for its reader: how it ended, who
 * decided and when, what was answered; or that others are still asked.
 */
import type { ApprovalModel, View } from "./approval.tsx";
import { Instant, Sentence } from "./approval-facts.tsx";
import { Answer } from "./form-answer.tsx";
import { WORDS, type Words } from "./texts.ts";

export function Ending({ model, view }: { model: ApprovalModel; view: Exclude<View, "open"> }) {
  const { language, promise, decided, choice } = model;
  const words = WORDS[language];
  const value = view === "decided" ? decided?.value : undefined;
  const schema =
    choice.kind === "choose" && decided?.outcome === "resolved" ? choice.schema : undefined;
  return (
    <>
      <div class="ending" role="status">
        <p class="headline">
          <Sign sign={SIGNS[view === "decided" ? promise.state : view] ?? "wait"} />
          {headlineOf(model, view, words)}
        </p>
        <p>
          <Story model={model} view={view} />
        </p>
        {view === "excluded" && <p>{words.waitingText}</p>}
        {(view === "waiting" || view === "excluded") && (
          <noscript>
            <p>
              <a href="">{words.checkAgain}</a>
            </p>
          </noscript>
        )}
      </div>
      {value !== undefined && (
        <section>
          <h2>{decided?.outcome === "resolved" ? words.theAnswer : words.theReason}</h2>
          <Answer value={value} schema={schema} language={language} />
        </section>
      )}
    </>
  );
}

function headlineOf({ promise, votedBefore }: ApprovalModel, view: View, words: Words): string {
  if (view === "waiting") return words.waitingHeading;
  if (view === "excluded") return words.excludedHeading;
  if (view === "voted") return votedBefore ? words.votedBeforeHeading : words.voteHeading;
  return view === "expired" ? words.expiredHeading : words[promise.state];
}

function Story({ model, view }: { model: ApprovalModel; view: View }) {
  const { language, promise, decided, now, audience, excluded, votedBefore } = model;
  const words = WORDS[language];
  const at = decided?.at ?? promise.settledAt;
  if (view === "waiting") return <>{words.waitingText}</>;
  if (view === "excluded") {
    const text = words[EXCLUSIONS[excluded ?? "nobody"]];
    return <Sentence text={text} gaps={{ who: <b dir="auto">{audience}</b> }} />;
  }
  if (view === "expired") {
    const end = promise.deadlineAt ?? promise.settledAt ?? now;
    return (
      <Sentence
        text={words.expiredText}
        gaps={{ when: <Instant at={end} language={language} /> }}
      />
    );
  }
  if (at === undefined) return <>{words.decidedSomehow}</>;
  const when = <Instant at={at} language={language} />;
  if (view === "voted" && votedBefore) {
    const vote = decided && <b>{words[decided.outcome]}</b>;
    return <Sentence text={words.votedBeforeText} gaps={{ when, vote }} />;
  }
  if (view === "voted") return <Sentence text={words.voteText} gaps={{ when }} />;
  if (decided?.isYou) return <Sentence text={words.decidedByYou} gaps={{ when }} />;
  if (decided?.by === undefined) return <Sentence text={words.decidedAt} gaps={{ when }} />;
  const who = <b dir="auto">{decided.by}</b>;
  return <Sentence text={words.decidedBy} gaps={{ when, who }} />;
}

const EXCLUSIONS = {
  requester: "excludedRequester",
  stranger: "excludedStranger",
  nobody: "excludedNobody",
} as const satisfies Record<NonNullable<ApprovalModel["excluded"]>, keyof Words>;

/** Paths on a 24 × 24 grid; the words beside them say the same. */
const PATHS = {
  yes: "M5 12.5l4.5 4.5L19 7.5",
  no: "M7 7l10 10M17 7L7 17",
  wait: "M12 7v5.5l3.5 2",
};

const SIGNS: Record<string, keyof typeof PATHS | undefined> = {
  resolved: "yes",
  voted: "yes",
  rejected: "no",
  rejected_canceled: "no",
};

function Sign({ sign }: { sign: keyof typeof PATHS }) {
  return (
    <svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true" focusable="false">
      <circle cx="12" cy="12" r="11" />
      <path d={PATHS[sign]} />
    </svg>
  );
}
