/**
 * The command line in a terminal, against a real server: what somebody sees who looks at it, and how
 * it ends when they press Ctrl-C.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DurablePromises } from "../../client/src/index.ts";
import { untilFound } from "../client/indexed.ts";
import {
  inTerminal,
  MAIN,
  type Options,
  type Ran,
  run,
  type Running,
  seen,
  startInTerminal,
  startTestServer,
  type TestServer,
} from "./cli.ts";

const CTRL_C = "\u0003";
const [HIDE_CURSOR, SHOW_CURSOR] = ["\u001B[?25l", "\u001B[?25h"];

/** What this program itself sends: colours, a cleared line, the cursor. */
const OURS = new RegExp(String.raw`\u001B\[(?:\d+m|2K|\?25[lh])`, "g");

let server: TestServer;
let promises: DurablePromises;
beforeAll(async () => {
  server = await startTestServer();
  promises = new DurablePromises({ url: server.url });
});
afterAll(() => server[Symbol.asyncDispose]());

const newId = () => `terminal/${randomUUID()}`;

function start(args: string[], options: Options = {}): Running {
  return startInTerminal(args, { url: server.url, ...options });
}

/** Runs it to its end in a terminal. */
async function look(args: string[], options: Options = {}) {
  const { code, stdout } = await start(args, options).ended;
  return { code, text: seen(stdout), raw: stdout };
}

describe("wait", () => {
  test("shows for what, since when and until when it waits; then only the value", async () => {
    const id = newId();
    await promises.create(id, { deadline: "3h" });
    await using waiting = start(["wait", id]);
    await waiting.until(({ stdout }) =>
      /⠴ waiting for terminal\/\S+ · deadline in (?:3h|2h 59m) · \d/.test(seen(stdout)),
    );
    await promises.resolve(id, { done: true });
    const { code, stdout } = await waiting.ended;
    expect(code).toBe(0);
    // The line is cleared and the cursor is back before the value is printed.
    const end = stdout.slice(stdout.lastIndexOf("\r\u001B[2K"));
    expect(end).toBe(`\r\u001B[2K${SHOW_CURSOR}{\r\n  "done": true\r\n}\r\n`);
  });

  test("says when nobody has created it yet, and how many have voted", async () => {
    const id = newId();
    await using waiting = start(["wait", id], { columns: 120 });
    await waiting.until(({ stdout }) => stdout.includes(`nobody has created ${id} yet`));
    await promises.create(id, { quorum: { approvals: 2, of: 3 } });
    await waiting.until(({ stdout }) => stdout.includes("0 votes of 3 · no deadline"));
    await promises.cancel(id);
    const { code, stdout } = await waiting.ended;
    expect(code).toBe(1);
    expect(seen(stdout)).toMatch(/canceled: promise was canceled\n$/);
  });

  test("ends with 130 at Ctrl-C, and leaves the terminal as it was", async () => {
    const id = newId();
    await promises.create(id);
    await using waiting = start(["wait", id]);
    await waiting.until(({ stdout }) => stdout.includes("waiting for"));
    expect(waiting.stdout).toContain(HIDE_CURSOR);
    waiting.type(CTRL_C);
    const { code, stdout } = await waiting.ended;
    expect(code).toBe(130);
    expect(stdout.endsWith(`\r\u001B[2K${SHOW_CURSOR}`)).toBe(true);
  });

  test("draws nothing where the terminal cannot", async () => {
    const id = newId();
    await promises.create(id);
    await promises.resolve(id, "v");
    expect(await look(["wait", id], { env: { TERM: "dumb" } })).toMatchObject({
      code: 0,
      raw: "v\r\n",
    });
  });
});

