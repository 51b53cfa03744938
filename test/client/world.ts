/**
 * What the tests of this folder run against: a real server in a folder of its own, a proxy in front
 * of it, and clients with a short temper.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { DurablePromises, type DurablePromisesOptions } from "../../client/src/index.ts";
import { startServer, type Server } from "../../src/local/server.ts";
import { type Proxy, startProxy } from "./proxy.ts";
import { MEMORY } from "../memory.ts";

export interface World extends AsyncDisposable {
  /** Straight to the server. */
  readonly url: string;
  /** Through the proxy, where lines break. */
  readonly proxy: Proxy;
  /** A client that is never in the way of the test: straight to the server. */
  readonly direct: DurablePromises;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Starts the server again on the same folder, behind the same proxy. */
  restart(): Promise<void>;
}

/** Short enough for tests, long enough for two busy cores. */
export const LINE = {
  pingEvery: 200,
  pongWithin: 400,
  openWithin: 1000,
  pollFor: 1000,
  firstDelay: 20,
  longestDelay: 200,
} as const;

export const TRANSPORTS = ["socket", "poll"] as const;
export type Transport = (typeof TRANSPORTS)[number];

export function clientOn(
  transport: Transport,
  url: string,
  options: DurablePromisesOptions = {},
): DurablePromises {
  const road = transport === "poll" ? { WebSocket: false as const } : {};
  return new DurablePromises({ url, line: LINE, attemptTimeout: 1000, ...road, ...options });
}

export const newId = () => `test/${randomUUID()}`;

export async function startWorld(env: Record<string, string> = {}): Promise<World> {
  const data = await mkdtemp(join(MEMORY, "durable-promises-client-"));
  let server: Server = await startServer({ data, env });
  const proxy = await startProxy(server.url);
  const token = env["API_KEYS"]?.split(",")[0];
  const credentials = token === undefined ? {} : { token };
  let direct = new DurablePromises({ url: server.url, ...credentials });
  return {
    proxy,
    get url() {
      return server.url;
    },
    get direct() {
      return direct;
    },
    kill: () => server.kill(),
    async restart() {
      server = await startServer({ data, env });
      direct = new DurablePromises({ url: server.url, ...credentials });
      proxy.target = server.url;
    },
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await server.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}
