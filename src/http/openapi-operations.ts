/** What whoever runs the service asks of it, for the OpenAPI document (openapi.ts). */
import { AUDIT_ACTS, LIMITS } from "../../client/src/protocol.ts";
import { importBody } from "./import-line.ts";
import { NDJSON } from "./ndjson.ts";
import { SEARCH_QUERY } from "./openapi-find.ts";
import {
  BODY_ERRORS,
  CALL_ERRORS,
  ID,
  operation,
  problems,
  schemaOf,
  type Json,
} from "./openapi-parts.ts";

const AWAITERS = {
  type: "object",
  required: ["sockets", "listeners", "tasks"],
  properties: {
    sockets: { type: "integer" },
    listeners: { type: "array", items: { type: "string" } },
    tasks: { type: "array", items: { type: "string" } },
    more: { const: true, description: `There are more than ${LIMITS.awaitersListedMax}.` },
  },
};

const ENTRY = {
  type: "object",
  required: ["at", "who", "kind", "did", "from", "request"],
  properties: {
    at: { type: "integer", description: "ms since the epoch: just before it was done." },
    who: { type: "string" },
    kind: { type: "string" },
    did: { enum: AUDIT_ACTS },
    on: { type: "string", description: "The id of what it was done to." },
    from: { enum: ["dashboard", "cli", "api"] },
    request: { type: "string", description: "x-request-id" },
    status: {
      type: "integer",
      description: "Of the answer. Absent: the server ended meanwhile; it may have happened.",
    },
  },
};

export function operationPaths(): Json {
  return {
    "/awaiters/{id}": { get: AWAITERS_OF },
    "/audit": { get: AUDIT },
    "/metrics": { get: METRICS },
    "/export": { get: EXPORT },
    "/import": { post: IMPORT },
    "/health": { get: health("health", "Is the service up", "Up.", "ok") },
    "/ready": {
      get: health(
        "ready",
        "Can the service serve",
        "Settings, promises, index and keys answer.",
        "ready",
        problems("invalid_request", "unavailable"),
      ),
    },
  };
}

const AWAITERS_OF = operation("getAwaiters", "Who waits for a promise at this moment", {
  parameters: [ID],
  responses: {
    200: {
      description: "Lines held open, addresses, and ids whose tasks wait.",
      ...json(AWAITERS),
    },
    ...problems("not_found", ...CALL_ERRORS),
  },
});

const AUDIT = operation("listAudit", "What was done by right of an administrator, or by hand", {
  tags: ["service"],
  description:
    "Keys, webhooks, purges, disposals, imports, rebuilding the index; settling, extending, links and " +
    "schedules when done with the dashboard or the command line. For a key for all ids.",
  parameters: [
    {
      name: "limit",
      in: "query",
      schema: { type: "integer", minimum: 1, maximum: LIMITS.searchLimitMax },
    },
    { name: "cursor", in: "query", schema: { type: "string" } },
    { name: "who", in: "query", schema: { type: "string" } },
    { name: "did", in: "query", description: "One, or key.*", schema: { type: "string" } },
    { name: "on", in: "query", description: "An id, or orders/*", schema: { type: "string" } },
  ],
  responses: {
    200: {
      description: "The newest first; with a cursor there is more.",
      ...json({
        type: "object",
        required: ["entries"],
        properties: { entries: { type: "array", items: ENTRY }, cursor: { type: "string" } },
      }),
    },
    ...problems(...CALL_ERRORS),
  },
});

/** A promise, as it is taken elsewhere. */
const EXPORTED = schemaOf(importBody);

const EXPORT = operation(
  "exportPromises",
  "All promises that a search finds, a line of JSON each",
  {
    tags: ["service"],
    description:
      "In the order of their ids, with their history. After some lines comes one with a cursor and " +
      "without an id: from there another request goes on, with the same parameters. In the last line " +
      "the cursor is null, or the export goes on from it: one request exports " +
      `${LIMITS.exportPromisesMax} promises and some more.`,
    parameters: SEARCH_QUERY.filter(
      ({ name }) => !["sort", "limit", "count", "view"].includes(String(name)),
    ),
    responses: {
      200: { description: "The lines.", content: { [NDJSON]: { schema: EXPORTED } } },
      ...problems(...CALL_ERRORS),
    },
  },
);

const IMPORT = operation("importPromises", "Promises with their history, a line of JSON each", {
  tags: ["service"],
  description:
    "Lines as an export has them. A promise becomes what its line says, unless its id is taken: then " +
    "it is compared, and nothing is changed. The answer has a line for each, and one with the sum; " +
    `after ${LIMITS.importLinesMax} lines it says in next with which line to go on.`,
  requestBody: { required: true, content: { [NDJSON]: { schema: EXPORTED } } },
  responses: {
    200: { description: "What became of each line.", content: { [NDJSON]: { schema: {} } } },
    ...problems(...CALL_ERRORS, ...BODY_ERRORS),
  },
});

const METRICS = operation("metrics", "Figures for Prometheus", {
  tags: ["service"],
  description:
    "Promises by state, how many were created and settled and how long that took, the age of the " +
    "oldest pending one, tasks, webhooks, the index. For a key with read for all ids.",
  responses: {
    200: {
      description: "The text format, version 0.0.4.",
      content: { "text/plain": { schema: { type: "string" } } },
    },
    ...problems(...CALL_ERRORS),
  },
});

function health(
  id: string,
  summary: string,
  description: string,
  word: string,
  refusals: Json = {},
): Json {
  const schema = { type: "object", properties: { status: { const: word } } };
  return operation(id, summary, {
    tags: ["service"],
    security: [],
    responses: { 200: { description, ...json(schema) }, ...refusals },
  });
}

function json(schema: Json): Json {
  return { content: { "application/json": { schema } } };
}
