/**
 * The command line in a pipe, against a real server: each command does its work, says it as a script
 * can read it, and ends with the code that the help promises.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DurablePromises } from "../../client/src/index.ts";
import {
  deadUrl,
  inOwnTime,
  type Options,
  type Ran,
  run,
  start,
  startTestServer,
  type TestServer,
} from "./cli.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

let server: TestServer;
let promises: DurablePromises;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  promises = new DurablePromises({ url: server.url });
  folder = await mkdtemp(join(MEMORY, "durable-promises-cli-files-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const newId = () => `cli/${randomUUID()}`;

function cli(args: string[], options: Options = {}): Promise<Ran> {
  return run(args, { url: server.url, ...options });
}

/** What it printed, which must be JSON, one line of it. */
async function json(args: string[], options: Options = {}): Promise<unknown> {
  const { code, stdout, stderr } = await cli([...args, "--json"], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^[^\n]+\n$/);
  return JSON.parse(stdout);
}

describe("create", () => {
  test("makes a promise with all that it was given", async () => {
    const id = newId();
    const record = await json([
      "create",
      id,
      "--data",
      '{"amount": 1200}',
      "--header",
      "h=1",
      "--deadline",
      "2d",
      "--tag",
      "region=eu",
      "-t",
      "sum=1=1",
      "--retention",
      "7d",
      "--requested-by",
      "bob",
      "--form",
      '{"title": "Pay?"}',
      "--quorum",
      '{"approvals": 2, "of": 3}',
      "--escalation",
      '[{"after": "1d", "extend": "1d"}]',
      "--on-timeout",
      '{"state": "RESOLVED"}',
    ]);
    expect(record).toMatchObject({
      id,
      state: "PENDING",
      param: { data: { amount: 1200 }, headers: { h: "1" } },
      tags: { region: "eu", sum: "1=1" },
      retention: 604_800_000,
      requestedBy: "bob",
      form: { title: "Pay?" },
      quorum: { approvals: 2, of: 3 },
      escalation: [{ after: 86_400_000, extend: 86_400_000 }],
      onTimeout: { state: "RESOLVED" },
    });
    expect(await promises.get(id)).toEqual(record);
  });

  test("without an id draws one, and can print it alone", async () => {
    const { code, stdout } = await cli(["create", "-q"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^[0-9a-f]{32}\n$/);
    expect(await promises.get(stdout.trim())).toMatchObject({ state: "PENDING" });
  });

  test("of what is there and was created otherwise is a conflict", async () => {
    const id = newId();
    await promises.create(id, { idempotencyKey: "mine" });
    const { code, stdout, stderr } = await cli(["create", id]);
    expect({ code, stdout }).toEqual({ code: 73, stdout: "" });
    expect(stderr).toBe(`durable-promises: promise "${id}" exists already\n`);
    expect((await cli(["create", id, "--idempotency-key", "mine"])).code).toBe(0);
  });

  test("for people says how it stands", async () => {
    const id = newId();
    const { stdout } = await cli(["create", id, "--deadline", "1h", "--tag", "a=b"]);
    expect(stdout).toContain(`pending  ${id}\n`);
    expect(stdout).toMatch(/^url +http/m);
    expect(stdout).toMatch(/^deadline +\S+ \(in (?:1h|59m(?: \d+s)?)\)$/m);
    expect(stdout).toMatch(/^tags +a=b$/m);
  });
});

describe("a value", () => {
  test.each<[string, string[], Options, unknown]>([
    ["as a word", ['{"a": [1, null]}'], {}, { a: [1, null] }],
    ["as a word that is a number", ["42"], {}, 42],
    ["as a word that is no JSON", ["out of stock"], {}, "out of stock"],
    ["as a flag", ["--data", "[true]"], {}, [true]],
    ["on stdin", ["--data", "-"], { stdin: '{"from": "stdin"}\n' }, { from: "stdin" }],
    ["as a word that is -", ["-"], { stdin: "plain\n" }, "plain"],
    ["as text, whatever it looks like", ["--text", "42"], {}, "42"],
    ["as text with its line ends but the last", ["--text", "-"], { stdin: "a\nb\n\n" }, "a\nb\n"],
  ])("%s resolves the promise", async (_, args, options, value) => {
    const id = newId();
    await promises.create(id);
    expect((await cli(["resolve", id, ...args], options)).code).toBe(0);
    expect(await promises.get(id)).toMatchObject({ state: "RESOLVED", value: { data: value } });
  });

  test("from a file resolves the promise", async () => {
    const id = newId();
    const path = join(folder, "value.json");
    await writeFile(path, '{"from": "file"}\n');
    await promises.create(id);
    await json(["resolve", id, "--file", path]);
    expect(await promises.wait(id)).toEqual({ from: "file" });
  });

  test("is kept to the letter, in and out", async () => {
    const id = newId();
    await promises.create(id);
    const text = '{"big":12345678901234567890,"exact":1.0,"small":1e-400}';
    await cli(["resolve", id, text]);
    expect((await cli(["wait", id])).stdout).toBe(`${text}\n`);
    expect((await cli(["get", id, "--json"])).stdout).toContain(`"value":{"data":${text}}`);
    // What the server keeps, besides what this program makes of it.
    expect(await (await fetch(`${server.url}/promises/${id}`)).text()).toContain(text);
  });

  test.each([
    [["--data", "{oops"], /the value is not JSON .*--text takes it as it is/],
    [["1", "--data", "2"], /give one value/],
    [["--file", "/nowhere/at/all"], /cannot read \/nowhere\/at\/all/],
  ])("that makes no sense is refused before anything is sent: %j", async (args, message) => {
    const id = newId();
    await promises.create(id);
    const { code, stderr } = await cli(["resolve", id, ...args]);
    expect(code).toBe(64);
    expect(stderr).toMatch(message);
    expect(await promises.get(id)).toMatchObject({ state: "PENDING" });
  });
});

describe("settling", () => {
  test("rejects and cancels with a reason", async () => {
    const [first, second] = [newId(), newId()];
    await Promise.all([promises.create(first), promises.create(second)]);
    expect(await json(["reject", first, "no funds"])).toMatchObject({
      state: "REJECTED",
      value: { data: "no funds" },
    });
    expect(await json(["cancel", second, '{"why": "late"}', "--header", "h=1"])).toMatchObject({
      state: "REJECTED_CANCELED",
      value: { data: { why: "late" }, headers: { h: "1" } },
    });
  });

  test("a second time tells the winner's outcome, and is a conflict", async () => {
    const id = newId();
    await promises.create(id);
    await promises.resolve(id, { winner: 1 });
    const { code, stderr, stdout } = await cli(["resolve", id, "2"]);
    expect({ code, stdout }).toEqual({ code: 73, stdout: "" });
    expect(stderr).toBe(`durable-promises: promise "${id}" is already RESOLVED\n{"winner":1}\n`);
    const { stderr: error } = await cli(["reject", id, "--json"]);
    expect(JSON.parse(error)).toMatchObject({
      code: "already_resolved",
      promise: { id, value: { data: { winner: 1 } } },
    });
  });

  test("with the same key is a repetition", async () => {
    const id = newId();
    await promises.create(id);
    const args = ["resolve", id, "1", "--idempotency-key", "k"];
    expect((await cli(args)).code).toBe(0);
    expect((await cli(args)).code).toBe(0);
    expect((await cli([...args, "--strict"])).code).toBe(0);
  });

  test("of what is not there says so", async () => {
    const id = newId();
    const { code, stderr } = await cli(["resolve", id]);
    expect({ code, stderr }).toEqual({
      code: 66,
      stderr: `durable-promises: There is no promise "${id}"\n`,
    });
  });

  test("against the form says each fault", async () => {
    const id = newId();
    const schema = { type: "object", properties: { n: { type: "integer" } } };
    await promises.create(id, { form: { schema } });
    const { code, stderr } = await cli(["resolve", id, '{"n": "x"}']);
    expect(code).toBe(65);
    expect(stderr).toMatch(/^ {2}\/n: \S/m);
  });

  test("deletes what is settled, and not what is pending", async () => {
    const id = newId();
    await promises.create(id);
    expect(await cli(["delete", id])).toMatchObject({ code: 73, stdout: "" });
    await promises.resolve(id);
    expect(await cli(["delete", id])).toMatchObject({ code: 0, stderr: `deleted ${id}\n` });
    expect((await cli(["get", id])).code).toBe(66);
  });
});

describe("extend", () => {
  test("moves the deadline later, and says why not", async () => {
    const id = newId();
    await promises.create(id, { deadline: "1h" });
    const record = (await json(["extend", id, "2h"])) as { timeout: number };
    expect(record.timeout).toBeGreaterThan(Date.now() + 7_000_000);
    expect(record).toEqual(await promises.get(id));
    const earlier = await cli(["extend", id, "1m"]);
    expect(earlier.code).toBe(65);
    expect(earlier.stderr).toContain("timeout must be later than the deadline");
    await promises.resolve(id);
    expect((await cli(["extend", id, "3h"])).code).toBe(73);
    expect((await cli(["extend", newId(), "3h"])).code).toBe(66);
    expect((await cli(["extend", id, "soon"])).code).toBe(64);
  });
});

describe("wait", () => {
  test("prints the value of a promise that is resolved: text bare, the rest as JSON", async () => {
    const [first, second, third] = [newId(), newId(), newId()];
    for (const id of [first, second, third]) await promises.create(id);
    await promises.resolve(first, "line one\nline two");
    await promises.resolve(second, { a: 1 });
    await promises.resolve(third);
    expect(await cli(["wait", first])).toEqual({
      code: 0,
      stdout: "line one\nline two\n",
      stderr: "",
    });
    expect(await cli(["wait", second])).toEqual({ code: 0, stdout: '{"a":1}\n', stderr: "" });
    expect(await cli(["wait", third])).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await json(["wait", second])).toMatchObject({ id: second, value: { data: { a: 1 } } });
  });

  test("begins before the promise is there, and is told", async () => {
    const id = newId();
    await using waiting = start(["watch", id, "--json"], { url: server.url });
    await waiting.until(({ stdout }) => stdout.includes('"absent"'));
    await promises.create(id);
    await promises.resolve(id, 7);
    const { code, stdout } = await waiting.ended;
    expect(code).toBe(0);
    const frames = stdout.trim().split("\n");
    expect(frames.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(
      frames.length === 2 ? ["absent", "settled"] : ["absent", "pending", "settled"],
    );
    expect(await cli(["wait", id])).toMatchObject({ code: 0, stdout: "7\n" });
  });

  test("ends with 1 for a rejection and a cancel, which it tells on stderr", async () => {
    const [first, second] = [newId(), newId()];
    await Promise.all([promises.create(first), promises.create(second)]);
    await promises.reject(first, new Error("no funds"));
    await promises.cancel(second);
    expect(await cli(["wait", first])).toEqual({
      code: 1,
      stdout: "",
      stderr: "rejected: no funds\n",
    });
    expect(await cli(["wait", second])).toMatchObject({ code: 1, stdout: "" });
    const { code, stdout, stderr } = await cli(["wait", first, "--json"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ id: first, state: "REJECTED" });
  });

  test("ends with 2 for a promise whose deadline passes", async () => {
    const id = newId();
    await promises.create(id, { deadline: "300ms" });
    const { code, stderr } = await cli(["wait", id]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: "timed out: promise timed out\n" });
  });

  test("ends with 2 when its own time is up, and the promise is as it was", async () => {
    const id = newId();
    await promises.create(id);
    const { code, stdout, stderr, ms } = await inOwnTime((timeout) =>
      cli(["wait", id, "--timeout", timeout, "--json"]),
    );
    expect(code).toBe(2);
    expect(stderr).toBe(`promise "${id}" was not settled within ${ms} ms\n`);
    expect(JSON.parse(stdout)).toMatchObject({ id, state: "PENDING" });
    expect(await promises.get(id)).toMatchObject({ state: "PENDING" });
    const watched = await inOwnTime((timeout) => cli(["watch", id, "--timeout", timeout]));
    expect(watched.code).toBe(2);
    expect(watched.stdout).toMatch(/ {2}pending\n$/);
  });

  test("ends with 66 when the promise is removed meanwhile; watch says each step", async () => {
    const id = newId();
    await promises.create(id);
    await using waiting = start(["watch", id], { url: server.url });
    await waiting.until(({ stdout }) => stdout.includes("pending"));
    // Removed while it is pending, as only Restate's example does.
    const response = await fetch(`${server.url}/promise/dispose`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ promiseId: id }),
    });
    expect(response.status).toBe(200);
    const { code, stdout, stderr } = await waiting.ended;
    expect({ code, stderr }).toEqual({
      code: 66,
      stderr: "durable-promises: promise was disposed\n",
    });
    expect(stdout).toMatch(/ {2}pending\n.* {2}disposed\n$/);
  });

  test("is ended by a signal with the code that shells have for it", async () => {
    const id = newId();
    await promises.create(id);
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      await using waiting = start(["watch", id], { url: server.url });
      await waiting.until(({ stdout }) => stdout.includes("pending"));
      waiting.process.kill(signal);
      expect(await waiting.ended).toMatchObject({ code, stderr: "" });
    }
  });
});

