/**
 * The REST resource `/promises/:id`: parse, one call to the object, serialise. What a GET answers
 * depends on how it is asked: JSON, a long poll, Server-Sent Events, a WebSocket or a page.
 */
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import {
  HEADER,
  SUBPROTOCOL,
  type ErrorCode,
  type Outcome,
  type SettledState,
} from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import type { Create, Settle } from "../machine/promise.ts";
import { promiseUrl, splitFrame } from "../machine/resource.ts";
import type { Changed } from "../object/promise-object.ts";
import { offeredSubprotocols } from "./auth.ts";
import { eventStream, longPoll, openSocket, type SplitFrame } from "./await.ts";
import { Refusal } from "./errors.ts";
import { statusPage } from "./pages/status.tsx";
import {
  idOfPath,
  originOfUrl,
  parseCreate,
  parseSettle,
  parseWaitMs,
  refuseQuery,
} from "./parse.ts";

type C = Context<{ Bindings: Env }>;

const PREFIX = "/promises/";
const YEAR_S = 31_536_000;

/** `POST /promises` and `PUT /promises/:id`. */
export async function createPromise(c: C): Promise<Response> {
  const { method, url } = c.req;
  const id = method === "PUT" ? idOfPath(url, PREFIX) : undefined;
  const command = await parseCreate(c.req.raw, id, readConfig(c.env), Date.now());
  return applied(c, command.id, command);
}

/** `PATCH /promises/:id`. */
export async function settlePromise(c: C): Promise<Response> {
  const id = idOfPath(c.req.url, PREFIX);
  return applied(c, id, await parseSettle(c.req.raw, id));
}

/** `DELETE /promises/:id`: only when settled. */
export async function purgePromise(c: C): Promise<Response> {
  const id = idOfPath(c.req.url, PREFIX);
  refuseQuery(c.req.url);
  const changed = await c.env.PROMISES.getByName(id).change({ kind: "purge" }, originOf(c));
  if (changed.outcome === "purged") return new Response(null, { status: 204 });
  throw refusalOf(changed, id);
}

/** `GET /promises/:id`, however it is asked. A HEAD is told the same, but waits for nothing. */
export async function readPromise(c: C): Promise<Response> {
  const id = idOfPath(c.req.url, PREFIX);
  if (c.req.header("upgrade")?.toLowerCase() === "websocket") return awaitOnSocket(c, id);
  const waitMs = parseWaitMs(c.req.raw);
  const wanted = mediaTypeOf(c);
  if (wanted === "text/event-stream") return streamEvents(c, id);
  if (wanted === "text/html") return statusPage(c, id, await c.env.PROMISES.getByName(id).get());
  if (waitMs && c.req.method !== "HEAD") return answerLater(c, id, waitMs);
  const frame = splitFrame(await c.env.PROMISES.getByName(id).read(originOf(c)));
  if (frame.promise === undefined) throw notFound(id);
  return recordResponse(c, 200, frame.promise, cachingOf(frame));
}

/** Where the caller reaches us: the origin of every `url` in an answer. */
export function originOf(c: C): string {
  return readConfig(c.env).publicUrl ?? originOfUrl(c.req.url);
}

export function notFound(id: string): Refusal {
  return new Refusal("not_found", `There is no promise "${id}"`, { field: "id" });
}

async function applied(c: C, id: string, command: Create | Settle): Promise<Response> {
  const origin = originOf(c);
  const changed = await c.env.PROMISES.getByName(id).change(command, origin);
  const told = TOLD[changed.outcome as keyof typeof TOLD];
  const { etag, promise } = splitFrame(changed.frame);
  if (promise === undefined || !told) throw refusalOf(changed, id);
  return new Response(promise, {
    status: told === "created" || told === "settled" ? 201 : 200,
    headers: {
      "content-type": "application/json",
      etag: `"${etag}"`,
      [HEADER.outcome]: told,
      ...(told === "created" && { location: promiseUrl(origin, id) }),
    },
  });
}

/** Decisions that are an answer; the others are refusals. Late is lost, but forgiven. */
const TOLD = {
  created: "created",
  settled: "settled",
  repeated: "repeated",
  late: "lost",
} as const satisfies Partial<Record<Changed["outcome"], Outcome>>;

