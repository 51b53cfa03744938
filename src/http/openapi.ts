/**
 * The OpenAPI 3.1 document: the table of operations. A test asks every one of them and holds each
 * answer against this.
 */
import * as v from "valibot";
import { LIMITS } from "../../client/src/protocol.ts";
import { createBody } from "./asked.ts";
import {
  body,
  BODY_ERRORS,
  CALL_ERRORS,
  ID,
  KEY_HEADERS,
  operation,
  OUTCOME_HEADERS,
  PROBLEM,
  problems,
  record,
  SCHEDULE,
  schemaOf,
  WAIT,
  type Json,
} from "./openapi-parts.ts";
import { findPaths, SEARCH } from "./openapi-find.ts";
import { keyPaths } from "./openapi-keys.ts";
import { linkPaths } from "./openapi-links.ts";
import { operationPaths } from "./openapi-operations.ts";
import { sessionPaths } from "./openapi-session.ts";
import { webhookPaths } from "./openapi-webhooks.ts";
import { pauseBody, scheduleBody } from "./schedules.ts";
import { extendBody, promiseRecord, settleBody } from "./schemas.ts";

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
      { name: "keys", description: "Who may do what." },
      { name: "links", description: "Capabilities for who has no key: people, other systems." },
      { name: "receipts", description: "How promises ended, signed." },
      { name: "webhooks", description: "Who is told what happens to promises." },
      {
        name: "resonate",
        description: "Resonate's protocol: promises, tasks, schedules, workers.",
      },
      { name: "session", description: "Browsers that are signed in." },
      { name: "service", description: "The service itself." },
    ],
    paths: {
      "/promises": {
        get: SEARCH,
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
        patch: operation("settlePromise", "Settle a promise, the first one wins; or extend it", {
          description:
            "With a state it settles. With a timeout and no state the deadline of a pending promise " +
            "moves later; the deadline that it has already is a success and changes nothing.",
          parameters: [ID, ...KEY_HEADERS],
          requestBody: body(v.union([settleBody, extendBody])),
          responses: {
            201: { description: "Settled by this call.", headers: OUTCOME_HEADERS, ...record() },
            200: {
              description:
                "Settled before with the same key, or timed out before (promise-outcome: lost); " +
                "or the deadline is as asked (promise-outcome: extended).",
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
      ...linkPaths(),
      ...webhookPaths(),
      ...keyPaths(),
      ...sessionPaths(),
      ...findPaths(),
      "/schedules": { get: LIST_SCHEDULES },
      "/schedules/{id}": schedulePath(),
      "/poll/{group}/{pid}": { get: POLL },
      "/rpc": { post: PROTOCOL },
      ...operationPaths(),
    },
    components: {
      schemas: { Promise: schemaOf(promiseRecord), Problem: PROBLEM },
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description:
            "A key (of API_KEYS, or made at /keys) or a JWT (EdDSA, ES256, RS256) whose claims " +
            "scope and prefix say what it may do. Without keys, this machine needs none.",
        },
      },
    },
  };
}

const REPLY = { content: { "application/json": { schema: { type: "object" } } } };

/** An answer of the protocol, or of what stands before it. */
const EITHER = {
  content: {
    ...REPLY.content,
    "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
  },
};

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
      300: { description: "Go on: a promise that you would await is settled.", ...REPLY },
      403: { description: "Not allowed, or a clock that is not to be driven.", ...EITHER },
      422: { description: "A promise cannot be executed, or cannot be awaited.", ...REPLY },
      503: { description: "It may or may not have happened; ask again.", ...EITHER },
    },
  },
);

const POLL = operation("poll", "What there is to do for a worker, as it comes", {
  tags: ["resonate"],
  description:
    "Held open. Each event is a message: execute (a task to acquire) or unblock (a promise that " +
    "has settled). Targets and listeners name it poll://any@group or poll://uni@group/pid. Of a key " +
    "with prefixes, a group is one that they reach: team-a/* reaches team-a.",
  parameters: ["group", "pid"].map((name) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  })),
  responses: {
    200: {
      description: "The messages.",
      content: { "text/event-stream": { schema: { type: "string" } } },
    },
    ...problems("too_many_workers", ...CALL_ERRORS),
  },
});

const LIST_SCHEDULES = operation("listSchedules", "All schedules, in the order of their ids", {
  tags: ["schedules"],
  parameters: [
    {
      name: "limit",
      in: "query",
      schema: { type: "integer", minimum: 1, maximum: LIMITS.searchLimitMax },
    },
    { name: "cursor", in: "query", schema: { type: "string" } },
  ],
  responses: {
    200: {
      description: "A page; with a cursor there is more.",
      content: {
        "application/json": {
          schema: {
            type: "object",
            required: ["schedules"],
            properties: {
              schedules: { type: "array", items: SCHEDULE },
              cursor: { type: "string" },
            },
          },
        },
      },
    },
    ...problems(...CALL_ERRORS),
  },
});

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
