/** `search`, `inbox` and `tree` in a pipe, against a real server with promises of every kind. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DurablePromises, type ListEvent, type PromiseRecord } from "../../client/src/index.ts";
import { untilFound } from "../client/indexed.ts";
import {
  inOwnTime,
  type Options,
  type Ran,
  run,
  start,
  startTestServer,
  type TestServer,
} from "./cli.ts";

let server: TestServer;
let promises: DurablePromises;

/** Everything under one beginning, found by the rest of the id. */
const ALL = ["due", "far", "done", "lost", "gone", "late", "work"] as const;
const base = `search/${randomUUID()}`;
const idOf = (name: string) => `${base}/${name}`;

beforeAll(async () => {
  server = await startTestServer();
  promises = new DurablePromises({ url: server.url });
  await promises.create(idOf("due"), {
    deadline: "30m",
    tags: { region: "eu", urgent: "" },
    form: { title: "Refund order 7?" },
    requestedBy: "ada@example.com",
  });
  await promises.create(idOf("far"), { deadline: "7d", tags: { region: "us" } });
  for (const name of ["done", "lost", "gone"]) await promises.create(idOf(name));
  await promises.create(idOf("late"), { deadline: "10ms" });
  await promises.create(idOf("work"), { tags: { "resonate:target": "poll://any@nobody" } });
  await promises.resolve(idOf("done"), { n: 12_345 });
  await promises.reject(idOf("lost"));
  await promises.cancel(idOf("gone"));
  await untilFound(promises, { id: `${base}/*` }, ALL.length);
});
afterAll(() => server[Symbol.asyncDispose]());

function cli(args: string[], options: Options = {}): Promise<Ran> {
  return run(args, { url: server.url, ...options });
}

