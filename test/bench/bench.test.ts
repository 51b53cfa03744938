/** That the benchmark runs and says what it should say; not how fast anything is. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Report } from "./report.ts";

const run = promisify(execFile);
const RUN_TS = join(import.meta.dirname, "run.ts");

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "durable-promises-bench-test-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

test("a quick run of one row reports it as Markdown and JSON, and leaves nothing behind", async () => {
  const args = [RUN_TS, "--quick", "--only", "get", "--no-bars", "--out", folder];
  const { stdout } = await run(process.execPath, args, { env: { ...process.env, TMPDIR: folder } });

  expect(readdirSync(folder).toSorted()).toEqual(["report.json", "report.md"]);
  expect(readFileSync(join(folder, "report.md"), "utf8")).toBe(stdout);
  const report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as Report;
  expect(report.rows.map((row) => row.name)).toEqual(["get pending", "get settled"]);
  for (const row of report.rows) {
    const { min, median, max } = row.ours.value;
    expect(min).toBeGreaterThan(0);
    expect(median).toBeGreaterThanOrEqual(min);
    expect(max).toBeGreaterThanOrEqual(median);
    const ratios = row.ours.value.sample.map((value, n) => value / row.floor!.value.sample[n]!);
    expect(row.ratio).toBeCloseTo(ratios.toSorted((a, b) => a - b)[1]!);
    expect(row.passed).toBe(row.ratio! >= 0.7);
    expect(stdout).toContain(`| ${row.name} | `);
    expect(row.limit).not.toBe("");
  }
});

test("an unknown row is refused before anything is started", async () => {
  const refused = run(process.execPath, [RUN_TS, "--only", "gte"]);
  await expect(refused).rejects.toThrow('not "gte"');
});
