/** `search`: promises, by what is true of them; a page, all pages, or the list as it changes. */
import type { PromiseRecord, PromiseSummary, SearchPage, SearchView } from "../../index.ts";
import { type Command, type Session, UsageError } from "../command.ts";
import { follow } from "../following.ts";
import { progress } from "../progress.ts";
import { QUERY_FLAGS, queryOf } from "../query-flags.ts";
import { harmless } from "../screen.ts";
import { printJson, promiseLines } from "../show.ts";

const VIEWS = ["full", "summary"] as const satisfies readonly SearchView[];

export const search: Command = {
  name: "search",
  takes: "[pattern]",
  summary: "find promises by id, state, tags, time, or words",
  flags: {
    ...QUERY_FLAGS,
    cursor: { takes: "<cursor>", help: "go on where the page before ended" },
    count: { help: "say how many there are in all" },
    view: {
      takes: "<view>",
      oneOf: VIEWS,
      help: "full records, or summaries, which are faster (full with --json, else summary)",
    },
    all: { short: "a", help: "all pages" },
    watch: { short: "w", help: "the list as it changes, until Ctrl-C" },
    pages: { help: "with --json: whole pages, with cursor and count, one a line" },
    quiet: { short: "q", help: "print ids only, one a line" },
  },
  notes: ["All that is given must be true. Without anything, the newest are shown."],
  examples: [
    "search 'orders/*' --state pending --sort deadline",
    "search --tag region=eu --settled-after -1h --all --json",
    "search --q 'refund ada' --watch",
  ],
  run: (session) => (session.args.is("watch") ? watchSearch(session) : searchPages(session)),
};

async function watchSearch(session: Session): Promise<void> {
  const { args } = session;
  for (const flag of ["cursor", "view"]) {
    if (args.text(flag) !== undefined) throw new UsageError(`--watch takes no --${flag}`);
  }
  for (const flag of ["all", "pages", "quiet", "count"]) {
    if (args.is(flag)) throw new UsageError(`--watch takes no --${flag}`);
  }
  await follow(session, queryOf(args));
}

async function searchPages(session: Session): Promise<void> {
  const { args, screen, json, promises, calls } = session;
  const isQuiet = args.is("quiet");
  const view: SearchView = args.choice("view", VIEWS) ?? (json && !isQuiet ? "full" : "summary");
  const query = { ...queryOf(args), view, count: args.is("count") };
  const found = promises.search(query, calls);
  let cursor = args.text("cursor") ?? null;
  let shown = 0;
  let last: SearchPage<PromiseRecord | PromiseSummary>;
  {
    using line = progress(screen);
    line.says(() => (shown === 0 ? "searching" : `${shown} found`));
    do {
      last = await found.page(cursor ?? undefined);
      ({ cursor } = last);
      shown += last.promises.length;
      if (json || isQuiet) printItems(session, last, isQuiet);
      else printPage(session, last, shown === last.promises.length);
      await screen.drained();
    } while (args.is("all") && cursor !== null);
  }
  if (last.count !== undefined) screen.note(`${last.count} in all`);
  if (cursor !== null) screen.note(`more: --cursor ${harmless(cursor)}, or --all`);
}

function printItems(
  session: Session,
  page: SearchPage<PromiseRecord | PromiseSummary>,
  isQuiet: boolean,
): void {
  if (session.args.is("pages")) return printJson(session, page);
  for (const promise of page.promises) {
    if (isQuiet) session.screen.print(harmless(promise.id));
    else printJson(session, promise);
  }
}

/** Each page is a table of its own, as wide as it needs to be; the titles stand once. */
function printPage(
  { screen }: Session,
  { promises }: SearchPage<PromiseRecord | PromiseSummary>,
  isFirst: boolean,
): void {
  if (promises.length === 0 && isFirst) return screen.note("nothing found");
  const lines = promiseLines(screen, promises, Date.now());
  for (const line of isFirst ? lines : lines.slice(1)) screen.print(line);
}
