/** The help, made of what the commands say of themselves. Pure. */
import { GLOBAL_FLAGS } from "./args.ts";
import type { Command, Flags } from "./command.ts";
import { EXIT_HELP } from "./exit.ts";

export const NAME = "durable-promises";

const ENVIRONMENT = [
  ["DURABLE_PROMISES_URL", "where the promises live (http://127.0.0.1:8787)"],
  ["DURABLE_PROMISES_TOKEN", "the API key"],
  ["NO_COLOR", "no colours"],
] as const;

/** All commands in a line each, and what holds for all of them. */
export function overview(commands: readonly Command[]): string {
  const shown = commands.filter(({ isHidden }) => isHidden !== true);
  return [
    "Promises with a URL: create them, wait for them, settle them, find them.",
    "",
    `  ${NAME} <command> [options]`,
    "",
    "Commands",
    ...lines(shown.map((command) => [callOf(command), command.summary])),
    "",
    "Options of every command",
    ...flagLines(GLOBAL_FLAGS),
    "",
    "Environment",
    ...lines(ENVIRONMENT),
    "",
    "Exit codes",
    ...lines(EXIT_HELP.map(([code, meaning]) => [String(code), meaning])),
    "",
    `${NAME} help <command> says more of one; doctor looks for what is wrong with a connection.`,
  ].join("\n");
}

/** One command. */
export function helpOf(command: Command): string {
  const { summary, flags = {}, notes = [], examples = [] } = command;
  const own = Object.keys(flags).length > 0 ? ["Options", ...flagLines(flags), ""] : [];
  return [
    `${sentence(summary)}.`,
    "",
    `  ${NAME} ${callOf(command)} [options]`,
    "",
    ...(notes.length > 0 ? [...notes, ""] : []),
    ...own,
    "Options of every command",
    ...flagLines(GLOBAL_FLAGS),
    ...(examples.length > 0 ? ["", "Examples", ...examples.map(exampleLine)] : []),
  ].join("\n");
}

function callOf({ name, takes }: Command): string {
  return takes === undefined ? name : `${name} ${takes}`;
}

/** An example that is more than a call of ours, such as a pipe, is shown as it is. */
function exampleLine(example: string): string {
  return example.includes(NAME) ? `  ${example}` : `  ${NAME} ${example}`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function flagLines(flags: Flags): string[] {
  return lines(
    Object.entries(flags).map(([name, { takes, short, help, many }]) => [
      `${short === undefined ? "    " : `-${short}, `}--${name}${takes === undefined ? "" : ` ${takes}`}${many ? "..." : ""}`,
      help,
    ]),
  );
}

const LEFT_MAX = 34;

function lines(pairs: readonly (readonly [string, string])[]): string[] {
  const width = pairs.reduce((most, [left]) => Math.min(LEFT_MAX, Math.max(most, left.length)), 0);
  return pairs.map(([left, right]) =>
    left.length > width
      ? `  ${left}\n  ${" ".repeat(width)}  ${right}`
      : `  ${left.padEnd(width)}  ${right}`,
  );
}
