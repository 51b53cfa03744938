/** The operations on API keys, for the OpenAPI document (openapi.ts). */
import { SCOPES } from "../../client/src/protocol.ts";
import { keyBody } from "./keys.ts";
import { body, BODY_ERRORS, CALL_ERRORS, operation, problems, type Json } from "./openapi-parts.ts";

const PROPERTIES = {
  id: { type: "string" },
  name: { type: "string" },
  scopes: { type: "array", items: { enum: SCOPES } },
  prefixes: { type: "array", items: { type: "string" } },
  createdAt: { type: "integer" },
  expiresAt: { type: "integer" },
};
const REQUIRED = ["id", "name", "scopes", "prefixes", "createdAt"];

const KEY = { type: "object", required: REQUIRED, properties: PROPERTIES };
const WITH_KEY = {
  type: "object",
  required: [...REQUIRED, "key"],
  properties: { ...PROPERTIES, key: { type: "string", description: "Shown here only." } },
};

export function keyPaths(): Json {
  const common = { tags: ["keys"] };
  return {
    "/keys": {
      post: operation("createKey", "Make a key that may do less; it is shown once", {
        ...common,
        description:
          "read looks, await is told what becomes of a promise, settle also works on tasks, admin is " +
          "all of them, and deletes, and makes keys, each within the prefixes. An id outside is " +
          "answered like one that is not there.",
        requestBody: body(keyBody),
        responses: {
          201: { description: "Made.", ...json(WITH_KEY) },
          ...problems("too_many_keys", ...CALL_ERRORS, ...BODY_ERRORS),
        },
      }),
      get: operation("listKeys", "All keys, the oldest first; never the keys themselves", {
        ...common,
        responses: {
          200: {
            description: "The keys.",
            ...json({
              type: "object",
              required: ["keys"],
              properties: { keys: { type: "array", items: KEY } },
            }),
          },
          ...problems(...CALL_ERRORS),
        },
      }),
    },
    "/keys/{id}": {
      delete: operation("revokeKey", "Revoke a key, everywhere within 5 seconds", {
        ...common,
        parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
        responses: {
          204: { description: "Revoked." },
          ...problems("key_not_found", ...CALL_ERRORS),
        },
      }),
    },
  };
}

function json(schema: Json): Json {
  return { content: { "application/json": { schema } } };
}