const ALREADY = {
  RESOLVED: "already_resolved",
  REJECTED: "already_rejected",
  REJECTED_CANCELED: "already_canceled",
  REJECTED_TIMEDOUT: "already_timedout",
} as const satisfies Record<SettledState, ErrorCode>;

function refusalOf({ outcome, frame }: Changed, id: string): Refusal {
  const { promise } = splitFrame(frame);
  if (promise === undefined) return notFound(id);
  const headers = { [HEADER.outcome]: "lost" };
  if (outcome === "exists") {
    const detail = `The promise "${id}" exists already; this call changed nothing`;
    return new Refusal("exists", detail, { promise, headers });
  }
  if (outcome === "lost") {
    const detail = `This call lost: the promise "${id}" was settled before, and stays as it is`;
    // SAFETY: our own resource text, and only what is settled can be lost.
    const { state } = JSON.parse(promise) as { state: SettledState };
    return new Refusal(ALREADY[state], detail, { promise, headers });
  }
  return new Refusal("pending", `The promise "${id}" is pending: settle it first`, { promise });
}

function mediaTypeOf(c: C): string {
  const accept = c.req.header("accept");
  if (!accept || accept === "*/*" || accept === "application/json") return "application/json";
  return accepts(c, {
    header: "Accept",
    supports: ["application/json", "text/event-stream", "text/html"],
    default: "application/json",
  });
}

async function awaitOnSocket(c: C, id: string): Promise<Response> {
  const webSocket = await openSocket({ promises: c.env.PROMISES, id, origin: originOf(c) });
  const speaksOurs = offeredSubprotocols(c.req.raw.headers).includes(SUBPROTOCOL);
  return new Response(null, {
    status: 101,
    webSocket,
    ...(speaksOurs && { headers: { [HEADER.subprotocol]: SUBPROTOCOL } }),
  });
}

async function streamEvents(c: C, id: string): Promise<Response> {
  // An EventSource comes back after every end; one that has heard this end is let go with a 204.
  const heard = c.req.header("last-event-id");
  if (heard) {
    const { type, etag } = splitFrame(await c.env.PROMISES.getByName(id).read(originOf(c)));
    if (type === "settled" && etag === heard) {
      return new Response(null, { status: 204 });
    }
  }
  const { method, signal } = c.req.raw;
  const followed = { promises: c.env.PROMISES, id, origin: originOf(c), signal };
  return new Response(method === "HEAD" ? null : await eventStream(followed), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", vary: VARY },
  });
}

async function answerLater(c: C, id: string, waitMs: number): Promise<Response> {
  const { signal } = c.req.raw;
  const followed = { promises: c.env.PROMISES, id, origin: originOf(c), signal };
  const frame = await longPoll(followed, waitMs);
  if (!frame || frame.type === "absent") throw notFound(id);
  if (frame.type === "disposed") throw new Refusal("disposed", "promise was disposed");
  const status = frame.type === "settled" ? 200 : 202;
  return recordResponse(c, status, frame.promise!, {
    etag: frame.etag!,
    cacheControl: "no-store",
    [HEADER.preferenceApplied]: `wait=${Math.floor(waitMs / 1000)}`,
  });
}

const VARY = "accept, prefer, authorization";

interface Caching {
  etag: string;
  cacheControl: string;
  [HEADER.preferenceApplied]?: string;
}

/** Settled is for ever; with a retention, for as long as the id cannot have begun another life. */
function cachingOf({ type, etag, promise }: SplitFrame): Caching {
  if (type !== "settled") return { etag: etag!, cacheControl: "private, no-cache" };
  const retention = promise!.includes('"retention":') ? retentionOf(promise!) : Infinity;
  const seconds = Math.min(YEAR_S, Math.floor(retention / 1000));
  return { etag: etag!, cacheControl: `private, max-age=${seconds}, immutable` };
}

function retentionOf(promise: string): number {
  // SAFETY: our own resource text.
  return (JSON.parse(promise) as { retention?: number }).retention ?? Infinity;
}

function recordResponse(
  c: C,
  status: number,
  text: string,
  { etag, cacheControl, ...more }: Caching,
): Response {
  const headers = { etag: `"${etag}"`, "cache-control": cacheControl, vary: VARY, ...more };
  const known = c.req.header("if-none-match");
  if (known !== undefined && matches(known, headers.etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(text, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** RFC 9110, 13.1.2: weak comparison against a list, or `*`. */
function matches(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
