/** What the states of a promise are called here, and which picture and tone stands beside the word. */
import type { State, TaskState } from "../../../../../../client/src/protocol.ts";
import type { IconName } from "../parts/icon.tsx";

export type Tone = "pending" | "good" | "bad" | "late" | "quiet";

export const STATE_NAMES = {
  PENDING: "Pending",
  RESOLVED: "Resolved",
  REJECTED: "Rejected",
  REJECTED_CANCELED: "Canceled",
  REJECTED_TIMEDOUT: "Timed out",
} as const satisfies Record<State, string>;

export const STATE_ICONS = {
  PENDING: "pending",
  RESOLVED: "resolved",
  REJECTED: "rejected",
  REJECTED_CANCELED: "canceled",
  REJECTED_TIMEDOUT: "timedout",
} as const satisfies Record<State, IconName>;

export const STATE_TONES = {
  PENDING: "pending",
  RESOLVED: "good",
  REJECTED: "bad",
  REJECTED_CANCELED: "quiet",
  REJECTED_TIMEDOUT: "late",
} as const satisfies Record<State, Tone>;

export const TASK_NAMES = {
  pending: "Waiting for a worker",
  acquired: "Running",
  suspended: "Suspended",
  halted: "Halted",
  fulfilled: "Done",
} as const satisfies Record<TaskState, string>;
