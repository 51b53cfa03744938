/**
 * The package as its users get it: packed, installed into a folder of its own, and run from there by
 * its name. In this Node, and in Node 20 where `NODE20_BIN` names it.
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inOwnTime, startTestServer, type TestServer } from "./cli.ts";
import { MEMORY } from "../memory.ts";

const CLIENT = resolve(import.meta.dirname, "../../client");
const { NODE20_BIN } = process.env;
const exec = promisify(execFile);

let server: TestServer;
let folder: string;
let program: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = await mkdtemp(join(MEMORY, "durable-promises-package-"));
  // Nothing is asked of a registry: there is nothing to depend on.
  const quiet = ["--no-audit", "--no-fund", "--offline", "--loglevel", "error"];
  await exec("npm", ["pack", CLIENT, "--pack-destination", folder, ...quiet], { cwd: CLIENT });
  const file = (await readdir(folder)).find((name) => name.endsWith(".tgz")) ?? "";
  await writeFile(join(folder, "package.json"), '{"private": true, "type": "module"}');
  await exec("npm", ["install", join(folder, file), ...quiet], { cwd: folder });
  program = join(folder, "node_modules/durable-promises/dist/cli/main.js");
}, 120_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function environment(): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: folder, DURABLE_PROMISES_URL: server.url };
}

function npx(...args: string[]) {
  const env = environment();
  return exec("npx", ["--offline", "durable-promises", ...args], { cwd: folder, env });
}

describe("the package", { timeout: 60_000 }, () => {
  test("has no dependencies, a program, and a library that loads without it", async () => {
    const manifest = join(folder, "node_modules/durable-promises/package.json");
    expect(JSON.parse(await readFile(manifest, "utf8"))).not.toHaveProperty("dependencies");
    expect(await readdir(join(folder, "node_modules"))).toEqual(
      expect.arrayContaining([".bin", "durable-promises"]),
    );
    const script =
      "const { DurablePromises, treeOf } = await import('durable-promises'); console.log(typeof DurablePromises, typeof treeOf)";
    const { stdout } = await exec(process.execPath, ["--eval", script], { cwd: folder });
    expect(stdout).toBe("function function\n");
  });

  test("runs by its name with npx", async () => {
    expect((await npx("--help")).stdout).toContain("durable-promises <command>");
    const id = `package/${randomUUID()}`;
    await npx("create", id);
    await npx("resolve", id, '{"packed": true}');
    expect((await npx("wait", id)).stdout).toBe('{"packed":true}\n');
  });

  test.skipIf(!NODE20_BIN)("runs in Node 20 (skipped unless NODE20_BIN names it)", async () => {
    await lives(NODE20_BIN ?? "");
  });

  test("runs in this Node", async () => {
    await lives(process.execPath);
  });
});

/** Every part that could be missing from another Node: streams, sockets or none, JSON to the letter. */
async function lives(node: string): Promise<void> {
  const run = (...args: string[]) => exec(node, [program, ...args], { env: environment() });
  const id = `package/${randomUUID()}`;
  await run("create", id, "--deadline", "1h", "--data", '{"a": 1}');
  const waiting = run("wait", id);
  await run("resolve", id, '"text"');
  expect((await waiting).stdout).toBe("text\n");
  expect((await run("doctor")).stdout).toMatch(/✓ events/);
  expect((await run("search", "--json", "--id", id)).stderr).toBe("");
  const failed = run("get", "package/nobody").catch((error: unknown) => error);
  expect(await failed).toMatchObject({ code: 66 });
  const inbox = await inOwnTime((timeout) => run("inbox", "--timeout", timeout, "--json"));
  expect(inbox.stdout).toContain('"page"');
}
