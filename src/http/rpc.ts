/**
 * Resonate's protocol, version 2026-04-01: one address, an envelope `{kind, head, data}`, the status
 * in the answer's head and on HTTP alike. Understands the envelope; the kinds are in rpc-kinds.ts.
 *
 * What crosses objects (suspend, fence, callbacks, listeners, searches) is not served yet and
 * answers 501, which its clients take for "this server cannot".
 */
import type { Context } from "hono";
import * as v from "valibot";
import type { Env } from "../env.ts";
import { Refusal } from "./errors.ts";
import { readJson } from "./json.ts";
import { validate } from "./parse.ts";
import { KINDS, NOT_SERVED, refusal, type Ask, type Reply } from "./rpc-kinds.ts";

type C = Context<{ Bindings: Env }>;

const VERSION = "2026-04-01";

const envelope = v.object({
  kind: v.string(),
  head: v.object({ corrId: v.string(), version: v.string() }),
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
    return answered(kind, corrId, await reply(asked, { env: c.env, text, data: asked.data }));
  } catch (error) {
    // Its clients know no problem documents; what is not the caller's mistake goes the usual way.
    if (!(error instanceof Refusal) || error.code !== "invalid_request") throw error;
    return answered(kind, corrId, { status: 400, data: JSON.stringify(error.message) });
  }
}

async function reply(
  { kind, head }: v.InferOutput<typeof envelope>,
  ask: Ask,
): Promise<Reply | (Omit<Reply, "status"> & { status: 501 })> {
  if (head.version !== VERSION) {
    return refusal(400, `head.version must be ${VERSION}, not "${head.version}"`);
  }
  const serve = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (serve) return serve(ask);
  if (!NOT_SERVED.has(kind)) return refusal(400, `There is no kind "${kind}"`);
  return { status: 501, data: JSON.stringify(`This server does not serve ${kind} yet`) };
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
