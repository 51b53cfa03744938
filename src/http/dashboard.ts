/**
 * The addresses of the dashboard: an empty page for everybody, which asks the API with the caller's
 * session. What programs are told at `/` is where the rest is.
 */
import { readConfig } from "../env.ts";
import { isGuarded } from "./auth.ts";
import type { C } from "./edge.ts";
import { mediaTypeOf } from "./negotiate.ts";
import { dashboardPage } from "./pages/dashboard.tsx";
import { localPathOf, signInPage } from "./pages/dashboard-sign-in.tsx";

const INDEX = {
  service: "durable-promises",
  promises: "/promises",
  openapi: "/openapi.json",
  docs: "/docs",
  health: "/health",
};

/** `GET /` */
export function home(c: C): Response | Promise<Response> {
  if (mediaTypeOf(c.req.raw) === "text/html") return dashboardPage(c.req.url);
  return c.json(INDEX, 200, { vary: "accept" });
}

/** `GET /dashboard/…` */
export function dashboard(c: C): Promise<Response> {
  return dashboardPage(c.req.url);
}

/** `GET /dashboard/sign-in?next=…` */
export function signInForm(c: C): Response | Promise<Response> {
  const next = localPathOf(c.req.query("next"));
  // Where nobody is asked for a key, there is none to give.
  if (!isGuarded(readConfig(c.env))) return c.redirect(next, 303);
  return signInPage({ url: c.req.url, next });
}
