/**
 * Whether waiting will not change an answer: a wrong key, a wrong address. For those who otherwise
 * come again until they are told what they wait for.
 */
import { isApiError, isDurablePromiseError } from "./errors.ts";

/**
 * A stranger's answer is a refusal only before the server was heard: later it is some proxy, speaking
 * while the server is away.
 */
export function isRefusal(error: unknown, heard: boolean): boolean {
  if (!isDurablePromiseError(error)) return true;
  if (!isApiError(error) || error.retryable) return false;
  if (error.code === "unexpected_answer") return !heard && error.status < 500;
  return error.status < 500 || error.code === "not_configured";
}
