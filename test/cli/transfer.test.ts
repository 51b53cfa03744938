/**
 * `export` and `import` between real servers: everything arrives, to the letter and once, whatever
 * breaks meanwhile; who is stopped goes on where they were.
 */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Line, linesOf } from "../../client/src/cli/ndjson.ts";
import { Bookmark } from "../../client/src/cli/resume.ts";
import { DurablePromises } from "../../client/src/index.ts";
import { untilFound } from "../client/indexed.ts";
import { startBetween } from "./between.ts";
import { run, seen, start, startInTerminal, startTestServer, type TestServer } from "./cli.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

let from: TestServer;
let to: TestServer;
let source: DurablePromises;
let folder: string;
const base = `transfer/${randomUUID()}`;

beforeAll(async () => {
  [from, to] = [await startTestServer(), await startTestServer()];
  source = new DurablePromises({ url: from.url });
  folder = await mkdtemp(join(MEMORY, "durable-promises-transfer-"));
  await source.create(`${base}/pending`, { deadline: "7d", tags: { region: "eu" } });
  await source.create(`${base}/form`, { form: { title: "Pay?" }, quorum: { approvals: 2, of: 3 } });
  for (const id of ["resolved", "rejected"]) await source.create(`${base}/${id}`);
  // As a program would that keeps numbers to the letter.
  const text = '{"big":12345678901234567890,"exact":1.0}';
  await run(["resolve", `${base}/resolved`, text], { url: from.url });
  await source.reject(`${base}/rejected`, "no");
  await untilFound(source, { id: `${base}/*` }, 4);
});
afterAll(async () => {
  await from[Symbol.asyncDispose]();
  await to[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const file = () => join(folder, randomUUID());

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

const idOf = (line: string) => (JSON.parse(line) as { id: string }).id;

/** Promises as an export would write them. */
function exported(beginning: string, count: number, data: unknown = null): string[] {
  const [timeout, createdOn] = [Number.MAX_SAFE_INTEGER, Date.now() - 60_000];
  return Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      id: `${beginning}/${String(n).padStart(5, "0")}`,
      state: "PENDING",
      param: { data },
      value: {},
      timeout,
      tags: {},
      createdOn,
    }),
  );
}

describe("an export", () => {
  test("is a line for each promise, in the order of ids, and nothing else", async () => {
    const { code, stdout, stderr } = await run(["export", `${base}/*`], { url: from.url });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "4 exported\n" });
    const ids = lines(stdout).map(idOf);
    expect(ids).toEqual(["form", "pending", "rejected", "resolved"].map((id) => `${base}/${id}`));
    expect(stdout).toContain('{"big":12345678901234567890,"exact":1.0}');
  });

  test("takes what a search takes, but no order and no pages", async () => {
    const asked = ["export", `${base}/*`, "--state", "pending", "--tag", "region=eu"];
    const { stdout } = await run(asked, { url: from.url });
    expect(lines(stdout).map(idOf)).toEqual([`${base}/pending`]);
    for (const flags of [
      ["--sort", "id"],
      ["--limit", "1"],
      ["--resume", "x"],
    ]) {
      expect((await run(["export", ...flags], { url: from.url })).code).toBe(64);
    }
  });

  test("imported elsewhere is the same there; again, nothing is done", async () => {
    const { stdout } = await run(["export", `${base}/*`], { url: from.url });
    const first = await run(["import"], { url: to.url, stdin: stdout });
    expect(first).toEqual({ code: 0, stdout: "", stderr: "4 imported\n" });
    const again = await run(["import", "-", "--json"], { url: to.url, stdin: stdout });
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ imported: 0, same: 4, conflict: 0 });
    await untilFound(new DurablePromises({ url: to.url }), { id: `${base}/*` }, 4);
    const there = await run(["export", `${base}/*`], { url: to.url });
    expect(there.stdout).toBe(stdout);
  });

  test("goes to a file, with progress where somebody looks", async () => {
    const path = file();
    await using exporting = startInTerminal(["export", `${base}/*`, "--out", path], {
      url: from.url,
    });
    const { code, stdout } = await exporting.ended;
    expect(code).toBe(0);
    expect(stdout).toContain("of 4 exported");
    expect(seen(stdout)).toMatch(/4 exported to \S+\n$/);
    expect(lines(await readFile(path, "utf8"))).toHaveLength(4);
    const bad = await run(["export", "--out", "/nowhere/at/all"], { url: from.url });
    expect(bad.code).toBe(64);
  });
});

