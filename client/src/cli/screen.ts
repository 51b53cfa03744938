/**
 * Where a command writes: stdout for what was asked for, stderr for everything else. Knows terminals
 * from pipes; what comes from others is made harmless before a terminal sees it.
 */
import { once } from "node:events";
import { styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

export const CLEAR_LINE = "\r\u001B[2K";

export class Screen {
  /** Whether stdout, and stderr, are read by somebody who looks at them. */
  readonly isTerminal = process.stdout.isTTY;
  readonly hasProgress = process.stderr.isTTY && process.env["TERM"] !== "dumb";

  /** Whether a line of progress is on the terminal now, which has to make room for every other. */
  isBusy = false;

  /** Of stdout. */
  get columns(): number {
    return process.stdout.columns || 80;
  }

  get rows(): number {
    return process.stdout.rows || 24;
  }

  /** A line for whoever asked. */
  print(line: string): void {
    this.#makeRoom();
    process.stdout.write(`${line}\n`);
  }

  /** As it is: no line end, nothing made harmless. */
  write(text: string): void {
    process.stdout.write(text);
  }

  /** Waits until a slow reader has taken what was written, or is gone. */
  async drained(): Promise<void> {
    const { stdout } = process;
    if (!stdout.writableNeedDrain || stdout.errored) return;
    const over = new AbortController();
    const { signal } = over;
    await Promise.race([once(stdout, "drain", { signal }), once(stdout, "close", { signal })])
      // It is told of elsewhere.
      .catch(() => {});
    over.abort();
  }

  /** A line for people, whatever stdout is connected to. */
  note(line: string): void {
    this.#makeRoom();
    process.stderr.write(`${line}\n`);
  }

  /** On stderr, and not a line of its own: what progress is made of. */
  draw(text: string): void {
    process.stderr.write(text);
  }

  #makeRoom(): void {
    if (this.isBusy) process.stderr.write(CLEAR_LINE);
  }

  style(style: Style, text: string): string {
    return hasColour(process.stdout.isTTY) ? styled(style, text) : text;
  }

  styleNote(style: Style, text: string): string {
    return hasColour(process.stderr.isTTY) ? styled(style, text) : text;
  }
}

/** https://no-color.org: set and not empty, whatever it says. */
function hasColour(isTerminal: boolean | undefined): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== "0";
  return isTerminal === true && TERM !== "dumb";
}

function styled(style: Style, text: string): string {
  // Whether there is colour is decided above; Node 22 would look again, at stdout only.
  return (styleText as (style: Style, text: string, options: object) => string)(style, text, {
    validateStream: false,
  });
}

/**
 * Text of others for a terminal: without what would move its cursor, colour it, or turn its letters
 * around (Unicode TR36, 3.4).
 */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, "\uFFFD");
}
