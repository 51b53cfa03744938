/**
 * One workerd process: starts it on a config, says when it listens and on which port, and when it
 * has ended. It never outlives the Node process that started it. Knows nothing of the data folder,
 * of locks or of what is served.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { Readable, Writable } from "node:stream";
import { SOCKET } from "./capnp.ts";
import { StartError } from "./start-error.ts";

/** How workerd ended, and the last that it printed. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

export interface WorkerdProcess {
  pid: number;
  /** The port once it listens; throws a `StartError` if it ends before. */
  port: Promise<number>;
  exited: Promise<Exit>;
  signal(name: NodeJS.Signals): void;
}

const require = createRequire(import.meta.url);
// Required, because Node and vitest disagree on what an import of this CommonJS package yields.
// SAFETY: the package exports the path of its binary as `default`, and ships no types.
const { default: WORKERD } = require("workerd") as { default: string };

const OUTPUT_LENGTH_MAX = 4_096;

/**
 * The shell does two things before it becomes workerd, with the same pid.
 *
 * It raises the limit of open files, and tells the Worker of it: each live object needs three, and
 * workerd dies when they run out. The hard limit may be "unlimited" while the kernel still refuses
 * large numbers (macOS).
 *
 * It leaves a watcher that reads file 4, the leash. When Node ends in whatever way, the leash ends
 * without a line, and the watcher kills workerd. When workerd ends first, Node writes a line, so
 * that the watcher goes without killing whoever has the pid by then.
 */
const LAUNCH = `
hard=$(ulimit -Hn)
if [ "$hard" = unlimited ]; then hard=1048576; fi
for n in "$hard" $(sysctl -n kern.maxfilesperproc 2>/dev/null) 10240; do
  ulimit -Sn "$n" 2>/dev/null && break
done
FILES_MAX=$(ulimit -Sn)
export FILES_MAX
(read -r line <&4 || kill -9 $$) 3<&- >/dev/null 2>&1 &
exec "$@" 4<&-
`;

export function spawnWorkerd(
  config: string,
  env: Record<string, string>,
  log: (text: string) => void,
): WorkerdProcess {
  const args = ["serve", config, "--control-fd=3"];
  const child = spawn("/bin/sh", ["-c", LAUNCH, "sh", WORKERD, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
    // A process group of its own: Ctrl-C in a terminal goes to Node, which lets workerd finish.
    detached: true,
  });
  const [control, leash] = [child.stdio[3], child.stdio[4]];
  if (child.pid === undefined || !(control instanceof Readable) || !(leash instanceof Writable)) {
    throw new StartError("workerd_failed", "cannot start /bin/sh");
  }
  // The watcher may be gone; that the line then reaches nobody is fine.
  leash.on("error", () => {});
  child.once("exit", () => leash.end("\n"));
  const exited = exitOf(child, log);
  return {
    pid: child.pid,
    port: Promise.race([portFrom(control), exited.then(failure)]),
    exited,
    signal: (name) => void child.kill(name),
  };
}

async function exitOf(child: ChildProcess, log: (text: string) => void): Promise<Exit> {
  let output = "";
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  for (const stream of streams) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_LENGTH_MAX);
      log(text);
    });
  }
  // What it said last arrives after its exit, so wait for the ends of the streams as well.
  await Promise.all([once(child, "exit"), ...streams.map((stream) => once(stream, "end"))]);
  return { code: child.exitCode, signal: child.signalCode, output };
}

/** The control file has one line of JSON for each socket, written when it listens. */
async function portFrom(control: Readable): Promise<number> {
  for await (const line of createInterface({ input: control })) {
    // SAFETY: workerd writes this line; any other shape fails the comparison below.
    const message = JSON.parse(line) as { event?: unknown; socket?: unknown; port?: unknown };
    if (
      message.event === "listen" &&
      message.socket === SOCKET &&
      typeof message.port === "number"
    ) {
      return message.port;
    }
  }
  // It ended without listening; `exited` will tell why.
  return new Promise<never>(() => {});
}

function failure(exit: Exit): never {
  throw new StartError("workerd_failed", describeExit(exit));
}

/** One line on how it ended, then what it said last. */
export function describeExit({ code, signal, output }: Exit): string {
  const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  return `workerd ${how}${output.trim() === "" ? "" : `:\n${output.trim()}`}`;
}
