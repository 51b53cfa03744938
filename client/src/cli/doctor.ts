/**
 * The checks of `doctor`, one after the other, from the URL to the index. Each says in a sentence what
 * it found and, where something is wrong, what to do. Changes nothing on the server: what asks whether
 * a key may do a thing asks it of a promise that is not there, or in a way that is refused.
 */
import type { Session } from "./command.ts";
import { checkKey, checkScopes } from "./doctor-key.ts";
import { checkClock, checkHealth, checkName, checkReady, checkUrl } from "./doctor-line.ts";
import {
  checkEvents,
  checkIndex,
  checkLinks,
  checkReceipts,
  checkSocket,
  checkVersions,
} from "./doctor-parts.ts";
import { type Asking, askingOf } from "./doctor-ask.ts";

export interface Finding {
  check: string;
  /** `unclear`: worth knowing, and no failure. */
  verdict: "good" | "unclear" | "bad" | "skipped";
  says: string;
  /** What to do about it. */
  todo?: string;
}

type Check = readonly [name: string, run: (asking: Asking) => Promise<Omit<Finding, "check">>];

/** Without these the others can say nothing. */
const FIRST: readonly Check[] = [
  ["url", checkUrl],
  ["name", checkName],
  ["server", checkHealth],
];

const REST: readonly Check[] = [
  ["ready", checkReady],
  ["clock", checkClock],
  ["key", checkKey],
  ["scopes", checkScopes],
  ["websocket", checkSocket],
  ["events", checkEvents],
  ["index", checkIndex],
  ["links", checkLinks],
  ["receipts", checkReceipts],
  ["versions", checkVersions],
];

/** What is looked at next, and what was found. */
export async function* examine(
  session: Session,
): AsyncGenerator<Finding | { next: string }, void, undefined> {
  const asking = askingOf(session);
  for (const [check, run] of FIRST) {
    yield { next: check };
    const finding = { check, ...(await run(asking)) };
    yield finding;
    if (finding.verdict === "bad") return;
  }
  for (const [check, run] of REST) {
    yield { next: check };
    yield { check, ...(await run(asking).catch(failed)) };
    session.signal.throwIfAborted();
  }
}

function failed(error: unknown): Omit<Finding, "check"> {
  const says = error instanceof Error ? error.message : String(error);
  return { verdict: "bad", says, todo: "Try again; if it stays, look at the server's log." };
}
