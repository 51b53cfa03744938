/** `import`: promises with their history, as an export has written them. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { IMPORT_RESULTS, type ImportedLine, type ImportResult, LIMITS } from "../../index.ts";
import { type Command, type Session, UsageError } from "../command.ts";
import { EXIT } from "../exit.ts";
import { importing } from "../importing.ts";
import { linesOf } from "../ndjson.ts";
import { progress } from "../progress.ts";
import { Bookmark } from "../resume.ts";
import { harmless } from "../screen.ts";
import { printJson } from "../show.ts";
import { inTime } from "../transfer.ts";

export const importPromises: Command = {
  name: "import",
  takes: "[file]",
  summary: "take in promises that were exported; - or nothing reads stdin",
  flags: {
    resume: { takes: "<file>", help: "remember there how far it has come, and go on from there" },
  },
  notes: [
    "What is there as the line says is left as it is, so an import may be repeated. Prints only what",
    "could not be taken: a conflict is there, and is not as the line says; nothing is changed then.",
    "Ends with 65 if a line was refused, else with 73 if there was a conflict, else with 69 if one failed.",
  ],
  examples: ["import all.ndjson", "export --url $OLD | durable-promises import --url $NEW"],
  goesOnUnheard: true,
  run,
};

type Counts = Record<ImportResult, number>;

/** How far it has come. */
interface State {
  number: number;
  endsAt: number;
  counts: Counts;
}

async function run(session: Session): Promise<number> {
  const { args, screen, json, url } = session;
  const [path, remembered] = [args.words[0] ?? "-", args.text("resume")];
  if (remembered !== undefined && path === "-") {
    throw new UsageError("--resume needs a file: what was read from stdin cannot be read again");
  }
  const bytes = path === "-" ? undefined : await sizeOf(path);
  const work = { does: "import", url, file: resolve(path), bytes };
  const bookmark = new Bookmark<State>(remembered, work);
  const begun = await bookmark.load();
  const counts = { ...(begun?.counts ?? zeroes()) };
  let at = begun?.endsAt ?? 0;
  {
    using line = progress(screen);
    using within = inTime(session);
    line.says(() => `${textOf(counts)}${bytes === undefined ? "" : ` · ${percent(at, bytes)}`}`);
    try {
      for await (const step of importing(within, linesIn(path, begun))) {
        if (step.kind === "mark") {
          at = step.endsAt;
          const { number, endsAt } = step;
          await bookmark.save({ number, endsAt, counts });
          continue;
        }
        counts[step.line.result] += 1;
        if (step.line.result === "imported" || step.line.result === "same") continue;
        if (json) printJson(session, step.line);
        else screen.print(lineText(step.line));
        await screen.drained();
      }
    } catch (error) {
      if (bookmark.isKept) screen.note(`stopped after ${at} bytes; the same command goes on there`);
      throw error;
    }
  }
  await bookmark.remove();
  if (json) printJson(session, counts);
  else screen.note(textOf(counts));
  if (counts.refused > 0) return EXIT.badData;
  if (counts.conflict > 0) return EXIT.conflict;
  return counts.failed > 0 ? EXIT.unreachable : EXIT.ok;
}

function linesIn(path: string, begun: State | undefined) {
  const chunks =
    path === "-" ? process.stdin : createReadStream(path, { start: begun?.endsAt ?? 0 });
  return linesOf(chunks, LIMITS.importLineBytesMax, begun);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

function zeroes(): Counts {
  return { imported: 0, same: 0, conflict: 0, refused: 0, failed: 0 };
}

/** The first always, the others where there are some: "12 imported, 3 same". */
function textOf(counts: Counts): string {
  return IMPORT_RESULTS.filter((result, index) => index === 0 || counts[result] > 0)
    .map((result) => `${counts[result]} ${result}`)
    .join(", ");
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "100 %" : `${Math.floor((part / whole) * 100)} %`;
}

function lineText({ line, id, result, fields, detail }: Omit<ImportedLine, "done">): string {
  const parts = [`line ${line}`, result, id, fields?.join(", "), detail];
  return parts
    .filter((part) => part !== undefined)
    .map(harmless)
    .join("  ");
}
