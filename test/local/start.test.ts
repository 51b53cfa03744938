/** `npm start` as the person at the terminal meets it: what it says, and what signals do to it. */
import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  childrenOf,
  isRunning,
  startCommand,
  temporaryData,
  workerdOf,
  type Command,
} from "./command.ts";
import { eventually } from "../eventually.ts";

let data: string;
let cleanups: (() => unknown)[];

beforeEach(() => {
  const temporary = temporaryData();
  data = temporary.data;
  cleanups = [temporary.remove];
});

afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

function start(args: string[] = ["--port", "0"], env: Record<string, string> = {}): Command {
  const command = startCommand(["--data", data, ...args], env);
  cleanups.push(async () => {
    // workerd dies with it. Nothing happens to one that has ended: Node knows its own children.
    command.process.kill("SIGKILL");
    await command.ended;
  });
  return command;
}

const health = async (url: string) => (await fetch(`${url}/health`)).status;

const untilGone = (pid: number) => eventually(() => expect(isRunning(pid)).toBe(false));

describe("a start", () => {
  it("prints one block with a URL that answers", async () => {
    const command = start();
    const url = await command.url;
    expect(await health(url)).toBe(200);
    expect(command.stdout.split("\n")).toEqual([
      `Durable Promises  ${url}  (data in ${data})`,
      "Open: no API_KEYS set, so only this machine may ask.",
      expect.stringContaining(`curl -X PUT ${url}/promises/`),
      "",
    ]);
    expect(command.stderr).toBe("");
  });

  it("says that nobody may ask when the network could but no key is set", async () => {
    const command = start(["--port", "0", "--host", "0.0.0.0"]);
    expect(await health(await command.url)).toBe(200);
    await eventually(() => expect(command.stderr).toMatch(/^Closed: 0\.0\.0\.0 .* API_KEYS/));
    expect(command.stdout).not.toContain("Open:");
  });

  it("takes the variables of its environment", async () => {
    const command = start([], { PORT: "0", API_KEYS: "0123456789abcdef0123456789abcdef" });
    const url = await command.url;
    expect(command.stdout).not.toContain("Open:");
    expect((await fetch(`${url}/promises/x`)).status).toBe(401);
  });

  it("on a port in use says so, ends with 1 and leaves nothing", async () => {
    const first = start();
    const { port } = new URL(await first.url);
    const other = `${data}-other`;
    const second = startCommand(["--data", other, "--port", port]);
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.stderr).toMatch(new RegExp(`^127\\.0\\.0\\.1:${port}: the port is in use.*\n$`));
    expect(second.stdout).toBe("");
    expect(existsSync(other)).toBe(false);
  });

  it("on a setting that makes no sense shows it once and ends with 1", async () => {
    const command = start(["--port", "0"], { AWAITERS_MAX: "plenty" });
    expect(await command.ended).toEqual({ code: 1, signal: null });
    expect(command.stdout).toBe("");
    expect(command.stderr.match(/AWAITERS_MAX .*"plenty"/g)).toHaveLength(1);
  });

  it("of two at the same moment on one folder, one serves and the other names the folder", async () => {
    const both = [start(), start()];
    const results = await Promise.allSettled(both.map((command) => command.url));
    const served = results.filter((result) => result.status === "fulfilled");
    expect(served).toHaveLength(1);
    for (const { value } of served) expect(await health(value)).toBe(200);
    const refused = both[results.findIndex((result) => result.status === "rejected")];
    expect(await refused?.ended).toEqual({ code: 1, signal: null });
    expect(refused?.stderr).toMatch(/is already served by .* pass another --data\n$/);
  });

  it("with a wrong option says so in one line and ends with 1", async () => {
    const command = start(["--prot", "1"]);
    expect(await command.ended).toEqual({ code: 1, signal: null });
    expect(command.stderr).toMatch(/^[^\n]*--prot[^\n]*\n$/);
  });

  it("with --help prints the options and ends with 0", async () => {
    const command = start(["--help"]);
    expect(await command.ended).toEqual({ code: 0, signal: null });
    for (const option of ["--data", "--port", "--host"]) expect(command.stdout).toContain(option);
  });
});

describe("a signal", () => {
  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "%s ends it with 0, and it starts again on the same folder and port",
    async (signal) => {
      const first = start();
      const url = await first.url;
      const workerd = workerdOf(data);
      first.process.kill(signal);
      first.process.kill(signal); // As a terminal and npm do together.
      expect(await first.ended).toEqual({ code: 0, signal: null });
      expect(isRunning(workerd)).toBe(false);
      const second = start(["--port", new URL(url).port]);
      expect(await second.url).toBe(url);
      expect(await health(url)).toBe(200);
    },
  );

  it("while it starts ends it with 0", async () => {
    const command = start();
    await eventually(() => expect(existsSync(data)).toBe(true), { everyMs: 1 });
    command.process.kill("SIGTERM");
    expect(await command.ended).toEqual({ code: 0, signal: null });
  });
});

describe("a crash", () => {
  it("of workerd is told, and ends it with 1", async () => {
    const command = start();
    await command.url;
    process.kill(workerdOf(data), "SIGKILL");
    expect(await command.ended).toEqual({ code: 1, signal: null });
    expect(command.stderr).toContain("workerd was ended by SIGKILL");
  });

  it("of Node takes workerd along, and the folder can be served again at once", async () => {
    const first = start();
    const { port } = new URL(await first.url);
    const workerd = workerdOf(data);
    first.process.kill("SIGKILL");
    await first.ended;
    const second = start(["--port", port]);
    expect(await health(await second.url)).toBe(200);
    await untilGone(workerd);
  });

  it("of Node that leaves an orphan is noticed: the folder is refused while the orphan serves", async () => {
    const first = start();
    const url = await first.url;
    const workerd = workerdOf(data);
    cleanups.push(() => {
      if (isRunning(workerd)) process.kill(workerd, "SIGKILL");
    });
    // Without its watcher, workerd outlives Node.
    for (const watcher of childrenOf(workerd)) process.kill(watcher, "SIGKILL");
    first.process.kill("SIGKILL");
    await first.ended;
    expect(await health(url)).toBe(200);

    const refused = start();
    expect(await refused.ended).toEqual({ code: 1, signal: null });
    expect(refused.stderr).toContain(`pid ${workerd}, at ${url}`);
    expect(await health(url)).toBe(200);

    process.kill(workerd, "SIGKILL");
    await untilGone(workerd);
    const second = start();
    expect(await health(await second.url)).toBe(200);
  });
});
