/** `help`, `version`, `completion`: what the command line says of itself. */
import { GLOBAL_FLAGS } from "../args.ts";
import { type Command, type Session, UsageError } from "../command.ts";
import { candidates, completionScript, type Shell, SHELLS } from "../completion.ts";
import { sessionOf, version } from "../session.ts";
import { Args } from "../args.ts";
import { helpOf, NAME, overview } from "../usage.ts";

/** @param commands all of them, these too */
export function ownCommands(commands: () => readonly Command[]): readonly Command[] {
  const help: Command = {
    name: "help",
    takes: "[command]...",
    summary: "what there is, or what one command takes",
    words: (all) => all.map(({ name }) => name.split(" ")[0]!),
    run: async ({ args, screen }) => {
      const name = args.words.join(" ");
      const one = commands().find((command) => command.name === name);
      const group = commands().filter((command) => command.name.startsWith(`${name} `));
      if (name === "") screen.print(overview(commands()));
      else if (one) screen.print(helpOf(one));
      else if (group.length > 0) screen.print(group.map(helpOf).join("\n\n"));
      else throw new UsageError(`there is no command ${JSON.stringify(name)}`);
    },
  };
  const completion: Command = {
    name: "completion",
    takes: "<shell>",
    summary: "completion for bash, zsh or fish",
    words: () => [...SHELLS],
    notes: ["Offers commands, options, what they may be, and the ids that the server knows."],
    examples: [
      `source <(${NAME} completion bash)`,
      `source <(${NAME} completion zsh)`,
      `${NAME} completion fish | source`,
    ],
    run: async ({ args, screen }) => {
      const shell = args.word(0) as Shell;
      if (!SHELLS.includes(shell)) {
        throw new UsageError(
          `completion is for ${SHELLS.join(", ")}, not ${JSON.stringify(shell)}`,
        );
      }
      screen.write(completionScript(shell, NAME));
    },
  };
  const versionOf: Command = {
    name: "version",
    summary: "of this program",
    run: async ({ screen, json }) => {
      screen.print(
        json ? JSON.stringify({ version: version(), node: process.version }) : version(),
      );
    },
  };
  return [help, completion, versionOf];
}

/** Who presses a key does not wait longer than this for ids. */
const IDS_WITHIN_MS = 800;
const IDS_MAX = 50;

/** What a shell asks with each press of the key; a failure offers nothing. */
export async function offer(
  commands: readonly Command[],
  words: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  return candidates(commands, GLOBAL_FLAGS, words, async (beginning, { name }, flags) => {
    const given = Object.fromEntries(flags);
    const session: Session = sessionOf(new Args([], given), signal);
    const isToSettle = ["resolve", "reject", "cancel", "extend"].includes(name);
    const query = {
      id: `${beginning}*`,
      sort: "id",
      limit: IDS_MAX,
      view: "summary",
      ...(isToSettle && { state: "pending" as const }),
    } as const;
    const found = session.promises.search(query, { signal, timeout: IDS_WITHIN_MS });
    return (await found.page()).promises.map(({ id }) => id);
  }).catch(() => []);
}
