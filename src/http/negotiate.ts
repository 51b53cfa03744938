/**
 * What form an answer takes: media types, entity tags and how long it may be kept. It knows the
 * headers of a request and the texts of an answer, and nothing of promises but that settled is for
 * ever.
 */
import { Context } from "hono";
import { accepts } from "hono/accepts";
import { HEADER } from "../../client/src/protocol.ts";
import type { SplitFrame } from "./await.ts";
import { JSON_SECURITY } from "./security-headers.ts";

/** One address, several forms: a cache must not take one for another. */
export const VARY = "accept, prefer, authorization, cookie";

export const JSON_HEADERS = {
  "content-type": "application/json",
  ...JSON_SECURITY,
} as const;

const YEAR_S = 31_536_000;

export function mediaTypeOf(request: Request): string {
  const accept = request.headers.get("accept");
  if (!accept || accept === "*/*" || accept === "application/json") return "application/json";
  return accepts(new Context(request), {
    header: "Accept",
    supports: ["application/json", "text/event-stream", "text/html"],
    default: "application/json",
  });
}

/** Whether a GET wants to be told what becomes of it, rather than how it stands. */
export function isAwait(request: Request): boolean {
  const { headers, url } = request;
  return (
    headers.has("upgrade") ||
    mediaTypeOf(request) === "text/event-stream" ||
    (url.includes("?") && new URL(url).searchParams.has("wait")) ||
    /(?:^|[,;\s])wait\s*=/i.test(headers.get(HEADER.prefer) ?? "")
  );
}

export interface Caching {
  etag: string;
  cacheControl: string;
  [HEADER.preferenceApplied]?: string;
}

/** Settled is for ever; with a retention, for as long as the id cannot have begun another life. */
export function cachingOf({ type, etag, promise }: SplitFrame): Caching {
  if (type !== "settled") return { etag: etag!, cacheControl: "private, no-cache" };
  const retention = promise!.includes('"retention":') ? retentionOf(promise!) : Infinity;
  const seconds = Math.min(YEAR_S, Math.floor(retention / 1000));
  return { etag: etag!, cacheControl: `private, max-age=${seconds}, immutable` };
}

function retentionOf(promise: string): number {
  // SAFETY: our own resource text.
  return (JSON.parse(promise) as { retention?: number }).retention ?? Infinity;
}

/** The record as JSON, or a 304 for who has it already. */
export function recordResponse(
  request: Request,
  status: number,
  text: string,
  { etag, cacheControl, ...more }: Caching,
): Response {
  const headers = { etag: `"${etag}"`, "cache-control": cacheControl, vary: VARY, ...more };
  const known = request.headers.get("if-none-match");
  if (known !== null && matches(known, headers.etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(text, { status, headers: { ...JSON_HEADERS, ...headers } });
}

/** RFC 9110, 13.1.2: weak comparison against a list, or `*`. */
function matches(ifNoneMatch: string, etag: string): boolean {
  if (ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
