/** Where nobody answers, and where nobody reads: how a command ends then, and what it has done. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DurablePromises } from "../../client/src/index.ts";
import { MEMORY } from "../memory.ts";
import { MAIN, run, startTestServer, type TestServer } from "./cli.ts";

let server: TestServer;
let folder: string;
/** Takes every connection and never says a word. */
let silent: Server;
let silentUrl: string;

beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(MEMORY, "durable-promises-unheard-"));
  silent = createServer((socket) => void socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(silent, "listening");
  silentUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  silent.close();
  await rm(folder, { recursive: true, force: true });
});

describe("a server that says nothing", () => {
  test.each([["wait"], ["watch"]])("is not a promise that timed out: %s", async (command) => {
    const { code, stdout, stderr } = await run([command, "p", "--timeout", "1s"], {
      url: silentUrl,
    });
    expect([code, stdout]).toEqual([69, ""]);
    expect(stderr).toContain("within 1000 ms");
  });

  test("is given up by an export and an import when their time is over", async () => {
    const file = join(folder, "one.ndjson");
    await writeFile(file, `${line("one")}\n`);
    for (const args of [["export"], ["import", file]]) {
      const { code, stderr } = await run([...args, "--timeout", "1s"], { url: silentUrl });
      expect([args[0], code]).toEqual([args[0], 69]);
      expect(stderr).toContain("within 1000 ms");
    }
  });
});

test("an import goes on when nobody reads what it could not take, and says so at its end", async () => {
  const last = `unheard/${randomUUID()}`;
  const file = join(folder, "many.ndjson");
  // More complaints than a pipe holds.
  await writeFile(file, `${'{"id": "none"}\n'.repeat(4000)}${line(last)}\n`);
  const child = spawn(process.execPath, [MAIN, "import", file, "--url", server.url], {
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  child.stdout.destroy();
  const [code] = (await once(child, "exit")) as [number];
  expect(code).toBe(65);
  const promises = new DurablePromises({ url: server.url });
  expect(await promises.get(last)).toMatchObject({ state: "PENDING" });
});

function line(id: string): string {
  const createdOn = Date.now() - 60_000;
  return JSON.stringify({ id, state: "PENDING", timeout: Number.MAX_SAFE_INTEGER, createdOn });
}
