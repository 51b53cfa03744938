/**
 * What the operations of the OpenAPI document are put together from: parameters, answers, and schemas
 * taken from the very validators that read the requests.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { ERRORS, HEADER, OUTCOMES, type ErrorCode } from "../../client/src/protocol.ts";

export type Json = Record<string, unknown>;

export const ID = {
  name: "id",
  in: "path",
  required: true,
  description: "1 to 1,024 bytes; may contain slashes, raw or as %2F.",
  schema: { type: "string", minLength: 1 },
};
export const KEY_HEADERS = [
  {
    name: HEADER.idempotencyKey,
    in: "header",
    description: "Repeating a call with the same key is a success and answers the same record.",
    schema: { type: "string", minLength: 1 },
  },
  {
    name: HEADER.strict,
    in: "header",
    description: "With true, a repeat succeeds only while the promise is in the state asked for.",
    schema: { type: "boolean", default: false },
  },
];
export const WAIT = [
  {
    name: "wait",
    in: "query",
    description: "Hold the answer until it is settled: 20s, at most 25s.",
    schema: { type: "string" },
  },
  {
    name: HEADER.prefer,
    in: "header",
    description: "wait=20: the same, in seconds (RFC 7240).",
    schema: { type: "string" },
  },
  {
    name: "if-none-match",
    in: "header",
    description: "An entity tag: 304 when nothing has changed.",
    schema: { type: "string" },
  },
];

export const OUTCOME_HEADERS = {
  [HEADER.outcome]: { schema: { enum: OUTCOMES } },
  etag: { schema: { type: "string" } },
};

export const CALL_ERRORS: ErrorCode[] = [
  "invalid_request",
  "unauthorized",
  "forbidden",
  "url_too_long",
  "too_many_requests",
  "headers_too_large",
  "internal",
  "unavailable",
];
export const BODY_ERRORS: ErrorCode[] = ["too_large", "unsupported_media_type"];

export const PROBLEM = {
  type: "object",
  required: ["type", "title", "status", "code", "detail", "error"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    code: { enum: Object.keys(ERRORS), description: "Stable; branch on this." },
    detail: { type: "string" },
    field: { type: "string", description: "The field, header or part of the path at fault." },
    promise: { $ref: "#/components/schemas/Promise" },
    error: {
      type: "object",
      required: ["code", "message"],
      properties: { code: { type: "integer" }, message: { type: "string" } },
    },
  },
};

export function operation(operationId: string, summary: string, rest: Json): Json {
  return { operationId, summary, tags: ["promises"], ...rest };
}

export const SCHEDULE = {
  type: "object",
  required: ["id", "cron", "timezone", "promiseId", "promiseTimeout", "nextRunTime", "paused"],
  properties: {
    id: { type: "string" },
    cron: {
      type: "string",
      description: "5 to 7 fields or @daily; weekdays 0 to 7, Sunday 0 and 7.",
    },
    timezone: { type: "string" },
    promiseId: { type: "string" },
    promiseTimeout: { type: "integer" },
    promiseParam: { type: "object" },
    promiseTags: { type: "object", additionalProperties: { type: "string" } },
    description: { type: "string" },
    paused: { type: "boolean" },
    idempotencyKey: { type: "string" },
    createdOn: { type: "integer" },
    nextRunTime: { type: ["integer", "null"] },
    lastRunTime: { type: "integer" },
    nextRuns: { type: "array", items: { type: "integer" } },
    skipped: { type: "object", description: "Occurrences passed over after a long absence." },
    url: { type: "string" },
  },
};

export function record(): Json {
  return { content: { "application/json": { schema: { $ref: "#/components/schemas/Promise" } } } };
}

export function body(schema: v.GenericSchema): Json {
  return { required: true, content: { "application/json": { schema: schemaOf(schema) } } };
}

export function problems(...codes: ErrorCode[]): Json {
  const content = {
    "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
  };
  return Object.fromEntries(
    codes.map((code) => [ERRORS[code].status, { description: ERRORS[code].title, content }]),
  );
}

export function schemaOf(schema: v.GenericSchema): Json {
  const { $schema: _, ...json } = toJsonSchema(schema, {
    errorMode: "ignore",
    typeMode: "input",
    // Our own string map is the only custom schema, and says itself what it is.
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      valibotSchema.type === "custom"
        ? { type: "object", additionalProperties: { type: "string" } }
        : jsonSchema,
  });
  return json;
}
