/**
 * What is known of one request while it passes through: its id, where it went, who asks. For the log,
 * the trace and the audit log; nothing is decided by it.
 *
 * A request id is the caller's own where it is a sane one, so that it can be followed from there; it
 * is no secret and proves nothing.
 */
import { HEADER } from "../../client/src/protocol.ts";
import type { Noted } from "./acts.ts";
import type { Principal } from "./principal.ts";
import type { Route } from "./routes.ts";

export interface Passage {
  requestId: string;
  route?: Route;
  principal?: Principal;
  /** Which promise it is about, where the path does not say so. */
  promise?: string;
  /** Of Resonate's protocol. */
  kind?: string;
  /** What it does that the audit log tells of. */
  acts?: Noted[];
  /** For what goes on beside the answer. */
  ctx?: Pick<ExecutionContext, "waitUntil">;
}

/** What goes into a log and a header as it is. */
const SANE = /^[\w.:/+=@-]{1,128}$/;

const passages = new WeakMap<Request, Passage>();

export function passageOf(request: Request): Passage {
  const known = passages.get(request);
  if (known) return known;
  const passage = { requestId: requestIdOf(request) };
  passages.set(request, passage);
  return passage;
}

function requestIdOf({ headers }: Request): string {
  const given = headers.get(HEADER.requestId);
  return given !== null && SANE.test(given) ? given : crypto.randomUUID();
}
