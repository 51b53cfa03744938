/**
 * What the tests of this folder run in: a real server on a folder and a port of its own, processes
 * with the SDK that cannot outlive it, the file of their side effects, and a look at the server
 * past the SDK.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startServer } from "../../src/local/server.ts";
import { rpcClient } from "../conformance/rpc-client.ts";
import type { Settings } from "./sdk-child.ts";
import { type SdkProcess, startSdkProcess } from "./sdk-process.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

/** Far more than anything here takes; a test that gets there has failed. */
export const PATIENCE = 60_000;

export interface World extends AsyncDisposable {
  readonly url: string;
  /** A process that has no functions and only calls. */
  readonly caller: SdkProcess;
  /** A worker, connected. */
  start(group: string, settings?: Partial<Settings>): Promise<SdkProcess>;
  /** A worker, as soon as it has a process id. */
  spawn(group: string, settings?: Partial<Settings>): SdkProcess;
  /** The side effects of that root, or of that name, in the order in which they happened. */
  noted(about: string): Promise<Noted[]>;
  /** One request of the protocol. */
  ask(kind: string, data: object): Promise<{ status: number; data: unknown }>;
  task(id: string): Promise<{ state: string; version: number }>;
  /** What the promise was settled with, as the SDK encodes it. */
  recorded(id: string): Promise<unknown>;
  /** `kill -9` of the server. */
  kill(): Promise<void>;
  /** Starts it again on the same folder and port. */
  restart(): Promise<void>;
}

export interface Noted {
  root: string;
  what: string;
  by: number;
}

export async function startWorld(
  options: { env?: Record<string, string>; caller?: Partial<Settings> } = {},
): Promise<World> {
  const { env = {} } = options;
  const folder = await mkdtemp(join(MEMORY, "durable-promises-sdk-"));
  const data = join(folder, "data");
  const file = join(folder, "noted");
  let server = await startServer({ data, env });
  const { url } = server;
  const client = rpcClient(url);
  const processes: SdkProcess[] = [];

  function spawn(group: string, settings: Partial<Settings> = {}): SdkProcess {
    const started = startSdkProcess({ url, group, file, ...settings });
    processes.push(started);
    return started;
  }

  async function start(group: string, settings: Partial<Settings> = {}): Promise<SdkProcess> {
    const started = spawn(group, settings);
    await Promise.race([started.connected, tooLate()]);
    return started;
  }

  async function dispose(): Promise<void> {
    await Promise.all(processes.map((process) => process.kill()));
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }

  const world = {
    url,
    start,
    spawn,
    ask: client.send,
    async noted(about: string) {
      const text = await readFile(file, "utf8").catch(() => "");
      const lines = text.split("\n").map((line) => line.split(" "));
      const all = lines.map(([root = "", what = "", by]) => ({ root, what, by: Number(by) }));
      return all.filter(({ root, what }) => root === about || what === about);
    },
    async task(id: string) {
      const { data } = await client.send("task.get", { id });
      // SAFETY: as the protocol has it; without a task the test fails on what is missing.
      return (data as { task: { state: string; version: number } }).task;
    },
    async recorded(id: string) {
      const { data } = await client.send("promise.get", { id });
      // SAFETY: as above.
      const { promise } = data as { promise: { value: { data?: string } } };
      return JSON.parse(Buffer.from(promise.value.data ?? "", "base64").toString()) as unknown;
    },
    kill: () => server.kill(),
    async restart() {
      server = await startServer({ data, env, port: Number(new URL(url).port) });
    },
    [Symbol.asyncDispose]: dispose,
  };
  try {
    return { ...world, caller: await start("callers", { functions: [], ...options.caller }) };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Sooner than a hook gives up: what has been started is known by then, and is ended. */
async function tooLate(): Promise<never> {
  await sleep(PATIENCE / 3, undefined, { ref: false });
  throw new Error("the SDK was not connected");
}

/** Waits until `check` passes; it is asked again and again. */
export function until<T>(check: () => T | Promise<T>): Promise<T> {
  return eventually(check);
}
