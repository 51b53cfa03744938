// What holds at every instant for one promise (RULES.md section 4), each a named predicate over one turn:
// a reader's view before, an answer, a reader's view after. A predicate returns a sentence when it is
// violated and nothing otherwise. None of them knows the model or the machine, so they judge both alike.

import { isDeepStrictEqual } from "node:util";

import type { View } from "./model.ts";

/** Someone who asked for the outcome while there was none; `told` is every value it has received. */
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
  /** Those who were waiting before the turn; whoever waits on an id that has no record is not here. */
  awaiters: readonly Awaiter[];
  /** What a reader would see after one and after two more wakes at this instant, neither of them kept. */
  once: View | null;
  twice: View | null;
}

type Violation = string | undefined;

const REFUSALS = ["repeated", "late", "lost", "exists", "absent", "pending", "unchanged"];
const ENDINGS = ["purged", "disposed"];

function settledNeverChanges({ before, after, outcome }: Turn): Violation {
  if (!isSettled(before) || (after === null && ENDINGS.includes(outcome))) return;
  if (!isDeepStrictEqual(before, after)) return `${text(before)} became ${text(after)}`;
}

function anAnswerNeverGoesBack({ said, shown }: Turn): Violation {
  if (said === null || isDeepStrictEqual(said, shown)) return;
  return `it had said ${text(said)} and now says ${text(shown)}`;
}

function answersAreProjected({ now, shown, after }: Turn): Violation {
  for (const view of [shown, after]) {
    if (view?.state === "pending" && view.timeoutAt <= now) {
      return `pending at ${now}, though its deadline was ${view.timeoutAt}`;
    }
  }
}

function onlyAnOpenPromiseIsSettled({ asked, outcome, before }: Turn): Violation {
  if (asked !== "settle" || outcome !== "settled" || !isSettled(before)) return;
  return `a settle won against ${text(before)}`;
}

function aLostSettleCarriesTheWinner({ asked, outcome, shown, before }: Turn): Violation {
  if (asked !== "settle" || !["lost", "late", "repeated"].includes(outcome)) return;
  if (!isSettled(shown)) return `a ${outcome} settle was shown ${text(shown)}`;
  if (!isDeepStrictEqual(shown, before)) {
    return `a ${outcome} settle was shown ${text(shown)}, the winner is ${text(before)}`;
  }
}

function aRefusalChangesNothing({ asked, outcome, before, after }: Turn): Violation {
  if (!REFUSALS.includes(outcome) || isDeepStrictEqual(before, after)) return;
  return `${asked} answered ${outcome} and turned ${text(before)} into ${text(after)}`;
}

function whatWasAskedAtBirthStays({ before, after }: Turn): Violation {
  if (before === null || after === null) return;
  if (!isDeepStrictEqual(birthOf(before), birthOf(after))) {
    return `born as ${text(birthOf(before))}, now ${text(birthOf(after))}`;
  }
}

function aSettlementLiesWithinItsLife({ now, after: view }: Turn): Violation {
  if (view === null) return;
  if (!isSettled(view)) {
    return "value" in view || "settledAt" in view || "idempotencyKeyForComplete" in view
      ? `pending and yet settled: ${text(view)}`
      : undefined;
  }
  const { settledAt = NaN, createdAt, timeoutAt } = view;
  if (!(createdAt <= settledAt && settledAt <= Math.min(now, timeoutAt))) {
    return `settled at ${settledAt}, created at ${createdAt}, due at ${timeoutAt}, seen at ${now}`;
  }
  if (view.state === "rejected_timedout" && settledAt !== timeoutAt) {
    return `timed out at ${settledAt}, due at ${timeoutAt}`;
  }
  // The deadline wins the millisecond that it shares with a caller, and it has no key to be repeated with.
  if (settledAt === timeoutAt && "idempotencyKeyForComplete" in view) {
    return `settled by its deadline with a key: ${text(view)}`;
  }
}

/** Late: the turn itself. Early or doubled: `once` and `twice`. Only retention may take a record away. */
function aWakeChangesNothingObservable(turn: Turn): Violation {
  const { now, before, shown, after, once, twice } = turn;
  const seen = turn.asked === "wake" ? [before, shown, after, once, twice] : [after, once, twice];
  for (const [index, view] of seen.entries()) {
    const earlier = seen[index - 1];
    if (earlier === undefined || isDeepStrictEqual(earlier, view)) continue;
    if (view === null && earlier !== null && isForgettable(earlier, now)) continue;
    // The answer to a wake that forgets is the record as it last was; after it there is nothing.
    return `a wake at ${now} turned ${text(earlier)} into ${text(view)}`;
  }
}

function everyAwaiterIsToldOnceTheWinner(turn: Turn): Violation {
  const { stored, shown, outcome, awaiters } = turn;
  const over = stored === null || isSettled(stored);
  const last = stored ?? shown;
  const winner = isSettled(last) ? last : outcome === "disposed" ? "disposed" : null;
  for (const { told } of awaiters) {
    if (told.length > 1) return `told ${told.length} times: ${told.map(text).join(" then ")}`;
    if (over && told.length === 0) return `never told, though the promise ended as ${text(stored)}`;
    if (over && !isDeepStrictEqual(told[0], winner)) {
      return `told ${text(told[0] ?? null)}, the winner is ${text(winner)}`;
    }
  }
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

function text(view: object | string | null): string {
  return JSON.stringify(view);
}
