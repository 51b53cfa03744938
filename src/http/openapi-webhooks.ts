/** The operations on webhooks, for the OpenAPI document (openapi.ts). */
import { ERRORS, LIMITS, WEBHOOK_EVENTS, WEBHOOK_FORMATS } from "../../client/src/protocol.ts";
import { body, BODY_ERRORS, CALL_ERRORS, operation, problems, type Json } from "./openapi-parts.ts";
import { redeliverBody, rotateBody, webhookBody, webhookChange } from "./webhook-body.ts";

const INTEGER = { type: "integer" };
const TEXT = { type: "string" };

const PROPERTIES = {
  id: TEXT,
  url: TEXT,
  events: { type: "array", items: { enum: WEBHOOK_EVENTS } },
  filter: { type: "object" },
  format: { enum: WEBHOOK_FORMATS },
  retry: { type: "array", items: INTEGER, description: "Milliseconds." },
  description: TEXT,
  disabled: { type: "boolean" },
  disabledOn: INTEGER,
  disabledReason: { enum: ["asked", "gone"], description: "gone: it has answered 410." },
  createdOn: INTEGER,
  previousSecretUntil: INTEGER,
  waiting: { ...INTEGER, description: "Events that wait to be sent." },
  deadLetters: { ...INTEGER, description: "Events that were given up." },
};
const REQUIRED = ["id", "url", "events", "filter", "format", "retry", "disabled", "createdOn"];

const WEBHOOK = { type: "object", required: REQUIRED, properties: PROPERTIES };
const WITH_SECRET = {
  type: "object",
  required: [...REQUIRED, "secret"],
  properties: { ...PROPERTIES, secret: { ...TEXT, description: "Shown here only." } },
};

const ATTEMPT = {
  event: { ...TEXT, description: "The webhook-id." },
  type: TEXT,
  promise: { type: ["string", "null"], description: "Its id; null of a test." },
  attempt: INTEGER,
  at: INTEGER,
  ms: INTEGER,
  status: { type: ["integer", "null"] },
  failure: { enum: ["timeout", "network", "refused", null] },
  answer: { ...TEXT, description: "How the answer begins." },
};

const DEAD_LETTER = {
  event: TEXT,
  type: TEXT,
  promise: TEXT,
  at: INTEGER,
  attempts: INTEGER,
  deadOn: INTEGER,
  reason: { ...TEXT, description: "The last status or failure, disabled, or full." },
};

const PAGE = [
  {
    name: "limit",
    in: "query",
    schema: { ...INTEGER, minimum: 1, maximum: LIMITS.searchLimitMax },
  },
  { name: "cursor", in: "query", schema: TEXT },
];
const ID = { name: "id", in: "path", required: true, schema: { ...TEXT, pattern: "^wh_" } };

const NO_WEBHOOK = problems("webhook_not_found", ...CALL_ERRORS);

export function webhookPaths(): Json {
  return {
    "/webhooks": {
      post: webhook("createWebhook", "Be told what happens to promises", {
        description:
          "Signed by the rules of Standard Webhooks, at least once, in any order. Without a filter " +
          "of all promises. Heard of everywhere within five seconds.",
        requestBody: body(webhookBody),
        responses: {
          201: { description: "Made, with its secret.", ...json(WITH_SECRET) },
          ...problems("too_many_webhooks", ...CALL_ERRORS, ...BODY_ERRORS),
        },
      }),
      get: webhook("listWebhooks", "All webhooks, in the order of their ids", {
        parameters: PAGE,
        responses: {
          200: {
            description: "A page; with a cursor there is more.",
            ...page("webhooks", WEBHOOK),
          },
          ...problems(...CALL_ERRORS),
        },
      }),
    },
    "/webhooks/{id}": {
      get: ofOne("getWebhook", "Read a webhook", {
        200: { description: "The webhook.", ...json(WEBHOOK) },
      }),
      patch: ofOne(
        "changeWebhook",
        "Change a webhook; what is left out stays as it is",
        { 200: { description: "The webhook as it is now.", ...json(WEBHOOK) } },
        { requestBody: body(webhookChange) },
      ),
      delete: ofOne("deleteWebhook", "Remove a webhook, with everything that waits for it", {
        204: { description: "Removed." },
      }),
    },
    "/webhooks/{id}/test": {
      post: ofOne(
        "testWebhook",
        "Send an event of the type webhook.test, and say what came of it",
        {
          200: {
            description: "What came of it.",
            ...json(objectOf({ delivered: { type: "boolean" }, ...ATTEMPT })),
          },
        },
      ),
    },
    "/webhooks/{id}/rotate": {
      post: ofOne(
        "rotateWebhook",
        "Draw a new secret; both are valid for a while",
        { 200: { description: "The webhook, with its new secret.", ...json(WITH_SECRET) } },
        { requestBody: { ...body(rotateBody), required: false } },
      ),
    },
    "/webhooks/{id}/deliveries": {
      get: ofOne("listDeliveries", "The last attempts, the latest first", {
        200: {
          description: `At most ${LIMITS.webhookLogMax}.`,
          ...json(objectOf({ deliveries: { type: "array", items: objectOf(ATTEMPT) } })),
        },
      }),
    },
    "/webhooks/{id}/dead-letters": {
      get: ofOne(
        "listDeadLetters",
        "Events that were given up, the oldest first",
        {
          200: {
            description: "A page; with a cursor there is more.",
            ...page("deadLetters", objectOf(DEAD_LETTER)),
          },
        },
        { parameters: [ID, ...PAGE] },
      ),
    },
    "/webhooks/{id}/redeliver": {
      post: ofOne(
        "redeliver",
        "Send an event again, or all that were given up",
        {
          202: { description: "They are due now.", ...json(objectOf({ redelivered: INTEGER })) },
          404: { ...NO_WEBHOOK[ERRORS.webhook_not_found.status]!, description: NOT_FOUND },
        },
        { requestBody: body(redeliverBody) },
      ),
    },
  };
}

const NOT_FOUND = "There is no such webhook, or the event does not wait there";

function webhook(operationId: string, summary: string, rest: Json): Json {
  return operation(operationId, summary, { tags: ["webhooks"], ...rest });
}

function ofOne(operationId: string, summary: string, responses: Json, rest: Json = {}): Json {
  const refused = { ...NO_WEBHOOK, ...("requestBody" in rest && problems(...BODY_ERRORS)) };
  return webhook(operationId, summary, {
    parameters: [ID],
    ...rest,
    responses: { ...refused, ...responses },
  });
}

function json(schema: Json): Json {
  return { content: { "application/json": { schema } } };
}

function objectOf(properties: Json): Json {
  return { type: "object", required: Object.keys(properties), properties };
}

function page(name: string, items: Json): Json {
  const properties = { [name]: { type: "array", items }, cursor: TEXT };
  return json({ type: "object", required: [name], properties });
}