describe("an import", () => {
  test("says which lines could not be taken, and why, and takes the others", async () => {
    const id = `conflict/${randomUUID()}`;
    const [good, other, mine] = [exported(id, 1), exported(`${id}/b`, 1), exported(`${id}/c`, 1)];
    await run(["import"], { url: to.url, stdin: `${mine[0]}\n` });
    const changed = mine[0]!.replace('"tags":{}', '"tags":{"a":"b"}');
    const stdin = [...good, "no json", "", changed, '{"id": "x"}', ...other].join("\n");
    const { code, stdout, stderr } = await run(["import"], { url: to.url, stdin });
    expect(code).toBe(65);
    expect(stderr).toBe("2 imported, 1 conflict, 2 refused\n");
    const [broken, conflict, half] = lines(stdout);
    expect(broken).toMatch(/^line 2 {2}refused {2}.*not JSON/);
    expect(conflict).toMatch(new RegExp(`^line 4 {2}conflict {2}${id}/c/00000 {2}tags {2}`));
    expect(half).toMatch(/^line 5 {2}refused {2}x {2}/);
    const once = await run(["import", "--json"], { url: to.url, stdin: changed });
    expect(once.code).toBe(73);
    const [said = "", counts = ""] = lines(once.stdout);
    expect(JSON.parse(said)).toMatchObject({ line: 1, result: "conflict", fields: ["tags"] });
    expect(JSON.parse(counts)).toMatchObject({ conflict: 1, imported: 0 });
  });

  test("of a file that is not there, or by whoever may not, does nothing", async () => {
    expect((await run(["import", "/nowhere/at/all"], { url: to.url })).code).toBe(64);
    expect((await run(["import", "--resume", "x"], { url: to.url, stdin: "" })).code).toBe(64);
    expect(await run(["import"], { url: to.url, stdin: "" })).toEqual({
      code: 0,
      stdout: "",
      stderr: "0 imported\n",
    });
  });
});

describe("a line that breaks", () => {
  const many = `many/${randomUUID()}`;
  beforeAll(async () => {
    const stdin = exported(many, 450).join("\n");
    await run(["import"], { url: from.url, stdin });
    await untilFound(source, { id: `${many}/*` }, 450);
  });

  test("in an export costs nothing: each promise comes once", async () => {
    // Between two marks, right behind one, and before the first line of all.
    const fates = [{ breaksAfter: 250 }, { breaksAfter: 0 }, { breaksAfter: 120 }] as const;
    await using between = await startBetween(from.url, (_, before) => fates[before] ?? "whole");
    const { code, stdout, stderr } = await run(["export", `${many}/*`], { url: between.url });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "450 exported\n" });
    const ids = lines(stdout).map(idOf);
    expect(ids).toHaveLength(450);
    expect(new Set(ids).size).toBe(450);
    const cursors = between.asked.map(({ path }) =>
      new URL(path, "http://a").searchParams.get("cursor"),
    );
    expect(cursors[0]).toBeNull();
    expect(cursors[1]).not.toBeNull();
    expect(cursors[2]).toBe(cursors[1]);
  });

  test("in an import is made up for: what has come to a result is not sent again", async () => {
    const beginning = `broken/${randomUUID()}`;
    const stdin = exported(beginning, 60).join("\n");
    const fates = [{ breaksAfter: 20 }, { breaksAfter: 0 }] as const;
    await using between = await startBetween(to.url, (_, before) => fates[before] ?? "whole");
    const { code, stderr } = await run(["import"], { url: between.url, stdin });
    expect(code).toBe(0);
    expect(stderr).toBe("20 imported, 40 same\n");
    expect(between.asked.map(({ body }) => lines(body).length)).toEqual([60, 40, 40]);
    await untilFound(new DurablePromises({ url: to.url }), { id: `${beginning}/*` }, 60);
  });

  test("for ever ends with 69, and keeps how far it came", async () => {
    await using between = await startBetween(from.url, (_, before) =>
      before === 0 ? { breaksAfter: 250 } : { breaksAfter: 0 },
    );
    const [path, resume] = [file(), file()];
    const args = ["export", `${many}/*`, "--out", path, "--resume", resume];
    const { code, stderr } = await run(args, { url: between.url });
    expect(code).toBe(69);
    expect(stderr).toMatch(/^stopped after \d+; the same command goes on there\n/);
    expect(existsSync(resume)).toBe(true);
  });
});

