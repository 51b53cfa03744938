/**
 * The words behind a command, checked against its description. Says which option is meant, and what
 * it got; knows no command.
 */
import { parseArgs } from "node:util";
import { type Command, type Flags, UsageError } from "./command.ts";

/** Of every command. */
export const GLOBAL_FLAGS = {
  url: { takes: "<url>", help: "where the promises live (DURABLE_PROMISES_URL)" },
  token: { takes: "<key>", help: "the API key (DURABLE_PROMISES_TOKEN)" },
  json: { help: "JSON on stdout, a value a line for lists; errors as JSON on stderr" },
  timeout: {
    takes: "<duration>",
    help: "how long the call may take: 10s, 5m (30s; waiting: ever)",
  },
  help: { short: "h", help: "what the command takes" },
} as const satisfies Flags;

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

/** What was given. Names that the command does not have are a mistake of ours. */
export class Args {
  readonly words: readonly string[];
  readonly #values: Values;

  constructor(words: readonly string[], values: Values) {
    this.words = words;
    this.#values = values;
  }

  /** A word that must be there. */
  word(index: number): string {
    return this.words[index] ?? "";
  }

  text(flag: string): string | undefined {
    const value = this.#values[flag];
    return typeof value === "string" ? value : undefined;
  }

  texts(flag: string): string[] {
    const value = this.#values[flag];
    return Array.isArray(value) ? value.map(String) : [];
  }

  is(flag: string): boolean {
    return this.#values[flag] === true;
  }

  /** @throws UsageError for what is no whole number, 0 or more. */
  whole(flag: string): number | undefined {
    const text = this.text(flag);
    if (text === undefined) return undefined;
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new UsageError(`--${flag} must be a whole number, not ${JSON.stringify(text)}`);
  }

  /** One of what the flag may be; all others were refused. */
  choice<T extends string>(flag: string, all: readonly T[]): T | undefined {
    const text = this.text(flag);
    return all.find((one) => one === text);
  }

  /** {@link choice}, more than one. */
  choices<T extends string>(flag: string, all: readonly T[]): T[] {
    const texts = this.texts(flag);
    return all.filter((one) => texts.includes(one));
  }

  /** `key=value`, as often as wanted. */
  pairs(flag: string): Record<string, string> {
    const pairs = this.texts(flag).map((text) => {
      const equals = text.indexOf("=");
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      throw new UsageError(`--${flag} needs key=value, not ${JSON.stringify(text)}`);
    });
    return Object.fromEntries(pairs) as Record<string, string>;
  }
}

/** @throws UsageError that says what is wrong with what was given. */
export function parsed(command: Command, given: readonly string[]): Args {
  const flags: Flags = { ...GLOBAL_FLAGS, ...command.flags };
  let values: Values;
  let words: string[];
  try {
    ({ values, positionals: words } = parseArgs({
      args: joined(given, flags),
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(flags).map(([name, { takes, short, many = false }]) => [
          name,
          {
            type: takes === undefined ? ("boolean" as const) : ("string" as const),
            multiple: many,
            ...(short !== undefined && { short }),
          },
        ]),
      ),
    }));
  } catch (cause) {
    // Node says "Unknown option '--prot'. To specify …": the first sentence is what matters.
    const message = cause instanceof Error ? cause.message : String(cause);
    const [sentence = message] = message.split(/\.\s|\n/);
    throw new UsageError(sentence, { cause });
  }
  if (values["help"] !== true) {
    checkChoices(flags, values);
    checkWords(command, words);
  }
  return new Args(words, values);
}

/** `--sort -created` as `--sort=-created`, which is the only one that Node takes. */
function joined(given: readonly string[], flags: Flags): string[] {
  const args: string[] = [];
  for (let index = 0; index < given.length; index += 1) {
    const arg = given[index]!;
    if (arg === "--") return [...args, ...given.slice(index)];
    const next = given[index + 1];
    const takesText = arg.startsWith("--") && flags[arg.slice(2)]?.takes !== undefined;
    if (takesText && next !== undefined && /^-[^-]/.test(next)) {
      args.push(`${arg}=${next}`);
      index += 1;
    } else args.push(arg);
  }
  return args;
}

function checkChoices(flags: Flags, values: Values): void {
  for (const [name, { oneOf, takes }] of Object.entries(flags)) {
    const value = values[name];
    if (takes === undefined || value === undefined) continue;
    for (const text of [value].flat()) {
      if (text === "") throw new UsageError(`--${name} needs a value`);
      if (oneOf && !oneOf.includes(String(text))) {
        throw new UsageError(`--${name} must be one of ${oneOf.join(", ")}, not "${text}"`);
      }
    }
  }
}

function checkWords({ name, takes = "" }: Command, words: readonly string[]): void {
  const wanted = takes.split(" ").filter((word) => word !== "");
  const required = wanted.filter((word) => word.startsWith("<"));
  const missing = required[words.length];
  if (missing !== undefined) throw new UsageError(`${name} needs ${missing}`);
  const isOpen = takes.includes("...");
  const spare = isOpen ? undefined : words[wanted.length];
  if (spare !== undefined) {
    throw new UsageError(`${name} does not take ${JSON.stringify(spare)}; quote what has blanks`);
  }
}
