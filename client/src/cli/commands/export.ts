/** `export`: promises with their history as lines of JSON, to be kept or to be imported elsewhere. */
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import type { SearchQuery } from "../../index.ts";
import { searchPath } from "../../search.ts";
import { type Command, type Session, UsageError } from "../command.ts";
import { exporting } from "../exporting.ts";
import { progress } from "../progress.ts";
import { QUERY_FLAGS, queryOf } from "../query-flags.ts";
import { Bookmark } from "../resume.ts";
import { harmless, type Screen } from "../screen.ts";
import { inTime } from "../transfer.ts";

// An export is in the order of ids, and has no pages.
const { sort: _, limit: __, ...FLAGS } = QUERY_FLAGS;

export const exportPromises: Command = {
  name: "export",
  takes: "[pattern]",
  summary: "promises with their history, a line of JSON each",
  flags: {
    ...FLAGS,
    out: { takes: "<file>", short: "o", help: "write there, and not to stdout" },
    resume: { takes: "<file>", help: "remember there how far it has come, and go on from there" },
  },
  notes: [
    "Takes what search takes; without anything, everything that the key reaches. With --resume, the",
    "same command goes on where the one before was stopped, and the file is removed when it is done.",
  ],
  examples: ["export > all.ndjson", "export 'orders/*' --out orders.ndjson --resume orders.resume"],
  run,
};

/** How far it has come. */
interface State {
  cursor: string;
  exported: number;
  /** How long the output was then. */
  bytes: number;
}

async function run(session: Session): Promise<void> {
  const { args, screen, url } = session;
  const query = queryOf(args);
  const [path, out] = [searchPath(query).replace("/promises", "/export"), args.text("out")];
  if (args.text("resume") !== undefined && out === undefined) {
    throw new UsageError("--resume needs --out: what was written to stdout cannot be taken back");
  }
  const work = { does: "export", url, path, out: out === undefined ? "" : resolve(out) };
  const bookmark = new Bookmark<State>(args.text("resume"), work);
  const begun = await bookmark.load();
  await using output = await outputTo(screen, out, begun?.bytes);
  using line = progress(screen);
  using within = inTime(session);
  const total = await totalOf(session, query);
  let exported = begun?.exported ?? 0;
  line.says(() => `${exported}${total === undefined ? "" : ` of ${total}`} exported`);
  try {
    for await (const step of exporting(within, path, begun?.cursor)) {
      if (step.kind === "promise") {
        await output.write(`${step.text}\n`);
        exported += 1;
      } else if (bookmark.isKept) {
        await bookmark.save({ cursor: step.cursor, exported, bytes: await output.saved() });
      }
    }
  } catch (error) {
    if (bookmark.isKept) screen.note(`stopped after ${exported}; the same command goes on there`);
    throw error;
  }
  await bookmark.remove();
  screen.note(`${exported} exported${out === undefined ? "" : ` to ${harmless(out)}`}`);
}

/** Of what there is to come, where somebody looks. */
async function totalOf({ screen, promises, calls }: Session, query: SearchQuery) {
  if (!screen.hasProgress) return undefined;
  const search = promises.search({ ...query, count: true, limit: 1, view: "summary" }, calls);
  return (await search.page()).count;
}

interface Output extends AsyncDisposable {
  write(text: string): Promise<void>;
  /** How long it is, once all of it is on the disk. */
  saved(): Promise<number>;
}

/** @param bytes how much of it is good; the rest was written after the last mark */
async function outputTo(
  screen: Screen,
  path: string | undefined,
  bytes: number | undefined,
): Promise<Output> {
  if (path === undefined) {
    return {
      async write(text) {
        screen.write(text);
        await screen.drained();
      },
      saved: async () => 0,
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const file = await opened(path, bytes);
  let at = bytes ?? 0;
  return {
    async write(text) {
      const { bytesWritten } = await file.write(text, at);
      at += bytesWritten;
    },
    async saved() {
      await file.datasync();
      return at;
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function opened(path: string, bytes: number | undefined): Promise<FileHandle> {
  try {
    const file = await open(path, bytes === undefined ? "w" : "r+");
    if (bytes !== undefined) await file.truncate(bytes);
    return file;
  } catch (cause) {
    throw new UsageError(`cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
