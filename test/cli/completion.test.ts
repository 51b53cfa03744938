/**
 * Completion: what is offered for the word being typed, and that bash, asked as somebody would with
 * the tab key, offers it.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DurablePromises } from "../../client/src/index.ts";
import { GLOBAL_FLAGS } from "../../client/src/cli/args.ts";
import { COMMANDS } from "../../client/src/cli/commands.ts";
import { candidates } from "../../client/src/cli/completion.ts";
import { untilFound } from "../client/indexed.ts";
import { deadUrl, MAIN, run, startTestServer, type TestServer } from "./cli.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

const noIds = async (): Promise<string[]> => [];
const someIds = async () => ["orders/42", "orders/43", "other"];

async function offered(line: string, ids = noIds) {
  return candidates(COMMANDS, GLOBAL_FLAGS, line.split(" "), ids);
}

describe("what is offered", () => {
  test.each<[string, string[]]>([
    ["cre", ["create"]],
    ["re", ["resolve", "reject"]],
    ["links ", ["create", "list", "revoke"]],
    ["webhooks de", ["delete", "deliveries", "dead-letters"]],
    [
      "search --sort ",
      [...(COMMANDS.find(({ name }) => name === "search")?.flags?.["sort"]?.oneOf ?? [])],
    ],
    ["search --state RES", ["RESOLVED"]],
    ["search --sort=id --sta", ["--state"]],
    ["--url http://x search --deadline-", ["--deadline-after", "--deadline-before"]],
    ["wait x --ti", ["--timeout"]],
    ["completion ", ["bash", "zsh", "fish"]],
    ["completion bash ", []],
    ["help wai", ["wait"]],
    ["create --data ", []],
    ["get a ", []],
    ["nothing ", []],
  ])("%j: %j", async (line, expected) => {
    expect(await offered(line)).toEqual(expected);
  });

  test("are all commands at first, and ids where a command wants one", async () => {
    const all = await offered("");
    expect(all).toEqual(expect.arrayContaining(["create", "links", "schedules", "doctor", "help"]));
    expect(new Set(all).size).toBe(all.length);
    expect(await offered("wait orders/", someIds)).toEqual(["orders/42", "orders/43"]);
    expect(await offered("links create o", someIds)).toEqual(["orders/42", "orders/43", "other"]);
    expect(await offered("links revoke o", someIds)).toEqual([]);
  });
});

describe("in bash", () => {
  let server: TestServer;
  let folder: string;
  const id = `tab/${randomUUID()}/with a blank`;
  beforeAll(async () => {
    server = await startTestServer();
    folder = mkdtempSync(join(MEMORY, "durable-promises-bash-"));
    // As npm would put it there.
    const program = join(folder, "durable-promises");
    writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, {
      mode: 0o755,
    });
    symlinkSync(program, join(folder, "alias"));
    const promises = new DurablePromises({ url: server.url });
    await promises.create(id);
    await untilFound(promises, { id }, 1);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What bash has on offer behind these words, as its own `complete` would ask for it. */
  function tabbed(...words: string[]): string[] {
    const script = `
      source <(durable-promises completion bash) || exit 1
      complete -p durable-promises >/dev/null || exit 2
      COMP_WORDS=(durable-promises "$@"); COMP_CWORD=$#
      _durable_promises
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const text = execFileSync("bash", ["--norc", "-c", script, "bash", ...words], {
      encoding: "utf8",
      env: {
        PATH: `${folder}:${process.env["PATH"] ?? ""}`,
        DURABLE_PROMISES_URL: server.url,
      },
    });
    return text.split("\n").filter((line) => line !== "");
  }

  test("the script loads, and offers commands and flags", () => {
    expect(tabbed("sch")).toEqual(["schedules"]);
    expect(tabbed("search", "--so")).toEqual(["--sort"]);
    expect(tabbed("search", "--sort", "-d")).toEqual(["-deadline"]);
  });

  test("ids are offered as the server knows them, quoted for the shell", async () => {
    const [beginning] = id.split(" ");
    // Who presses the key does not wait long: a slow machine is pressed again.
    await eventually(() =>
      expect(tabbed("resolve", beginning ?? "")).toEqual([id.replaceAll(" ", "\\ ")]),
    );
  });
});

test("a server that is not there offers no ids, and says nothing", async () => {
  const ran = await run(["__complete", "wait", "a"], { url: await deadUrl() });
  expect(ran).toEqual({ code: 0, stdout: "", stderr: "" });
});

test.each([
  ["zsh", /^#compdef durable-promises\n[\s\S]*compdef _durable_promises durable-promises/],
  ["fish", /complete -c durable-promises -f -a '\(_durable_promises\)'/],
])("a script for %s is printed", async (shell, pattern) => {
  const { code, stdout } = await run(["completion", shell]);
  expect(code).toBe(0);
  expect(stdout).toMatch(pattern);
});
