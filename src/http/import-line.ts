/**
 * A line of an import as a promise: the resource, as `GET /export` writes it and `GET /promises` shows
 * it, back to the record. Bytes to a command, or a refusal that names the field. What holds among the
 * fields is machine/import.ts's matter.
 */
import * as v from "valibot";
import { LIMITS, STATES, WRITABLE_STATES } from "../../client/src/protocol.ts";
import { faultOfImport, type Import } from "../machine/import.ts";
import type { By, Payload, PromiseRecord } from "../machine/promise.ts";
import type { Vote } from "../machine/quorum.ts";
import { askedFields, askedOf, name, stepFields } from "./asked.ts";
import type { Call } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { newBirth, validate } from "./parse.ts";
import { originOf } from "./promises.ts";
import { fields, payload, promiseId, safeInteger, tags, utf8Length } from "./schemas.ts";
import { checkTarget } from "./targets.ts";
import { payloadOf } from "./values.ts";

const duration = v.pipe(safeInteger, v.minValue(0, "must be 0 or more"));
const key = v.pipe(
  v.string("must be a string"),
  v.check(
    (text) => utf8Length(text) <= LIMITS.idempotencyKeyBytesMax,
    `must have ${LIMITS.idempotencyKeyBytesMax} bytes at most`,
  ),
);
const flag = v.optional(v.literal(true, "must be true, or left out"));
/** Names come from tokens, too, whose makers have their own ideas. */
const who = v.pipe(v.string("must be a string"), v.maxLength(1000));

const HOWS = [
  "api",
  "protocol",
  "example",
  "link",
  "callback",
  "worker",
  "deadline",
  "escalation",
] as const satisfies By["how"][];

export const importBody = fields({
  id: promiseId,
  state: v.picklist(STATES, `must be one of ${STATES.join(", ")}`),
  param: v.optional(payload, {}),
  value: v.optional(payload, {}),
  timeout: safeInteger,
  tags: v.optional(tags, {}),
  createdOn: safeInteger,
  completedOn: v.optional(safeInteger),
  idempotencyKeyForCreate: v.optional(key),
  idempotencyKeyForComplete: v.optional(key),
  onTimeout: v.optional(
    fields({
      state: v.picklist(WRITABLE_STATES, `must be one of ${WRITABLE_STATES.join(", ")}`),
      value: v.optional(payload, {}),
    }),
  ),
  retention: v.optional(duration),
  ...askedFields,
  escalation: v.optional(
    v.pipe(
      v.array(fields({ ...stepFields, after: duration, done: v.boolean("must be true or false") })),
      v.maxLength(LIMITS.escalationStepsMax),
    ),
  ),
  votes: v.optional(
    v.pipe(
      v.array(
        fields({
          by: v.pipe(who, v.nonEmpty("must not be empty")),
          approves: v.boolean("must be true or false"),
          at: safeInteger,
          key: v.optional(key),
        }),
      ),
      v.maxLength(LIMITS.votersMax, `must have ${LIMITS.votersMax} entries at most`),
    ),
  ),
  settledBy: v.optional(
    fields({
      how: v.picklist(HOWS, `must be one of ${HOWS.join(", ")}`),
      who: v.optional(name),
      link: v.optional(who),
    }),
  ),
  internal: flag,
  protocol: flag,
  halted: flag,
  /** Of the place where it was. */
  url: v.optional(v.unknown()),
});
type Body = v.InferOutput<typeof importBody>;

