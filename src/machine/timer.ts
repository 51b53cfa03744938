/**
 * Timers: promises whose deadline is their success. Knows the tags that make one, and nothing else.
 */
import { TIMER_TAGS } from "../../client/src/protocol.ts";

export function isTimer(tags: Record<string, string>): boolean {
  return TIMER_TAGS.some((tag) => tags[tag] === "true");
}
