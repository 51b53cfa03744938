/** `doctor`: asks everything that can go wrong between here and the promises, and says what to do. */
import type { Command } from "../command.ts";
import { EXIT } from "../exit.ts";
import { type Finding, examine } from "../doctor.ts";
import { harmless, type Screen, type Style } from "../screen.ts";
import { progress } from "../progress.ts";
import { printJson } from "../show.ts";

const MARKS: Record<Finding["verdict"], readonly [mark: string, style: Style]> = {
  good: ["✓", "green"],
  unclear: ["!", "yellow"],
  bad: ["✗", "red"],
  skipped: ["-", "dim"],
};

const CHECK_WIDTH = 10;

export const doctor: Command = {
  name: "doctor",
  summary: "look for what is wrong with the connection, the key or the server",
  notes: [
    "Changes nothing. Exits with 1 if something is wrong (✗); what is only worth knowing (!) is no",
    "failure. With --json: a line for each check, {check, verdict, says, todo}.",
  ],
  examples: ["doctor --url https://promises.example.com"],
  run: async (session) => {
    const { screen, json } = session;
    let isWell = true;
    using line = progress(screen);
    for await (const step of examine(session)) {
      if ("next" in step) line.says(() => `checking: ${step.next}`);
      else {
        isWell &&= step.verdict !== "bad";
        if (json) printJson(session, step);
        else for (const text of linesOf(screen, step)) screen.print(text);
      }
    }
    return isWell ? EXIT.ok : EXIT.rejected;
  },
};

function linesOf(screen: Screen, { check, verdict, says, todo }: Finding): string[] {
  const [mark, style] = MARKS[verdict];
  const line = `${screen.style(style, mark)} ${check.padEnd(CHECK_WIDTH)} ${harmless(says)}`;
  if (todo === undefined) return [line];
  return [line, `  ${" ".repeat(CHECK_WIDTH)} → ${harmless(todo)}`];
}