describe("colours", () => {
  test("are on a terminal, and not with NO_COLOR, nor in a pipe unless forced", async () => {
    const id = newId();
    await promises.create(id);
    const yellow = "\u001B[33mpending\u001B[39m";
    expect((await look(["get", id])).raw).toContain(yellow);
    expect((await look(["get", id], { env: { NO_COLOR: "1" } })).raw).not.toContain("\u001B[33m");
    expect((await look(["get", id], { env: { TERM: "dumb" } })).raw).not.toContain("\u001B[");
    const piped = await run(["get", id], { url: server.url });
    expect(piped.stdout).not.toContain("\u001B");
    const forced = await run(["get", id], { url: server.url, env: { FORCE_COLOR: "1" } });
    expect(forced.stdout).toContain(yellow);
  });

  test("and movements of others do not reach the terminal", async () => {
    const id = newId();
    const evil = "\u001B[2J\u001B]0;title\u0007red\u202Etxt\r\nnext";
    await promises.create(id, { form: { title: evil }, tags: { evil }, requestedBy: evil });
    await promises.resolve(id, evil);
    for (const args of [
      ["get", id],
      ["wait", id],
      ["search", id],
    ]) {
      await untilFound(promises, { id }, 1);
      const { raw } = await look(args, { columns: 200 });
      const shown = raw.replaceAll(OURS, "");
      expect(shown).toContain("red");
      for (const bad of ["\u001B", "\u0007", "\u202E"]) expect(shown).not.toContain(bad);
    }
    // A pipe gets the value as it is.
    expect((await run(["wait", id], { url: server.url })).stdout).toBe(`${evil}\n`);
  });
});

describe("a list", () => {
  test("is as wide as the terminal, with both ends of an id", async () => {
    const id = `${newId()}/${"x".repeat(120)}/end`;
    await promises.create(id, { tags: { about: "y".repeat(90) } });
    await untilFound(promises, { id }, 1);
    const { text } = await look(["search", id], { columns: 80 });
    const rows = text.split("\n").filter((line) => line.startsWith("pending"));
    expect(rows).toHaveLength(1);
    expect(rows[0]!.length).toBeLessThanOrEqual(80);
    expect(rows[0]).toMatch(/^pending {2}terminal\/\S+…\S+\/end {2}.*…$/);
    // JSON is not for looking at.
    const { text: json } = await look(["search", id, "--json", "--view", "summary"]);
    expect(JSON.parse(json.slice(json.indexOf("{")))).toMatchObject({ id });
  });

  test("of one kind after the other fits: links, webhooks, schedules, keys", async () => {
    const id = newId();
    await promises.create(id);
    await promises.links.create(id, { audience: "ada@example.com" });
    await promises.schedules.create(id, { cron: "@daily", promiseTimeout: "1h" });
    for (const [args, title] of [
      [["links", "list", id], /^STANDING +ALLOW +USES +AUDIENCE +ID$/m],
      [["webhooks", "list"], /^ID +STATUS +WAITING +DEAD +URL$/m],
      [["schedules", "list"], /^ID +CRON +ZONE +NEXT +LAST$/m],
      [["keys", "list"], /^ID +NAME +SCOPES +EXPIRES +PREFIXES$/m],
    ] as const) {
      const { code, text } = await look([...args], { columns: 70 });
      expect(code).toBe(0);
      expect(text).toMatch(title);
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(70);
    }
  });
});

test("a tree is drawn with lines, states and durations", async () => {
  const id = newId();
  for (const end of ["", "/a", "/a/b", "/c"]) await promises.create(id + end);
  await promises.resolve(`${id}/a`);
  await untilFound(promises, { id: `${id}*` }, 4);
  const { code, text } = await look(["tree", id], { columns: 120 });
  expect(code).toBe(0);
  expect(text.replaceAll(id, "T")).toMatch(
    /^T +pending +\S+ so far\n├─ T\/a +resolved +\S+s\n│ {2}└─ T\/a\/b +pending .*\n└─ T\/c +pending/m,
  );
});

