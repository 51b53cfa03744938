/**
 * The server as a function: locks a data folder, starts workerd on it, and hands back a handle to
 * stop it or to crash it. Used by `npm start`, the tests and the benchmarks. Prints nothing and
 * reads neither flags nor the environment (see start.ts and options.ts).
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assertFree, authority, isLoopback, originOf, resolveHost } from "./address.ts";
import { buildAssets } from "./build.ts";
import { bundleWorker } from "./bundle.ts";
import { workerdConfig, type WorkerdConfig } from "./capnp.ts";
import { lockFolder, type FolderLock } from "./lock.ts";
import { readProject, type Project } from "./project.ts";
import { readSecrets } from "./secrets.ts";
import { StartError } from "./start-error.ts";
import { spawnWorkerd, type Exit, type WorkerdProcess } from "./workerd.ts";

export { StartError } from "./start-error.ts";

export interface ServerOptions {
  /** The folder that keeps the promises; created when absent. */
  data: string;
  /** 0 picks a free port. @default 0 */
  port?: number;
  /** @default "127.0.0.1" */
  host?: string;
  /** Where `SETTINGS` are looked up; everything else in it is ignored. @default {} */
  env?: Record<string, string | undefined>;
  /** The text of a Worker in place of ours: for benchmarks that leave a part of it out. */
  module?: string;
  /** Receives what workerd prints, logs of the Worker included. */
  log?: (text: string) => void;
}

export interface Server {
  url: string;
  /** The process id of workerd. */
  pid: number;
  /** `open`: only this machine can ask, and needs no key. `closed`: nobody may ask, for want of keys. */
  access: "keys" | "open" | "closed";
  /** Resolves when workerd has ended, for whatever reason. */
  exited: Promise<Exit>;
  /** Lets workerd finish what it is doing, then frees the folder and the port. */
  stop(): Promise<void>;
  /** Kills workerd at once and leaves the folder as a crash would. */
  kill(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The variables that configure the Worker; each is a text binding of the same name when set. */
const SETTINGS = [
  "API_KEYS",
  "JWT_JWKS_URL",
  "JWT_KEYS",
  "JWT_ISSUER",
  "JWT_AUDIENCE",
  "ALLOWED_ORIGINS",
  "PUBLIC_URL",
  "RETENTION",
  "AWAITERS_MAX",
  "TASK_RETRY",
  "AUDIT_RETENTION",
  "LOG",
  "TRACE",
  "INDEX_SHARDS",
  "DEBUG_SURFACE",
  "ALLOW_LOOPBACK",
  "LINK_KEYS",
  "RECEIPT_KEYS",
] as const;

/** Far more than a cold start takes; a Worker that never answers is not started. */
const START_MS_MAX = 15_000;

/** workerd drains in under two seconds; one that takes this long is stuck. */
const STOP_MS_MAX = 5_000;

/** Starts a server, or throws a `StartError` and leaves nothing running. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { port = 0, host = "127.0.0.1", env = {}, log = () => {} } = options;
  const data = resolve(options.data);
  const ip = await resolveHost(host);
  const settings = settingsFrom(env);
  const isGuarded = ["API_KEYS", "JWT_JWKS_URL", "JWT_KEYS"].some((name) => name in settings);
  const access = isGuarded ? "keys" : isLoopback(ip) ? "open" : "closed";
  if (access === "open") settings["OPEN"] = "loopback";
  settings["RUN"] = randomUUID();

  // Of a busy folder and a busy port the folder is the better news, as it tells who is there. But
  // a refused start should not leave a new folder behind.
  if (!existsSync(data)) await assertFree(ip, port);
  const lock = await lockFolder(data);
  let workerd: WorkerdProcess | undefined;
  try {
    await assertFree(ip, port);
    Object.assign(settings, { ...readSecrets(lock.folder), ...settings, LOG_FORMAT: "lines" });
    const callsLoopback = access === "open" || settings["ALLOW_LOOPBACK"] === "true";
    const at = { address: authority(ip, port), callsLoopback };
    const made = await prepare();
    const own = options.module === undefined ? made : { ...made, module: options.module };
    const config = writeConfig(lock.folder, at, own, settings);
    workerd = spawnWorkerd(config, settings, log);
    const url = originOf(ip, await workerd.port);
    await assertHealthy(url, workerd);
    lock.note({ pid: workerd.pid, url });
    return handle(workerd, lock, url, access);
  } catch (error) {
    workerd?.signal("SIGKILL");
    await workerd?.exited;
    lock.release();
    throw error;
  }
}

function handle(
  workerd: WorkerdProcess,
  lock: FolderLock,
  url: string,
  access: Server["access"],
): Server {
  let stopping = false;
  const exited = workerd.exited.finally(() => {
    // Before the lock goes, or it could be the note of the next server that is taken back. After a
    // crash the note stays: it names a dead process, which harms nobody.
    if (stopping) lock.clear();
    lock.release();
  });
  async function stop(): Promise<void> {
    stopping = true;
    workerd.signal("SIGTERM");
    const inTime = new AbortController();
    sleep(STOP_MS_MAX, undefined, { signal: inTime.signal }).then(
      () => workerd.signal("SIGKILL"),
      () => {}, // Aborted: it ended in time.
    );
    await exited;
    inTime.abort();
  }
  async function kill(): Promise<void> {
    workerd.signal("SIGKILL");
    await exited;
  }
  return { url, pid: workerd.pid, access, exited, stop, kill, [Symbol.asyncDispose]: stop };
}

/** A setting that makes no sense shows in the first answer, and should show at the start. */
async function assertHealthy(url: string, workerd: WorkerdProcess): Promise<void> {
  const { status } = await fetch(`${url}/health`, { signal: AbortSignal.timeout(START_MS_MAX) });
  if (status < 500) return;
  workerd.signal("SIGKILL");
  const { output } = await workerd.exited;
  throw new StartError("workerd_failed", `the Worker answers with ${status}:\n${output.trim()}`);
}

interface Prepared {
  project: Project;
  module: string;
}

let prepared: Promise<Prepared> | undefined;

/** Builds once for each process, however many servers it starts. */
function prepare(): Promise<Prepared> {
  prepared ??= (async () => {
    const project = readProject();
    try {
      const [module] = await Promise.all([bundleWorker(project.main), buildAssets()]);
      return { project, module };
    } catch (cause) {
      prepared = undefined;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new StartError("build_failed", `cannot build the Worker: ${message}`, { cause });
    }
  })();
  return prepared;
}

/** Writes the config and the module into the folder and returns the path of the config. */
function writeConfig(
  folder: string,
  at: Pick<WorkerdConfig, "address" | "callsLoopback">,
  { project, module }: Prepared,
  settings: Record<string, string>,
): string {
  const objectsDirectory = join(folder, "objects");
  const config = join(folder, "workerd.capnp");
  mkdirSync(objectsDirectory, { recursive: true });
  writeFileSync(join(folder, "worker.js"), module);
  writeFileSync(
    config,
    workerdConfig({
      ...project,
      ...at,
      module: "worker.js",
      objectsDirectory,
      settings: [...Object.keys(settings), "FILES_MAX"],
      ...("JWT_JWKS_URL" in settings && { trustedNetwork: "JWKS" }),
    }),
  );
  return config;
}

/** A variable that is empty counts as not set, as in a compose file that passes all of them on. */
function settingsFrom(env: Record<string, string | undefined>): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const name of SETTINGS) {
    const value = env[name]?.trim() ?? "";
    if (value !== "") settings[name] = value;
  }
  return settings;
}
