// What holds at every instant for one promise (RULES.md section 4), each a named predicate over one
// turn: a reader's view before, an answer, a reader's view after. A predicate returns a sentence
// when it is violated and null otherwise. None of them knows the model or the machine, so they
// judge both alike.

import { isDeepStrictEqual } from "node:util";

import type { View } from "./model.ts";

/** Someone who asked for the outcome while there was none; `told` is all that it has heard. */
export interface Awaiter {
  told: (View | "disposed")[];
}

export interface Turn {
  now: number;
  /** The command's kind, `read`, or `time` for the passing of time between two steps. */
  asked: string;
  outcome: string;
  /** What a reader would have seen just before, what the answer showed, what a reader sees now. */
  before: View | null;
  shown: View | null;
  after: View | null;
  /** The same record as it lies in storage, where a due deadline may not have been written yet. */
  stored: View | null;
  /** The last settled answer that this life of the promise has given, to anybody. */
  said: View | null;
  /** Those who were waiting before the turn, when there was a promise to wait for. */
  awaiters: readonly Awaiter[];
  /** What a reader would see after one and after two more wakes at this instant, neither kept. */
  once: View | null;
  twice: View | null;
}

type Violation = string | null;

const REFUSALS = new Set(
  "repeated late lost exists absent pending unchanged endless earlier".split(" "),
);
const ENDINGS = new Set(["purged", "disposed"]);

function settledNeverChanges({ before, after, outcome }: Turn): Violation {
  if (!isSettled(before) || isDeepStrictEqual(before, after)) return null;
  if (after === null && ENDINGS.has(outcome)) return null;
  return `${text(before)} became ${text(after)}`;
}

function anAnswerNeverGoesBack({ said, shown }: Turn): Violation {
  if (said === null || isDeepStrictEqual(said, shown)) return null;
  return `it had said ${text(said)} and now says ${text(shown)}`;
}

function answersAreProjected({ now, shown, after }: Turn): Violation {
  const isLate = (view: View | null) => view?.state === "pending" && view.timeoutAt <= now;
  const late = [shown, after].find(isLate);
  return late ? `pending at ${now}, though its deadline was ${late.timeoutAt}` : null;
}

function onlyAnOpenPromiseIsSettled({ asked, outcome, before }: Turn): Violation {
  if (asked !== "settle" || outcome !== "settled" || !isSettled(before)) return null;
  return `a settle won against ${text(before)}`;
}

function aLostSettleCarriesTheWinner({ asked, outcome, shown, before }: Turn): Violation {
  if (asked !== "settle" || !["lost", "late", "repeated"].includes(outcome)) return null;
  if (isSettled(shown) && isDeepStrictEqual(shown, before)) return null;
  return `a ${outcome} settle was shown ${text(shown)}, the winner is ${text(before)}`;
}

function aRefusalChangesNothing({ asked, outcome, before, after }: Turn): Violation {
  if (!REFUSALS.has(outcome) || isDeepStrictEqual(before, after)) return null;
  return `${asked} answered ${outcome} and turned ${text(before)} into ${text(after)}`;
}

/** But for the deadline, which may move later as long as nothing has happened. */
function whatWasAskedAtBirthStays({ before, after, outcome }: Turn): Violation {
  if (before === null || after === null) return null;
  const isMoved = outcome === "extended" && before.timeoutAt < after.timeoutAt;
  const moved = isMoved && before.state === "pending" && { timeoutAt: after.timeoutAt };
  if (isDeepStrictEqual({ ...birthOf(before), ...moved }, birthOf(after))) return null;
  return `born as ${text(birthOf(before))}, now ${text(birthOf(after))}`;
}

/** The deadline wins the millisecond that it shares with a caller, and has no key to repeat. */
function aSettlementLiesWithinItsLife({ now, after }: Turn): Violation {
  if (after === null) return null;
  const { state, createdAt, timeoutAt, settledAt = NaN } = after;
  const isKeyed = "idempotencyKeyForComplete" in after;
  const holds = isSettled(after)
    ? createdAt <= settledAt &&
      settledAt <= Math.min(now, timeoutAt) &&
      (settledAt === timeoutAt ? !isKeyed : state !== "rejected_timedout")
    : !isKeyed && !("value" in after) && !("settledAt" in after);
  return holds ? null : `seen at ${now}: ${text(after)}`;
}

/** Late: the turn itself. Early or doubled: `once`, `twice`. Only retention may take a record. */
function aWakeChangesNothingObservable(turn: Turn): Violation {
  const { now, asked, before, shown, after, once, twice } = turn;
  const seen = asked === "wake" ? [before, shown, after, once, twice] : [after, once, twice];
  const odd = seen.findIndex((view, index) => {
    const earlier = seen[index - 1];
    if (earlier === undefined || isDeepStrictEqual(earlier, view)) return false;
    return view !== null || earlier === null || !isForgettable(earlier, now);
  });
  return odd < 0 ? null : `a wake at ${now} turned ${text(seen[odd - 1])} into ${text(seen[odd])}`;
}

function everyAwaiterIsToldOnceTheWinner(turn: Turn): Violation {
  const { stored, shown, outcome, awaiters } = turn;
  const last = stored ?? shown;
  const winner = isSettled(last) ? last : outcome === "disposed" ? "disposed" : null;
  const owed = stored === null || isSettled(stored) ? [winner] : [];
  const wrong = awaiters.find(({ told }) => !isDeepStrictEqual(told, owed));
  return wrong ? `told ${text(wrong.told)}, owed ${text(owed)}` : null;
}

export const INVARIANTS = {
  "settled never changes": settledNeverChanges,
  "a response never says pending after one said settled": anAnswerNeverGoesBack,
  "responses are projected": answersAreProjected,
  "only an open promise is settled": onlyAnOpenPromiseIsSettled,
  "a lost settle carries the winner": aLostSettleCarriesTheWinner,
  "a refusal changes nothing": aRefusalChangesNothing,
  "what was asked at birth stays": whatWasAskedAtBirthStays,
  "a settlement lies within its life": aSettlementLiesWithinItsLife,
  "a wake that is early, late or doubled changes nothing observable": aWakeChangesNothingObservable,
  "every awaiter is told exactly one value, the winner's": everyAwaiterIsToldOnceTheWinner,
} as const satisfies Record<string, (turn: Turn) => Violation>;

export function isSettled(view: View | null): view is View {
  return view !== null && view.state !== "pending";
}

function isForgettable({ settledAt, retentionMs }: View, now: number): boolean {
  return settledAt !== undefined && retentionMs !== undefined && settledAt + retentionMs <= now;
}

function birthOf(view: View): object {
  const { state: _, value: __, settledAt: ___, idempotencyKeyForComplete: ____, ...birth } = view;
  return birth;
}

function text(view: unknown): string {
  return JSON.stringify(view);
}
