/**
 * What happened to a promise, what is happening and what will, as a list in the order of time. Pure:
 * it takes a record's own words and draws nothing.
 */
import {
  NEVER,
  rejectionMessage,
  type EscalationStep,
  type PromiseRecord,
  type SettledBy,
  type TaskSummary,
} from "../../../../../../client/src/protocol.ts";
import { STATE_NAMES, STATE_TONES, TASK_NAMES, type Tone } from "../format/state.ts";
import { spanText } from "../format/time.ts";

/** A reason may be a novel; it stands in full beside. */
const DETAIL_MAX = 200;

export interface Moment {
  key: string;
  title: string;
  detail?: string;
  tone: Tone;
  /** Absent: now. */
  at?: number;
  /** It is yet to come, unless the promise is settled before. */
  isAhead?: boolean;
}

export function timelineOf(record: PromiseRecord, task?: TaskSummary): Moment[] {
  const { createdOn, completedOn, requestedBy, votes = [], escalation = [], timeout } = record;
  const isPending = record.state === "PENDING";
  const moments: Moment[] = [
    {
      key: "created",
      title: "Created",
      at: createdOn,
      tone: "quiet",
      ...(requestedBy !== undefined && { detail: `asked by ${requestedBy}` }),
    },
    ...votes.map(({ by, approves, at }, index) => ({
      key: `vote ${index}`,
      title: approves ? "Vote for it" : "Vote against it",
      detail: `by ${by}`,
      at,
      tone: approves ? ("good" as const) : ("bad" as const),
    })),
    ...escalation
      .filter(({ done }) => done || isPending)
      .map((step, index) => momentOfStep(step, index, createdOn)),
  ];
  if (isPending && timeout !== NEVER) {
    moments.push({ key: "deadline", title: "Deadline", at: timeout, tone: "late", isAhead: true });
  }
  if (completedOn !== undefined) moments.push(momentOfEnd(record, completedOn));
  // Of the same instant, the end is the last.
  const sorted = moments
    .map((moment, order) => ({ moment, order }))
    .toSorted((a, b) => (a.moment.at ?? 0) - (b.moment.at ?? 0) || a.order - b.order)
    .map(({ moment }) => moment);
  return task && isPending ? withTask(sorted, task) : sorted;
}

/** Who settled it, in words. */
export function settlerText({ how, who }: SettledBy): string {
  const way = {
    api: "over the API",
    protocol: "over Resonate's protocol",
    example: "over the example's API",
    link: "by a link",
    callback: "by a callback",
    worker: "by a worker",
    deadline: "by its deadline",
    escalation: "by its escalation",
  }[how];
  return who === undefined ? way : `by ${who}, ${way.replace(/^by /, "")}`;
}

function momentOfEnd(record: PromiseRecord, at: number): Moment {
  const { state, settledBy, value } = record;
  const said = [
    settledBy && settlerText(settledBy),
    state !== "PENDING" && state !== "RESOLVED" && value.data !== undefined
      ? rejectionMessage(state, value.data).slice(0, DETAIL_MAX)
      : undefined,
  ].filter((text) => text !== undefined);
  return {
    key: "settled",
    title: STATE_NAMES[state],
    at,
    tone: STATE_TONES[state],
    ...(said.length > 0 && { detail: said.join(": ") }),
  };
}

function momentOfStep(step: EscalationStep, index: number, createdOn: number): Moment {
  const { after, done, notify, extend, settle } = step;
  const said = [
    notify !== undefined && `tells ${notify}`,
    extend !== undefined && `extends the deadline by ${spanText(extend)}`,
    settle && `settles it: ${STATE_NAMES[settle.state].toLowerCase()}`,
  ].filter((text) => typeof text === "string");
  return {
    key: `step ${index}`,
    title: "Escalation",
    detail: said.join(", "),
    at: createdOn + after,
    tone: "late",
    ...(!done && { isAhead: true }),
  };
}

/** Attempts have no instants of their own: how many there were stands at the present. */
function withTask(moments: Moment[], { state, version, pid }: TaskSummary): Moment[] {
  const times = version === 1 ? "taken once" : `taken ${version} times`;
  const detail = [version > 0 && times, pid !== undefined && state === "acquired" && `by ${pid}`]
    .filter((text) => typeof text === "string")
    .join(", ");
  const moment: Moment = {
    key: "task",
    title: TASK_NAMES[state],
    tone: "pending",
    ...(detail !== "" && { detail }),
  };
  const ahead = moments.findIndex(({ isAhead }) => isAhead);
  return moments.toSpliced(ahead === -1 ? moments.length : ahead, 0, moment);
}
