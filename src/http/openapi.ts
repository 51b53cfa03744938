/**
 * The OpenAPI 3.1 document: schemas from the very validators that read the requests, and a table of
 * operations. A test asks every operation and holds each answer against this.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { ERRORS, HEADER, type ErrorCode } from "../../client/src/protocol.ts";
import { pauseBody, scheduleBody } from "./schedules.ts";
import { createBody, promiseRecord, settleBody } from "./schemas.ts";

type Json = Record<string, unknown>;

const ID = {
  name: "id",
  in: "path",
  required: true,
  description: "1 to 1,024 bytes; may contain slashes, raw or as %2F.",
  schema: { type: "string", minLength: 1 },
};
const KEY_HEADERS = [
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
const WAIT = [
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

const OUTCOME_HEADERS = {
  [HEADER.outcome]: { schema: { enum: ["created", "settled", "repeated", "lost"] } },
  etag: { schema: { type: "string" } },
};

const CREATED = {
  201: { description: "Created by this call.", headers: OUTCOME_HEADERS, ...record() },
  200: { description: "Created before with the same key.", headers: OUTCOME_HEADERS, ...record() },
};

/** `origin` is where this deployment is reached. */
export function openApiDocument(origin: string): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "Durable Promises",
      version: "1.0.0",
      license: { name: "MIT", identifier: "MIT" },
      description:
        "A promise has a URL. Anyone who holds it can create it, await it for a second or a year, " +
        "settle it once, or open it in a browser; everyone gets the same value.",
    },
    servers: [{ url: origin }],
    security: [{ bearer: [] }, {}],
    tags: [
      { name: "promises", description: "The promise as a resource." },
      { name: "example", description: "The shapes of Restate's durable promises example." },
      { name: "schedules", description: "Promises made by the clock." },
      { name: "resonate", description: "Resonate's protocol, for promises and tasks." },
      { name: "service", description: "The service itself." },
    ],
    paths: {
      "/promises": {
        post: operation("createPromise", "Create a promise; without an id one is drawn", {
          requestBody: body(createBody),
          parameters: KEY_HEADERS,
          responses: { ...CREATED, ...problems("exists", ...CALL_ERRORS, ...BODY_ERRORS) },
        }),
      },
      "/promises/{id}": {
        get: operation("getPromise", "Read a promise, or wait for it", {
          description:
            "Accept: application/json, text/event-stream (live events) or text/html (a page). " +
            "Upgrade: websocket for an awaiter that sleeps with the promise.",
          parameters: [ID, ...WAIT],
          responses: {
            200: {
              description: "The promise.",
              headers: { etag: { schema: { type: "string" } } },
              content: {
                "application/json": { schema: { $ref: "#/components/schemas/Promise" } },
                "text/event-stream": { schema: { type: "string" } },
                "text/html": { schema: { type: "string" } },
              },
            },
            101: { description: "A WebSocket; its first frame is the current standing." },
            202: { description: "Still pending when the wait was over.", ...record() },
            204: { description: "Event streams: you have heard the end already." },
            304: { description: "Not modified." },
            ...problems("not_found", "disposed", "too_many_awaiters", ...CALL_ERRORS),
          },
        }),
        put: operation("putPromise", "Create a promise under this id", {
          parameters: [ID, ...KEY_HEADERS],
          requestBody: body(createBody),
          responses: { ...CREATED, ...problems("exists", ...CALL_ERRORS, ...BODY_ERRORS) },
        }),
        patch: operation("settlePromise", "Settle a promise; the first one wins", {
          parameters: [ID, ...KEY_HEADERS],
          requestBody: body(settleBody),
          responses: {
            201: { description: "Settled by this call.", headers: OUTCOME_HEADERS, ...record() },
            200: {
              description:
                "Settled before with the same key, or timed out before (promise-outcome: lost).",
              headers: OUTCOME_HEADERS,
              ...record(),
            },
            ...problems("already_resolved", "not_found", ...CALL_ERRORS, ...BODY_ERRORS),
          },
        }),
        delete: operation("purgePromise", "Delete a settled promise; its id is free again", {
          parameters: [ID],
          responses: {
            204: { description: "Deleted." },
            ...problems("not_found", "pending", ...CALL_ERRORS),
          },
        }),
      },
      "/durablePromiseServer/{operation}": example("request", "promiseName"),
      "/promise/{operation}": example(undefined, "promiseId"),
      "/schedules/{id}": schedulePath(),
      "/rpc": { post: PROTOCOL },
      "/health": {
        get: operation("health", "Is the service up", {
          tags: ["service"],
          security: [],
          responses: {
            200: {
              description: "Up.",
              content: {
                "application/json": {
                  schema: { type: "object", properties: { status: { const: "ok" } } },
                },
              },
            },
          },
        }),
      },
    },
    components: {
      schemas: { Promise: schemaOf(promiseRecord), Problem: PROBLEM },
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
  };
}

