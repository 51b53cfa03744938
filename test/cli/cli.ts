/**
 * The command line as a process: in a pipe, or in a terminal, which is a pseudo-terminal of script(1).
 * Runs it from source, says what it printed and how it ended. Judges nothing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { startServer } from "../../src/local/server.ts";
import { MEMORY } from "../memory.ts";

export const MAIN = resolve(import.meta.dirname, "../../client/src/cli/main.ts");

export interface Options {
  /** Where the promises live. */
  url?: string;
  env?: Record<string, string>;
  stdin?: string;
  /** Of a terminal. */
  columns?: number;
  rows?: number;
}

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running extends AsyncDisposable {
  process: ChildProcess;
  /** What it printed so far; a terminal has one text for both. */
  stdout: string;
  stderr: string;
  /** Resolves when what it printed says so; rejects when it ends without. */
  until(isSo: (running: Running) => boolean): Promise<void>;
  /** As if somebody typed it. */
  type(text: string): void;
  ended: Promise<Ran>;
}

/** A clean environment, lest the settings of whoever runs the tests get in. */
function environment({ url, env = {} }: Options): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    ...(url !== undefined && { DURABLE_PROMISES_URL: url }),
    ...env,
  };
}

/** Runs it to its end, in a pipe. */
export async function run(args: readonly string[], options: Options = {}): Promise<Ran> {
  return start(args, options).ended;
}

/**
 * What a run prints that its own `--timeout` ends; again with more time where that was over before
 * there was anything to print, as each begins with a cold start.
 *
 * @returns also the time that it had
 */
export async function inOwnTime<R extends { stdout: string }>(
  attempt: (timeout: string) => Promise<R>,
): Promise<R & { ms: number }> {
  for (let ms = 700; ; ms *= 4) {
    const ran = await attempt(`${ms}ms`);
    if (ran.stdout !== "" || ms > 10_000) return { ...ran, ms };
  }
}

export function start(args: readonly string[], options: Options = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: environment(options),
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {}); // It may have ended before it read anything.
  child.stdin.end(options.stdin ?? "");
  return running(child);
}

/** Runs it where somebody looks. Both outputs are one then, as on every terminal. */
export function startInTerminal(args: readonly string[], options: Options = {}): Running {
  const { columns = 100, rows = 30 } = options;
  const words = [process.execPath, MAIN, ...args].map(quoted).join(" ");
  return inTerminal(`stty cols ${columns} rows ${rows}; exec ${words}`, options);
}

/** A command line of a shell, in a terminal. */
export function inTerminal(line: string, options: Options = {}): Running {
  const env = { TERM: "xterm-256color", SHELL: "/bin/bash", ...environment(options) };
  // BSD's script(1) takes a command as words, that of util-linux as a line of a shell.
  const args =
    process.platform === "darwin"
      ? ["-q", "/dev/null", "sh", "-c", line]
      : ["--quiet", "--return", "--flush", "--command", line, "/dev/null"];
  return running(spawn("script", args, { env, stdio: ["pipe", "pipe", "pipe"] }));
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function running(child: ChildProcess): Running {
  const checks = new Set<() => void>();
  const heard = (name: "stdout" | "stderr") => (text: string) => {
    command[name] += text;
    for (const check of checks) check();
  };
  child.stdout?.setEncoding("utf8").on("data", heard("stdout"));
  child.stderr?.setEncoding("utf8").on("data", heard("stderr"));
  const ended = once(child, "close").then(([code]) => {
    const { stdout, stderr } = command;
    return { code: code as number | null, stdout, stderr };
  });
  const command: Running = {
    process: child,
    stdout: "",
    stderr: "",
    ended,
    type: (text) => void child.stdin?.write(text),
    until: (isSo) =>
      new Promise((done, failed) => {
        const check = () => {
          if (!isSo(command)) return;
          checks.delete(check);
          done();
        };
        checks.add(check);
        child.once("close", () => {
          if (checks.delete(check))
            failed(new Error(`It ended: ${command.stdout}${command.stderr}`));
        });
        check();
      }),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
  return command;
}

/** What somebody sees of what a terminal was sent: without colours, and of a line that was drawn anew the last. */
export function seen(text: string): string {
  const lines = stripVTControlCharacters(text).replaceAll("\r\n", "\n").split("\n");
  return lines.map((line) => line.slice(line.lastIndexOf("\r") + 1)).join("\n");
}

/** Where nobody listens, as far as that can be known. */
export async function deadUrl(): Promise<string> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return `http://127.0.0.1:${port}`;
}

export interface TestServer extends AsyncDisposable {
  url: string;
}

/** A real server in a folder of its own. */
export async function startTestServer(env: Record<string, string> = {}): Promise<TestServer> {
  const data = await mkdtemp(join(MEMORY, "durable-promises-cli-"));
  const server = await startServer({ data, env });
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}
