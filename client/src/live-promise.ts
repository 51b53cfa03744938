/**
 * A promise that is kept up to date for any number of readers, over one line: for user interfaces,
 * which mount, unmount and mount again as they please. Knows no framework.
 *
 * What is settled stays known after the last reader has left: it will not change, and who comes back
 * to a failure meets the same failure at once, instead of a new attempt each time.
 */
import type { DurablePromises } from "./client.ts";
import {
  DisposedError,
  isAlreadySettledError,
  isDisposedError,
  isVoteError,
  RejectedError,
} from "./errors.ts";
import type { Frame, Json, PromiseRecord } from "./protocol.ts";
import type { Watch } from "./watch-iterable.ts";

/**
 * - `connecting`: not heard from it yet. `absent`: nobody has created it. `pending`, `resolved`.
 * - `rejected`: or cancelled, or timed out: see `record.state`. `error` is a {@link RejectedError}.
 * - `disposed`: removed while it was followed; there will be no outcome.
 * - `refused`: the server does not let us look, and waiting will not change that; `error` says why.
 *
 * `error` of what is not settled is that of the last attempt to settle it from here, if it failed.
 */
export type LiveState<T = Json> = { settling: boolean } & (
  | { status: "connecting" | "absent"; record: undefined; value: undefined; error: unknown }
  | { status: "pending"; record: PromiseRecord<T>; value: undefined; error: unknown }
  | { status: "resolved"; record: PromiseRecord<T>; value: T; error: undefined }
  | { status: "rejected"; record: PromiseRecord<T>; value: undefined; error: RejectedError }
  | { status: "disposed"; record: undefined; value: undefined; error: DisposedError }
  | { status: "refused"; record: undefined; value: undefined; error: unknown }
);

export const CONNECTING: LiveState = Object.freeze({
  status: "connecting",
  record: undefined,
  value: undefined,
  error: undefined,
  settling: false,
});

/** Settled promises that nobody reads at the moment: each may have a megabyte. */
const KEPT_MAX = 100;

const families = new WeakMap<DurablePromises, Map<string, LivePromise>>();

/** The one that there is, without making it. */
export function knownPromise(client: DurablePromises, id: string): LivePromise | undefined {
  return families.get(client)?.get(id);
}

/** One for each client and id. Opens nothing before it has a reader. */
export function livePromise(client: DurablePromises, id: string): LivePromise {
  const known = knownPromise(client, id);
  if (known) return known;
  const family = families.get(client) ?? new Map<string, LivePromise>();
  families.set(client, family);
  const live = new LivePromise(client, id, () => tidy(family));
  family.set(id, live);
  return live;
}

/** Forgets what nobody needs; of what is settled, the oldest. */
function tidy(family: Map<string, LivePromise>): void {
  const idle = [...family].filter(([, live]) => live.isIdle);
  const kept = idle.filter(([, live]) => live.isSettled).slice(-KEPT_MAX);
  for (const [id, live] of idle) {
    if (kept.some(([, other]) => other === live)) continue;
    live.close();
    family.delete(id);
  }
}

type Verb = "resolve" | "reject" | "cancel";

class LivePromise {
  readonly #client: DurablePromises;
  readonly #id: string;
  readonly #onIdle: () => void;
  readonly #readers = new Set<() => void>();
  #state = CONNECTING;
  #watch: Watch | undefined;
  #settling: Promise<PromiseRecord> | undefined;

  constructor(client: DurablePromises, id: string, onIdle: () => void) {
    this.#client = client;
    this.#id = id;
    this.#onIdle = onIdle;
  }

  /** The same object until something changes. */
  get state(): LiveState {
    return this.#state;
  }

  get isSettled(): boolean {
    return this.#state.status === "resolved" || this.#state.status === "rejected";
  }

  /** Nobody reads it, and nothing is on its way. */
  get isIdle(): boolean {
    return this.#readers.size === 0 && this.#settling === undefined;
  }

  /** @returns how to leave; may be called repeatedly */
  subscribe(onChange: () => void): () => void {
    // A function of its own: two readers may bring the same one.
    const reader = () => onChange();
    this.#readers.add(reader);
    this.#open();
    return () => {
      this.#readers.delete(reader);
      this.#leaveSoon();
    };
  }

  /** The one under way, if there is one. */
  settle(verb: Verb, data: unknown): Promise<PromiseRecord> {
    if (this.#settling) return this.#settling;
    const settling = this.#send(verb, data);
    this.#settling = settling;
    if (!this.isSettled) this.#become({ error: undefined });
    this.#become({ settling: true });
    // Who does not ask finds it in `error`; it is no unhandled rejection.
    settling.catch(() => {});
    return settling;
  }

  close(): void {
    void this.#watch?.close();
    this.#watch = undefined;
  }

  async #send(verb: Verb, data: unknown): Promise<PromiseRecord> {
    try {
      const record = await this.#client[verb](this.#id, data as Json);
      this.#learn(record);
      return record;
    } catch (error) {
      if (isAlreadySettledError(error) || isVoteError(error)) this.#learn(error.record);
      if (!this.#isOver) this.#become({ error });
      throw error;
    } finally {
      this.#settling = undefined;
      this.#become({ settling: false });
      this.#leaveSoon();
    }
  }

  #open(): void {
    if (this.#watch || this.#isOver) return;
    const watch = this.#client.watch(this.#id);
    this.#watch = watch;
    void this.#follow(watch);
  }

  async #follow(watch: Watch): Promise<void> {
    try {
      for await (const frame of watch) this.#hear(frame);
    } catch (error) {
      if (this.#watch !== watch || this.#isOver) return;
      this.#become({ status: "refused", record: undefined, value: undefined, error });
    }
  }

  #hear(frame: Frame): void {
    if (frame.type === "pending" || frame.type === "settled") this.#learn(frame.promise);
    else if (this.#isOver) return;
    else if (frame.type === "absent") this.#become({ status: "absent", record: undefined });
    else if (frame.type === "disposed") {
      const error = new DisposedError();
      this.#become({ status: "disposed", record: undefined, value: undefined, error });
    }
  }

  /** From the line or from an answer, whichever is faster; the slower one brings nothing new. */
  #learn(record: PromiseRecord): void {
    if (this.#isOver) return;
    if (record.state === "RESOLVED") {
      const value = record.value.data as Json;
      this.#become({ status: "resolved", record, value, error: undefined });
    } else if (record.state !== "PENDING") {
      const error = new RejectedError({ record });
      this.#become({ status: "rejected", record, value: undefined, error });
    } else if (votesIn(record) >= votesIn(this.#state.record)) {
      this.#become({ status: "pending", record });
    }
  }

  get #isOver(): boolean {
    return this.isSettled || isDisposedError(this.#state.error);
  }

  #become(change: object): void {
    // Each caller brings all fields in which its state differs from those it may come from.
    this.#state = Object.assign({ ...this.#state }, change);
    for (const reader of this.#readers) reader();
  }

  /** Not at once: who mounts twice, or moves within the page, is back in the same breath. */
  #leaveSoon(): void {
    if (this.isIdle) setTimeout(this.#onIdle);
  }
}

function votesIn(record: PromiseRecord | undefined): number {
  return record?.votes?.length ?? 0;
}
