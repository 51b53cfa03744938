/** The small parts of the approval page that state facts: a name and what it is, instants, votes. */
import type { Child } from "hono/jsx";
import type { ApprovalOutcome } from "./approval.tsx";
import { fill, instantText, WORDS, type Language } from "./texts.ts";

export interface Vote {
  by: string;
  outcome: ApprovalOutcome;
  at: number;
}

export function Fact({ name, children }: { name: string; children?: Child }) {
  return (
    <div>
      <dt dir="auto">{name}</dt>
      <dd dir="auto">{children}</dd>
    </div>
  );
}

export function Instant({ at, language }: { at: number; language: Language }) {
  const instant = instantText(language, at);
  if (!instant) return <>{`${at} ms`}</>;
  return <time datetime={instant.datetime}>{instant.text}</time>;
}

/** The script fills the second line; without one the first says all there is. */
export function Deadline({ at, language }: { at: number; language: Language }) {
  const { deadline, timeLeft, timeOver } = WORDS[language];
  return (
    <Fact name={deadline}>
      <Instant at={at} language={language} />
      <span class="left" role="timer" data-until={at} data-left={timeLeft} data-over={timeOver} />
    </Fact>
  );
}

export function VoteList(props: {
  votes: Vote[];
  needed?: number | undefined;
  language: Language;
}) {
  const { votes, needed, language } = props;
  const words = WORDS[language];
  const count = votes.filter(({ outcome }) => outcome === "resolved").length;
  return (
    <section>
      <h2>{words.votes}</h2>
      {needed !== undefined && <p>{fill(words.votesOf, { count, needed })}</p>}
      {needed !== undefined && <progress max={needed} value={count} aria-label={words.votes} />}
      <ul class="votes">
        {votes.map(({ by, outcome, at }) => (
          <li>
            <b dir="auto">{by}</b>{" "}
            <span class="outcome" data-tone={outcome}>
              {words[outcome]}
            </span>{" "}
            <Instant at={at} language={language} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** A sentence with elements in its gaps. */
export function Sentence({ text, gaps }: { text: string; gaps: Record<string, Child> }) {
  // Odd parts are the names of gaps.
  const parts = text.split(/\{(\w+)\}/);
  return <>{parts.map((part, index) => (index % 2 === 1 ? gaps[part] : part))}</>;
}
