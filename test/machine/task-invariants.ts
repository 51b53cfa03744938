// What holds at every instant for one task (RULES.md, section 4), each a named predicate over one
// turn: what was there, what was asked and answered, what is there now. A predicate returns a
// sentence when it is violated and null otherwise. None of them knows the machine: what a promise is
// at an instant, and what is awaited, they work out for themselves.

import { isDeepStrictEqual } from "node:util";

import type { Command, PromiseRecord } from "../../src/machine/promise.ts";
import type { TaskCommand, TaskDecision } from "../../src/machine/task-command.ts";
import type { Task } from "../../src/machine/task-state.ts";

export type Answer = Omit<TaskDecision, "write"> & { write?: PromiseRecord | null };

export interface Turn {
  now: number;
  command: TaskCommand | Command;
  answer: Answer;
  /** As a reader would have seen it just before, and sees it now. */
  before: PromiseRecord | null;
  after: PromiseRecord | null;
  /** The last settled answer that this life of the promise has given, to anybody. */
  said: PromiseRecord | null;
  /** What the awaiter has asked for and not got, and what has woken it, by the rules. */
  awaiting: Record<string, string>;
  resumes: string[];
  /** Whether a resume from this life of an awaited promise can still come. */
  canResume: (id: string, birth: string) => boolean;
  retryMs: number;
  /** What a second tick at this instant would do, and when the task asks for the next one. */
  again: TaskDecision;
  wakeAt: number | null;
}

type Violation = string | null;

function settledNeverChanges({ before, after, answer }: Turn): Violation {
  if (!isOver(before) || answer.write === null) return null;
  return isDeepStrictEqual(before, after) ? null : `${text(before)} became ${text(after)}`;
}

function anAnswerNeverGoesBack({ said, answer }: Turn): Violation {
  if (!said || isDeepStrictEqual(said, answer.record)) return null;
  return `it had said ${text(said)} and now says ${text(answer.record)}`;
}

function answersAreProjected({ answer, after, now }: Turn): Violation {
  const { record, write } = answer;
  if (record?.state === "pending" && record.timeoutAt <= now) return `pending: ${text(record)}`;
  return write === null || isDeepStrictEqual(record, after) ? null : `shows ${text(record)}`;
}

function aTaskIsOverWithItsPromise({ after }: Turn): Violation {
  if (!after) return null;
  const hasTarget = "resonate:target" in after.tags;
  if (hasTarget !== (after.task !== undefined)) return `a target, or a task: ${text(after)}`;
  const holds = !after.task || isOver(after) === (after.task.state === "fulfilled");
  return holds ? null : text(after);
}

const FIELDS: Record<Task["state"], string[]> = {
  pending: ["retryAt"],
  acquired: ["expiresAt", "pid", "ttlMs"],
  suspended: [],
  halted: [],
  fulfilled: [],
};

function aTimerMatchesItsState({ after }: Turn): Violation {
  if (!after?.task) return null;
  const { state, version: _, resumes, awaiting, fenceUntil, ...rest } = after.task;
  // How often it was offered, and whether an inbox keeps it: only of what is pending.
  const { offers, parked, ...timers } = { offers: undefined, parked: undefined, ...rest };
  if (state !== "pending" && (offers ?? parked) !== undefined) return text(after.task);
  const cleared =
    (state !== "suspended" && state !== "fulfilled") ||
    (resumes.length === 0 && (state === "suspended" || (!awaiting && fenceUntil === undefined)));
  const fits = isDeepStrictEqual(Object.keys(timers).toSorted(), FIELDS[state]);
  return fits && cleared ? null : text(after.task);
}

function onlyAnAcquisitionRaisesTheVersion({ before, after }: Turn): Violation {
  const [from, to] = [before?.task, after?.task];
  if (!from || !to) return null;
  const raise = from.state === "pending" && to.state === "acquired" ? 1 : 0;
  return to.version === from.version + raise ? null : `${text(from)} became ${text(to)}`;
}

