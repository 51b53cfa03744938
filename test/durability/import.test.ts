/**
 * An import through `kill -9`, again and again in the middle of it: done once more, it is whole. What
 * was said to be imported is there, and nothing is there that a line does not say.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { NEVER, type ImportedLine, type ImportSummary } from "../../client/src/protocol.ts";
import { startServer, type Server } from "../../src/local/server.ts";

const ROUNDS = 8;
const LINES = 400;

const data = mkdtempSync(join(tmpdir(), "durable-promises-import-"));
let server: Server | undefined;

afterAll(async () => {
  await server?.kill();
  rmSync(data, { recursive: true, force: true });
});

/** Half of them settled, a quarter past their deadline. */
function lineOf(n: number): string {
  const base = { id: `import/${n}`, createdOn: 1000, tags: { n: String(n) } };
  const settled = { state: "RESOLVED", completedOn: 2000, value: { data: n } };
  const state = n % 2 === 0 ? settled : { state: "PENDING" };
  return JSON.stringify({ timeout: n % 4 === 1 ? 3000 : NEVER, ...base, ...state });
}

const body = Array.from({ length: LINES }, (_, n) => `${lineOf(n)}\n`).join("");

/** What it has said until it ended, or was killed. */
async function importUntil(
  { url, kill }: Server,
  lines: number,
): Promise<(ImportedLine | ImportSummary)[]> {
  const said: (ImportedLine | ImportSummary)[] = [];
  const headers = { "content-type": "application/x-ndjson" };
  let rest = "";
  let killed: Promise<void> | undefined;
  try {
    const answer = await fetch(`${url}/import`, { method: "POST", headers, body });
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      const texts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = texts.pop() ?? "";
      said.push(...texts.map((text) => JSON.parse(text) as ImportedLine));
      if (said.length >= lines) killed ??= kill();
    }
  } catch {
    // Killed in the middle of it.
  }
  await killed;
  return said;
}

it(`is whole after ${ROUNDS} kills`, { timeout: 120_000 }, async () => {
  const answered = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    server = await startServer({ data });
    const said = await importUntil(server, 10 + round * 40);
    for (const one of said) {
      if (!("result" in one)) continue;
      expect(["imported", "same"]).toContain(one.result);
      // What was there before is there still.
      if (answered.has(one.id ?? "")) expect(one.result).toBe("same");
      answered.add(one.id ?? "");
    }
    await server.kill();
  }
  server = await startServer({ data });
  const said = await importUntil(server, Infinity);
  const summary = said.at(-1) as ImportSummary;
  expect(summary).toMatchObject({ conflict: 0, refused: 0, failed: 0, done: LINES, next: null });
  expect(summary.same).toBeGreaterThanOrEqual(answered.size);
  for (let n = 0; n < LINES; n += 37) {
    const record: unknown = await (await fetch(`${server.url}/promises/import/${n}`)).json();
    const state = n % 2 === 0 ? "RESOLVED" : n % 4 === 1 ? "REJECTED_TIMEDOUT" : "PENDING";
    expect(record).toMatchObject({ state, createdOn: 1000, tags: { n: String(n) } });
  }
});
