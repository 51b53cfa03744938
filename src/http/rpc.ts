/**
 * Resonate's protocol, version 2026-04-01: one address, an envelope `{kind, head, data}`, the status
 * in the answer's head and on HTTP alike. Understands the envelope; the kinds are in rpc-kinds.ts.
 */
import type { Context } from "hono";
import * as v from "valibot";
import { readConfig, type Env } from "../env.ts";
import { Refusal } from "./errors.ts";
import { readJson } from "./json.ts";
import { validate } from "./parse.ts";
import { originOf } from "./promises.ts";
import { refusal, type Ask, type Reply } from "./rpc-ask.ts";
import { noteTouched } from "./rpc-debug.ts";
import { KINDS } from "./rpc-kinds.ts";

type C = Context<{ Bindings: Env }>;

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
    const ask = { env: c.env, text, data: asked.data, origin, ...(at !== undefined && { at }) };
    return answered(kind, corrId, await reply(kind, version, ask));
  } catch (error) {
    // Its clients know no problem documents; what is not the caller's mistake goes the usual way.
    if (!(error instanceof Refusal) || error.code !== "invalid_request") throw error;
    return answered(kind, corrId, { status: 400, data: JSON.stringify(error.message) });
  }
}

async function reply(kind: string, version: string, ask: Ask): Promise<Reply> {
  if (version !== VERSION) {
    return refusal(400, `head.version must be ${VERSION}, not "${version}"`);
  }
  const serve = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (!serve) return refusal(400, `There is no kind "${kind}"`);
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
