/**
 * Who are you, may you: the one place that lets a request in. Closed by default: without keys a
 * deployment answers nothing but `/health`; the one exception is a server started for this machine.
 *
 * It runs before any object is touched and knows nothing of promises.
 */
import { BEARER_SUBPROTOCOL_PREFIX, HEADER } from "../../client/src/protocol.ts";
import type { Config } from "../env.ts";
import { Refusal } from "./errors.ts";

/** An `http` URL or origin on this machine. The runtime gives normalised URLs, without credentials. */
const LOOPBACK_URL =
  /^https?:\/\/(?:(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?=[:/]|$)/i;

/** @throws Refusal when the caller may not come in */
export function authenticate(request: Request, config: Config): Promise<void> | void {
  if (config.keys.length > 0) return requireKey(request, config.keys);
  if (config.openOnLoopback) return requireLoopback(request);
  throw new Refusal(
    "not_configured",
    "This deployment has no keys: set the secret API_KEYS (wrangler secret put API_KEYS)",
  );
}

/**
 * Without keys, the address is the only proof. The host in the URL must be this machine's, or a page
 * elsewhere could reach us by rebinding its own name (DNS rebinding); so must the origin of a page.
 */
function requireLoopback(request: Request): void {
  const origin = request.headers.get("origin");
  if (!isLoopback(request.url) || (origin !== null && !isLoopback(origin))) {
    throw new Refusal(
      "forbidden",
      "Started without API_KEYS, this server answers this machine only, by its loopback address",
    );
  }
}

export function isLoopback(url: string): boolean {
  return LOOPBACK_URL.test(url);
}

async function requireKey(request: Request, keys: string[]): Promise<void> {
  const token = tokenOf(request.headers);
  if (token !== undefined && (await isOneOf(token, keys))) return;
  throw new Refusal(
    "unauthorized",
    token === undefined ? "Send Authorization: Bearer <key>" : "That key is not known here",
    { headers: { "www-authenticate": 'Bearer realm="durable-promises"' } },
  );
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

/** In constant time: equal-length digests, all keys looked at, no early exit. */
async function isOneOf(token: string, keys: string[]): Promise<boolean> {
  const presented = await digestOf(token);
  let known = false;
  for (const key of keys) {
    const same = crypto.subtle.timingSafeEqual(presented, await digestOf(key));
    known = same || known;
  }
  return known;
}

function digestOf(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
