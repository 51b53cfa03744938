/**
 * The order of things at the edge: browser rules, then who may come in, then the route. Errors become
 * problem documents in one place, and a known address asked in the wrong way is told the right ones.
 */
import { Hono, type Context } from "hono";
import { cors } from "hono/cors";
import { HEADER } from "../../client/src/protocol.ts";
import { readConfig, type Config, type Env } from "../env.ts";
import { authenticate, isLoopback } from "./auth.ts";
import { apiPage, asset, openApi } from "./docs.ts";
import { errorResponse, Refusal } from "./errors.ts";
import { callBare, callWrapped } from "./example.ts";
import { pathOf } from "./parse.ts";
import { poll } from "./poll.ts";
import { createPromise, purgePromise, readPromise, settlePromise, type Call } from "./promises.ts";
import { callProtocol } from "./rpc.ts";
import {
  createSchedule,
  deleteSchedule,
  listSchedules,
  pauseSchedule,
  readSchedule,
  runSchedule,
} from "./schedules.ts";

type Edge = { Bindings: Env };

/**
 * The way in. Hono routes, but what every request passes stands around it, and the promise itself
 * before it: Hono with a chain of middleware cost a read 26 of its 110 µs of CPU (2026-11-22).
 */
export const app = {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    // A WebSocket's 101 is passed through as it is: its headers cannot be set, nor has it a use.
    if (request.headers.has("upgrade")) return admitted(request, env, ctx);
    const fromPage = request.headers.has("origin");
    const response = await (fromPage ? pages.fetch : admitted)(request, env, ctx);
    // Made with it, it costs a third of what it costs here; so the frequent answers bring their own.
    if (response.headers.has("x-content-type-options")) return response;
    response.headers.set("x-content-type-options", "nosniff");
    return response;
  },
};

/** `/promises/:id`, where the id is all the rest of the path: found without a router, for it is hot. */
const PROMISE = new Map<string, (call: Call) => Promise<Response>>([
  ["GET", readPromise],
  ["HEAD", async (call) => new Response(null, await readPromise(call))],
  ["PUT", createPromise],
  ["PATCH", settlePromise],
  ["DELETE", purgePromise],
]);

const routes = new Hono<Edge>();
routes.get("/health", (c) => c.json({ status: "ok" }));
routes.post("/promises", (c) => createPromise({ request: c.req.raw, env: c.env }));
routes.get("/schedules", listSchedules);
routes.put("/schedules/:id{[\\s\\S]*}", createSchedule);
routes.get("/schedules/:id{[\\s\\S]*}", readSchedule);
routes.patch("/schedules/:id{[\\s\\S]*}", pauseSchedule);
routes.post("/schedules/:id{[\\s\\S]*}", runSchedule);
routes.delete("/schedules/:id{[\\s\\S]*}", deleteSchedule);
routes.get("/poll/:group/:pid", poll);
routes.post("/", callProtocol);
routes.post("/rpc", callProtocol);
routes.post("/durablePromiseServer/:operation", callWrapped);
routes.post("/promise/:operation", callBare);
routes.get("/openapi.json", openApi);
routes.get("/docs", apiPage);
routes.get("/assets/:name", asset);

/** What a page's request passes besides: CORS, preflights included. */
const pages = new Hono<Edge>();
pages.use(
  cors({
    origin: (origin, c: Context<Edge>) => allowedOrigin(origin, readConfig(c.env)),
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
  }),
);
// SAFETY: Hono passes the runtime's own context through; its type is a little behind.
pages.all("*", (c) => admitted(c.req.raw, c.env, c.executionCtx as ExecutionContext));

/** What each address takes; HEAD comes with GET. The addresses of the routes above, in their order. */
const ALLOW: [RegExp, string][] = [
  [/^\/health$/, "GET, HEAD, OPTIONS"],
  [/^\/(?:rpc|promises)?$/, "POST, OPTIONS"],
  [/^\/promises\//, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"],
  [/^\/schedules$/, "GET, HEAD, OPTIONS"],
  [/^\/schedules\//, "GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS"],
  [/^\/poll\/[^/]+\/[^/]+$/, "GET, HEAD, OPTIONS"],
  [/^\/(?:durablePromiseServer|promise)\/[^/]+$/, "POST, OPTIONS"],
  [/^\/(?:openapi\.json|docs)$/, "GET, HEAD, OPTIONS"],
  [/^\/assets\/[^/]+$/, "GET, HEAD, OPTIONS"],
];

routes.notFound((c) => {
  const allow = ALLOW.find(([path]) => path.test(c.req.path))?.[1];
  if (allow === undefined) {
    return errorResponse(new Refusal("no_route", `There is nothing at ${c.req.path}`));
  }
  if (c.req.method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
  const detail = `${c.req.path} takes ${allow}, not ${c.req.method}`;
  return errorResponse(new Refusal("method_not_allowed", detail, { headers: { allow } }));
});

routes.onError((error) => errorResponse(error));

/** With keys the key is what counts, so any page may call; without, only pages of this machine. */
function allowedOrigin(origin: string, { allowedOrigins, keys }: Config): string | null {
  if (allowedOrigins) {
    return allowedOrigins.includes("*") || allowedOrigins.includes(origin) ? origin : null;
  }
  return keys.length > 0 || isLoopback(origin) ? origin : null;
}

async function admitted(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  try {
    const config = readConfig(env);
    const path = pathOf(request.url);
    const authentication = isOpenToAll(path, config) ? undefined : authenticate(request, config);
    if (authentication) await authentication;
    const handle = path.startsWith("/promises/") ? PROMISE.get(request.method) : undefined;
    return await (handle ? handle({ request, env }) : routes.fetch(request, env, ctx));
  } catch (error) {
    return errorResponse(error);
  }
}

/** Health always; the API's description and its page are no secret once there are keys. */
function isOpenToAll(path: string, { keys }: Config): boolean {
  if (path === "/health") return true;
  if (keys.length === 0) return false;
  return path === "/docs" || path === "/openapi.json" || path.startsWith("/assets/");
}
