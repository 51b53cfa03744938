/**
 * What a command is: its name, what it takes, and what it does with that. The table of all of them is
 * `commands.ts`; parsing, help and completion are made of the same description.
 */
import type { CallOptions, DurablePromises } from "../index.ts";
import type { Args } from "./args.ts";
import type { Screen } from "./screen.ts";

export interface Flag {
  help: string;
  /** What stands behind it; a flag without is on or off. @example "<duration>" */
  takes?: string;
  short?: string;
  /** It may be given more than once. */
  many?: boolean;
  /** All that it may be. */
  oneOf?: readonly string[];
  /** What a shell offers, where it may be more than that. */
  offers?: readonly string[];
}

export type Flags = Readonly<Record<string, Flag>>;

export interface Command {
  /** One word or two: `links create`. */
  name: string;
  /** One line, from the reader's point of view. */
  summary: string;
  /** The words it takes: `<id>` must be there, `[value]` may, `<id>...` one or more. */
  takes?: string;
  flags?: Flags;
  /** Whatever a reader would not guess. */
  notes?: readonly string[];
  examples?: readonly string[];
  /** What a shell offers for the first word. */
  words?: (commands: readonly Command[]) => string[];
  /** It changes something while it prints: it goes on when nobody reads that any more. */
  goesOnUnheard?: boolean;
  /** Not in the help. */
  isHidden?: boolean;
  /** @returns the exit code. @default 0 */
  run: (session: Session) => Promise<number | void>;
}

/** One call of a command: what was given, and where its answer goes. */
export interface Session {
  args: Args;
  screen: Screen;
  /** Whether answers are JSON: one value, or one a line. */
  json: boolean;
  /** Made when first asked for. @throws TypeError for a URL or a token that is none. */
  promises: DurablePromises;
  /** Where they live, and the key, as given. */
  url: string;
  token: string | undefined;
  /** The limits of each call. */
  calls: CallOptions;
  /** Aborts with Ctrl-C. */
  signal: AbortSignal;
}

/** The command was not understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
