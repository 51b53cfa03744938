/**
 * What may be said of a request to those who look after the server: for its log entry and its span.
 * Never a URL, a header or a body: they have tokens in them, and what people ask each other.
 */
import { HEADER } from "../../client/src/protocol.ts";
import { idOfPath } from "./parse.ts";
import type { Passage } from "./passage.ts";
import { beginningOf, patternOf, type Route } from "./routes.ts";

/** Below these a path goes on with the id of a promise. */
const OF_PROMISES = new Set(["/promises/", "/awaiters/", "/receipts/"]);

export type Facts = Record<string, string | number | undefined>;

export function factsOf(passage: Passage, request: Request, { status, headers }: Response): Facts {
  const { requestId, route, principal, promise, kind } = passage;
  return {
    requestId,
    method: request.method,
    route: route && patternOf(route),
    kind,
    status,
    principal: principal?.name,
    principalKind: principal?.kind,
    promise: promise ?? (route && promiseInPath(route, request.url)),
    outcome: headers.get(HEADER.outcome) ?? undefined,
  };
}

function promiseInPath(route: Route, url: string): string | undefined {
  const beginning = beginningOf(route);
  if (!OF_PROMISES.has(beginning) || patternOf(route) === beginning) return undefined;
  try {
    return idOfPath(url, beginning);
  } catch {
    // No id at all, which the caller was told.
    return undefined;
  }
}
