/**
 * The order of things at the edge: limits, browser rules, who asks, whether they may, then the route.
 * The routes themselves are in routes.ts. Errors become problem documents in one place, and a known
 * address asked in the wrong way is told the right ones. What is seen of a request from outside, its
 * id, its log entry and its span, is around all of that.
 */
import { Hono, type Context } from "hono";
import { cors } from "hono/cors";
import { HEADER } from "../../client/src/protocol.ts";
import { readConfig, type Config, type Env } from "../env.ts";
import { roomFor } from "../in-memory.ts";
import { noteEnds } from "./acts.ts";
import { authenticate, isGuarded, isLoopback } from "./auth.ts";
import type { Edge } from "./edge.ts";
import { errorResponse, Refusal } from "./errors.ts";
import { letOthersIn } from "./fairness.ts";
import { idOfPath, pathOf } from "./parse.ts";
import { passageOf, type Passage } from "./passage.ts";
import { permit, requireScope } from "./permission.ts";
import { ANYONE, isFull, type Principal } from "./principal.ts";
import { logRequest } from "./request-log.ts";
import { hearOut, refuseLargeHeaders, refuseLongUrl } from "./request-size.ts";
import { beginningOf, methodOf, patternOf, ROUTES, type Route } from "./routes.ts";
import { secure } from "./security-headers.ts";
import { traced } from "./trace.ts";

/**
 * The way in. Hono routes, but what every request passes stands around it, and the promise itself
 * before it: Hono with a chain of middleware cost a read 26 of its 110 µs of CPU (2026-11-22).
 */
export const app = {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const beganAt = Date.now();
    // Only there is a server one process.
    const look = env.RUN === undefined ? undefined : letOthersIn(beganAt);
    if (look) await look;
    const passage = passageOf(request);
    passage.ctx = ctx;
    const response = await (isTraced(env)
      ? traced(ctx, request, passage, () => answered(request, env, ctx))
      : answered(request, env, ctx));
    if (passage.acts) noteEnds(passage, response);
    logRequest(env, request, response, passage, Date.now() - beganAt);
    if (response.status >= 400) await hearOut(request);
    // A WebSocket's 101 is passed through as it is: its headers cannot be set, nor has it a use.
    if (response.status === 101) return response;
    response.headers.set(HEADER.requestId, passage.requestId);
    return secure(response, request.url);
  },
};

/** Where the settings make no sense, the request is told so further on. */
function isTraced(env: Env): boolean {
  try {
    return readConfig(env).trace;
  } catch {
    return false;
  }
}

function answered(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response> {
  const fromPage = request.headers.has("origin") && !request.headers.has("upgrade");
  return (fromPage ? pages.fetch : admitted)(request, env, ctx);
}

/** `/promises/:id`, where the id is all the rest of the path: found without a router, for it is hot. */
const HOT = "/promises/";
const HOT_ROUTES = new Map(
  ROUTES.filter((route) => beginningOf(route) === HOT).map((route) => [methodOf(route), route]),
) as ReadonlyMap<string, Route>;

const routes = new Hono<Edge>();
for (const route of ROUTES) {
  const pattern = patternOf(route).replace(":id+", ":id{[\\s\\S]*}");
  routes.on(methodOf(route), pattern, async (c) => {
    const passage = passing(route, c.req.raw);
    const principal = await principalFor(route, c.req.raw, c.env);
    passage.principal = principal;
    if (!isFull(principal)) await permitRoute(route, c.req.raw, c.env, principal);
    c.set("principal", principal);
    return route.handle(c);
  });
}

/** What is longer is read on the longer way, which looks at all headers. */
const ACCEPT_MAX = 1000;

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

routes.notFound(async (c) => {
  await authenticate(c.req.raw, c.env);
  const { path, method } = c.req;
  const taken = METHODS.filter((name) => {
    const [handlers] = routes.router.match(name === "HEAD" ? "GET" : name, path);
    return handlers.length > 0;
  });
  if (taken.length === 0) {
    throw new Refusal("no_route", `There is nothing at ${path}`);
  }
  const allow = [...taken, "OPTIONS"].join(", ");
  if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
  const detail = `${path} takes ${allow}, not ${method}`;
  throw new Refusal("method_not_allowed", detail, { headers: { allow } });
});

routes.onError((error, c) => errorResponse(error, c.req.raw));

/** What a page's request passes besides: CORS, preflights included. */
const pages = new Hono<{ Bindings: Env }>();
pages.use(
  cors({
    origin: (origin, c: Context<{ Bindings: Env }>) => allowedOrigin(origin, readConfig(c.env)),
    allowMethods: METHODS,
    exposeHeaders: [
      "etag",
      "location",
      "retry-after",
      "allow",
      HEADER.outcome,
      HEADER.preferenceApplied,
      HEADER.requestId,
    ],
    maxAge: 86_400,
  }),
);
// SAFETY: Hono passes the runtime's own context through; its type is a little behind.
pages.all("*", (c) => admitted(c.req.raw, c.env, c.executionCtx as ExecutionContext));

/** With keys the key is what counts, so any page may call; without, only pages of this machine. */
function allowedOrigin(origin: string, config: Config): string | null {
  const { allowedOrigins } = config;
  if (allowedOrigins) {
    return allowedOrigins.includes("*") || allowedOrigins.includes(origin) ? origin : null;
  }
  return isGuarded(config) || isLoopback(origin) ? origin : null;
}

async function admitted(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  try {
    refuseLongUrl(request);
    const hot = pathOf(request.url).startsWith(HOT) ? hotRoute(request) : undefined;
    if (!hot?.handleCall) {
      refuseLargeHeaders(request);
      return await routes.fetch(request, env, ctx);
    }
    const passage = passing(hot, request);
    const admission = principalFor(hot, request, env);
    const principal = admission instanceof Promise ? await admission : admission;
    passage.principal = principal;
    if (!isFull(principal)) await permitRoute(hot, request, env, principal);
    const room = env.FILES_MAX === undefined ? undefined : roomFor(env, idOfPath(request.url, HOT));
    if (room) await room;
    const answer = await hot.handleCall({ request, env, principal });
    return request.method === "HEAD" ? new Response(null, answer) : answer;
  } catch (error) {
    return errorResponse(error, request);
  }
}

function passing(route: Route, request: Request): Passage {
  const passage = passageOf(request);
  passage.route = route;
  return passage;
}

/** To add up its headers would cost a read more than everything else before it. */
function hotRoute(request: Request): Route | undefined {
  const { method, headers } = request;
  if ((headers.get("accept")?.length ?? 0) > ACCEPT_MAX) return undefined;
  return HOT_ROUTES.get(method === "HEAD" ? "GET" : method);
}

/** Health always; the API's description and its page are no secret once there are keys. */
function principalFor({ rule, token }: Route, request: Request, env: Env) {
  if (rule === "open") return ANYONE;
  // A setting that makes no sense shows at once, also where nobody is asked who they are.
  const guarded = isGuarded(readConfig(env));
  if (rule === "public" && guarded) return ANYONE;
  return authenticate(request, env, token && (() => token(request)));
}

async function permitRoute(
  route: Route,
  request: Request,
  env: Env,
  principal: Principal,
): Promise<void> {
  const { rule } = route;
  if (typeof rule === "string") return;
  const scope = typeof rule.scope === "function" ? rule.scope(request) : rule.scope;
  if (!("id" in rule) || rule.id === "body") return requireScope(principal, scope);
  const id = idOfPath(request.url, beginningOf(route));
  await permit({ env, principal }, scope, id, rule.outside);
}
