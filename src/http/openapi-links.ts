/** The operations on links, what a link opens, and receipts, for the OpenAPI document (openapi.ts). */
import { linkBody } from "./links.ts";
import {
  body,
  BODY_ERRORS,
  CALL_ERRORS,
  ID,
  operation,
  problems,
  schemaOf,
  type Json,
} from "./openapi-parts.ts";
import { payload, writableState } from "./schemas.ts";

const INTEGER = { type: "integer" };
const TEXT = { type: "string" };

const PROPERTIES = {
  id: TEXT,
  promise: TEXT,
  allow: { enum: ["choose", "fixed", "await", "callback"] },
  outcome: { type: "object" },
  mapping: { type: "object" },
  verifier: { type: "object", description: "The scheme; never the secrets." },
  audience: TEXT,
  note: TEXT,
  uses: INTEGER,
  usesMax: INTEGER,
  standing: { enum: ["good", "revoked", "expired", "used"] },
  createdBy: TEXT,
  createdOn: INTEGER,
  expiresOn: INTEGER,
  revokedOn: INTEGER,
};
const REQUIRED = [
  "id",
  "promise",
  "allow",
  "uses",
  "usesMax",
  "standing",
  "createdOn",
  "expiresOn",
];

const LINK = { type: "object", required: REQUIRED, properties: PROPERTIES };
const WITH_URL = {
  type: "object",
  required: [...REQUIRED, "url"],
  properties: { ...PROPERTIES, url: { ...TEXT, description: "A secret. Shown here only." } },
};

const STANDING = {
  type: "object",
  required: ["promise", "state", "allow", "standing", "form"],
  properties: {
    promise: TEXT,
    state: TEXT,
    allow: PROPERTIES.allow,
    outcome: { ...TEXT, description: "What became of the decision: settled, voted, lost, …" },
    audience: TEXT,
    standing: PROPERTIES.standing,
    form: { type: "object" },
    votes: { type: "array", items: { type: "object" } },
    completedOn: INTEGER,
    settledBy: { type: "object" },
    receipt: TEXT,
  },
};

/** With a link of one outcome, nothing at all. */
const DECISION = {
  type: "object",
  properties: { state: schemaOf(writableState), value: schemaOf(payload) },
};

const TOKEN = { name: "token", in: "path", required: true, schema: TEXT };
const PAGE = { "text/html": { schema: TEXT } };
const PROBLEM_OR_PAGE = {
  "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
  ...PAGE,
};
const GONE = {
  404: { description: "The link is unknown, expired, or revoked.", content: PROBLEM_OR_PAGE },
  429: { description: "Too many links that nobody signed.", content: PROBLEM_OR_PAGE },
};

export function linkPaths(): Json {
  return {
    "/links": {
      post: link("createLink", "Make a link: a capability for one promise", {
        description:
          "For who has no key. choose: a person decides, by the form of the promise. fixed: one " +
          "click, one outcome. await: to look and to wait. callback: what another system posts " +
          "becomes the outcome.",
        requestBody: body(linkBody),
        responses: {
          ...problems("not_found", "too_many_links", "invalid_value"),
          ...problems("not_configured", ...CALL_ERRORS, ...BODY_ERRORS),
          201: { description: "Made, with its URL.", ...json(WITH_URL) },
        },
      }),
      get: link("listLinks", "The links to a promise, the oldest first; never their URLs", {
        parameters: [{ name: "promise", in: "query", required: true, schema: TEXT }],
        responses: {
          200: {
            description: "The links.",
            ...json({
              type: "object",
              required: ["links"],
              properties: { links: { type: "array", items: LINK } },
            }),
          },
          ...problems("not_found", ...CALL_ERRORS),
        },
      }),
    },
    "/links/{id}": {
      delete: link("revokeLink", "Revoke a link: at once, and for good", {
        parameters: [{ name: "id", in: "path", required: true, schema: TEXT }],
        responses: {
          204: { description: "Revoked." },
          ...problems("link_not_found", ...CALL_ERRORS),
        },
      }),
    },
    "/l/{token}": {
      get: link("showLink", "What a link opens; it changes nothing", {
        ...OPEN_TO_ALL,
        description: "Accept: text/html (the page), text/event-stream (that it ended), or JSON.",
        responses: {
          200: {
            description: "How the promise stands.",
            content: {
              "application/json": { schema: STANDING },
              ...PAGE,
              "text/event-stream": { schema: TEXT },
            },
          },
          ...problems(...CALL_ERRORS),
          ...GONE,
        },
      }),
      post: link("decideByLink", "Decide by a link", {
        ...OPEN_TO_ALL,
        requestBody: {
          required: false,
          content: {
            "application/json": { schema: DECISION },
            "application/x-www-form-urlencoded": { schema: { type: "object" } },
          },
        },
        responses: {
          200: { description: "Decided, now or before, by this link.", ...json(STANDING) },
          202: { description: "A vote that was counted; more are needed.", ...json(STANDING) },
          303: { description: "To the page, after its form." },
          ...problems(...CALL_ERRORS, ...BODY_ERRORS),
          403: { description: "You may not vote, or only look.", content: PROBLEM_OR_PAGE },
          409: {
            description: "Somebody else has decided, or you have voted.",
            content: { "application/json": { schema: STANDING }, ...PROBLEM_OR_PAGE },
          },
          422: { description: "The value does not fit the form.", content: PROBLEM_OR_PAGE },
          ...GONE,
        },
      }),
    },
    "/c/{token}": {
      post: link("receiveCallback", "What another system posts becomes the outcome", {
        ...OPEN_TO_ALL,
        requestBody: {
          required: false,
          content: {
            "application/json": { schema: {} },
            "application/x-www-form-urlencoded": { schema: { type: "object" } },
            "text/plain": { schema: TEXT },
          },
        },
        responses: {
          200: {
            description: "Received; the first one counts.",
            ...json({
              type: "object",
              required: ["accepted", "state"],
              properties: { accepted: { type: "boolean" }, state: TEXT },
            }),
          },
          ...problems("link_not_found", "bad_signature", "invalid_value"),
          ...problems(...CALL_ERRORS, ...BODY_ERRORS),
        },
      }),
    },
    "/receipts/{id}": {
      get: operation("getReceipt", "How a promise ended, signed", {
        tags: ["receipts"],
        description:
          "A compact JWS (RFC 7515), EdDSA. Says who has decided, how and when, and the SHA-256 of " +
          "the value; never the value.",
        parameters: [ID],
        responses: {
          200: {
            description: "The receipt.",
            content: { "application/jose": { schema: { ...TEXT, pattern: "^[\\w.-]+$" } } },
          },
          ...problems("not_found", "pending", "not_configured", ...CALL_ERRORS),
        },
      }),
    },
    "/.well-known/jwks.json": {
      get: operation("getJwks", "The public keys of receipts", {
        tags: ["receipts"],
        security: [],
        responses: {
          200: {
            description: "A JWKS (RFC 7517).",
            ...json({
              type: "object",
              required: ["keys"],
              properties: { keys: { type: "array", items: { type: "object" } } },
            }),
          },
          ...problems(...CALL_ERRORS),
        },
      }),
    },
  };
}

/** Who has the address has the right. */
const OPEN_TO_ALL = { parameters: [TOKEN], security: [] };

function link(operationId: string, summary: string, rest: Json): Json {
  return operation(operationId, summary, { tags: ["links"], ...rest });
}

function json(schema: Json): Json {
  return { content: { "application/json": { schema } } };
}
