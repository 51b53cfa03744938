/** Values in a body that are more than their shape: durations, and data that is kept as it came. */
import { parseDurationMs } from "../duration.ts";
import type { Payload } from "../machine/promise.ts";
import { invalid } from "./errors.ts";
import { textAt } from "./json.ts";

export function payloadOf(
  { headers, data }: { headers?: Record<string, string> | undefined; data?: unknown },
  text: string,
  ...path: string[]
): Payload {
  return {
    ...(headers && { headers }),
    ...(data !== undefined && { data: textAt(text, [...path, "data"])! }),
  };
}

export function durationOf(duration: number | string, field: string, from: number): number {
  if (typeof duration === "number") return duration;
  try {
    return parseDurationMs(duration, from);
  } catch (error) {
    throw invalid(field, `${field}: ${(error as RangeError).message}`);
  }
}
