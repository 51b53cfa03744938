/**
 * Printing what the server answered: promises as a table or a card for people, as lines of JSON for
 * programs.
 */
import { NEVER, type PromiseRecord, type PromiseSummary } from "../index.ts";
import type { Session } from "./command.ts";
import { jsonLine, jsonText } from "./json.ts";
import {
  aboutText,
  endText,
  fromNow,
  harmlessLines,
  instantText,
  STATE_STYLES,
  stateWord,
  tagsText,
  valueText,
} from "./look.ts";
import { harmless, type Screen } from "./screen.ts";
import { type Column, tableLines } from "./table.ts";

/** A field of a card; without a value it is left out. */
export type Field = readonly [name: string, value: string | undefined];

const COLUMNS: readonly Column[] = [
  { title: "STATE" },
  { title: "ID", shrinks: "middle" },
  { title: "CREATED" },
  { title: "ENDS" },
  { title: "ABOUT", shrinks: "end" },
];

export function printJson({ screen }: Pick<Session, "screen">, value: unknown): void {
  screen.print(jsonLine(value));
}

/** Rows of any list: a table, uncut in a pipe. */
export function printTable(
  screen: Screen,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): void {
  const widthMax = screen.isTerminal ? screen.columns : Infinity;
  const lines = tableLines(columns, rows, widthMax, (text, row) =>
    row === -1 ? screen.style("dim", text) : text,
  );
  for (const line of lines) screen.print(line);
}

/** Promises as the lines of a table, its titles first. */
export function promiseLines(
  screen: Screen,
  promises: readonly PromiseSummary[],
  now: number,
): string[] {
  const rows = promises.map((promise) => [
    stateWord(promise.state),
    harmless(promise.id),
    fromNow(promise.createdOn, now),
    endText(promise, now),
    aboutText(promise),
  ]);
  const widthMax = screen.isTerminal ? screen.columns : Infinity;
  return tableLines(COLUMNS, rows, widthMax, (text, row, column) => {
    const promise = promises[row];
    if (!promise) return screen.style("dim", text);
    return column === 0 ? screen.style(STATE_STYLES[promise.state], text) : text;
  });
}

export function printCard({ screen }: Pick<Session, "screen">, fields: readonly Field[]): void {
  const shown = fields.filter(([, value]) => value !== undefined && value !== "");
  const width = shown.reduce((most, [name]) => Math.max(most, name.length), 0);
  for (const [name, value] of shown) {
    const lines = harmlessLines(value!).replaceAll("\n", `\n${" ".repeat(width + 2)}`);
    screen.print(`${screen.style("dim", name.padEnd(width))}  ${lines}`);
  }
}

/** A promise as it stands. */
export function printRecord(session: Session, record: PromiseRecord): void {
  if (session.json) return printJson(session, record);
  const { screen } = session;
  const now = Date.now();
  const { state, completedOn, timeout, form, settledBy, votes, quorum, retention } = record;
  const word = screen.style(STATE_STYLES[state], stateWord(state));
  screen.print(`${word}  ${harmless(record.id)}`);
  printCard(session, [
    ["url", record.url],
    ["title", form?.title],
    ["asked by", record.requestedBy],
    ["created", instantText(record.createdOn, now)],
    ["deadline", timeout >= NEVER ? "never" : instantText(timeout, now)],
    ["settled", completedOn === undefined ? undefined : instantText(completedOn, now)],
    ["settled by", settledBy && [settledBy.how, settledBy.who].filter(Boolean).join(": ")],
    ["votes", votes && quorum && votesText(votes, quorum)],
    ["tags", tagsText(record.tags)],
    ["retention", retention === undefined ? undefined : `${retention} ms`],
    ["param", payloadText(record.param)],
    ["value", payloadText(record.value)],
  ]);
}

function votesText(
  votes: NonNullable<PromiseRecord["votes"]>,
  { approvals }: NonNullable<PromiseRecord["quorum"]>,
): string {
  const cast = votes.map(({ by, approves }) => `${by} ${approves ? "approves" : "refuses"}`);
  return `${cast.join(", ") || "none"} (${approvals} approvals needed)`;
}

function payloadText({ headers, data }: PromiseRecord["value"]): string | undefined {
  if (headers === undefined) return data === undefined ? undefined : valueText(data);
  return jsonText({ headers, ...(data !== undefined && { data }) });
}
