/**
 * `/session`: a browser signs in with a key, asks who it is, and signs out. The key travels back in a
 * cookie that no script can read; the server keeps nothing. A form may do it without a script.
 */
import * as v from "valibot";
import { ERRORS } from "../../client/src/protocol.ts";
import { readConfig } from "../env.ts";
import { identify, isGuarded } from "./auth.ts";
import type { C } from "./edge.ts";
import { invalid, Refusal } from "./errors.ts";
import { readBody, readJson } from "./json.ts";
import { localPathOf, signInPage } from "./pages/dashboard-sign-in.tsx";
import { validate } from "./parse.ts";
import { fields } from "./schemas.ts";
import {
  COOKIE_VALUE_MAX,
  endedCookie,
  fitsCookie,
  isSecureAt,
  sessionCookie,
} from "./session-cookie.ts";
import { isNotFromElsewhere } from "./session-origin.ts";

export const sessionBody = fields({
  key: v.pipe(v.string("must be a string"), v.trim(), v.nonEmpty("must not be empty")),
});

/** `POST /session` with `{"key": "…"}`, or the form of the sign-in page. */
export async function signIn(c: C): Promise<Response> {
  refuseElsewhere(c);
  const mediaType = c.req.header("content-type")?.toLowerCase() ?? "";
  if (mediaType.startsWith("application/x-www-form-urlencoded")) return signInByForm(c);
  const { key } = validate(sessionBody, (await readJson(c.req.raw)).value, "");
  return new Response(null, { status: 204, headers: await signedIn(c, key) });
}

/** `GET /session`: who is asking, and what they may do. */
export function whoAmI(c: C): Response {
  const { name, kind, scopes, prefixes } = c.get("principal");
  const shown = {
    name,
    kind,
    scopes: [...scopes],
    prefixes: prefixes === "all" ? ["*"] : prefixes,
  };
  // When, so that a page can show times by the server's clock.
  return c.json({ ...shown, at: Date.now() }, 200, QUIET);
}

/** `DELETE /session`: also for who is not signed in any more. */
export function signOut(c: C): Response {
  refuseElsewhere(c);
  const cookie = endedCookie(isSecureAt(c.req.url, readConfig(c.env)));
  return new Response(null, { status: 204, headers: { ...QUIET, "set-cookie": cookie } });
}

const QUIET = { "cache-control": "no-store" };

async function signInByForm(c: C): Promise<Response> {
  const form = new URLSearchParams(new TextDecoder().decode(await readBody(c.req.raw)));
  const next = localPathOf(form.get("next"));
  const key = form.get("key")?.trim() ?? "";
  try {
    const headers = await signedIn(c, key);
    return new Response(null, { status: 303, headers: { ...headers, location: next } });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const fault = key === "" ? "Enter a key" : error.message;
    return signInPage({ url: c.req.url, next, fault: `${fault}.` }, ERRORS[error.code].status);
  }
}

/** @throws Refusal for a key that is not good */
async function signedIn(c: C, key: string): Promise<Record<string, string>> {
  const config = readConfig(c.env);
  // Where nobody is asked for a key, none is kept.
  if (!isGuarded(config)) return QUIET;
  if (!fitsCookie(key)) {
    throw invalid(
      "key",
      `key is too long for a cookie, which takes ${COOKIE_VALUE_MAX} characters`,
    );
  }
  await identify(key, c.req.raw, c.env);
  return { ...QUIET, "set-cookie": sessionCookie(key, isSecureAt(c.req.url, config)) };
}

/** Nobody signs others in, to see what they do, nor out. */
function refuseElsewhere(c: C): void {
  if (isNotFromElsewhere(c.req.raw, readConfig(c.env).publicUrl)) return;
  throw new Refusal("forbidden", "Only this server's own pages may sign a browser in or out");
}
