/**
 * How things of ours look to people: states, lengths of time, instants, promises. Pure: `now` is an
 * argument. What others wrote is made harmless here.
 */
import { type Json, NEVER, type PromiseSummary, rejectionMessage, type State } from "../index.ts";
import { jsonLine, jsonText } from "./json.ts";
import { harmless, type Style } from "./screen.ts";

export const STATE_STYLES: Record<State, Style> = {
  PENDING: "yellow",
  RESOLVED: "green",
  REJECTED: "red",
  REJECTED_CANCELED: "magenta",
  REJECTED_TIMEDOUT: "red",
};

const STATE_WORDS: Record<State, string> = {
  PENDING: "pending",
  RESOLVED: "resolved",
  REJECTED: "rejected",
  REJECTED_CANCELED: "canceled",
  REJECTED_TIMEDOUT: "timed out",
};

export function stateWord(state: State): string {
  return STATE_WORDS[state] ?? harmless(state);
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** The two largest units: "3d 4h", "12m 5s", "1.3s", "45ms". */
export function lengthText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)}s`;
  let rest = Math.round(ms / 1000) * 1000;
  const parts: string[] = [];
  for (const [unit, unitMs] of UNITS) {
    const amount = Math.floor(rest / unitMs);
    rest -= amount * unitMs;
    if (amount > 0) parts.push(`${amount}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** "in 3h 5m", "2d 1h ago", "now", "never". */
export function fromNow(at: number | null | undefined, now: number): string {
  if (at === undefined || at === null || at >= NEVER) return "never";
  const ms = at - now;
  if (Math.abs(ms) < 1000) return "now";
  return ms > 0 ? `in ${lengthText(ms)}` : `${lengthText(-ms)} ago`;
}

/** The instant, and how far it is. */
export function instantText(at: number | null | undefined, now: number): string {
  if (at === undefined || at === null || at >= NEVER) return "never";
  const date = new Date(at);
  const instant = Number.isNaN(date.getTime()) ? String(at) : date.toISOString();
  return `${instant} (${fromNow(at, now)})`;
}

/** How a promise ended, or will: "in 2h", "3m ago". */
export function endText({ completedOn, timeout }: PromiseSummary, now: number): string {
  return completedOn === undefined ? fromNow(timeout, now) : fromNow(completedOn, now);
}

/** What somebody who decides reads first: its title, who asks, who works on it. */
export function aboutText({ title, requestedBy, task, tags }: PromiseSummary): string {
  if (title !== undefined) return harmless(title);
  if (requestedBy !== undefined) return `asked by ${harmless(requestedBy)}`;
  if (task) return `task ${task.state}${task.pid === undefined ? "" : ` by ${harmless(task.pid)}`}`;
  return harmless(tagsText(tags));
}

export function tagsText(tags: Record<string, string>): string {
  return Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");
}

/** Bare text as it is; everything else as JSON. */
export function valueText(data: unknown): string {
  return typeof data === "string" ? data : jsonText(data);
}

/** The same in one line, for a script. */
export function valueLine(data: unknown): string {
  return typeof data === "string" ? data : jsonLine(data);
}

/** As {@link valueText}, for a terminal: its lines stay lines. */
export function harmlessLines(text: string): string {
  return text.split(/\r?\n/).map(harmless).join("\n");
}

/** How a promise ended badly, in one line. */
export function rejectionText(state: State, reason: Json | undefined): string {
  return state === "PENDING" || state === "RESOLVED" ? "" : rejectionMessage(state, reason);
}
