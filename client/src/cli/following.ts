/**
 * A list that is followed: on a terminal drawn anew with each change, in a pipe as a line for each.
 * What the list is, the server and `live-list.ts` know.
 */
import { isTimeoutError, type ListEvent, type PromiseSummary, type SearchQuery } from "../index.ts";
import type { Session } from "./command.ts";
import { LiveList } from "./live-list.ts";
import { aboutText, stateWord } from "./look.ts";
import { harmless, type Screen } from "./screen.ts";
import { printJson, promiseLines } from "./show.ts";

/** Faster than this nobody reads; every second the clocks of a list that rests go on. */
const DRAW_MS_MIN = 100;
const CLOCK_MS = 1000;
const [CLEAR_BELOW, HIDE_CURSOR, SHOW_CURSOR] = ["\u001B[0J", "\u001B[?25l", "\u001B[?25h"];

/** Until the signal of the session, its timeout, which is no failure here, or a refusal. */
export async function follow(session: Session, query: SearchQuery): Promise<void> {
  try {
    await show(session, query);
  } catch (error) {
    if (!isTimeoutError(error)) throw error;
  }
}

async function show(session: Session, query: SearchQuery): Promise<void> {
  const { promises, calls, screen, json } = session;
  await using events = promises.inbox(query, calls);
  if (json || !screen.isTerminal) {
    for await (const event of events) {
      if (json) printJson(session, event);
      else for (const line of eventLines(event)) screen.print(line);
      await screen.drained();
    }
    return;
  }
  const list = new LiveList(query.sort);
  using drawing = drawn(screen, list);
  for await (const event of events) {
    list.apply(event);
    drawing.changed();
  }
}

/** What happened, a line each: `page` lists what is there. */
export function eventLines(event: ListEvent, now = new Date()): string[] {
  const at = now.toISOString();
  const lineOf = (sign: string, { state, id, ...rest }: PromiseSummary) =>
    [`${at} ${sign} ${stateWord(state)}`, harmless(id), aboutText({ state, id, ...rest })]
      .filter((part) => part !== "")
      .join("  ");
  switch (event.type) {
    case "page":
      return event.promises.map((promise) => lineOf("=", promise));
    case "added":
      return [lineOf("+", event.promise)];
    case "changed":
      return [lineOf("~", event.promise)];
    case "removed":
      return [`${at} - ${harmless(event.id)}`];
    default:
      return event satisfies never;
  }
}

/** The list in place, below what was on the terminal before; it stays there when it is over. */
function drawn(screen: Screen, list: LiveList): Disposable & { changed: () => void } {
  let height = 0;
  let due: NodeJS.Timeout | undefined;
  let heard = false;
  screen.write(HIDE_CURSOR);
  const draw = () => {
    due = undefined;
    const lines = heard ? linesOf(screen, list) : [screen.style("dim", "connecting")];
    const up = height > 0 ? `\u001B[${height}A` : "";
    screen.write(`\r${up}${CLEAR_BELOW}${lines.join("\n")}\n`);
    height = lines.length;
  };
  draw();
  const clock = setInterval(draw, CLOCK_MS);
  return {
    changed: () => {
      heard = true;
      due ??= setTimeout(draw, DRAW_MS_MIN);
    },
    [Symbol.dispose]: () => {
      clearInterval(clock);
      clearTimeout(due);
      if (due) draw();
      // What the terminal itself wrote, such as ^C, goes.
      screen.write(`\r${CLEAR_BELOW}${SHOW_CURSOR}`);
    },
  };
}

/** Never higher than the terminal: what has scrolled out of it cannot be drawn anew. */
function linesOf(screen: Screen, list: LiveList): string[] {
  const now = Date.now();
  const shown = list.first(Math.max(1, screen.rows - 4));
  const lines = promiseLines(screen, shown, now);
  const more = list.count - shown.length;
  const about = list.isWhole ? "" : "about ";
  const footer = `${about}${list.count} in all${more > 0 ? `, ${about}${more} more` : ""}`;
  return [...lines, screen.style("dim", `${footer} · live · Ctrl-C ends it`)];
}
