/**
 * One service under test: a real workerd on its own port and its own directory, and the plain HTTP
 * calls of a client that knows nothing but the contract. It judges nothing; the tests do.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Problem, PromiseRecord } from "../../client/src/protocol.ts";
import { startServer } from "../../src/local/server.ts";
import { MEMORY } from "../memory.ts";

/** The answer to one request, its body read to the end. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

export interface SendOptions {
  /** A string or bytes go out as they are, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface Service {
  url: string;
  port: number;
  /** Where a promise lives, the id encoded as the strictest client would. */
  address(id: string): string;
  /** `target` is a path or a whole URL. */
  send(method: string, target: string, options?: SendOptions): Promise<Answer>;
  create(id: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  settle(id: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  read(id: string, headers?: Record<string, string>): Promise<Answer>;
  /** kill -9, and a start on the same folder and the same port. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** An id that no other test has. */
export function freshId(label = "promise"): string {
  return `${label}-${randomUUID()}`;
}

export function recordOf(answer: Answer): PromiseRecord {
  // SAFETY: what the body really is, is what the caller goes on to assert.
  return JSON.parse(answer.text) as PromiseRecord;
}

export function problemOf(answer: Answer): Problem {
  // SAFETY: as above.
  return JSON.parse(answer.text) as Problem;
}

export async function startService(
  options: { host?: string; env?: Record<string, string> } = {},
): Promise<Service> {
  const data = await mkdtemp(join(MEMORY, "durable-promises-conformance-"));
  const clear = (): Promise<void> => rm(data, { recursive: true, force: true });
  let server = await startServer({ data, port: 0, ...options }).catch(async (error: unknown) => {
    await clear();
    throw error;
  });
  const port = Number(new URL(server.url).port);
  const url = `http://127.0.0.1:${port}`;
  const address = (id: string): string => `${url}/promises/${encodeURIComponent(id)}`;

  async function send(method: string, target: string, given: SendOptions = {}): Promise<Answer> {
    const headers = new Headers(given.headers);
    const init: RequestInit = { method, headers, redirect: "manual" };
    if (given.signal !== undefined) init.signal = given.signal;
    if (given.body !== undefined) {
      const raw = typeof given.body === "string" || given.body instanceof Uint8Array;
      // SAFETY: just checked; everything else is turned into a string.
      init.body = raw ? (given.body as string) : JSON.stringify(given.body);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
    }
    const response = await fetch(target.startsWith("http") ? target : url + target, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  return {
    url,
    port,
    address,
    send,
    create: (id, body = {}, headers = {}) => send("PUT", address(id), { body, headers }),
    settle: (id, body, headers = {}) => send("PATCH", address(id), { body, headers }),
    read: (id, headers = {}) => send("GET", address(id), { headers }),
    async crash() {
      await server.kill();
      server = await startServer({ data, port, ...options });
    },
    async stop() {
      await server.stop();
      await clear();
    },
  };
}