/** @throws Refusal for what is no promise, or may not be one here */
export function parseImport(text: string, value: unknown, call: Call, now: number): Import {
  const body = validate(importBody, value, "");
  const isPending = body.state === "PENDING";
  checkShape(body);
  // What is over is sent to nobody any more, so its addresses need not be good here.
  const asked = askedOf(askedIn(body), body.tags, text, isPending ? call : undefined, now);
  const origin = originOf(call);
  const pushed = isPending ? checkTarget(body.tags, "tags", origin, call) : {};
  const record: PromiseRecord = {
    id: body.id,
    birth: newBirth(),
    param: payloadOf(body.param, text, "param"),
    tags: body.tags,
    timeoutAt: body.timeout,
    createdAt: body.createdOn,
    ...keyed("idempotencyKeyForCreate", body.idempotencyKeyForCreate),
    ...(body.onTimeout && {
      onTimeout: {
        state: lowered(body.onTimeout.state),
        value: payloadOf(body.onTimeout.value, text, "onTimeout", "value"),
      },
    }),
    ...(body.retention !== undefined && { retentionMs: body.retention }),
    ...(body.internal && { internal: true }),
    ...(body.protocol && { overProtocol: true }),
    ...asked,
    ...(body.votes && { votes: body.votes.map(voteOf) }),
    ...escalatedIn(body),
    ...pushed,
    ...(isPending && asked.escalation && { serverUrl: origin }),
    ...settlementIn(body, text),
  };
  refuseLarge(record.param);
  const fault = faultOfImport(record, now);
  if (fault) throw invalid(fault.field, `${fault.field} ${fault.is}`);
  return { kind: "import", record, halted: body.halted === true };
}

/** What no body could have brought. A value may be longer: of a callback that is text, it is spelled as JSON. */
function refuseLarge({ data = "" }: Payload): void {
  if (utf8Length(data) <= LIMITS.bodyBytesMax) return;
  const detail = `param.data may have ${LIMITS.bodyBytesMax} bytes at most`;
  throw new Refusal("too_large", detail, { field: "param" });
}

/** A settled promise has what a pending one has not. */
function checkShape(body: Body): void {
  const isPending = body.state === "PENDING";
  if (!isPending && body.completedOn === undefined) {
    throw invalid("completedOn", `completedOn is missing: it is ${body.state}`);
  }
  const settled = ["completedOn", "idempotencyKeyForComplete", "settledBy"] as const;
  const odd = settled.find((field) => body[field] !== undefined);
  if (isPending && odd) throw invalid(odd, `${odd} goes with a settled promise, and it is PENDING`);
  if (isPending && Object.keys(body.value).length > 0) {
    throw invalid("value", "value goes with a settled promise, and it is PENDING");
  }
}

function settlementIn(body: Body, text: string) {
  if (body.state === "PENDING") return { state: "pending" } as const;
  const { settledBy } = body;
  return {
    state: lowered(body.state),
    value: payloadOf(body.value, text, "value"),
    // SAFETY: looked at by `checkShape`.
    settledAt: body.completedOn!,
    // Shown and not stored: it is to be seen from the instant.
    ...(settledBy && settledBy.how !== "deadline" && { settledBy: byOf(settledBy) }),
    ...keyed("idempotencyKeyForComplete", body.idempotencyKeyForComplete),
  };
}

/** Those that have happened, one after the other. */
function escalatedIn({ escalation = [] }: Body): { escalated?: number } {
  const escalated = escalation.filter(({ done }) => done).length;
  const gap = escalation.slice(0, escalated).findIndex(({ done }) => !done);
  if (gap !== -1) throw invalid(`escalation.${gap}.done`, "a step comes before those after it");
  return escalated > 0 ? { escalated } : {};
}

function askedIn({ form, requestedBy, quorum, escalation }: Body) {
  const steps = escalation?.map((step) => {
    const { done: _, ...asked } = step;
    return asked;
  });
  return { form, requestedBy, quorum, escalation: steps };
}

function voteOf({ key: given, ...vote }: NonNullable<Body["votes"]>[number]): Vote {
  return { ...vote, ...(given !== undefined && { key: given }) };
}

function byOf({ how, who: given, link }: NonNullable<Body["settledBy"]>): By {
  return {
    how,
    ...(given !== undefined && { who: given }),
    ...(link !== undefined && { link }),
  };
}

function keyed<Name extends string>(field: Name, given: string | undefined) {
  // SAFETY: the one key that the type names.
  return (given === undefined ? {} : { [field]: given }) as { [key in Name]?: string };
}

function lowered<State extends string>(state: State): Lowercase<State> {
  // SAFETY: lower-casing a member of the union is what the type says.
  return state.toLowerCase() as Lowercase<State>;
}
