/**
 * An import, request after request: so many lines at a time, those that have come to no result again.
 * Sending a line twice changes nothing: the server finds that it is there, as the line says.
 */
import { ConnectionError, type ImportedLine, type ImportSummary } from "../index.ts";
import type { Line } from "./ndjson.ts";
import { answerLines, Patience, type Transfer } from "./transfer.ts";

/** As much as one request carries; the server takes more lines, and bigger ones. */
const LINES_MAX = 1000;
const BYTES_MAX = 8 * 1024 * 1024;
/** A line that fails for reasons of its own does not hold up the others for longer. */
const FAILURES_MAX = 3;

export type ImportStep =
  | { kind: "line"; line: Omit<ImportedLine, "done"> }
  /** Everything up to here has come to a result. */
  | { kind: "mark"; number: number; endsAt: number };

export async function* importing(
  session: Transfer,
  lines: AsyncIterable<Line>,
): AsyncGenerator<ImportStep, void, undefined> {
  const patience = new Patience(session.signal);
  for await (const batch of batches(lines)) {
    let left: readonly Line[] = batch.filter(({ text }) => text !== undefined);
    for (const { number, text } of batch) {
      if (text !== undefined) continue;
      yield {
        kind: "line",
        line: { line: number, result: "refused", detail: "The line is too long" },
      };
    }
    for (let failures = 0; left.length > 0;) {
      const failed: Line[] = [];
      /** So many of those that are left have come to a result. */
      let done = 0;
      let isWhole = false;
      let trouble: unknown = new ConnectionError("the answer ended before its end");
      try {
        const body = left.map(({ text }) => `${text}\n`).join("");
        for await (const text of answerLines(session, { method: "POST", path: "/import", body })) {
          // SAFETY: the server's word for it.
          const said = JSON.parse(text) as ImportedLine | ImportSummary;
          if (!("line" in said)) {
            isWhole = true;
            // What it has not taken is asked about with the next request.
            done = said.next === null ? left.length : said.next - 1;
            continue;
          }
          const { done: _, ...line } = said;
          const asked = left[line.line - 1];
          if (!asked) continue;
          done = line.line;
          if (line.result === "failed" && failures < FAILURES_MAX) failed.push(asked);
          else yield { kind: "line", line: { ...line, line: asked.number } };
        }
      } catch (error) {
        trouble = error;
      }
      if (done > 0) patience.renew();
      left = [...failed, ...left.slice(done)];
      if (failed.length > 0) {
        failures += 1;
        trouble = new ConnectionError("the server could not take some of the lines");
      }
      if (!isWhole || failed.length > 0) await patience.waitOut(trouble);
    }
    const last = batch.at(-1)!;
    yield { kind: "mark", number: last.number, endsAt: last.endsAt };
  }
}

async function* batches(lines: AsyncIterable<Line>): AsyncGenerator<Line[], void, undefined> {
  let batch: Line[] = [];
  let bytes = 0;
  for await (const line of lines) {
    batch.push(line);
    bytes += line.text?.length ?? 0;
    if (batch.length < LINES_MAX && bytes < BYTES_MAX) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
