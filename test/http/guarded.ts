/**
 * A deployment that tells its callers apart, in this runtime: every kind of caller, with the headers
 * by which it shows who it is, and requests to the edge as it would get them.
 */
import { createExecutionContext } from "cloudflare:test";
import type { Scope } from "../../client/src/protocol.ts";
import type { Env } from "../../src/env.ts";
import { app } from "../../src/http/app.ts";
import { claims, createSigner } from "../conformance/token.ts";
import { deployment } from "../object/runtime.ts";

export const ORIGIN = "http://localhost";
const SECRET = "the-first-key";

export interface Caller {
  name: string;
  headers: Record<string, string>;
  /** Nothing: not let in at all. */
  scopes: readonly Scope[];
  /** Beginnings of ids, "" for all. */
  reach: readonly string[];
  isLetIn: boolean;
}

export interface Asked {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** By no network of Cloudflare's. */
  local?: boolean;
}

export interface Given {
  status: number;
  headers: Headers;
  text: string;
}

export const signer = await createSigner("ES256", "test");

const env: Env = {
  ...deployment(),
  API_KEYS: SECRET,
  JWT_KEYS: JSON.stringify({ keys: [signer.jwk] }),
  LINK_KEYS: `k1:${btoa("x".repeat(32))}`,
  DEBUG_SURFACE: "true",
  OPEN: "",
};

export const ADMIN: Caller = {
  name: "a secret key",
  headers: bearer(SECRET),
  scopes: ["admin"],
  reach: [""],
  isLetIn: true,
};

export const NOBODY: Caller = {
  name: "nobody",
  headers: {},
  scopes: [],
  reach: [],
  isLetIn: false,
};

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

let asked = 0;

/** Asks, and reads the answer as far as it goes by itself. */
export async function send(
  { headers }: Pick<Caller, "headers">,
  { method, path, body, headers: more, local }: Asked,
  at: Env = env,
): Promise<Given> {
  const type: Record<string, string> =
    body === undefined ? {} : { "content-type": "application/json" };
  const hangUp = new AbortController();
  const request = new Request(`${ORIGIN}${path}`, {
    method,
    // As Cloudflare passes it on; from somewhere else each time, for who guesses is told to stop.
    ...(!local && { cf: {} }),
    headers: { "cf-connecting-ip": `test-${(asked += 1)}`, ...type, ...headers, ...more },
    signal: hangUp.signal,
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const answer = await app.fetch(request, at, createExecutionContext());
  const streams = answer.headers.get("content-type") === "text/event-stream";
  const { status, headers: shown, webSocket } = answer;
  webSocket?.accept();
  webSocket?.close();
  if (streams) hangUp.abort();
  return { status, headers: shown, text: streams || webSocket ? "" : await answer.text() };
}

export async function keyFor(
  scopes: readonly Scope[],
  prefixes: string[],
  more: object = {},
): Promise<{ id: string; key: string }> {
  const body = { name: "test", scopes, prefixes, ...more };
  const { text } = await send(ADMIN, { method: "POST", path: "/keys", body });
  return JSON.parse(text);
}

export async function keyCaller(scopes: readonly Scope[], reach: string[]): Promise<Caller> {
  const { key } = await keyFor(scopes, patterns(reach));
  const name = `a key with ${scopes.join(", ")} on ${reach.join(", ")}`;
  return { name, headers: bearer(key), scopes, reach, isLetIn: true };
}

export async function jwtCaller(scopes: readonly Scope[], reach: string[]): Promise<Caller> {
  const token = await signer.sign(claims({ scope: scopes.join(" "), prefixes: patterns(reach) }));
  const name = `a JWT with ${scopes.join(", ")} on ${reach.join(", ")}`;
  return { name, headers: bearer(token), scopes, reach, isLetIn: true };
}

/** Answered without a key, and let in as this machine. */
export const LOOPBACK_ENV: Env = {
  ...deployment(),
  LINK_KEYS: env.LINK_KEYS!,
  OPEN: "loopback",
  DEBUG_SURFACE: "true",
};

export function guarded(more: Partial<Env>): Env {
  return { ...env, ...more };
}

function patterns(reach: string[]): string[] {
  return reach.map((beginning) => `${beginning}*`);
}
