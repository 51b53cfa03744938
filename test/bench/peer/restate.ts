/**
 * The optional peer: a Restate server, where `@restatedev/restate-server` and `@restatedev/restate-sdk`
 * are installed, in the current folder or in the one that RESTATE_SERVER_DIR names. Finds it, starts it
 * on files of its own, and stops it. Neither package is a dependency of ours.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

export interface Restate {
  version: string;
  /** Of the HTTP ingress. */
  port: number;
  /** The server and the process that runs the service: both do the work. */
  pids: number[];
  stop(): Promise<void>;
}

const STARTED_MS_MAX = 60_000;

/** @returns the folder with both packages, or `undefined` */
export function findRestate(): string | undefined {
  const folder = resolve(process.env["RESTATE_SERVER_DIR"] ?? ".");
  const { resolve: find } = createRequire(join(folder, "index.js"));
  try {
    find("@restatedev/restate-server/package.json");
    find("@restatedev/restate-sdk");
    return folder;
  } catch {
    return undefined;
  }
}

/** @param onStart gets what ends everything, before anything has started */
export async function startRestate(
  folder: string,
  onStart: (stop: () => Promise<void>) => void,
): Promise<Restate> {
  const find = createRequire(join(folder, "index.js"));
  const manifest = find.resolve("@restatedev/restate-server/package.json");
  const platform = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  const binary = createRequire(manifest).resolve(`${platform}/bin/restate-server`);
  const data = mkdtempSync(join(tmpdir(), "durable-promises-bench-restate-"));
  const children: ChildProcess[] = [];
  async function stop(): Promise<void> {
    await Promise.all(children.map(end));
    rmSync(data, { recursive: true, force: true, maxRetries: 3 });
  }
  onStart(stop);

  const service = spawn(process.execPath, [join(import.meta.dirname, "service.js"), folder], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  children.push(service);
  const [servicePort] = (await once(createInterface({ input: service.stdout }), "line")) as [
    string,
  ];

  const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()];
  const server = spawn(binary, ["--no-logo", "--listen-mode=tcp", "--base-dir", data], {
    stdio: "ignore",
    env: {
      ...process.env,
      RESTATE_DISABLE_TELEMETRY: "true",
      RESTATE_LOG_FILTER: "error",
      // A thousand awaiters are a thousand invocations, and one more resolves what they wait for.
      RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT: "10000",
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    },
  });
  children.push(server);
  await register(`http://127.0.0.1:${admin}`, `http://127.0.0.1:${servicePort}`);

  // SAFETY: every package.json has a version, and both processes have started.
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return { version, port: ingress, pids: [server.pid!, service.pid!], stop };
}

/** Tells the server of the service, as soon as it listens. */
async function register(admin: string, service: string): Promise<void> {
  const until = Date.now() + STARTED_MS_MAX;
  for (;;) {
    const answer = await fetch(`${admin}/deployments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ uri: service }),
    }).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > until) throw new Error(`Restate did not start: ${await answer?.text()}`);
    await sleep(250);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port is free");
  return address.port;
}
