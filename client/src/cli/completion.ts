/**
 * What a shell may offer for the word being typed: commands, flags, what a flag may be, and ids that
 * the server knows. Pure but for the ids, which it asks for by what it is given.
 */
import type { Command, Flags } from "./command.ts";

/** All words behind the name of the program; the last one is being typed, and may be empty. */
export async function candidates(
  commands: readonly Command[],
  globalFlags: Flags,
  words: readonly string[],
  idsLike: (beginning: string, command: Command, flags: Map<string, string>) => Promise<string[]>,
): Promise<string[]> {
  const shown = commands.filter(({ isHidden }) => isHidden !== true);
  const typed = words.at(-1) ?? "";
  const { command, plain, flags, open } = read(shown, globalFlags, words.slice(0, -1));
  const known: Flags = { ...globalFlags, ...command?.flags };
  const startingSo = (all: readonly string[]) => all.filter((one) => one.startsWith(typed));
  if (open !== undefined) return startingSo(known[open]?.oneOf ?? known[open]?.offers ?? []);
  if (typed.startsWith("-")) return startingSo(Object.keys(known).map((name) => `--${name}`));
  if (!command) return startingSo(nextWords(shown, plain));
  const takes = (command.takes ?? "").split(" ");
  const slot = takes[plain.length] ?? "";
  if (command.words) return startingSo(plain.length === 0 ? command.words(shown) : []);
  return /^[<[](?:id|promise|pattern)/.test(slot)
    ? startingSo(await idsLike(typed, command, flags))
    : [];
}

/** What was typed before: which command, its words, its flags, and one that still wants a value. */
function read(commands: readonly Command[], globalFlags: Flags, words: readonly string[]) {
  const plain: string[] = [];
  const flags = new Map<string, string>();
  let open: string | undefined;
  const all: Flags = Object.assign({}, globalFlags, ...commands.map((command) => command.flags));
  for (const word of words) {
    if (open !== undefined) {
      flags.set(open, word);
      open = undefined;
    } else if (word.startsWith("--")) {
      const [name = "", value] = word.slice(2).split("=", 2);
      if (value !== undefined) flags.set(name, value);
      else if (all[name]?.takes !== undefined) open = name;
    } else if (!word.startsWith("-")) plain.push(word);
  }
  const command = commands.find(({ name }) => {
    const parts = name.split(" ");
    return parts.every((part, index) => plain[index] === part);
  });
  return { command, plain: plain.slice(command?.name.split(" ").length ?? 0), flags, open };
}

function nextWords(commands: readonly Command[], plain: readonly string[]): string[] {
  const parts = commands.map(({ name }) => name.split(" "));
  const fitting = parts.filter((name) => plain.every((word, index) => name[index] === word));
  return Array.from(new Set(fitting.flatMap((name) => name[plain.length] ?? [])));
}

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What the shell has to run. All three ask this program with each press of the key. */
export function completionScript(shell: Shell, program: string): string {
  const name = `_${program.replaceAll("-", "_")}`;
  switch (shell) {
    case "bash":
      return `# ${program} completion bash: source <(${program} completion bash)
${name}() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("$(printf '%q' "$word")")
  done < <(${program} __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F ${name} ${program}
`;
    case "zsh":
      return `#compdef ${program}
# ${program} completion zsh: source <(${program} completion zsh), after compinit
${name}() {
  local -a found
  found=("\${(@f)$(${program} __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
if [[ "\${funcstack[1]}" == "${name}" ]]; then ${name}; else compdef ${name} ${program}; fi
`;
    case "fish":
      return `# ${program} completion fish: ${program} completion fish | source
function ${name}
  set -l words (commandline -opc)
  ${program} __complete $words[2..-1] (commandline -ct) 2>/dev/null
end
complete -c ${program} -f -a '(${name})'
complete -c ${program} -s f -l file -r -F
`;
    default:
      return shell satisfies never;
  }
}
