/**
 * Settling by hand, and what came of it. Whoever was first has won: the loser is told who, as an
 * outcome and not as a fault.
 */
import {
  isAlreadySettledError,
  isInvalidValueError,
  isVoteError,
} from "../../../../../../client/src/errors.ts";
import type { PromiseRecord } from "../../../../../../client/src/protocol.ts";
import { promises } from "../api/promises.ts";
import { exactJson } from "../format/exact-json.ts";
import { faultText } from "../format/fault.ts";

export type Verb = "resolve" | "reject" | "cancel";

export type Outcome =
  | { kind: "settled"; record: PromiseRecord }
  /** Counted; more are needed. */
  | { kind: "voted"; record: PromiseRecord }
  | { kind: "lost"; winner: PromiseRecord }
  | { kind: "refused"; text: string; faults: readonly { pointer: string; message: string }[] };

/** @param typed JSON, or nothing */
export async function settle(verb: Verb, id: string, typed: string): Promise<Outcome> {
  try {
    const data = typed.trim() === "" ? undefined : exactJson(typed);
    // SAFETY: it was parsed as JSON.
    const record = await promises[verb](id, data as never);
    return { kind: record.state === "PENDING" ? "voted" : "settled", record };
  } catch (error) {
    if (isAlreadySettledError(error)) return { kind: "lost", winner: error.record };
    if (isVoteError(error)) return { kind: "refused", text: faultText(error), faults: [] };
    const faults = isInvalidValueError(error) ? error.errors : [];
    return { kind: "refused", text: faultText(error), faults };
  }
}

/** Why it is no JSON; `undefined` for what is, and for nothing. */
export function faultOfJson(typed: string): string | undefined {
  if (typed.trim() === "") return undefined;
  try {
    exactJson(typed);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
