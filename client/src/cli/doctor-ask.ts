/**
 * Asking a server as it is, without the client's patience: one request, its status and its words. For
 * `doctor`, which wants to know what went wrong and not to get around it.
 */
import { randomUUID } from "node:crypto";
import type { Session } from "./command.ts";
import { named } from "./session.ts";

export interface Asking {
  url: string;
  token: string | undefined;
  signal: AbortSignal;
  session: Session;
  /** A promise that is not there. */
  nobody: string;
  ask: (call: Asked) => Promise<Answered>;
}

export interface Asked {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Without the key. */
  isAnonymous?: boolean;
}

export interface Answered {
  status: number;
  headers: Headers;
  text: string;
  /** Of a problem document. */
  code: string | undefined;
  detail: string;
  json: unknown;
  /** How long it took. */
  ms: number;
}

const WITHIN_MS = 10_000;

export function askingOf(session: Session): Asking {
  const { url, token, signal } = session;
  const base = url.replace(/\/+$/, "");
  async function ask({ method = "GET", path, headers = {}, body, isAnonymous }: Asked) {
    const begunAt = performance.now();
    const response = await named(base + path, {
      method,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]),
      headers: {
        accept: "application/json",
        ...(token !== undefined && !isAnonymous && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      ms: Math.round(performance.now() - begunAt),
      text,
      ...read(text),
    };
  }
  return { url: base, token, signal, session, nobody: `doctor/${randomUUID()}`, ask };
}

function read(text: string): Pick<Answered, "code" | "detail" | "json"> {
  try {
    const json: unknown = JSON.parse(text);
    const { code, detail } = (json ?? {}) as { code?: unknown; detail?: unknown };
    return {
      json,
      code: typeof code === "string" ? code : undefined,
      detail: typeof detail === "string" ? detail : text.slice(0, 200),
    };
  } catch {
    return { json: undefined, code: undefined, detail: text.slice(0, 200) };
  }
}

/** The innermost reason: `fetch` itself only says that it failed. */
export function reasonOf(error: unknown): { code: string; message: string } {
  let innermost = error;
  for (let depth = 0; depth < 5 && innermost instanceof Error; depth += 1) {
    const { cause, errors } = innermost as { cause?: unknown; errors?: unknown[] };
    const next = cause ?? errors?.[0];
    if (next === undefined) break;
    innermost = next;
  }
  const { code, message, name } = innermost as { code?: string; message?: string; name?: string };
  return { code: code ?? name ?? "", message: message ?? String(innermost) };
}