const CALL_ERRORS: ErrorCode[] = [
  "invalid_request",
  "unauthorized",
  "forbidden",
  "internal",
  "unavailable",
];
const BODY_ERRORS: ErrorCode[] = ["too_large", "unsupported_media_type"];

const REPLY = { content: { "application/json": { schema: { type: "object" } } } };

const PROTOCOL = operation(
  "callProtocol",
  "Resonate's protocol of 2026-04-01; POST / is the same",
  {
    tags: ["resonate"],
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: {
            type: "object",
            required: ["kind", "head", "data"],
            properties: {
              kind: { type: "string", examples: ["promise.get"] },
              head: {
                type: "object",
                required: ["corrId", "version"],
                properties: { corrId: { type: "string" }, version: { const: "2026-04-01" } },
              },
              data: { type: "object" },
            },
          },
        },
      },
    },
    responses: {
      ...problems(...CALL_ERRORS, ...BODY_ERRORS),
      200: { description: "Done; its data depends on the kind.", ...REPLY },
      400: { description: "Malformed; the data says why.", ...REPLY },
      404: { description: "There is no such promise or task.", ...REPLY },
      409: { description: "The task is in another state or version.", ...REPLY },
      422: { description: "The promise cannot be executed.", ...REPLY },
      501: { description: "A kind that is not served.", ...REPLY },
    },
  },
);

const PROBLEM = {
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

function operation(operationId: string, summary: string, rest: Json): Json {
  return { operationId, summary, tags: ["promises"], ...rest };
}

function example(wrapper: string | undefined, idName: string): Json {
  const call = {
    type: "object",
    required: [idName],
    properties: { [idName]: { type: "string" }, value: {}, errorMessage: { type: "string" } },
  };
  const schema = wrapper
    ? { type: "object", required: [wrapper], properties: { [wrapper]: call } }
    : call;
  return {
    post: operation(
      `${wrapper ? "wrapped" : "bare"}Call`,
      "peek, await, resolve, reject, dispose",
      {
        tags: ["example"],
        parameters: [
          {
            name: "operation",
            in: "path",
            required: true,
            schema: { enum: ["peek", "await", "resolve", "reject", "dispose"] },
          },
        ],
        requestBody: { required: true, content: { "application/json": { schema } } },
        responses: {
          200: {
            description: "The outcome; the loser of a race gets the winner's.",
            content: { "application/json": { schema: {} } },
          },
          ...problems("no_route", "disposed", "too_many_awaiters", ...CALL_ERRORS, ...BODY_ERRORS),
        },
      },
    ),
  };
}

function schedulePath(): Json {
  const shown = { content: { "application/json": { schema: SCHEDULE } } };
  const common = { tags: ["schedules"], parameters: [{ ...ID, description: "Of the schedule." }] };
  const noSchedule = problems("schedule_not_found", ...CALL_ERRORS);
  return {
    put: operation("putSchedule", "Make a schedule", {
      ...common,
      parameters: [...common.parameters, ...KEY_HEADERS],
      requestBody: body(scheduleBody),
      responses: {
        201: { description: "Made by this call.", ...shown },
        200: { description: "Made before with the same key.", ...shown },
        ...problems("schedule_exists", ...CALL_ERRORS, ...BODY_ERRORS),
      },
    }),
    get: operation("getSchedule", "Read a schedule and its next runs", {
      ...common,
      responses: { 200: { description: "The schedule.", ...shown }, ...noSchedule },
    }),
    patch: operation("pauseSchedule", "Pause a schedule, or let it go on", {
      ...common,
      requestBody: body(pauseBody),
      responses: {
        200: { description: "The schedule as it is now.", ...shown },
        ...noSchedule,
        ...problems(...BODY_ERRORS),
      },
    }),
    post: operation("runSchedule", "Run a schedule now, besides its times", {
      ...common,
      responses: {
        201: {
          description: "Where its promise is.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: { promiseId: { type: "string" }, url: { type: "string" } },
              },
            },
          },
        },
        ...noSchedule,
      },
    }),
    delete: operation("deleteSchedule", "End a schedule; what it has made stays", {
      ...common,
      responses: { 204: { description: "Ended." }, ...noSchedule },
    }),
  };
}

const SCHEDULE = {
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

function record(): Json {
  return { content: { "application/json": { schema: { $ref: "#/components/schemas/Promise" } } } };
}

function body(schema: v.GenericSchema): Json {
  return { required: true, content: { "application/json": { schema: schemaOf(schema) } } };
}

function problems(...codes: ErrorCode[]): Json {
  const content = {
    "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
  };
  return Object.fromEntries(
    codes.map((code) => [ERRORS[code].status, { description: ERRORS[code].title, content }]),
  );
}

function schemaOf(schema: v.GenericSchema): Json {
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
