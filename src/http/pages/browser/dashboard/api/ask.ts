/**
 * Questions that the client package does not ask, and answers that must not be parsed. Errors are the
 * package's own.
 */
import { ApiError } from "../../../../../../client/src/errors.ts";
import type { Problem } from "../../../../../../client/src/protocol.ts";
import { ownFetch } from "./fetch.ts";

export interface AskOptions {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  body?: object;
  signal?: AbortSignal;
}

/** @throws ApiError for a refusal */
export async function askText(path: string, options: AskOptions = {}): Promise<string> {
  const { method = "GET", body, signal } = options;
  const response = await ownFetch(path, {
    method,
    cache: "no-store",
    headers: {
      accept: "application/json",
      ...(body && { "content-type": "application/json" }),
    },
    ...(body && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  const text = await response.text();
  if (response.ok) return text;
  throw refusalOf(response.status, text);
}

export async function ask<T>(path: string, options: AskOptions = {}): Promise<T> {
  const text = await askText(path, options);
  // SAFETY: our own server's word for its answers; who asks for nothing is given nothing.
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

function refusalOf(status: number, text: string): ApiError {
  try {
    const problem = JSON.parse(text) as Problem;
    return new ApiError(problem.detail || problem.title, { code: problem.code, status, problem });
  } catch {
    return new ApiError(`The server answered with ${status}`, {
      code: "unexpected_answer",
      status,
    });
  }
}
