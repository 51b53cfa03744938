/** An error as a sentence for people: what the server said, or that it could not be reached. */
import { isApiError, isConnectionError } from "../../../../../../client/src/errors.ts";

export function faultText(error: unknown): string {
  if (isConnectionError(error)) return "The server cannot be reached.";
  if (isApiError(error)) return sentence(error.message);
  return sentence(error instanceof Error ? error.message : String(error));
}

/** Not a bug and not the line: the caller's key does not let them. */
export function isForbidden(error: unknown): boolean {
  return isApiError(error) && error.status === 403 && error.code === "forbidden";
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
