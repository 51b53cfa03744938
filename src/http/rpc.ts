/**
 * Resonate's protocol, version 2026-04-01: one address, an envelope `{kind, head, data}`, the status
 * in the answer's head and on HTTP alike. Understands the envelope; the kinds are in rpc-kinds.ts.
 */
import * as v from "valibot";
import { ERRORS, type ErrorCode } from "../../client/src/protocol.ts";
import { readConfig } from "../env.ts";
import { roomFor } from "../in-memory.ts";
import type { C } from "./edge.ts";
import { Refusal } from "./errors.ts";
import { readJson } from "./json.ts";
import { validate } from "./parse.ts";
import { passageOf } from "./passage.ts";
import { originOf } from "./promises.ts";
import { refusal, type Ask, type Reply } from "./rpc-ask.ts";
import { noteTouched } from "./rpc-debug.ts";
import { KINDS } from "./rpc-kinds.ts";
import { deniedBy, isKind } from "./rpc-rules.ts";
import { faultOfId } from "./schemas.ts";

const VERSION = "2026-04-01";
const DEBUG_TIME = "resonate:debug_time";

const envelope = v.object({
  kind: v.string(),
  head: v.object({
    corrId: v.string(),
    version: v.string(),
    [DEBUG_TIME]: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
  }),
  data: v.custom<object>(
    (data) => typeof data === "object" && data !== null && !Array.isArray(data),
    "must be an object",
  ),
});

const credentials = v.object({ head: v.object({ auth: v.string() }) });

/** `POST /` and `POST /rpc`. */
export async function callProtocol(c: C): Promise<Response> {
  let kind = "unknown";
  let corrId = "0";
  try {
    const { text, value } = await readJson(c.req.raw);
    const asked = validate(envelope, value, "");
    ({ kind } = asked);
    ({ corrId } = asked.head);
    const { [DEBUG_TIME]: at, version } = asked.head;
    const origin = originOf({ request: c.req.raw, env: c.env });
    const principal = c.get("principal");
    const { data } = asked;
    const id = noteFacts(c.req.raw, kind, data);
    const ask = { env: c.env, principal, text, data, origin, ...(at !== undefined && { at }) };
    return answered(kind, corrId, await reply(kind, version, ask, id));
  } catch (error) {
    if (!(error instanceof Refusal) || !isForCaller(error.code)) throw error;
    return answered(kind, corrId, refusal(ERRORS[error.code].status, error.message));
  }
}

/** For the log: what is asked, and about what, as far as the shape of a kind shows it. */
function noteFacts(request: Request, kind: string, data: object): string | undefined {
  const passage = passageOf(request);
  // Any word may come as a kind; a known one is short.
  passage.kind = isKind(kind) ? kind : "unknown";
  const id = "id" in data ? data.id : "awaited" in data ? data.awaited : undefined;
  if (typeof id === "string" && faultOfId(id) === undefined) passage.promise = id;
  return passage.promise;
}

/** Its clients know no problem documents; what is not the caller's mistake goes the usual way. */
function isForCaller(code: ErrorCode): code is "invalid_request" | "invalid_value" | "forbidden" {
  return code === "invalid_request" || code === "invalid_value" || code === "forbidden";
}

/** `head.auth`, where Resonate's SDK sends its token too: for who sent it nowhere else. */
export async function tokenInEnvelope(request: Request): Promise<string | undefined> {
  try {
    // The body is read again by who serves the call.
    const { value } = await readJson(request.clone());
    return v.parse(credentials, value).head.auth;
  } catch {
    // Whatever is wrong with it, its sender has shown no token.
    return undefined;
  }
}

/** @param id of the promise that it is about, where it says so at once */
async function reply(
  kind: string,
  version: string,
  ask: Ask,
  id: string | undefined,
): Promise<Reply> {
  if (version !== VERSION) {
    return refusal(400, `head.version must be ${VERSION}, not "${version}"`);
  }
  const serve = isKind(kind) ? KINDS[kind] : undefined;
  if (!serve || !isKind(kind)) return refusal(400, `There is no kind "${kind}"`);
  const denied = await deniedBy(kind, ask);
  if (denied) return denied;
  if (id !== undefined) await roomFor(ask.env, id);
  if (ask.at === undefined && !kind.startsWith("debug.")) return serve(ask);
  if (!readConfig(ask.env).debugSurface) {
    return refusal(403, "Only a server with DEBUG_SURFACE=true lets its clock be driven");
  }
  await noteTouched(ask);
  return serve(ask);
}

function answered(
  kind: string,
  corrId: string,
  { status, data }: { status: number; data: string },
): Response {
  const head = JSON.stringify({ corrId, status, version: VERSION });
  return new Response(`{"kind":${JSON.stringify(kind)},"head":${head},"data":${data}}`, {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
