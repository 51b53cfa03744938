/** What whoever runs the service asks of it, for the OpenAPI document (openapi.ts). */
import { AUDIT_ACTS, LIMITS } from "../../client/src/protocol.ts";
import { CALL_ERRORS, ID, operation, problems, type Json } from "./openapi-parts.ts";

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
