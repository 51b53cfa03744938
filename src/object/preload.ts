/**
 * What the holder of a task need not ask for again: settled promises of the task's branch that passed
 * through its fences. Settled never changes, so a copy is as good as the promise; an empty list is
 * always right, so it may be incomplete. Kept in memory, and in one row from suspend to resume.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import type { PromiseRecord } from "../machine/promise.ts";
import { protocolText } from "../machine/resource.ts";

const KEY = "preload";
const BRANCH_TAG = "resonate:branch";

export class Preload {
  #storage: DurableObjectStorage;
  /** Promise id to its text. */
  #texts: Map<string, string> | undefined;
  #isStored = true;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** JSON text of a list of promises. */
  get text(): string {
    return `[${[...this.#known().values()].join(",")}]`;
  }

  /** Keeps a settled promise, if it is of the task's branch and there is room. */
  add(task: PromiseRecord, passed: PromiseRecord): void {
    const branch = task.tags[BRANCH_TAG];
    if (passed.state === "pending" || branch === undefined) return;
    if (passed.tags[BRANCH_TAG] !== branch || this.#known().has(passed.id)) return;
    const text = protocolText(passed);
    if (this.text.length + text.length > LIMITS.preloadCharactersMax) return;
    this.#known().set(passed.id, text);
    this.#isStored = false;
  }

  /** Before the holder leaves: the next one may find this object in another life. */
  save(): void {
    if (this.#isStored) return;
    this.#storage.kv.put(KEY, [...this.#known()]);
    this.#isStored = true;
  }

  /** The task is over. Costs no row where none was written. */
  clear(): void {
    this.#storage.kv.delete(KEY);
    this.#texts = new Map();
    this.#isStored = true;
  }

  #known(): Map<string, string> {
    this.#texts ??= new Map(this.#storage.kv.get<[string, string][]>(KEY));
    return this.#texts;
  }
}