describe("who is stopped goes on", () => {
  test("with an export, at its last mark", async () => {
    const beginning = `stopped/${randomUUID()}`;
    const stdin = exported(beginning, 450).join("\n");
    await run(["import"], { url: from.url, stdin });
    await untilFound(source, { id: `${beginning}/*` }, 450);
    const [path, resume] = [file(), file()];
    await using between = await startBetween(from.url, (_, before) =>
      before === 0 ? { stopsAfter: 310 } : "whole",
    );
    const args = ["export", `${beginning}/*`, "--out", path, "--resume", resume];
    await using stopped = start(args, { url: between.url });
    // More than up to the mark is in the file by then; that is taken back.
    await eventually(async () => {
      expect(existsSync(resume)).toBe(true);
      expect(lines(await readFile(path, "utf8"))).toHaveLength(309);
    });
    stopped.process.kill("SIGKILL");
    await stopped.ended;
    const other = ["export", `${beginning}/0*`, "--out", path, "--resume", resume];
    const refused = await run(other, { url: between.url });
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain("is of other work");
    const { code, stderr } = await run(args, { url: between.url });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^450 exported to /);
    const ids = lines(await readFile(path, "utf8")).map(idOf);
    expect(ids).toHaveLength(450);
    expect(new Set(ids).size).toBe(450);
    expect(existsSync(resume)).toBe(false);
  });

  test("with an import, at the lines that have come to no result", async () => {
    const beginning = `stopped/${randomUUID()}`;
    // So long that one request does not carry them all.
    const all = exported(beginning, 12, "x".repeat(900_000));
    const [path, resume] = [file(), file()];
    await writeFile(path, `${all.join("\n")}\n`);
    await using between = await startBetween(to.url, (_, before) =>
      before === 1 ? { stopsAfter: 0 } : "whole",
    );
    const args = ["import", path, "--resume", resume];
    await using stopped = start(args, { url: between.url });
    await eventually(() => expect(between.asked).toHaveLength(2));
    expect(existsSync(resume)).toBe(true);
    stopped.process.kill("SIGKILL");
    await stopped.ended;
    const { code, stderr } = await run(args, { url: between.url });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^(?:12 imported|\d+ imported, \d+ same)\n$/);
    const [first, second, third] = between.asked.map(({ body }) => lines(body).map(idOf));
    expect([...first!, ...second!]).toEqual(all.map(idOf));
    expect(third).toEqual(second);
    expect(existsSync(resume)).toBe(false);
    await untilFound(new DurablePromises({ url: to.url }), { id: `${beginning}/*` }, 12);
  });
});

async function read(pieces: string[], bytesMax = 100): Promise<Line[]> {
  const chunks = (async function* () {
    for (const piece of pieces) yield new TextEncoder().encode(piece);
  })();
  const found: Line[] = [];
  for await (const line of linesOf(chunks, bytesMax)) found.push(line);
  return found;
}

describe("lines out of bytes", () => {
  test("are the same however they are cut, with their numbers and where they end", async () => {
    const text = '{"a":1}\n\n  \n{"ü":2}\r\n{"c":3}';
    const expected = [
      { number: 1, text: '{"a":1}', endsAt: 8 },
      { number: 4, text: '{"ü":2}\r', endsAt: 22 },
      { number: 5, text: '{"c":3}', endsAt: 29 },
    ];
    expect(await read([text])).toEqual(expected);
    expect(await read(Array.from(text))).toEqual(expected);
    expect(await read([])).toEqual([]);
  });

  test("that are too long are passed over by number", async () => {
    expect(await read(["a\n", "b".repeat(60), `${"b".repeat(60)}\nc\n`])).toEqual([
      { number: 1, text: "a", endsAt: 2 },
      { number: 2, text: undefined, endsAt: 123 },
      { number: 3, text: "c", endsAt: 125 },
    ]);
  });
});

test("a bookmark that is none is refused, and one that is not kept does nothing", async () => {
  const path = file();
  await writeFile(path, "nothing of ours");
  await expect(new Bookmark(path, { does: "export" }).load()).rejects.toThrow(/is of other work/);
  const none = new Bookmark(undefined, {});
  await none.save({ a: 1 });
  expect(await none.load()).toBeUndefined();
});