describe("links", () => {
  test("are made, listed and revoked", async () => {
    const id = newId();
    await promises.create(id, { form: { title: "Pay?" } });
    const link = (await json([
      "links",
      "create",
      id,
      "--audience",
      "ada@example.com",
      "--expires-in",
      "2d",
      "--uses",
      "3",
      "--note",
      "urgent",
    ])) as { id: string; url: string };
    expect(link).toMatchObject({ promise: id, audience: "ada@example.com", usesMax: 3 });
    expect(link.url).toContain(`${server.url}/l/`);
    const { stdout } = await cli(["links", "list", id]);
    expect(stdout).toMatch(/^STANDING +ALLOW +USES +AUDIENCE +ID\n/);
    expect(stdout).toContain(`good      choose  0/3   ada@example.com  ${link.id}\n`);
    expect((await cli(["links", "revoke", link.id])).code).toBe(0);
    expect(await json(["links", "list", id])).toMatchObject({ standing: "revoked" });
  });

  test("of one outcome, and for callbacks, say all that they were given", async () => {
    const id = newId();
    await promises.create(id);
    const fixed = ["links", "create", id, "--allow", "fixed", "--outcome", "REJECTED"];
    expect(await json([...fixed, "--data", '{"why": 1}'])).toMatchObject({
      allow: "fixed",
      outcome: { state: "REJECTED", value: { data: { why: 1 } } },
    });
    const callback = ["links", "create", id, "--allow", "callback", "--scheme", "github"];
    const made = await json([...callback, "--secret", "s3cret", "--mapping", '{"value": "/data"}']);
    expect(made).toMatchObject({
      allow: "callback",
      verifier: { scheme: "github" },
      mapping: { value: "/data" },
    });
    const { stdout } = await cli(["links", "create", id, "-q"]);
    expect(stdout).toMatch(/^http\S+\/l\/\S+\n$/);
  });

  test("that make no sense are refused here or there", async () => {
    const id = newId();
    await promises.create(id);
    expect((await cli(["links", "create", id, "--data", "1"])).code).toBe(64);
    expect((await cli(["links", "create", id, "--scheme", "github"])).code).toBe(64);
    expect((await cli(["links", "create", id, "--outcome", "RESOLVED"])).code).toBe(65);
    expect((await cli(["links", "create", newId()])).code).toBe(66);
    expect((await cli(["links", "revoke", "lnk_x.y"])).code).toBe(66);
  });
});

