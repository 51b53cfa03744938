/**
 * The test's end of a process with the SDK in it (sdk-child.ts): each method is one call of the SDK
 * in that process. A process that ends takes the calls that are under way with it: they reject.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Options, Order, Report, Settings } from "./sdk-child.ts";

const CHILD = fileURLToPath(new URL("sdk-child.ts", import.meta.url));
/** The SDK needs Node 22, a script in TypeScript 24: the tests themselves may run on less. */
const NODE = fileURLToPath(new URL("../../node_modules/node/bin/node", import.meta.url));

export interface Handle {
  id: string;
  result(): Promise<unknown>;
  done(): Promise<unknown>;
}

type Execute = (id: string, name: string, args?: unknown[], options?: Options) => Promise<unknown>;
type Begin = (id: string, name: string, args?: unknown[], options?: Options) => Promise<Handle>;

export interface SdkProcess {
  /** Of the operating system. */
  pid: number;
  /** Resolves when its SDK has first been connected. */
  connected: Promise<void>;
  run: Execute;
  rpc: Execute;
  beginRun: Begin;
  beginRpc: Begin;
  get(id: string): Promise<Handle>;
  create(id: string, timeout?: number): Promise<unknown>;
  resolve(id: string, value: unknown): Promise<unknown>;
  reject(id: string, value: unknown): Promise<unknown>;
  cancel(id: string): Promise<unknown>;
  schedule(
    id: string,
    cron: string,
    name: string,
    args: unknown[],
    target: string,
  ): Promise<unknown>;
  unschedule(id: string): Promise<unknown>;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
}

export function startSdkProcess(settings: Settings): SdkProcess {
  const child = fork(CHILD, [JSON.stringify(settings)], {
    execPath: NODE,
    execArgv: [],
    stdio: ["ignore", "ignore", process.env["SDK_LOG"] ? "inherit" : "ignore", "ipc"],
  });
  const exited = once(child, "exit");
  const open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let number = 0;

  const connected = new Promise<void>((resolve, reject) => {
    child.on("message", (message) => {
      // SAFETY: sdk-child.ts sends nothing else.
      const report = message as Report;
      if ("connected" in report) return resolve();
      const call = open.get(report.number);
      open.delete(report.number);
      if (!("error" in report)) return call?.resolve(report.value);
      const { name, message: text } = report.error;
      call?.reject(Object.assign(new Error(text), { name }));
    });
    child.on("exit", (code, signal) => {
      const ended = new Error(`the process ended (${signal ?? code})`);
      reject(ended);
      for (const call of open.values()) call.reject(ended);
    });
  });
  // Not everybody who starts one waits for that.
  connected.catch(() => {});

  function call(order: Order): Promise<unknown> {
    number += 1;
    const answer = new Promise((resolve, reject) => open.set(number, { resolve, reject }));
    child.send({ ...order, number });
    return answer;
  }

  async function begin(order: Order): Promise<Handle> {
    // SAFETY: what sdk-child.ts keeps a handle by.
    const { id, handle } = (await call(order)) as { id: string; handle: number };
    return {
      id,
      result: () => call({ method: "result", id, handle }),
      done: () => call({ method: "done", id, handle }),
    };
  }

  return {
    pid: child.pid!,
    connected,
    run: (id, name, args = [], options = {}) => call({ method: "run", id, name, args, options }),
    rpc: (id, name, args = [], options = {}) => call({ method: "rpc", id, name, args, options }),
    beginRun: (id, name, args = [], options = {}) =>
      begin({ method: "beginRun", id, name, args, options }),
    beginRpc: (id, name, args = [], options = {}) =>
      begin({ method: "beginRpc", id, name, args, options }),
    get: (id) => begin({ method: "get", id }),
    create: (id, timeout = 60_000) => call({ method: "create", id, options: { timeout } }),
    resolve: (id, value) => call({ method: "resolve", id, value }),
    reject: (id, value) => call({ method: "reject", id, value }),
    cancel: (id) => call({ method: "cancel", id }),
    schedule: (id, cron, name, args, target) =>
      call({ method: "schedule", id, cron, name, args, options: { target } }),
    unschedule: (id) => call({ method: "unschedule", id }),
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
