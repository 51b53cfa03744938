/** `stats`: how many there are, by state. */
import { STATES, TASK_STATES } from "../../index.ts";
import type { Command } from "../command.ts";
import { instantText, STATE_STYLES, stateWord } from "../look.ts";
import { printCard, printJson } from "../show.ts";

export const stats: Command = {
  name: "stats",
  summary: "how many promises and tasks there are, by state",
  run: async (session) => {
    const { promises, calls, json, screen } = session;
    const counted = await promises.stats(calls);
    if (json) return printJson(session, counted);
    for (const state of STATES) {
      const count = String(counted.promises[state]).padStart(8);
      screen.print(`${count}  ${screen.style(STATE_STYLES[state], stateWord(state))}`);
    }
    for (const state of TASK_STATES) {
      screen.print(`${String(counted.tasks[state]).padStart(8)}  tasks ${state}`);
    }
    printCard(session, [["waits longest since", oldest(counted.oldestPendingOn)]]);
  },
};

function oldest(at: number | undefined): string | undefined {
  return at === undefined ? undefined : instantText(at, Date.now());
}