describe("webhooks", () => {
  test("are made, changed, tested, rotated, looked at and removed", async () => {
    const url = "http://127.0.0.1:9/hook";
    const made = (await json([
      "webhooks",
      "create",
      url,
      "--event",
      "promise.settled",
      "--prefix",
      "cli/hook",
      "--tag",
      "a=b",
      "--retry",
      "1s,1m",
      "--description",
      "for tests",
    ])) as { id: string; secret: string };
    expect(made).toMatchObject({
      url,
      secret: expect.stringMatching(/^whsec_/),
      events: ["promise.settled"],
      filter: { prefix: "cli/hook", tags: { a: "b" } },
      retry: [1000, 60_000],
    });
    const { id } = made;
    expect(await json(["webhooks", "list"])).toMatchObject({ id });
    expect((await cli(["webhooks", "list"])).stdout).toMatch(new RegExp(`^${id} +enabled +0`, "m"));
    expect(await json(["webhooks", "get", id])).not.toHaveProperty("secret");
    expect(await json(["webhooks", "update", id, "--disable"])).toMatchObject({ disabled: true });
    const changed = await json(["webhooks", "update", id, "--enable", "--format", "cloudevents"]);
    expect(changed).toMatchObject({ disabled: false, format: "cloudevents" });
    const rotated = (await json(["webhooks", "rotate", id, "--overlap", "1h"])) as typeof made;
    expect(rotated.secret).not.toBe(made.secret);
    // Nobody listens at port 9: the test says so, and is in the log.
    const tested = await cli(["webhooks", "test", id, "--json"]);
    expect(tested.code).toBe(70);
    expect(JSON.parse(tested.stdout)).toMatchObject({ delivered: false, status: null });
    expect((await cli(["webhooks", "deliveries", id])).stdout).toMatch(/webhook\.test +1 +network/);
    expect(await cli(["webhooks", "dead-letters", id, "--json"])).toMatchObject({ stdout: "" });
    expect(await json(["webhooks", "redeliver", id])).toEqual({ redelivered: 0 });
    expect((await cli(["webhooks", "delete", id])).code).toBe(0);
    expect((await cli(["webhooks", "get", id])).code).toBe(66);
    expect((await cli(["webhooks", "update", id])).code).toBe(64);
  });
});

