/**
 * The same suite in every runtime that is at hand: this Node always; Deno, Bun and an older Node where
 * `DENO_BIN`, `BUN_BIN` and `NODE20_BIN` name them; Chromium where the machine has one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, noBrowser } from "../../browser/browser.ts";
import { startWorld, type World } from "../world.ts";
import { MEMORY } from "../../memory.ts";

const SUITE = fileURLToPath(new URL("suite.ts", import.meta.url));
const ALL_PASSED = /^[1-9]\d* passed, 0 failed$/m;
const { DENO_BIN, BUN_BIN, NODE20_BIN } = process.env;

let world: World;
let folder: string;
/** The suite as one file of JavaScript, for what reads no TypeScript. */
let bundle: string;
beforeAll(async () => {
  world = await startWorld();
  folder = await mkdtemp(join(MEMORY, "durable-promises-suite-"));
  bundle = join(folder, "suite.mjs");
  await build({
    entryPoints: [SUITE],
    outfile: bundle,
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "error",
  });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Run {
  code: number | null;
  printed: string;
}

/** Runs to its end; that it has one, without being told, is part of the test. */
async function run(command: string, ...args: string[]): Promise<Run> {
  const child: ChildProcess = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  child.stdout?.on("data", (bytes: Buffer) => (printed += bytes.toString()));
  child.stderr?.on("data", (bytes: Buffer) => (printed += bytes.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, printed };
}

describe("the client passes its suite", { timeout: 120_000 }, () => {
  test("in this Node", async () => {
    const { code, printed } = await run(process.execPath, SUITE, world.url);
    expect(printed).toMatch(ALL_PASSED);
    expect(code).toBe(0);
  });

  test("in this Node without a WebSocket", async () => {
    const args = ["--no-experimental-websocket", SUITE, world.url];
    const { code, printed } = await run(process.execPath, ...args);
    expect(printed).toMatch(ALL_PASSED);
    expect(printed).toContain("for want of a WebSocket");
    expect(code).toBe(0);
  });

  test.skipIf(!NODE20_BIN)("in Node 20 (skipped unless NODE20_BIN names it)", async () => {
    const { code, printed } = await run(NODE20_BIN ?? "", bundle, world.url);
    expect(printed).toMatch(ALL_PASSED);
    expect(code).toBe(0);
  });

  test.skipIf(!DENO_BIN)("in Deno (skipped unless DENO_BIN names it)", async () => {
    const args = ["run", "--no-check", "--no-config", "--allow-net", SUITE, world.url];
    const { code, printed } = await run(DENO_BIN ?? "", ...args);
    expect(printed).toMatch(ALL_PASSED);
    expect(code).toBe(0);
  });

  test.skipIf(!BUN_BIN)("in Bun (skipped unless BUN_BIN names it)", async () => {
    const { code, printed } = await run(BUN_BIN ?? "", "run", SUITE, world.url);
    expect(printed).toMatch(ALL_PASSED);
    expect(code).toBe(0);
  });

  test.skipIf(noBrowser)(`in Chromium${noBrowser ? ` (skipped: ${noBrowser})` : ""}`, async () => {
    expect(await runOnPage()).toMatch(ALL_PASSED);
  });

  test("and a failure of the suite shows in its exit code", async () => {
    const { code, printed } = await run(process.execPath, SUITE, `${world.url}/nowhere`);
    expect(printed).toMatch(/^0 passed, \d+ failed$/m);
    expect(code).toBe(1);
  });
});

/** On a page of another origin, as a user's page would be: CORS is part of what is tested. */
async function runOnPage(): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  const script = await readFile(bundle, "utf8");
  const pages = createServer((request, response) => {
    const isScript = request.url === "/suite.mjs";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript ? script : '<!doctype html><script type="module" src="/suite.mjs"></script>',
    );
  });
  await once(pages.listen(0, "127.0.0.1"), "listening");
  const { port } = pages.address() as AddressInfo;
  const browser = await launch();
  try {
    const page = await browser.newPage();
    let printed = "";
    page.on("console", (message) => (printed += `${message.text()}\n`));
    page.on("pageerror", (error) => (printed += `${error.message}\n`));
    await page.goto(`http://127.0.0.1:${port}/?server=${encodeURIComponent(world.url)}`);
    await page.waitForFunction("globalThis.suiteResult", undefined, { timeout: 100_000 });
    return printed;
  } finally {
    await browser.close();
    pages.closeAllConnections();
    pages.close();
  }
}
