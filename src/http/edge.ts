/**
 * What a handler is given: the request, the deployment, and who asks. Types, and the way from Hono's
 * context to the plain form that the frequent routes take.
 */
import type { Context } from "hono";
import type { Env } from "../env.ts";
import type { Principal } from "./principal.ts";

export interface Edge {
  Bindings: Env;
  /** Set before every handler. */
  Variables: { principal: Principal };
}

/** A request that was let in, as Hono has it: `c.get("principal")` says who asks. */
export type C = Context<Edge>;

/** A request that was let in. */
export interface Call {
  request: Request;
  env: Env;
  principal: Principal;
}

export function callOf(c: C): Call {
  return { request: c.req.raw, env: c.env, principal: c.get("principal") };
}