describe("schedules", () => {
  test("are made, listed, paused, resumed, run and ended", async () => {
    const id = newId();
    const create = [
      "schedules",
      "create",
      id,
      "0 6 * * *",
      "--timezone",
      "Europe/Berlin",
      "--promise-timeout",
      "1h",
      "--data",
      '{"n": 1}',
      "--tag",
      "a=b",
    ];
    const made = await json(create);
    expect(made).toMatchObject({
      id,
      cron: "0 6 * * *",
      timezone: "Europe/Berlin",
      promiseTimeout: 3_600_000,
      promiseParam: { data: { n: 1 } },
      promiseTags: { a: "b" },
    });
    expect(await json(create)).toEqual(made);
    const all = (await cli(["schedules", "list", "--json"])).stdout.trim().split("\n");
    expect(all.map((line) => (JSON.parse(line) as { id: string }).id)).toContain(id);
    expect((await cli(["schedules", "get", id])).stdout).toMatch(/^next runs +20\d\d-/m);
    expect(await json(["schedules", "pause", id])).toMatchObject({ paused: true });
    expect((await cli(["schedules", "list"])).stdout).toMatch(/paused/);
    expect(await json(["schedules", "resume", id])).toMatchObject({ paused: false });
    const run = (await json(["schedules", "run", id])) as { promiseId: string };
    expect(await promises.get(run.promiseId)).toMatchObject({ param: { data: { n: 1 } } });
    expect((await cli(["schedules", "delete", id])).code).toBe(0);
    expect((await cli(["schedules", "get", id])).code).toBe(66);
  });

  test("with a pattern that is none are refused", async () => {
    const { code, stderr } = await cli(["schedules", "create", newId(), "0", "6"]);
    expect({ code }).toEqual({ code: 64 });
    expect(stderr).toContain("does not take");
    expect((await cli(["schedules", "create", newId(), "0"])).stderr).toContain("quote it");
    expect((await cli(["schedules", "create", newId(), "99 * * * *"])).code).toBe(65);
  });
});