const OF_HOLDER = new Set(
  ["release", "fulfill", "guard", "suspend", "fence"].map((kind) => `task.${kind}`),
);

function onlyTheHolderIsServed({ command, answer, before }: Turn): Violation {
  if (!("version" in command) || answer.status > 300) return null;
  const task = isOver(before) ? undefined : before?.task;
  const right = task?.version === command.version;
  if (command.kind === "task.acquire") {
    return right && task.state === "pending" ? null : `acquired ${text(before)}`;
  }
  if (!OF_HOLDER.has(command.kind)) return null;
  return right && task.state === "acquired" ? null : `${text(command)} on ${text(before)}`;
}

function aLeaseIsMovedByItsHolder({ command, before, after, now }: Turn): Violation {
  const [from, to] = [before?.task, after?.task];
  if (from?.state !== "acquired" || to?.state !== "acquired") return null;
  if (to.expiresAt === from.expiresAt && to.pid === from.pid) return null;
  const isMine =
    command.kind === "task.heartbeat" &&
    command.pid === from.pid &&
    command.version === from.version;
  return isMine && to.expiresAt === now + from.ttlMs ? null : `${text(from)} became ${text(to)}`;
}

/** A lease has a holder until its instant, or he gives it up: nobody else may end it. */
function aLeaseIsNotCutShort({ command, before, after, now }: Turn): Violation {
  const [from, to] = [before?.task, after?.task];
  if (from?.state !== "acquired" || to?.state !== "pending" || !after) return null;
  if (command.kind === "task.release" || from.expiresAt <= now) return null;
  return `${command.kind} at ${now} ended ${text(from)}`;
}

function noDispatchOfADeadTask({ answer, before, after, now }: Turn): Violation {
  if (!answer.offer) return null;
  const isTimer = after?.tags["resonate:timer"] === "true";
  const alive = !isOver(before) && after?.task?.state === "pending" && now < after.timeoutAt;
  return alive && !isTimer ? null : `offered ${text(after)}`;
}

function noDispatchOfAVersionNotIssued({ answer, after }: Turn): Violation {
  if (!answer.offer || answer.offer.version === after?.task?.version) return null;
  return `offered ${answer.offer.version} of ${text(after)}`;
}

/** Unless nobody executes it: due at once, offered at once, and again after the interval. */
function aTaskThatComesFreeIsOffered({ before, after, answer, now, retryMs }: Turn): Violation {
  const task = after?.task;
  if (!before?.task || task?.state !== "pending") return null;
  const isFreed = before.task.state !== "pending";
  if (!isFreed && !answer.offer) return null;
  const isTimer = after?.tags["resonate:timer"] === "true";
  // Who never answers is asked less and less, but not before the twelfth time.
  const slowMs = (task.offers ?? 0) > 12 ? 5 * 60 * 1000 : 0;
  const latest = now + Math.max(retryMs, slowMs);
  const isTimely = isTimer
    ? task.retryAt === after?.timeoutAt
    : now + retryMs <= task.retryAt && task.retryAt <= latest;
  const holds = isTimely && isTimer !== (answer.offer !== undefined);
  return holds ? null : `${text(answer.offer)} at ${now} with ${text(task)}`;
}

function whoSleepsCanBeWoken({ after, canResume }: Turn): Violation {
  if (after?.task?.state !== "suspended") return null;
  const awaiting = Object.entries(after.task.awaiting ?? {});
  return awaiting.some(([id, birth]) => canResume(id, birth)) ? null : text(after.task);
}

function whatWakesIsWhatWasAwaited({ after, awaiting, resumes }: Turn): Violation {
  if (!after?.task) return null;
  const { task } = after;
  const holds =
    isDeepStrictEqual(task.awaiting ?? {}, awaiting) && isDeepStrictEqual(task.resumes, resumes);
  return holds ? null : `${text(task)}, not awaiting ${text(awaiting)} after ${text(resumes)}`;
}

