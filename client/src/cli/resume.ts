/**
 * How far a long piece of work has come, in a file of its own: who begins again goes on there. The
 * file is there while the work is not done, and no longer.
 */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { UsageError } from "./command.ts";

export class Bookmark<State extends object> {
  readonly #path: string | undefined;
  /** What must be the same: the rest of the state is of no use to other work. */
  readonly #work: Readonly<Record<string, unknown>>;

  /** @param path `undefined`: nothing is remembered */
  constructor(path: string | undefined, work: Readonly<Record<string, unknown>>) {
    this.#path = path;
    this.#work = work;
  }

  get isKept(): boolean {
    return this.#path !== undefined;
  }

  /** Where the work before stopped; nothing, at the beginning. @throws UsageError */
  async load(): Promise<State | undefined> {
    if (this.#path === undefined) return undefined;
    let text: string;
    try {
      text = await readFile(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new UsageError(`cannot read ${this.#path}: ${(error as Error).message}`);
    }
    const { work, state } = read(text);
    if (JSON.stringify(work) === JSON.stringify(this.#work) && state) return state as State;
    throw new UsageError(
      `${this.#path} is of other work (${JSON.stringify(work) ?? "not of this program"}); remove it, or name another file`,
    );
  }

  /** All or nothing: a crash leaves the one before. */
  async save(state: State): Promise<void> {
    if (this.#path === undefined) return;
    const next = `${this.#path}.next`;
    await writeFile(next, `${JSON.stringify({ work: this.#work, state })}\n`);
    await rename(next, this.#path);
  }

  /** The work is done. */
  async remove(): Promise<void> {
    if (this.#path !== undefined) await rm(this.#path, { force: true });
  }
}

function read(text: string): { work?: unknown; state?: object } {
  try {
    return JSON.parse(text) as { work?: unknown; state?: object };
  } catch {
    return {};
  }
}
