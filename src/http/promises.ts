/**
 * The REST resource `/promises/:id`: parse, one call to the object, serialise. What a GET answers
 * depends on how it is asked: JSON, a long poll, Server-Sent Events, a WebSocket or a page.
 */
import {
  HEADER,
  SUBPROTOCOL,
  type ErrorCode,
  type Outcome,
  type SettledState,
} from "../../client/src/protocol.ts";
import { readConfig } from "../env.ts";
import { roomFor } from "../in-memory.ts";
import { isSettled, type Create, type Extend, type Settle } from "../machine/promise.ts";
import { promiseUrl, splitFrame } from "../machine/resource.ts";
import type { Changed } from "../object/promise-object.ts";
import { noteAct } from "./acts.ts";
import { offeredSubprotocols } from "./auth.ts";
import { eventStream, longPoll, openSocket } from "./await.ts";
import type { Call } from "./edge.ts";
import { byOf } from "./by.ts";
import { invalid, Refusal } from "./errors.ts";
import { checkFits } from "./form-check.ts";
import { cachingOf, JSON_HEADERS, mediaTypeOf, recordResponse, VARY } from "./negotiate.ts";
import { statusPage } from "./pages/status.tsx";
import {
  idOfPath,
  originOfUrl,
  parseChange,
  parseCreate,
  parseWaitMs,
  refuseQuery,
} from "./parse.ts";
import { passageOf } from "./passage.ts";
import { noPromise, permit } from "./permission.ts";
import { receiptOf } from "./receipts.ts";
import { checkTarget } from "./targets.ts";

const PREFIX = "/promises/";

/** `POST /promises` and `PUT /promises/:id`. */
export async function createPromise(call: Call): Promise<Response> {
  const { method, url } = call.request;
  const id = method === "PUT" ? idOfPath(url, PREFIX) : undefined;
  const command = await parseCreate(call, id, Date.now());
  // The route has checked the id of the path.
  passageOf(call.request).promise = command.id;
  if (id === undefined) {
    await permit(call, "create", command.id, "forbidden");
    await roomFor(call.env, command.id);
  }
  const origin = originOf(call);
  const pushed = checkTarget(command.tags, "tags", origin, call);
  // Whom an escalation tells, it tells where the promise is.
  const escalated = command.escalation && { serverUrl: origin };
  return applied(call, command.id, { ...command, ...pushed, ...escalated });
}

/** `PATCH /promises/:id`: settles, or moves the deadline. */
export async function changePromise(call: Call): Promise<Response> {
  const id = idOfPath(call.request.url, PREFIX);
  const change = await parseChange(call.request, id, Date.now());
  const act = change.kind === "extend" ? "promise.extend" : "promise.settle";
  await noteAct(call.request, call.env, act, id);
  if (change.kind === "extend") return applied(call, id, change);
  return applied(call, id, { ...change, by: byOf(call.principal, "api") });
}

/** `DELETE /promises/:id`: only when settled. */
export async function purgePromise(call: Call): Promise<Response> {
  const id = idOfPath(call.request.url, PREFIX);
  refuseQuery(call.request.url);
  const { requestId } = passageOf(call.request);
  await noteAct(call.request, call.env, "promise.purge", id);
  const object = call.env.PROMISES.getByName(id);
  const changed = await object.change({ kind: "purge" }, originOf(call), requestId);
  if (changed.outcome === "purged") return new Response(null, { status: 204 });
  throw refusalOf(changed, id);
}

/** `GET /promises/:id`, however it is asked. A HEAD is told the same, but waits for nothing. */
export async function readPromise(call: Call): Promise<Response> {
  const id = idOfPath(call.request.url, PREFIX);
  if (call.request.headers.get("upgrade")?.toLowerCase() === "websocket")
    return awaitOnSocket(call, id);
  const waitMs = parseWaitMs(call.request);
  const wanted = mediaTypeOf(call.request);
  if (wanted === "text/event-stream") return streamEvents(call, id);
  if (wanted === "text/html") return statusPage(id, await call.env.PROMISES.getByName(id).get());
  if (waitMs && call.request.method !== "HEAD") return answerLater(call, id, waitMs);
  const frame = splitFrame(await call.env.PROMISES.getByName(id).read(originOf(call)));
  if (frame.promise === undefined) throw noPromise(id);
  return recordResponse(call.request, 200, frame.promise, cachingOf(frame));
}

/** Where the caller reaches us: the origin of every `url` in an answer. */
export function originOf({ request, env }: Pick<Call, "request" | "env">): string {
  return readConfig(env).publicUrl ?? originOfUrl(request.url);
}

type Change = Create | Settle | Extend;