function aRefusalChangesNothing({ answer, before, after }: Turn): Violation {
  if (answer.status < 400 || isDeepStrictEqual(before, after)) return null;
  return `${answer.status} turned ${text(before)} into ${text(after)}`;
}

function aTickDoesNothingTwice({ command, again, wakeAt, now }: Turn): Violation {
  const isTick = command.kind === "task.tick";
  if (isTick && (again.write || again.offer)) return `and again: ${text(again)}`;
  // Where something is due, the task has asked to be woken; where it is not, nothing is.
  const isDue = wakeAt !== null && wakeAt <= now;
  return isDue === (again.write !== undefined) ? null : `wake at ${wakeAt}, ${text(again)}`;
}

const EDGES: Record<Task["state"], Task["state"][]> = {
  pending: ["pending", "acquired", "halted", "fulfilled"],
  acquired: ["acquired", "pending", "suspended", "halted", "fulfilled"],
  suspended: ["suspended", "pending", "halted", "fulfilled"],
  halted: ["halted", "pending", "fulfilled"],
  fulfilled: ["fulfilled"],
};

function aTaskMovesAlongItsEdges({ before, after, command }: Turn): Violation {
  const [from, to] = [before?.task, after?.task];
  if (!from || !to) return null;
  const back = from.state === "halted" && to.state === "pending";
  const holds = EDGES[from.state].includes(to.state) && (!back || command.kind === "task.continue");
  return holds ? null : `${command.kind}: ${text(from)} became ${text(to)}`;
}

function theHorizonCoversEveryFence({ command, answer, before, after }: Turn): Violation {
  if (!after?.task || isOver(after)) return null;
  const until = after.task.fenceUntil ?? 0;
  const asked = command.kind === "task.fence" && answer.status === 200 ? command.notAfter : 0;
  const least = Math.max(asked, before?.task?.fenceUntil ?? 0);
  return until >= least ? null : `until ${until}, not ${least}`;
}

function whatWasAskedAtBirthStays({ before, after }: Turn): Violation {
  if (!before || !after || isDeepStrictEqual(birthOf(before), birthOf(after))) return null;
  return `${text(before)} became ${text(after)}`;
}

export const INVARIANTS = {
  "settled never changes": settledNeverChanges,
  "a response never says pending after one said settled": anAnswerNeverGoesBack,
  "responses are projected": answersAreProjected,
  "a task is over exactly with its promise": aTaskIsOverWithItsPromise,
  "a task's timer matches its state": aTimerMatchesItsState,
  "the version is raised by one, by an acquisition only": onlyAnAcquisitionRaisesTheVersion,
  "at most one valid lease: only its holder is served": onlyTheHolderIsServed,
  "at most one valid lease: only its holder extends it": aLeaseIsMovedByItsHolder,
  "a lease is not cut short": aLeaseIsNotCutShort,
  "no dispatch of a dead task": noDispatchOfADeadTask,
  "no dispatch of a version not issued": noDispatchOfAVersionNotIssued,
  "a task that comes free is offered": aTaskThatComesFreeIsOffered,
  "a suspended live task awaits a promise that can still settle": whoSleepsCanBeWoken,
  "what wakes a task is what it awaited, once": whatWakesIsWhatWasAwaited,
  "a refusal changes nothing": aRefusalChangesNothing,
  "a tick that is early, late or doubled does nothing more": aTickDoesNothingTwice,
  "a task moves along its edges": aTaskMovesAlongItsEdges,
  "the horizon covers every fence": theHorizonCoversEveryFence,
  "what was asked at birth stays": whatWasAskedAtBirthStays,
} as const satisfies Record<string, (turn: Turn) => Violation>;

export function isOver(record: PromiseRecord | null): boolean {
  return record !== null && record.state !== "pending";
}

function birthOf({ id, birth, param, tags, timeoutAt, createdAt }: PromiseRecord): object {
  return { id, birth, param, tags, timeoutAt, createdAt };
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}
