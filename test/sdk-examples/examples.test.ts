/**
 * The examples of Resonate's SDK, as a reader would run them: real processes against a real server.
 * Asks what they print, and how they end.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

const EXAMPLES = resolve(import.meta.dirname, "../../client/examples");

interface Example {
  process: ChildProcess;
  /** What it has printed, a line each. */
  lines(): string[];
  /** Resolves to all lines when it has ended well. */
  done: Promise<string[]>;
}

const data = mkdtempSync(join(MEMORY, "durable-promises-examples-"));
const running = new Set<ChildProcess>();
let server: Server;

beforeAll(async () => {
  server = await startServer({ data });
});

afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
});

afterAll(async () => {
  await server.stop();
  rmSync(data, { recursive: true, force: true });
});

function run(script: string, id: string, ...more: string[]): Example {
  const args = [join(EXAMPLES, script), id, server.url, ...more];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const lines = () => stdout.split("\n").slice(0, -1);
  const done = once(child, "close").then(([code]) => {
    running.delete(child);
    if (code !== 0) throw new Error(`${script} ended with ${code}:\n${stdout}${stderr}`);
    return lines();
  });
  done.catch(() => {}); // One that is killed is not asked.
  return { process: child, lines, done };
}

const withoutPid = (line: string) => line.replace(/^\d+: /, "");

it("5: a purchase is made once, by hand and as a workflow, and found done the second time", async () => {
  const id = "purchase/user/7/song/9";
  const first = await run("5_purchase.ts", id).done;
  const created = first.filter((line) => /^tab \d: PENDING/.test(line));
  expect(created).toHaveLength(3);
  expect(new Set(created.map((line) => line.split(", ")[1])).size).toBe(1);
  expect(first.filter((line) => /^tab \d: paid 129 cents$/.test(line))).toHaveLength(3);
  expect(first.filter((line) => line === "provider: settled")).toHaveLength(1);
  expect(first.filter((line) => line === "workflow: charges 129 cents")).toHaveLength(1);
  expect(first.filter((line) => line === "workflow: paid 129 cents")).toHaveLength(3);

  const second = await run("5_purchase.ts", id).done;
  expect(second.filter((line) => /^tab \d: RESOLVED/.test(line))).toHaveLength(3);
  expect(second.filter((line) => /settled$|charges|looks up/.test(line))).toEqual([]);
  expect(second.filter((line) => line === "workflow: paid 129 cents")).toHaveLength(3);
});

it("6: every part is done although a worker is killed with its hands full", async () => {
  let [id, lines] = ["", [""]];
  // The part that it had begun last: of an earlier one it may have been at the end.
  let lost = "";
  let ends: { pid: string | undefined; part: string }[] = [];
  // Where the machine stood still just then, it was killed too late: once more, with another id.
  for (let tries = 1; tries <= 3; tries += 1) {
    id = `fan-out-${tries}`;
    lines = await run("6_fan_out.ts", id, "9").done;
    const killed = lines.flatMap((line) => /^worker (\d+): killed with.* (\d+)$/.exec(line) ?? []);
    expect(killed).toHaveLength(3);
    lost = killed[2]!;
    ends = lines.flatMap((line) => {
      const [, pid, part] = /^worker (\d+): ends part (\d+)$/.exec(line) ?? [];
      return part === undefined ? [] : [{ pid, part }];
    });
    if (!ends.some(({ pid, part }) => pid === killed[1] && part === lost)) break;
    lost = "";
  }
  expect(lost).not.toBe("");
  for (let part = 1; part <= 9; part += 1) {
    expect(ends.map((end) => end.part)).toContain(String(part));
  }
  expect(lines.at(-1)).toBe("all 9 parts are done, sum 285");

  const again = await run("6_fan_out.ts", id, "9").done;
  expect(again).toEqual(["all 9 parts are done, sum 285"]);
}, 120_000);

it("7: the printed line approves, and away from a terminal it approves itself", async () => {
  const alone = await run("7_human_approval.ts", "expense-1").done;
  expect(alone).toContain("Approved by itself: 201");
  expect(alone).toContain("Pays 1200 euros");
  expect(alone.at(-1)).toBe("a timer approved, 1200 euros are paid");

  const asked = run("7_human_approval.ts", "expense-2", "--no-auto");
  const refusal = await eventually(() => {
    const [, line] = asked.lines().filter((line) => line.includes("curl"));
    if (line === undefined) throw new Error("not asked yet");
    return /curl -X PATCH '(?<url>[^']+)' .* -d '(?<body>[^']+)'/.exec(line)!.groups!;
  });
  const headers = { "content-type": "application/json" };
  const init = { method: "PATCH", headers, body: refusal["body"]! };
  expect((await fetch(refusal["url"]!, init)).status).toBe(201);
  const lines = await asked.done;
  expect(lines).not.toContain("Pays 1200 euros");
  expect(lines.at(-1)).toBe("ada refused the 1200 euros");
});

it("8: the schedule is there, in its time zone, and has run now in a worker", async () => {
  for (const _ of [1, 2]) {
    const lines = await run("8_daily_report.ts", "reports/daily").done;
    expect(lines[0]).toBe("Schedule reports/daily: 0 7 * * MON-FRI Europe/Berlin, next runs:");
    for (const next of lines.slice(1, 4)) expect(next).toMatch(/^ {2}\w+day, .* at 07:00$/);
    expect(lines[4]).toContain(`Runs now: ${server.url}/promises/reports/daily/`);
    expect(lines).toContain("worker: adds them up");
    expect(lines.at(-2)).toMatch(/^Daily report of .*: 3 sales, 36 euros$/);
  }
  const end = await fetch(`${server.url}/schedules/reports%2Fdaily`, { method: "DELETE" });
  expect(end.status).toBe(204);
});

it("9: the countdown goes on in another process and says no number twice", async () => {
  const { id, said } = await stoppedInSecondSleep();
  const rest = (await run("9_countdown.ts", id, "5").done).map(withoutPid);
  const numbers = ["5", "4", "3", "2", "1"];
  expect([...said, ...rest]).toEqual([...numbers, "lift-off", `${id} is done: 5 numbers`]);
}, 90_000);

/** Out of the first sleep it might go on to a number that it says and cannot remember any more. */
async function stoppedInSecondSleep(): Promise<{ id: string; said: string[] }> {
  for (let n = 1; ; n += 1) {
    const id = `countdown-${n}`;
    const first = run("9_countdown.ts", id, "5");
    const sleeping = `${server.url}/promises/${encodeURIComponent(`${id}:3`)}`;
    await eventually(async () => expect((await fetch(sleeping)).status).toBe(200));
    first.process.kill("SIGINT");
    await expect(first.done).rejects.toThrow("ended with");
    const said = first.lines().map(withoutPid);
    // Where the machine stood still for as long as the sleep, the signal came behind it.
    if (said.length === 2 || n === 3) return { id, said };
  }
}
