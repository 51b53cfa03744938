/**
 * `npm start` as a process: runs the command, waits for what it prints and for how it ends. Only
 * processes begun here are ever signalled, each by its own id. Judges nothing.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const START = resolve(import.meta.dirname, "../../src/local/start.ts");

export interface Command {
  process: ChildProcess;
  /** What it printed so far. */
  stdout: string;
  stderr: string;
  /** The URL in its greeting; rejects when it ends without one. */
  url: Promise<string>;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** @param filesMax how many files it, and workerd, may have open */
export function startCommand(
  args: string[],
  env: Record<string, string> = {},
  filesMax?: number,
): Command {
  const line = [process.execPath, START, ...args];
  if (filesMax !== undefined)
    line.unshift("/bin/sh", "-c", 'ulimit -n "$0" && exec "$@"', String(filesMax));
  // A clean environment, lest the keys or the port of whoever runs the tests get in.
  const child = spawn(line[0]!, line.slice(1), {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => (command.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (command.stderr += text));
  const ended = endOf(child);
  const url = new Promise<string>((greeted, refused) => {
    child.stdout.on("data", () => {
      const greeting = /^Durable Promises {2}(\S+).*\n(?:.*\n)*Try: .*\n/m.exec(command.stdout);
      if (greeting?.[1] !== undefined) greeted(greeting[1]);
    });
    void ended.then(() => refused(new Error(`It ended: ${command.stdout}${command.stderr}`)));
  });
  url.catch(() => {}); // A test of a refused start does not ask for the URL.
  const command: Command = { process: child, stdout: "", stderr: "", url, ended };
  return command;
}

async function endOf(child: ChildProcess): Promise<Awaited<Command["ended"]>> {
  await once(child, "close");
  return { code: child.exitCode, signal: child.signalCode };
}

/** The pid of the workerd that serves a folder, as the server noted it. */
export function workerdOf(data: string): number {
  // SAFETY: the server wrote it; a wrong shape fails the tests that signal it.
  return (JSON.parse(readFileSync(join(data, "server.json"), "utf8")) as { pid: number }).pid;
}

export function childrenOf(pid: number): number[] {
  return execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}

/** Whether it still runs. The dead that nobody has collected yet (state Z) do not. */
export function isRunning(pid: number): boolean {
  try {
    const state = execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
    return !state.trim().startsWith("Z");
  } catch {
    return false; // `ps` fails when there is no such process.
  }
}

/** A path for a data folder that does not exist yet, and what removes it with its parent. */
export function temporaryData(): { data: string; remove: () => void } {
  const parent = mkdtempSync(join(tmpdir(), "durable-promises-local-"));
  return {
    data: join(parent, "data"),
    remove: () => existsSync(parent) && rmSync(parent, { recursive: true, force: true }),
  };
}