/** The ends of the ids that it finds. */
async function found(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await cli(["search", `${base}/*`, "-q", ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return lines(stdout).map((id) => id.slice(base.length + 1));
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

describe("search", () => {
  test.each<[string[], string[]]>([
    [[], [...ALL]],
    [
      ["--state", "pending"],
      ["due", "far", "work"],
    ],
    [
      ["--state", "rejected"],
      ["lost", "gone", "late"],
    ],
    [
      ["--state", "RESOLVED", "-s", "REJECTED_TIMEDOUT"],
      ["done", "late"],
    ],
    [
      ["--state", "RESOLVED,REJECTED"],
      ["done", "lost"],
    ],
    [["--tag", "region=eu"], ["due"]],
    [["--tag", "region=eu", "--tag", "urgent="], ["due"]],
    [
      ["--has-tag", "region"],
      ["due", "far"],
    ],
    [["--has-tag", "region", "--has-tag", "urgent"], ["due"]],
    [["--q", "refund ADA"], ["due"]],
    [["--task", "any"], ["work"]],
    [["--task", "pending"], ["work"]],
    [["--task", "acquired"], []],
    [["--created-after", "-1h"], [...ALL]],
    [["--created-before", "-1h"], []],
    [
      ["--settled-after", "-1h"],
      ["done", "lost", "gone", "late"],
    ],
    [["--settled-before", "2020-01-01T00:00:00Z"], []],
    [["--deadline-before", "+1h", "--state", "pending"], ["due"]],
    [["--deadline-after", "+1h", "--state", "pending", "--sort", "deadline"], ["far"]],
  ])("%j finds %j", async (args, expected) => {
    expect((await found(...args)).toSorted()).toEqual(expected.toSorted());
  });

  test("sorts as it is told, the newest first where nothing is said", async () => {
    expect(await found("--sort", "id")).toEqual([...ALL].toSorted());
    expect(await found("--sort", "-id")).toEqual([...ALL].toSorted().toReversed());
    expect((await found())[0]).toBe("work");
    expect((await found("--sort", "created"))[0]).toBe("due");
  });

  test("gives a page, says how to go on, and goes on", async () => {
    const asked = ["search", `${base}/*`, "-q", "--sort", "id", "--limit", "3", "--count"];
    const { stdout, stderr } = await cli(asked);
    expect(lines(stdout)).toEqual(["done", "due", "far"].map((name) => `${base}/${name}`));
    expect(stderr).toMatch(/^7 in all\nmore: --cursor \S+, or --all\n$/);
    const [, cursor = ""] = /--cursor (\S+),/.exec(stderr) ?? [];
    const { stdout: next } = await cli([...asked, "--cursor", cursor]);
    expect(lines(next)).toEqual(["gone", "late", "lost"].map((name) => `${base}/${name}`));
    const { stdout: all, stderr: nothing } = await cli([...asked, "--all"]);
    expect(lines(all)).toHaveLength(ALL.length);
    expect(nothing).toBe("7 in all\n");
  });

  test("as JSON gives records, a line each; or summaries; or whole pages", async () => {
    const asked = ["search", `${base}/*`, "--sort", "id", "--limit", "2", "--json"];
    const [first, second] = lines((await cli(asked)).stdout).map(
      (line) => JSON.parse(line) as PromiseRecord,
    );
    expect(first).toEqual(await promises.get(`${base}/done`));
    expect(second).toEqual(await promises.get(`${base}/due`));
    const [, summary] = lines((await cli([...asked, "--view", "summary"])).stdout);
    expect(JSON.parse(summary ?? "")).toMatchObject({
      id: `${base}/due`,
      title: "Refund order 7?",
      requestedBy: "ada@example.com",
    });
    const pages = lines((await cli([...asked, "--all", "--pages", "--count"])).stdout);
    expect(pages).toHaveLength(4);
    expect(JSON.parse(pages[0] ?? "")).toMatchObject({
      count: 7,
      cursor: expect.any(String),
      indexedAt: expect.any(Number),
      promises: [first, second],
    });
    expect(JSON.parse(pages[3] ?? "")).toMatchObject({ cursor: null });
  });

  test("for people is a table, uncut in a pipe, with its titles once", async () => {
    const { stdout } = await cli(["search", `${base}/*`, "--all", "--limit", "4"]);
    const [titles, ...rows] = lines(stdout);
    expect(titles).toMatch(/^STATE +ID +CREATED +ENDS +ABOUT$/);
    expect(rows).toHaveLength(ALL.length);
    expect(stdout).toMatch(
      new RegExp(`^pending +${base}/due +\\S+.* ago +in 2\\dm(?: \\d+s)? +Refund order 7\\?$`, "m"),
    );
    expect(stdout).toMatch(new RegExp(`^timed out +${base}/late `, "m"));
    expect(stdout).not.toContain("\u001B");
  });

  test("for nothing says so, and is no failure", async () => {
    const id = `${base}/nobody`;
    expect(await cli(["search", id])).toEqual({ code: 0, stdout: "", stderr: "nothing found\n" });
    expect(await cli(["search", id, "--json"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test.each([
    [["--state", "open"], 64, /--state must be one of .*pending/],
    [["--sort", "size"], 64, /--sort must be one of created/],
    [["--limit", "many"], 64, /--limit must be a whole number/],
    [["--limit", "2000"], 65, /limit must be 1 to 1000/],
    [["--created-after", "yesterday"], 65, /createdAfter must be/],
    [["--cursor", "x"], 65, /cursor must be/],
    [["--id", "a"], 64, /give the id once/],
    [["--watch", "--all"], 64, /--watch takes no --all/],
  ])("that makes no sense is refused: %j", async (args, code, message) => {
    const ran = await cli(["search", `${base}/*`, ...args]);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toMatch(message);
  });

  test("ends in silence when its reader has read enough", async () => {
    await using searching = start(["search", "--all", "--limit", "1", "-q"], { url: server.url });
    searching.process.stdout?.destroy();
    expect(await searching.ended).toMatchObject({ code: 0, stderr: "" });
  });
});

test("stats count what there is", async () => {
  const { code, stdout } = await cli(["stats"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ +3 {2}pending$/m);
  expect(stdout).toMatch(/^ +1 {2}timed out$/m);
  expect(stdout).toMatch(/^ +1 {2}tasks pending$/m);
  expect(stdout).toMatch(/^waits longest since {2}20\S+ \(.* ago\)$/m);
  expect(JSON.parse((await cli(["stats", "--json"])).stdout)).toMatchObject({
    promises: { PENDING: 3, RESOLVED: 1 },
  });
});

describe("inbox", () => {
  test("says what waits, and each change, until it is stopped", async () => {
    const id = `${base}-inbox/a`;
    await using inbox = start(["inbox", `${base}-inbox/*`], { url: server.url });
    await using events = start(["inbox", `${base}-inbox/*`, "--json"], { url: server.url });
    await events.until(({ stdout }) => stdout.includes('"page"'));
    await promises.create(id, { tags: { a: "b" } });
    await inbox.until(({ stdout }) => stdout.includes("+"));
    await promises.resolve(id);
    await inbox.until(({ stdout }) => stdout.includes(" - "));
    await events.until(({ stdout }) => stdout.includes('"removed"'));
    for (const one of [inbox, events]) {
      one.process.kill("SIGINT");
      expect(await one.ended).toMatchObject({ code: 130, stderr: "" });
    }
    expect(inbox.stdout).toMatch(
      new RegExp(`^\\S+Z \\+ pending {2}${id} {2}a=b\\n(?:\\S+ . pending.*\\n)*\\S+Z - ${id}\\n$`),
    );
    const told = lines(events.stdout).map((line) => JSON.parse(line) as ListEvent);
    expect(told[0]).toMatchObject({ type: "page", promises: [], count: 0 });
    expect(told.map(({ type }) => type)).toContain("added");
    expect(told.at(-1)).toMatchObject({ type: "removed", id });
  });

  test("lists what is there at first, and with search --watch what is settled too", async () => {
    const watched = ["search", `${base}/*`, "--state", "RESOLVED", "--watch"];
    await using watching = start(watched, { url: server.url });
    await watching.until(({ stdout }) => stdout.includes(`= resolved  ${base}/done`));
    watching.process.kill("SIGTERM");
    expect((await watching.ended).code).toBe(143);
  });

  test("ends with its own time, which is no failure, and with a refusal", async () => {
    const ended = await inOwnTime((timeout) => cli(["inbox", "--timeout", timeout, "--json"]));
    expect(ended).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining('"page"') });
    const { code, stderr } = await cli(["inbox", "--created-after", "soon"]);
    expect(code).toBe(65);
    expect(stderr).toMatch(/createdAfter must be/);
  });
});

describe("tree", () => {
  const root = `${base}-tree`;
  beforeAll(async () => {
    for (const id of ["", "/a", "/a/b", ".1", ".1.2"]) await promises.create(root + id);
    await promises.create(`${base}-other`, { tags: { "resonate:origin": root } });
    await promises.create(`${base}-tagged`, { tags: { "resonate:parent": `${root}/a` } });
    await promises.resolve(`${root}/a`);
    await untilFound(promises, { id: `${root}*` }, 5);
    await untilFound(promises, { id: `${base}-*`, state: "pending" }, 6);
  });

  test("draws what hangs on a promise, with states and durations", async () => {
    const { code, stdout } = await cli(["tree", root]);
    expect(code).toBe(0);
    const drawn = lines(stdout).map((line) =>
      line.replaceAll(base, "B").replaceAll(/ {2,}/g, "  "),
    );
    expect(drawn[0]).toBe("ID  STATE  TOOK");
    expect(drawn.slice(1).map((line) => line.split(/ {2}(?=pending|resolved)/)[0])).toEqual([
      "B-tree",
      "├─ B-tree/a",
      "│  └─ B-tree/a/b",
      "├─ B-tree.1",
      "│  └─ B-tree.1.2",
      "└─ B-other",
    ]);
    expect(stdout).toMatch(/tree\/a +resolved +[\d.]+m?s$/m);
    expect(stdout).toMatch(/tree\/a\/b +pending +\S+ so far$/m);
  });

  test("of a part knows its own children, by tag too", async () => {
    const { stdout } = await cli(["tree", `${root}/a`]);
    expect(stdout).toContain(`├─ ${root}/a/b`);
    expect(stdout).toContain(`└─ ${base}-tagged`);
    expect(stdout).not.toContain("tree.1");
  });

  test("of nobody is not found, and of too many says so", async () => {
    expect((await cli(["tree", `${base}-nobody`])).code).toBe(66);
    const { stderr } = await cli(["tree", root, "--limit", "2"]);
    expect(stderr).toBe("there is more than was looked at: --limit\n");
  });
});
