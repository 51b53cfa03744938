#!/usr/bin/env node
/**
 * The way in: finds the command, runs it, and turns how it ends into an exit code. Ctrl-C ends what is
 * under way in good order; the second one at once.
 */
import { GLOBAL_FLAGS, parsed } from "./args.ts";
import { type Command, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { offer } from "./commands/help.ts";
import { errorObject, errorText, EXIT, exitOf } from "./exit.ts";
import { harmlessLines } from "./look.ts";
import { Screen } from "./screen.ts";
import { sessionOf, version } from "./session.ts";
import { helpOf, NAME, overview } from "./usage.ts";

/** The codes of a process that a signal has ended, as shells have them. */
const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: 143, SIGHUP: 129 } as const;

class Stopped extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("stopped");
    this.exitCode = exitCode;
  }
}

const stop = new AbortController();
let running: Command | undefined;

for (const [name, exitCode] of Object.entries(SIGNALS)) {
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(exitCode);
    stop.abort(new Stopped(exitCode));
  });
}
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever reads has read enough, such as `head`: that is no failure.
    if (error.code !== "EPIPE") throw error;
    if (!running?.goesOnUnheard) stop.abort(new Stopped(EXIT.ok));
  });
}

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const screen = new Screen();
  if (argv[0] === "__complete") {
    for (const one of await offer(COMMANDS, argv.slice(1), stop.signal)) screen.print(one);
    return EXIT.ok;
  }
  const isJson = argv.includes("--json");
  try {
    if (argv.length === 0) {
      screen.note(overview(COMMANDS));
      return EXIT.usage;
    }
    const { before, words } = splitAt(argv);
    if (words.length === 0 && ["--version", "-V"].includes(argv[0]!)) {
      screen.print(version());
      return EXIT.ok;
    }
    if (words.length === 0 && before.some((word) => word === "--help" || word === "-h")) {
      screen.print(overview(COMMANDS));
      return EXIT.ok;
    }
    const { command, rest } = commandOf(words);
    running = command;
    const args = parsed(command, [...before, ...rest]);
    if (args.is("help")) {
      screen.print(helpOf(command));
      return EXIT.ok;
    }
    return (await command.run(sessionOf(args, stop.signal))) ?? EXIT.ok;
  } catch (error) {
    if (stop.signal.aborted) return (stop.signal.reason as Stopped).exitCode;
    const exitCode = exitOf(error);
    if (isJson) screen.note(JSON.stringify(errorObject(error)));
    else {
      screen.note(`${NAME}: ${harmlessLines(errorText(error))}`);
      if (error instanceof UsageError) {
        screen.note(`See ${NAME} help${running ? ` ${running.name}` : ""}`);
      }
      if (exitCode === EXIT.unreachable || exitCode === EXIT.forbidden) {
        screen.note(`${NAME} doctor says more`);
      }
    }
    return exitCode;
  }
}

/** Options of every command may also stand before it. */
function splitAt(argv: readonly string[]): { before: string[]; words: readonly string[] } {
  const takesText = new Map(
    Object.entries(GLOBAL_FLAGS).map(([name, flag]) => [`--${name}`, "takes" in flag]),
  );
  let index = 0;
  while (index < argv.length && argv[index]!.startsWith("-")) {
    index += takesText.get(argv[index]!) === true ? 2 : 1;
  }
  return { before: argv.slice(0, index), words: argv.slice(index) };
}

/** @throws UsageError that names those that come close. */
function commandOf(words: readonly string[]): { command: Command; rest: readonly string[] } {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    const command = COMMANDS.find((one) => one.name === name);
    if (command) return { command, rest: words.slice(length) };
  }
  const [first = "", second] = words;
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `));
  if (first !== "" && group.length > 0) {
    if (words.includes("--help") || words.includes("-h")) {
      return { command: COMMANDS.find(({ name }) => name === "help")!, rest: [first] };
    }
    const names = group.map(({ name }) => name.split(" ")[1]);
    const unknown = second === undefined ? "" : `, not ${JSON.stringify(second)}`;
    throw new UsageError(`${first} needs one of ${names.join(", ")}${unknown}`);
  }
  const close = COMMANDS.map(({ name }) => name).filter((name) => isClose(first, name));
  const meant = close.length > 0 ? `; did you mean ${close.join(", ")}?` : "";
  throw new UsageError(`there is no command ${JSON.stringify(first)}${meant}`);
}

/** One letter too many, too few, another one, or two that changed places; or a beginning. */
function isClose(typed: string, name: string): boolean {
  const word = name.split(" ")[0]!;
  if (typed.length > 2 && word.startsWith(typed)) return true;
  if (Math.abs(typed.length - word.length) > 1) return false;
  let head = 0;
  while (head < typed.length && typed[head] === word[head]) head += 1;
  const [restTyped, restWord] = [typed.slice(head), word.slice(head)];
  const isSwapped = restTyped[0] === restWord[1] && restTyped[1] === restWord[0];
  return (
    restTyped.slice(1) === restWord ||
    restTyped === restWord.slice(1) ||
    restTyped.slice(1) === restWord.slice(1) ||
    (isSwapped && restTyped.slice(2) === restWord.slice(2))
  );
}
