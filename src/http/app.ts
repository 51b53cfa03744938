/**
 * The order of things at the edge: browser rules, then who may come in, then the route. Errors become
 * problem documents in one place, and a known address asked in the wrong way is told the right ones.
 */
import { Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { HEADER } from "../../client/src/protocol.ts";
import { readConfig, type Config, type Env } from "../env.ts";
import { authenticate, isLoopback } from "./auth.ts";
import { apiPage, asset, openApi } from "./docs.ts";
import { errorResponse, Refusal } from "./errors.ts";
import { callBare, callWrapped } from "./example.ts";
import { createPromise, purgePromise, readPromise, settlePromise } from "./promises.ts";

type Edge = { Bindings: Env };

export const app = new Hono<Edge>();

app.use(browserRules());
app.get("/health", (c) => c.json({ status: "ok" }));
app.use(admission());

app.post("/promises", createPromise);
app.get("/promises/:id{.+}", readPromise);
app.put("/promises/:id{.+}", createPromise);
app.patch("/promises/:id{.+}", settlePromise);
app.delete("/promises/:id{.+}", purgePromise);
app.post("/durablePromiseServer/:operation", callWrapped);
app.post("/promise/:operation", callBare);
app.get("/openapi.json", openApi);
app.get("/docs", apiPage);
app.get("/assets/:name", asset);

/** What each address takes; HEAD comes with GET. The addresses of the routes above, in their order. */
const ALLOW: [RegExp, string][] = [
  [/^\/health$/, "GET, HEAD, OPTIONS"],
  [/^\/promises$/, "POST, OPTIONS"],
  [/^\/promises\/./, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"],
  [/^\/(?:durablePromiseServer|promise)\/[^/]+$/, "POST, OPTIONS"],
  [/^\/(?:openapi\.json|docs)$/, "GET, HEAD, OPTIONS"],
  [/^\/assets\/[^/]+$/, "GET, HEAD, OPTIONS"],
];

app.notFound((c) => {
  const allow = ALLOW.find(([path]) => path.test(c.req.path))?.[1];
  if (allow === undefined) {
    return errorResponse(new Refusal("no_route", `There is nothing at ${c.req.path}`));
  }
  if (c.req.method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
  const detail = `${c.req.path} takes ${allow}, not ${c.req.method}`;
  return errorResponse(new Refusal("method_not_allowed", detail, { headers: { allow } }));
});

app.onError((error) => errorResponse(error));

/** CORS and the headers that keep a browser from guessing. A WebSocket upgrade has no use for them. */
function browserRules(): MiddlewareHandler<Edge> {
  const corsRules = cors({
    origin: (origin, c) => allowedOrigin(origin, readConfig(c.env as Env)),
    allowMethods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    exposeHeaders: [
      "etag",
      "location",
      "retry-after",
      "allow",
      HEADER.outcome,
      HEADER.preferenceApplied,
    ],
    maxAge: 86_400,
  });
  return async function browserRules(c, next) {
    if (c.req.header("upgrade") !== undefined) return next();
    const answered = c.req.header("origin") === undefined ? await next() : await corsRules(c, next);
    c.header("x-content-type-options", "nosniff");
    c.header("referrer-policy", "no-referrer");
    return answered;
  };
}

/** With keys the key is what counts, so any page may call; without, only pages of this machine. */
function allowedOrigin(origin: string, { allowedOrigins, keys }: Config): string | null {
  if (allowedOrigins) {
    return allowedOrigins.includes("*") || allowedOrigins.includes(origin) ? origin : null;
  }
  return keys.length > 0 || isLoopback(origin) ? origin : null;
}

function admission(): MiddlewareHandler<Edge> {
  return async function admission(c, next) {
    if (!isDescription(c.req.path) || readConfig(c.env).keys.length === 0) {
      await authenticate(c.req.raw, readConfig(c.env));
    }
    await next();
  };
}

/** The API's description and its page are no secret once there are keys. */
function isDescription(path: string): boolean {
  return path === "/docs" || path === "/openapi.json" || path.startsWith("/assets/");
}
