/**
 * The shapes of Restate's "Durable Promises" example, in both its generations, so that its users'
 * `curl` lines and clients work here unchanged:
 *
 * - `POST /durablePromiseServer/{op}` with `{"request": {"promiseName", …}}` → `{"response": X}`
 * - `POST /promise/{op}` with `{"promiseId", …}` → X
 *
 * X is `null` (`{}` in the wrapper) while pending, `{"value": v}` resolved, `{"error": message}`
 * rejected. Every id is as if it had always existed; the loser of a race gets the winner's outcome.
 */
import * as v from "valibot";
import { rejectionMessage, type Scope, type State } from "../../client/src/protocol.ts";
import { readConfig } from "../env.ts";
import { roomFor } from "../in-memory.ts";
import { isSettled, type PromiseRecord, type Settle } from "../machine/promise.ts";
import { noteAct } from "./acts.ts";
import { follow, type SplitFrame } from "./await.ts";
import type { C } from "./edge.ts";
import { byOf } from "./by.ts";
import { settleChecked } from "./form-check.ts";
import { invalid, Refusal } from "./errors.ts";
import { readJson, textAt } from "./json.ts";
import { newBirth, validate } from "./parse.ts";
import { permit, requireScope } from "./permission.ts";
import { originOf } from "./promises.ts";
import { promiseId } from "./schemas.ts";

/** How long an await is held before its answer begins, so that a failure still has a status. */
const HELD_MS = 25_000;
/** White space before the JSON, so that nobody on the way takes a long wait for a dead line. */
const KEEP_ALIVE_MS = 15_000;

const OPERATIONS = ["peek", "await", "resolve", "reject", "dispose"] as const;
type Operation = (typeof OPERATIONS)[number];

interface Call {
  operation: Operation;
  id: string;
  /** JSON text, as it was sent. */
  value: string | undefined;
  errorMessage: string | undefined;
  /** Where the call stands in the body, for errors. */
  path: "request." | "";
  /** X to the body of the answer, in the caller's generation of the shapes. */
  wrap: (x: string) => string;
}

const errorMessage = v.optional(v.string());
const wrappedBody = v.object({ request: v.object({ promiseName: promiseId, errorMessage }) });
const bareBody = v.object({ promiseId, errorMessage });

/** `POST /durablePromiseServer/:operation` */
export async function callWrapped(c: C): Promise<Response> {
  const operation = operationOf(c);
  const { text, value } = await readJson(c.req.raw);
  const { promiseName, errorMessage } = validate(wrappedBody, value, "").request;
  return perform(c, {
    operation,
    id: promiseName,
    value: textAt(text, ["request", "value"]),
    errorMessage,
    path: "request.",
    wrap: (x) => (x === "null" ? "{}" : `{"response":${x}}`),
  });
}

/** `POST /promise/:operation` */
export async function callBare(c: C): Promise<Response> {
  const operation = operationOf(c);
  const { text, value } = await readJson(c.req.raw);
  const { promiseId: id, errorMessage } = validate(bareBody, value, "");
  return perform(c, {
    operation,
    id,
    value: textAt(text, ["value"]),
    errorMessage,
    path: "",
    wrap: (x) => x,
  });
}

function operationOf(c: C): Operation {
  const operation = c.req.param("operation");
  const known = OPERATIONS.find((name) => name === operation);
  if (known) return known;
  throw new Refusal("no_route", `There is no operation "${operation}": ${OPERATIONS.join(", ")}`);
}

/** To settle is also to create, and a disposed id can begin another life. */
const NEEDS: Record<Operation, [Scope, ...Scope[]]> = {
  peek: ["read"],
  await: ["await"],
  resolve: ["settle", "create"],
  reject: ["settle", "create"],
  dispose: ["admin"],
};

async function perform(c: C, call: Call): Promise<Response> {
  const asker = { env: c.env, principal: c.get("principal") };
  const [scope, ...more] = NEEDS[call.operation];
  for (const besides of more) requireScope(asker.principal, besides);
  await permit(asker, scope, call.id, "no promise");
  await roomFor(c.env, call.id);
  const promise = c.env.PROMISES.getByName(call.id);
  switch (call.operation) {
    case "peek":
      return json(call.wrap(outcomeText(await promise.get())));
    case "await":
      return awaitOutcome(c, call);
    case "resolve":
    case "reject": {
      const { record } = await settleChecked(promise, settleCommand(c, call));
      return json(call.wrap(outcomeText(record)));
    }
    case "dispose":
      await noteAct(c.req.raw, c.env, "promise.dispose", call.id);
      await promise.apply({ kind: "dispose" });
      return json(call.wrap("null"));
    default:
      return call.operation satisfies never;
  }
}

function settleCommand(c: C, { operation, id, value, errorMessage, path }: Call): Settle {
  if (operation === "reject" && errorMessage === undefined) {
    throw invalid(`${path}errorMessage`, `${path}errorMessage is missing`);
  }
  const data = operation === "resolve" ? value : JSON.stringify(errorMessage);
  const { retentionMs } = readConfig(c.env);
  return {
    kind: "settle",
    state: operation === "resolve" ? "resolved" : "rejected",
    value: data === undefined ? {} : { data },
    by: byOf(c.get("principal"), "example"),
    strict: false,
    orCreate: { id, birth: newBirth(), ...(retentionMs !== undefined && { retentionMs }) },
  };
}

/** Held as long as it takes. */
async function awaitOutcome(c: C, call: Call): Promise<Response> {
  const outcome = outcomeOf(c, call);
  const held = await Promise.race([outcome, scheduler.wait(HELD_MS)]);
  return held === undefined ? streamed(outcome, call) : json(call.wrap(held));
}

async function outcomeOf(c: C, { id }: Call): Promise<string> {
  let last: SplitFrame = { type: "absent" };
  const { signal } = c.req.raw;
  await follow(
    { promises: c.env.PROMISES, id, origin: originOf({ env: c.env, request: c.req.raw }), signal },
    (frame) => {
      last = frame;
    },
  );
  if (last.promise === undefined) throw new Refusal("disposed", "promise was disposed");
  // SAFETY: the frame is our own resource text.
  const { state } = JSON.parse(last.promise) as { state: State };
  return xOf(state, textAt(last.promise, ["value", "data"]));
}

function streamed(outcome: Promise<string>, { wrap }: Call): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  const keepAlive = setInterval(() => void writer.write(encoder.encode(" ")), KEEP_ALIVE_MS);
  void outcome
    .then(wrap, (error: unknown) => errorText(error instanceof Error ? error.message : "failed"))
    .then((text) => writer.write(encoder.encode(text)))
    .then(() => writer.close())
    // The caller hung up.
    .catch(() => undefined)
    .finally(() => clearInterval(keepAlive));
  return json(readable);
}

function outcomeText(record: PromiseRecord | null): string {
  if (!record || !isSettled(record)) return "null";
  // SAFETY: the wire names of the states are those of the machine in upper case.
  return xOf(record.state.toUpperCase() as State, record.value.data);
}

/** X of the header comment, as text: a value is spliced in as it came. */
function xOf(state: State, data: string | undefined): string {
  if (state === "PENDING") return "null";
  if (state === "RESOLVED") return data === undefined ? "{}" : `{"value":${data}}`;
  return errorText(rejectionMessage(state, data === undefined ? undefined : JSON.parse(data)));
}

function errorText(message: string): string {
  return JSON.stringify({ error: message });
}

function json(body: string | ReadableStream<Uint8Array>): Response {
  return new Response(body, {
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