/** An inbox that a promise comes to, and leaves. */
async function drawnOf(id: string): Promise<Ran> {
  await using inbox = start(["inbox", `${id}*`], { columns: 120 });
  await inbox.until(({ stdout }) => stdout.includes("0 in all"));
  await promises.create(id, { form: { title: "Pay?" } });
  await inbox.until(({ stdout }) => stdout.includes("1 in all"));
  await promises.resolve(id);
  await inbox.until(({ stdout }) => stdout.lastIndexOf("0 in all") > stdout.indexOf("1 in all"));
  inbox.type(CTRL_C);
  return await inbox.ended;
}

describe("the inbox", () => {
  test("is drawn in place, anew with each change, until Ctrl-C", async () => {
    let [id, code, stdout] = ["", 0 as number | null, ""];
    // script(1) waits but a moment for the last that its child has written, which may be too short.
    for (let tries = 0; tries < 3 && !stdout.endsWith(SHOW_CURSOR); tries += 1) {
      id = newId();
      ({ code, stdout } = await drawnOf(id));
    }
    expect(code).toBe(130);
    expect(stdout.endsWith(SHOW_CURSOR)).toBe(true);
    expect(seen(stdout)).toMatch(new RegExp(`pending +${id} +\\S+.* never +Pay\\?`));
    // In place: each drawing begins where the one before began, two or three lines up.
    expect(stdout.includes("\r\u001B[2A\u001B[0J") || stdout.includes("\r\u001B[3A\u001B[0J")).toBe(
      true,
    );
  });

  test("is never higher than the terminal", async () => {
    const id = newId();
    for (let n = 0; n < 12; n += 1) await promises.create(`${id}/${n}`);
    await untilFound(promises, { id: `${id}/*` }, 12);
    await using inbox = start(["inbox", `${id}/*`], { rows: 10, columns: 120 });
    await inbox.until(({ stdout }) => stdout.includes("12 in all, 6 more"));
    inbox.type(CTRL_C);
    expect((await inbox.ended).code).toBe(130);
  });
});

describe("what is printed besides", () => {
  test("help, version, completion and doctor are readable", async () => {
    expect((await look(["help"])).text).toContain("Exit codes");
    expect((await look(["version"])).text).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await look(["completion", "bash"])).text).toContain("complete -o default");
    const { code, text } = await look(["doctor"], { columns: 120 });
    expect(code).toBe(0);
    expect(text).toMatch(/✓ server +answers in \d+ ms/);
  });

  test("an error says what is wrong, and ends with its code", async () => {
    const { code, text } = await look(["get", `${newId()}/nobody`]);
    expect(code).toBe(66);
    expect(text).toMatch(/^durable-promises: There is no promise/m);
  });

  test("a reader that has read enough is no error, also in a shell", async () => {
    const id = newId();
    for (let n = 0; n < 3; n += 1) await promises.create(`${id}/${n}`);
    await untilFound(promises, { id: `${id}/*` }, 3);
    const line = `'${process.execPath}' '${MAIN}' search '${id}/*' -q --all -n 1 | head -n 1`;
    const { code, stdout } = await inTerminal(`set -o pipefail; ${line}`, {
      url: server.url,
    }).ended;
    expect(code).toBe(0);
    expect(seen(stdout)).toMatch(new RegExp(`^.*${id}/2\\n$`));
  });
});

test("every command that changes something says in a terminal what it did", async () => {
  const id = newId();
  const steps: [string[], RegExp][] = [
    [["create", id, "--deadline", "1h"], /pending {2}terminal\//],
    [["get", id], /deadline +\S+ \(in /],
    [["resolve", id, '{"a": 1}'], /resolved {2}terminal\/[\s\S]*"a": 1/],
    [["watch", id], /Z {2}resolved {2}\{"a":1\}/],
    [["delete", id], /deleted terminal\//],
    [["create", id], /pending/],
    [["reject", id, "no"], /rejected {2}terminal/],
    [["create", `${id}/2`], /pending/],
    [["cancel", `${id}/2`], /canceled {2}terminal/],
  ];
  for (const [args, says] of steps) {
    const { code, text } = await look(args);
    expect({ args, code }).toEqual({ args, code: 0 });
    expect(text).toMatch(says);
  }
});
