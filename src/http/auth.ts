/**
 * Who are you: the one place that lets a request in. Closed by default: without keys a deployment
 * answers nothing but `/health` and `/ready`; the one exception is a server started for this machine.
 *
 * It runs before any promise is touched and knows nothing of them. What a principal may do is
 * principal.ts's matter, how keys and tokens are known auth-keys.ts's and auth-jwt.ts's.
 */
import { BEARER_SUBPROTOCOL_PREFIX, HEADER } from "../../client/src/protocol.ts";
import { readConfig, type Config, type Env } from "../env.ts";
import { looksLikeToken, principalOfToken } from "./auth-jwt.ts";
import { principalOfKey } from "./auth-keys.ts";
import { Refusal } from "./errors.ts";
import { guessed } from "./guesses.ts";
import { pathOf } from "./parse.ts";
import { fullPrincipal, type Principal } from "./principal.ts";
import { isSecureAt, readSession } from "./session-cookie.ts";
import { isFromOurPages } from "./session-origin.ts";

/** An `http` URL or origin on this machine. The runtime gives normalised URLs, without credentials. */
const LOOPBACK_URL =
  /^https?:\/\/(?:(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?=[:/]|$)/i;

const LOOPBACK = fullPrincipal("loopback", "loopback");

/** Of the binding, whose period the Worker cannot read: 10 s or 60 s. */
const RETRY_AFTER_S = 10;

/**
 * @param token where the address takes it from, besides the headers
 * @throws Refusal when the caller may not come in
 */
export function authenticate(
  request: Request,
  env: Env,
  token?: () => Promise<string | undefined>,
): Principal | Promise<Principal> {
  const config = readConfig(env);
  if (isGuarded(config)) return requireToken(request, env, token);
  if (config.openOnLoopback) return requireLoopback(request);
  throw new Refusal(
    "not_configured",
    "This deployment has no keys: set the secret API_KEYS (wrangler secret put API_KEYS)",
  );
}

/** Whether it is told apart who asks. */
export function isGuarded({ keys, jwt }: Config): boolean {
  return keys.length > 0 || jwt !== undefined;
}

/**
 * Without keys, the address is the only proof. The host in the URL must be this machine's, or a page
 * elsewhere could reach us by rebinding its own name (DNS rebinding); so must the origin of a page.
 */
function requireLoopback(request: Request): Principal {
  const origin = request.headers.get("origin");
  // A page without referrer sends its own form like this; who knows the link's address has its right.
  const fromLink = origin === "null" && pathOf(request.url).startsWith("/l/");
  const isNear = origin === null || fromLink || isLoopback(origin);
  if (isLoopback(request.url) && isNear) return LOOPBACK;
  throw new Refusal(
    "forbidden",
    "Started without API_KEYS, this server answers this machine only, by its loopback address",
  );
}

export function isLoopback(url: string): boolean {
  return LOOPBACK_URL.test(url);
}

async function requireToken(
  request: Request,
  env: Env,
  elsewhere: () => Promise<string | undefined> = async () => undefined,
): Promise<Principal> {
  const token = tokenOf(request.headers) ?? (await elsewhere()) ?? tokenOfSession(request, env);
  if (token === undefined) throw unauthorized("Send Authorization: Bearer <key>");
  return identify(token, request, env);
}

/**
 * Whose key or token it is, within the rate that they may ask at.
 *
 * @throws Refusal for one that is not good
 */
export async function identify(token: string, request: Request, env: Env): Promise<Principal> {
  const principal = await principalOf(token, request, env);
  if (!env.RATE_LIMIT) return principal;
  const { success } = await env.RATE_LIMIT.limit({ key: `${principal.kind}:${principal.name}` });
  if (success) return principal;
  throw new Refusal("too_many_requests", `"${principal.name}" asks too often; try again later`, {
    headers: { "retry-after": String(RETRY_AFTER_S) },
  });
}

/**
 * What a signed-in browser sends by itself: for who says nothing else, and from our own pages only.
 *
 * @throws Refusal when it may have been made to
 */
function tokenOfSession(request: Request, env: Env): string | undefined {
  const { headers, url } = request;
  const cookies = headers.get("cookie");
  if (cookies === null || headers.has("authorization")) return undefined;
  const config = readConfig(env);
  const token = readSession(cookies, isSecureAt(url, config));
  if (token === undefined || isFromOurPages(request, config.publicUrl)) return token;
  throw new Refusal("forbidden", "A signed-in browser may do that from this server's pages only");
}

/** Keys first: one of API_KEYS may look like anything. */
async function principalOf(token: string, request: Request, env: Env): Promise<Principal> {
  const now = Date.now();
  const ofKey = await principalOfKey(token, env, now);
  if (ofKey) return ofKey;
  const { jwt } = readConfig(env);
  const ofToken =
    jwt && looksLikeToken(token) ? await principalOfToken(token, jwt, now) : undefined;
  if (ofToken === undefined) {
    throw await guessed(request, env, unauthorized("That key is not known here", "invalid_token"));
  }
  if ("fault" in ofToken) throw unauthorized(`That token ${ofToken.fault}`, "invalid_token");
  return ofToken;
}

/** RFC 6750, section 3: without credentials no error is named. */
function unauthorized(detail: string, error?: "invalid_token"): Refusal {
  const challenge = 'Bearer realm="durable-promises"';
  return new Refusal("unauthorized", detail, {
    headers: { "www-authenticate": error ? `${challenge}, error="${error}"` : challenge },
  });
}

/** The bearer token: from `Authorization`, or a WebSocket's subprotocols, where browsers put it. */
function tokenOf(headers: Headers): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "");
  if (bearer) return bearer[1];
  return offeredSubprotocols(headers)
    .find((name) => name.startsWith(BEARER_SUBPROTOCOL_PREFIX))
    ?.slice(BEARER_SUBPROTOCOL_PREFIX.length);
}

export function offeredSubprotocols(headers: Headers): string[] {
  const offered = headers.get(HEADER.subprotocol);
  return offered ? offered.split(",").map((name) => name.trim()) : [];
}
