/**
 * Notes an act in the audit log: before it is done, and once more when it is answered. A handler says
 * what it is about to do, to what; who does it and from where is known of the request.
 *
 * An act waits for its entry, but not for ever: a log that is slow must not stop the work that it is
 * about. Then the entry is written beside it, again and again; and if even that fails, it goes to the
 * server's log, in full.
 */
import { HEADER, type AuditAct, type AuditEntry } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";
import { log, logFailure } from "../log.ts";
import { auditName, auditShardOf, isNoted, type Act } from "../machine/audit.ts";
import { passageOf, type Passage } from "./passage.ts";

/** So long an act waits for its entry. */
const PATIENCE_MS = 2000;
/** Then twice as long each time: half a minute in all, which is what a request may leave behind. */
const AGAIN_MS = 200;
const TRIES_MAX = 8;

const SESSION = /(?:^|;\s*)(?:__Host-)?dp_session=/;

/** An act that is under way. */
export interface Noted {
  act: Act;
  env: Env;
  /** Whether its entry is written, as soon as that is known. */
  begun: Promise<boolean>;
}

/** @param on the id of what it is done to */
export async function noteAct(
  request: Request,
  env: Env,
  did: AuditAct,
  on?: string,
): Promise<void> {
  const from = fromOf(request.headers);
  if (!isNoted(did, from)) return;
  const passage = passageOf(request);
  const { principal, requestId } = passage;
  const act: Act = {
    id: crypto.randomUUID(),
    at: Date.now(),
    who: principal?.name ?? "anyone",
    kind: principal?.kind ?? "anyone",
    did,
    ...(on !== undefined && { on }),
    from,
    request: requestId,
  };
  const begun = written(act, () => objectOf(env, act).begin(act));
  passage.acts = [...(passage.acts ?? []), { act, env, begun }];
  passage.ctx?.waitUntil(begun);
  await inTime(begun);
}

/** What has come of what a request did: beside its answer, which waits for nothing. */
export function noteEnds({ acts, ctx }: Passage, { status }: Response): void {
  for (const { act, env, begun } of acts ?? [])
    ctx?.waitUntil(ended({ ...act, status }, env, begun));
}

async function ended(act: Act, env: Env, begun: Promise<boolean>): Promise<void> {
  // What was never begun is in the server's log.
  if (await begun) await written(act, () => objectOf(env, act).end(act));
}

/** @returns whether it was written at last */
async function written(act: Act, write: () => Promise<void>): Promise<boolean> {
  for (let tries = 0; ; tries += 1) {
    try {
      await write();
      return true;
    } catch (error) {
      if (tries < TRIES_MAX - 1) await scheduler.wait(AGAIN_MS * 2 ** tries);
      else {
        logFailure("an audit entry was not written", error);
        const { at, ...rest } = act;
        log("error", "audit", { ...rest, actAt: at });
        return false;
      }
    }
  }
}

async function inTime(begun: Promise<boolean>): Promise<void> {
  const over = new AbortController();
  const late = scheduler.wait(PATIENCE_MS, { signal: over.signal }).catch(() => undefined);
  await Promise.race([begun, late]);
  over.abort();
}

/** By hand is what comes from our dashboard or our command line; a name is enough, nobody is let in by it. */
function fromOf(headers: Headers): AuditEntry["from"] {
  const client = headers.get(HEADER.client) ?? "";
  if (client.startsWith("cli")) return "cli";
  const isSession = !headers.has("authorization") && SESSION.test(headers.get("cookie") ?? "");
  return client.startsWith("dashboard") || isSession ? "dashboard" : "api";
}

function objectOf(env: Env, { id }: Act): ReturnType<Env["AUDIT"]["getByName"]> {
  return env.AUDIT.getByName(auditName(auditShardOf(id)));
}
