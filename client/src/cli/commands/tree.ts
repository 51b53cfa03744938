/** `tree`: a promise and all that hang on it, as a drawing. */
import { type PromiseSummary, type TreeNode, type TreeRow, treeRows } from "../../index.ts";
import type { Command } from "../command.ts";
import { lengthText, STATE_STYLES, stateWord } from "../look.ts";
import { progress } from "../progress.ts";
import { harmless, type Screen } from "../screen.ts";
import { jsonLine } from "../json.ts";
import { type Column, tableLines } from "../table.ts";

export const tree: Command = {
  name: "tree",
  takes: "<id>",
  summary: "a promise and all that hang on it, with states and durations",
  flags: { limit: { takes: "<n>", short: "n", help: "look at no more promises than this (5000)" } },
  notes: [
    "By ids (a/b on a, flow.1 on flow, flow:1 on flow) and the tags resonate:parent and resonate:origin.",
  ],
  examples: ["tree orders/42"],
  run: async ({ args, promises, calls, screen, json }) => {
    const nodesMax = args.whole("limit");
    const found = await (async () => {
      using line = progress(screen);
      line.says(() => `looking for what hangs on ${harmless(args.word(0))}`);
      return promises.tree(args.word(0), { ...calls, ...(nodesMax !== undefined && { nodesMax }) });
    })();
    if (json) screen.print(jsonLine(found.root));
    else for (const line of treeLines(screen, found.root, Date.now())) screen.print(line);
    if (found.isCut) screen.note("there is more than was looked at: --limit");
  },
};

const COLUMNS: readonly Column[] = [
  { title: "ID", shrinks: "middle" },
  { title: "STATE" },
  { title: "TOOK" },
];

/** The titles, then a line for each promise. */
export function treeLines(
  screen: Pick<Screen, "isTerminal" | "columns" | "style">,
  root: TreeNode,
  now: number,
): string[] {
  const rows = treeRows(root);
  const branches = branchesOf(rows);
  const cells = rows.map(({ node }, index) => [
    `${branches[index]}${harmless(node.id)}`,
    node.promise ? stateWord(node.promise.state) : "absent",
    tookText(node, now),
  ]);
  const widthMax = screen.isTerminal ? screen.columns : Infinity;
  return tableLines(COLUMNS, cells, widthMax, (text, row, column) => {
    const promise: PromiseSummary | undefined = rows[row]?.node.promise;
    if (row === -1) return screen.style("dim", text);
    return column === 1 && promise ? screen.style(STATE_STYLES[promise.state], text) : text;
  });
}

/** What stands before each id: the lines that lead down to it. */
function branchesOf(rows: readonly TreeRow[]): string[] {
  // For each depth, whether the line of that ancestor goes on below.
  const goesOn: boolean[] = [];
  return rows.map(({ depth, isLast }) => {
    if (depth === 0) return "";
    goesOn.length = depth - 1;
    const before = goesOn.map((open) => (open ? "│  " : "   ")).join("");
    goesOn.push(!isLast);
    return `${before}${isLast ? "└─ " : "├─ "}`;
  });
}

function tookText({ startAt, endAt }: TreeNode, now: number): string {
  if (!Number.isFinite(startAt)) return "";
  return endAt === undefined ? `${lengthText(now - startAt)} so far` : lengthText(endAt - startAt);
}
