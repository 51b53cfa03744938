/**
 * The examples of decisions, as a reader would run them: real processes against a real server. Asks
 * what they print, and how they end.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { launch, noBrowser } from "../browser/browser.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

const EXAMPLES = resolve(import.meta.dirname, "../../client/examples");

interface Example {
  lines(): string[];
  /** Resolves to all lines when it has ended well. */
  done: Promise<string[]>;
}

const data = mkdtempSync(join(MEMORY, "durable-promises-decisions-"));
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
  return { lines, done };
}

it("10: the scanner changes nothing, the person decides, the program goes on", async () => {
  const lines = await run("10_approval_mail.ts", "laptop-1").done;
  expect(lines).toEqual([
    "scanner: HEAD 200, GET 200, OPTIONS 204, GET 200",
    "after the scanner: PENDING",
    expect.stringMatching(/^Open the mailbox at http:\/\/127\.0\.0\.1:\d+\/ and decide\.$/),
    'person: reads "May Bob buy a new laptop?"',
    "person: approves, 200",
    "Orders the laptop on the IT budget: Enjoy",
    "Decided by ada@example.com (link)",
  ]);
});

it.skipIf(noBrowser)(
  "10: a person in a browser opens the mail, and refuses with a reason",
  async () => {
    const browser: Browser = await launch();
    try {
      const example = run("10_approval_mail.ts", "laptop-2", "--no-auto");
      const mailbox = await eventually(() => {
        const found = /Open the mailbox at (\S+)/.exec(example.lines().join("\n"));
        if (!found) throw new Error("not asked yet");
        return found[1]!;
      });
      const page = await browser.newPage();
      await page.goto(mailbox);
      await page.getByRole("link", { name: "May Bob buy a new laptop?" }).click();
      await page.getByText("1,200 EUR").waitFor();
      await page.getByText("It is urgent.").waitFor();
      await page.locator("[name=reason]").fill("Repair the old one");
      await page.getByRole("button", { name: "Reject" }).click();
      const lines = await example.done;
      expect(lines.at(-2)).toBe("Orders nothing: Repair the old one");
      expect(lines.at(-1)).toBe("Decided by ada@example.com (link)");
    } finally {
      await browser.close();
    }
  },
);

it("11: the payment is there before anybody waits, once, and nobody can forge it", async () => {
  const lines = await run("11_payment_webhook.ts", "payments/1").done;
  expect(lines[0]).toBe(`checkout: webhook target ${server.url}/c/…`);
  expect(lines.filter((line) => line.startsWith("provider: "))).toEqual([
    expect.stringMatching(/^provider: pi_forged, 401 .*bad_signature/),
    expect.stringMatching(/^provider: pi_1, 200 .*"accepted":true/),
    expect.stringMatching(/^provider: pi_1, 200 .*"accepted":false/),
  ]);
  const [, waited] = /^Paid: pi_1, 129 cents, after waiting (\d+) ms$/.exec(lines.at(-1)!) ?? [];
  expect(Number(waited)).toBeLessThan(10_000);
});

/** The pager rings a second after the question: on a slow machine that may be before the first vote. */
async function pagedAfterTheVote(): Promise<{ id: string; lines: string[] }> {
  for (let attempt = 1; ; attempt += 1) {
    const id = `deploy/${attempt}`;
    const lines = await run("12_two_of_three.ts", id).done;
    if (attempt === 3 || lines.some((line) => line.endsWith("so far ada"))) return { id, lines };
  }
}

it("12: the second of three decides, after the pager, and the receipt is good", async () => {
  const { id, lines } = await pagedAfterTheVote();
  expect(lines.slice(0, 10)).toEqual([
    "ada approves: 202, PENDING",
    "ada approves: 202, PENDING",
    `pager: step 0 of ${id}, so far ada`,
    "bob approves: 200, RESOLVED",
    'Decided: {"go":true}',
    "- ada: yes",
    "- bob: yes",
    "2 votes, 2 needed of 3",
    "Escalated 1 of 2 steps",
    expect.stringMatching(new RegExp(`^Receipt: ${id} is RESOLVED, settled by`)),
  ]);
  // What is decided stays so, and nobody is paged again.
  const again = await run("12_two_of_three.ts", id).done;
  expect(again).toContain('Decided: {"go":true}');
  expect(again.filter((line) => line.startsWith("pager: "))).toEqual([]);
});
