/**
 * The order of things at one task: an in-memory queue, first in, first out. A suspend and a fence take
 * several steps, with calls to other objects in between; while they are under way, whatever would show
 * or end the lease waits. `blockConcurrencyWhile` would stop everything else too.
 *
 * It knows who may go when, and nothing of what they do. Each starts in the turn that lets it, so that
 * nobody enters between the permission and the work. What is lost with the memory in a crash, the
 * stored horizon covers: until then nothing ends the lease.
 */

/**
 * - `look`: shows the lease; not during a suspend.
 * - `change`: may end the lease, or the promise; not during a suspend, an open fence, or while fences
 *   of an earlier life may still be on their way.
 * - `resume`: an awaited promise has settled; not during a suspend, or while a callback on that very
 *   promise is being registered.
 */
type Step = { kind: "look" } | { kind: "change" } | { kind: "resume"; awaited: string };

/** What takes more than a turn. A suspend is alone; fences and callbacks may be many. */
type Window = { kind: "suspend" } | { kind: "fence" } | { kind: "callback"; awaited: string };

interface Waiting {
  who: Step | Window;
  start: () => void;
}

export class Lane {
  #suspending = false;
  #fences = 0;
  #callbacks: string[] = [];
  #queue: Waiting[] = [];
  #warming = false;
  #coldUntil: () => number;

  /** @param coldUntil until then fences of an earlier life of this object may be on their way */
  constructor(coldUntil: () => number) {
    this.#coldUntil = coldUntil;
  }

  /** One synchronous turn: at once where it may, else as soon as it may. */
  run<T>(step: Step, work: () => T): T | Promise<T> {
    if (this.#may(step)) return work();
    return this.#wait(step, work);
  }

  /** A window: open from the start of `work` until it ends. */
  open<T>(window: Window, work: () => Promise<T>): Promise<T> {
    if (this.#may(window)) return this.#opened(window, work);
    return this.#wait(window, () => this.#opened(window, work));
  }

  /** As if a fence were open for `ms` more: a write that nobody answers for may still land. */
  keepFence(ms: number): void {
    void this.#opened({ kind: "fence" }, () => scheduler.wait(ms));
  }

  async #opened<T>(window: Window, work: () => Promise<T>): Promise<T> {
    this.#count(window, 1);
    try {
      return await work();
    } finally {
      this.#count(window, -1);
      this.#next();
    }
  }

  #count(window: Window, by: 1 | -1): void {
    if (window.kind === "suspend") this.#suspending = by === 1;
    else if (window.kind === "fence") this.#fences += by;
    else if (by === 1) this.#callbacks.push(window.awaited);
    else this.#callbacks.splice(this.#callbacks.indexOf(window.awaited), 1);
  }

  #wait<T>(who: Step | Window, work: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      this.#queue.push({ who, start });
      void this.#awaitWarmth();
    });
  }

  /** Looks again when it is not cold any more: a timer may be early by the clock that it is judged by. */
  async #awaitWarmth(): Promise<void> {
    if (this.#warming) return;
    this.#warming = true;
    for (let coldMs = this.#coldMs(); coldMs > 0; coldMs = this.#coldMs()) {
      await scheduler.wait(Math.max(coldMs, 1));
      this.#next();
    }
    this.#warming = false;
  }

  /** How long it is cold for those who wait; 0 where nobody waits. */
  #coldMs(): number {
    return this.#queue.length === 0 ? 0 : Math.max(this.#coldUntil() - Date.now(), 0);
  }

  /** Lets in who may, in their order; one that may not does not stop one of another kind. */
  #next(): void {
    let at = 0;
    while (at < this.#queue.length) {
      const { who, start } = this.#queue[at]!;
      if (this.#may(who, at)) {
        this.#queue.splice(at, 1);
        start();
        // What it did may let in, or keep out, others before it.
        at = 0;
      } else at += 1;
    }
  }

  /** @param before how many of the queue came earlier */
  #may(who: Step | Window, before: number = this.#queue.length): boolean {
    if (who.kind === "callback") return true;
    if (this.#suspending) return false;
    switch (who.kind) {
      case "look":
        return true;
      case "resume":
        return !this.#callbacks.includes(who.awaited);
      case "fence":
        return !this.#queue.slice(0, before).some((earlier) => isExclusive(earlier.who));
      case "change":
      case "suspend":
        return this.#fences === 0 && this.#coldUntil() <= Date.now();
      default:
        return who satisfies never;
    }
  }
}

function isExclusive({ kind }: Step | Window): boolean {
  return kind === "change" || kind === "suspend";
}
