/**
 * The log of requests, an entry each, made when the answer begins: which of them are worth one is the
 * setting LOG. `errors` are those that somebody has to look at: our failures, and callers who are not
 * let in. That a promise is not there, or was settled before, is everyday life and not among them.
 *
 * It is the default, for an entry costs as much as a sixth of a read (20 µs of CPU, 2026-11-26), and on
 * Cloudflare Workers Logs has each request already.
 */
import { HEADER } from "../../client/src/protocol.ts";
import { readConfig, type Config, type Env } from "../env.ts";
import { log } from "../log.ts";
import type { Passage } from "./passage.ts";
import { factsOf } from "./request-facts.ts";

export function logRequest(
  env: Env,
  request: Request,
  response: Response,
  passage: Passage,
  ms: number,
): void {
  const isError = response.status >= 400 && isWorthALook(response);
  const setting = settingOf(env);
  if (setting === "off" || (setting === "errors" && !isError)) return;
  const level = !isError ? "info" : response.status >= 500 ? "error" : "warn";
  log(level, "request", { ...factsOf(passage, request, response), ms });
}

function isWorthALook({ status, headers }: Response): boolean {
  if (status >= 500 || status === 401 || status === 429) return true;
  // Who came second is told so with 403 too, and with the outcome.
  return status === 403 && !headers.has(HEADER.outcome);
}

/** Where another setting makes no sense, this one is not known either. */
function settingOf(env: Env): Config["log"] {
  try {
    return readConfig(env).log;
  } catch {
    return "errors";
  }
}
