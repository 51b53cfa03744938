/**
 * A value that was given as a word, a flag, a file or on stdin. JSON if it is JSON; what begins like
 * JSON and is none is a mistake, and not a text.
 */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { LIMITS } from "../index.ts";
import type { Args } from "./args.ts";
import { type Flags, UsageError } from "./command.ts";
import { parseJson } from "./json.ts";

/** Of commands that take a value. */
export const VALUE_FLAGS = {
  data: { takes: "<json>", short: "d", help: "the value: JSON, or a plain text; - reads stdin" },
  file: { takes: "<path>", short: "f", help: "the value from a file" },
  text: { help: "take the value as text, whatever it looks like" },
} as const satisfies Flags;

/** @returns `undefined` where none was given. @throws UsageError for two, or for broken JSON. */
export async function valueOf(args: Args, word?: string): Promise<unknown> {
  const [data, path] = [args.text("data"), args.text("file")];
  const given = [word, data, path].filter((one) => one !== undefined);
  if (given.length > 1) throw new UsageError("give one value: a word, --data or --file");
  const source = await sourceOf(word ?? data, path);
  if (source === undefined) return undefined;
  return args.is("text") ? source : parsedValue(source);
}

/** JSON, or a text that does not look like it. @throws UsageError */
export function parsedValue(source: string): unknown {
  try {
    return parseJson(source);
  } catch (cause) {
    const looksLikeJson = /^\s*(?:[[{"]|-?\d+(?:\.\d+)?\s*$)/.test(source);
    if (!looksLikeJson && source.trim() !== "") return source;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`the value is not JSON (${reason}); --text takes it as it is`, { cause });
  }
}

/**
 * JSON that must be an object or a list: a form, a quorum, an escalation. What is in it the server
 * checks, field by field.
 *
 * @throws UsageError
 */
export async function structureOf(args: Args, flag: string): Promise<object | undefined> {
  const given = args.text(flag);
  if (given === undefined) return undefined;
  const source = given.startsWith("@") ? await fileText(given.slice(1)) : given;
  try {
    const value = parseJson(source);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new UsageError(`--${flag} needs JSON, or @ and the path of a file with JSON`);
}

/** Those that are given, by the names of their fields. @throws UsageError */
export async function structuresOf(
  args: Args,
  flags: Readonly<Record<string, string>>,
): Promise<Record<string, object>> {
  const given: Record<string, object> = {};
  for (const [field, flag] of Object.entries(flags)) {
    const structure = await structureOf(args, flag);
    if (structure !== undefined) given[field] = structure;
  }
  return given;
}

async function sourceOf(given: string | undefined, path: string | undefined) {
  if (path !== undefined) return trimmed(path === "-" ? await stdinText() : await fileText(path));
  return given === "-" ? trimmed(await stdinText()) : given;
}

/** The line end that an editor, or `echo`, puts behind. */
function trimmed(source: string): string {
  return source.replace(/\r?\n$/, "");
}

async function fileText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function stdinText(): Promise<string> {
  const given = await text(process.stdin);
  // More is refused by the server anyway, and would be sent first.
  if (given.length <= 2 * LIMITS.bodyBytesMax) return given;
  throw new UsageError(`stdin has more than ${LIMITS.bodyBytesMax} bytes`);
}