describe("keys", () => {
  test("are made, listed and revoked", async () => {
    const made = (await json([
      "keys",
      "create",
      "ci",
      "--scope",
      "create",
      "--scope",
      "read",
      "--prefix",
      "ci/*",
      "--expires-in",
      "90d",
    ])) as { id: string };
    expect(made).toMatchObject({
      key: expect.stringMatching(/^dp_/),
      scopes: ["create", "read"],
      prefixes: ["ci/*"],
    });
    expect(await json(["keys", "list"])).toMatchObject({ id: made.id, name: "ci" });
    expect((await cli(["keys", "list"])).stdout).toMatch(
      /ci +create,read +in (?:90d|89d 23h) +ci\/\*/,
    );
    expect((await cli(["keys", "revoke", made.id])).code).toBe(0);
    expect((await cli(["keys", "revoke", made.id])).code).toBe(66);
    expect((await cli(["keys", "create", "ci", "--scope", "read"])).code).toBe(64);
  });
});

test("the audit log knows what was done with the command line", async () => {
  const id = newId();
  await promises.create(id);
  await cli(["resolve", id]);
  // How it ended is written beside the answer.
  await eventually(async () => {
    const response = await fetch(`${server.url}/audit?on=${encodeURIComponent(id)}`);
    expect(await response.json()).toMatchObject({
      entries: [{ did: "promise.settle", on: id, from: "cli", status: 201 }],
    });
  });
});