async function applied(call: Call, id: string, command: Change): Promise<Response> {
  const origin = originOf(call);
  const changed = await changedBy(call, id, command, origin);
  const told = TOLD[changed.outcome as keyof typeof TOLD];
  const { etag, promise } = splitFrame(changed.frame);
  if (promise === undefined || !told)
    throw await receipted(call, id, refusalOf(changed, id), origin);
  return new Response(promise, {
    status: STATUS[told],
    headers: {
      ...JSON_HEADERS,
      "cache-control": "no-store",
      etag: `"${etag}"`,
      [HEADER.outcome]: told,
      ...(told === "created" && { location: promiseUrl(origin, id) }),
    },
  });
}

/** Asks the object; where the promise has a schema, again when the value fits it. */
async function changedBy(
  { env, request }: Call,
  id: string,
  command: Change,
  origin: string,
): Promise<Changed> {
  const object = env.PROMISES.getByName(id);
  const { requestId } = passageOf(request);
  const changed = await object.change(command, origin, requestId);
  if (changed.outcome !== "unchecked" || command.kind !== "settle") return changed;
  const record = await object.get();
  if (record) checkFits(record, command.value.data);
  return object.change({ ...command, ...(record && { fits: record.birth }) }, origin, requestId);
}

/** Who lost is told how it ended in a form that can be shown to others. */
async function receipted(
  { env }: Call,
  id: string,
  refusal: Refusal,
  origin: string,
): Promise<Refusal> {
  if (!refusal.code.startsWith("already_") || readConfig(env).receiptKeys.length === 0) {
    return refusal;
  }
  const record = await env.PROMISES.getByName(id).get();
  const receipt = record && isSettled(record) && (await receiptOf(record, origin, env));
  if (!receipt) return refusal;
  return new Refusal(refusal.code, refusal.message, { ...refusal.extra, receipt });
}

const STATUS: Record<Outcome, 200 | 201 | 202> = {
  created: 201,
  settled: 201,
  extended: 200,
  voted: 202,
  repeated: 200,
  lost: 200,
};

/** Decisions that are an answer; the others are refusals. Late is lost, but forgiven. */
const TOLD = {
  created: "created",
  settled: "settled",
  extended: "extended",
  voted: "voted",
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
  if (promise === undefined) return noPromise(id);
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
  if (outcome === "endless") return invalid("timeout", "There is no deadline to move");
  if (outcome === "earlier") {
    // SAFETY: our own resource text.
    const { timeout } = JSON.parse(promise) as { timeout: number };
    return invalid("timeout", `timeout must be later than the deadline, which is ${timeout}`);
  }
  if (outcome === "already_voted") {
    return new Refusal("already_voted", "Your vote was counted before", { promise });
  }
  if (outcome === "excluded") {
    return new Refusal("not_a_voter", "You are not one of those who decide this", { promise });
  }
  return new Refusal("pending", `The promise "${id}" is pending: settle it first`, { promise });
}

async function awaitOnSocket(call: Call, id: string): Promise<Response> {
  const webSocket = await openSocket({ promises: call.env.PROMISES, id, origin: originOf(call) });
  const speaksOurs = offeredSubprotocols(call.request.headers).includes(SUBPROTOCOL);
  return new Response(null, {
    status: 101,
    webSocket,
    ...(speaksOurs && { headers: { [HEADER.subprotocol]: SUBPROTOCOL } }),
  });
}

async function streamEvents(call: Call, id: string): Promise<Response> {
  // An EventSource comes back after every end; one that has heard this end is let go with a 204.
  const heard = call.request.headers.get("last-event-id");
  if (heard) {
    const { type, etag } = splitFrame(await call.env.PROMISES.getByName(id).read(originOf(call)));
    if (type === "settled" && etag === heard) {
      return new Response(null, { status: 204 });
    }
  }
  const { method, signal } = call.request;
  const followed = { promises: call.env.PROMISES, id, origin: originOf(call), signal };
  return new Response(method === "HEAD" ? null : await eventStream(followed), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", vary: VARY },
  });
}

async function answerLater(call: Call, id: string, waitMs: number): Promise<Response> {
  const { signal } = call.request;
  const followed = { promises: call.env.PROMISES, id, origin: originOf(call), signal };
  const frame = await longPoll(followed, waitMs);
  if (!frame || frame.type === "absent") throw noPromise(id);
  if (frame.type === "disposed") throw new Refusal("disposed", "promise was disposed");
  const status = frame.type === "settled" ? 200 : 202;
  return recordResponse(call.request, status, frame.promise!, {
    etag: frame.etag!,
    cacheControl: "no-store",
    [HEADER.preferenceApplied]: `wait=${Math.floor(waitMs / 1000)}`,
  });
}
