/** The operations on a browser's session, for the OpenAPI document (openapi.ts). */
import { SCOPES } from "../../client/src/protocol.ts";
import { body, BODY_ERRORS, CALL_ERRORS, operation, problems, type Json } from "./openapi-parts.ts";
import { sessionBody } from "./session.ts";

const TEXT = { type: "string" };
const WHO = {
  type: "object",
  required: ["name", "kind", "scopes", "prefixes", "at"],
  properties: {
    name: { ...TEXT, description: "Of the key or token." },
    kind: { enum: ["key", "jwt", "secret", "loopback"] },
    scopes: { type: "array", items: { enum: SCOPES } },
    prefixes: { type: "array", items: TEXT, description: "Patterns; * is all." },
    at: { type: "integer", description: "Now, in ms since the epoch." },
  },
};

export function sessionPaths(): Json {
  const common = { tags: ["session"] };
  const json = body(sessionBody)["content"] as Json;
  const form = { "application/x-www-form-urlencoded": { schema: { type: "object" } } };
  return {
    "/session": {
      get: operation("getSession", "Who is asking, and what they may do", {
        ...common,
        responses: {
          200: {
            description: "The caller, by key, token or session.",
            content: { "application/json": { schema: WHO } },
          },
          ...problems(...CALL_ERRORS),
        },
      }),
      post: operation("signIn", "Sign a browser in with a key", {
        ...common,
        security: [],
        description:
          "Sets a cookie that no script can read, until the browser is closed. What comes with it must " +
          "come from this server's own pages, by Origin or Sec-Fetch-Site.",
        requestBody: { required: true, content: { ...json, ...form } },
        responses: {
          204: { description: "Signed in." },
          303: { description: "To the dashboard, after the form of its page." },
          ...problems(...CALL_ERRORS, ...BODY_ERRORS),
        },
      }),
      delete: operation("signOut", "Sign a browser out", {
        ...common,
        security: [],
        responses: { 204: { description: "Signed out." }, ...problems(...CALL_ERRORS) },
      }),
    },
  };
}