describe("a command that is not understood", () => {
  test.each([
    [[], "Promises with a URL"],
    [["serch"], 'there is no command "serch"; did you mean search?'],
    [["links"], "links needs one of create, list, revoke"],
    [["links", "make"], 'links needs one of create, list, revoke, not "make"'],
    [["get"], "get needs <id>"],
    [["get", "a", "b"], 'get does not take "b"'],
    [["get", "a", "--bogus"], "Unknown option '--bogus'"],
    [["get", "a", "--url"], "'--url <value>' argument missing"],
    [["get", "a", "--timeout", "soon"], 'timeout is not a duration: "soon"'],
    [["get", "a", "--url", "example.com"], 'url needs a protocol, "http://" or "https://"'],
    [["get", "a/../b"], 'id must not have "." or ".." between slashes'],
    [["create", "a", "--tag", "b"], '--tag needs key=value, not "b"'],
    [["create", "a", "--form", "x"], "--form needs JSON"],
    [["create", "a", "--deadline", "1x"], 'deadline is not a duration: "1x"'],
    [["keys", "create", "x", "--scope", "all"], "--scope must be one of create, read"],
    [["links", "create", "a", "--uses", "-1"], '--uses must be a whole number, not "-1"'],
    [["completion", "tcsh"], "completion is for bash, zsh, fish"],
  ])("%j ends with 64 and says why", async (args, message) => {
    const { code, stdout, stderr } = await cli(args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
    expect(stderr).toContain(message);
  });

  test("is an error object with --json", async () => {
    const { stderr } = await cli(["get", "--json"]);
    expect(JSON.parse(stderr)).toEqual({ code: "usage", message: "get needs <id>" });
  });
});

describe("a server", () => {
  test("that is not there ends with 69, within seconds", async () => {
    const url = await deadUrl();
    for (const command of ["get", "wait"]) {
      const { code, stderr } = await cli([command, "a"], { url });
      expect(code).toBe(69);
      expect(stderr).toContain(`cannot reach ${url}: connect ECONNREFUSED`);
    }
  });

  test("is found by --url before the environment", async () => {
    const id = newId();
    await promises.create(id);
    const args = ["--url", server.url, "get", id];
    expect((await cli(args, { url: await deadUrl() })).code).toBe(0);
  });
});

describe("help", () => {
  test("has every command, and each command has help", async () => {
    const { code, stdout } = await cli(["help"]);
    expect(code).toBe(0);
    for (const command of ["create", "wait", "search", "links create", "doctor", "completion"]) {
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    }
    expect((await cli(["--help"])).stdout).toBe(stdout);
    const { stdout: wait } = await cli(["help", "wait"]);
    expect(wait).toMatch(/^ {2}durable-promises wait <id> \[options\]$/m);
    expect((await cli(["wait", "--help"])).stdout).toBe(wait);
    expect((await cli(["help", "links"])).stdout).toContain("durable-promises links revoke");
    expect((await cli(["help", "nothing"])).code).toBe(64);
  });

  test("and the version are of this package", async () => {
    expect((await cli(["version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await json(["version"])).toMatchObject({ node: process.version });
    expect((await cli(["--version"])).stdout).toMatch(/^\d/);
  });
});
