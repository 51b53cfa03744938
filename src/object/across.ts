/**
 * The steps of a task that take more than its own object: suspend, fence, callback, resume. Each is
 * written so that whatever is late, doubled, lost, or cut off by a crash between any two awaits, the
 * outcome is one that a single machine could have had.
 *
 * Four ideas (the counterexample of every shortcut is a named case in test/object/across*.test.ts):
 * 1. The awaiter owns the subscription. The row at the awaited is only a hint; a resume counts if the
 *    awaited stands in `task.awaiting` with the same birth, and takes it out.
 * 2. A suspend is a window: its registrations prove that all awaited were pending at one instant in it.
 *    A crash inside it: nothing happened.
 * 3. A fence is a shared window, and its write carries `notAfter`: where it lands later, it is refused.
 * 4. Windows are memory. The stored `fenceUntil` says how long fences that a crash forgot may live.
 *
 * It refuses to know the rules (machine/task.ts), storage and sockets.
 */
import type { Create, PromiseRecord, Settle } from "../machine/promise.ts";
import type { Awaited, TaskCommand, TaskDecision } from "../machine/task-command.ts";
import type { Lane } from "./lane.ts";
import type { Preload } from "./preload.ts";

/** How long a fenced write may live. Twice that and the margin is less than an object stays awake. */
export const FENCE_MS = 3000;
/** By so much may the clocks of two objects differ. */
export const CLOCK_MARGIN_MS = 1000;
/** A call that takes longer is given up, so that a window always closes. */
const CALL_MS = 3000;
const FENCE_CALL_MS = 1000;
const FENCE_AGAIN_MS = 50;

/** How a promise stands that somebody wants to await. */
export type Standing =
  | { is: "missing" | "internal" | "full" }
  | { is: "pending" | "settled"; record: PromiseRecord };

/** A write under a fence. The birth of a create is drawn by its sender: it tells a copy from a rival. */
export interface Write {
  id: string;
  command: Create | Settle;
}

export interface WriteAnswer {
  /** `late`: not in time, nothing was written. */
  is: "done" | "missing" | "late";
  record: PromiseRecord | null;
}

export interface AcrossAnswer {
  /** As in RULES.md, section 2; 503: it may or may not have happened. */
  status: TaskDecision["status"] | 503;
  record: PromiseRecord | null;
  /** With 300: JSON text of promises that the holder need not ask for. */
  preload?: string;
}

/** A fence that held: what its write came to. */
export interface FenceAnswer extends AcrossAnswer {
  written?: { status: 200 | 404; record: PromiseRecord | null };
}

/** Another promise, as far as a step asks it anything. */
export interface Peer {
  register(awaiter: string, brief: boolean, at?: number): Promise<Standing>;
  confirm(at?: number): Promise<Standing>;
  write(write: Write, notAfter: number, at?: number): Promise<WriteAnswer>;
}

/** The object that a step belongs to. `at` is the instant, where a test tool drives the clock. */
interface Home {
  id(): string;
  peer(id: string): Peer;
  lane: Lane;
  preload: Preload;
  look(at?: number): PromiseRecord | null;
  /** One synchronous turn on the task, stored. */
  turn(command: TaskCommand, at?: number): Pick<TaskDecision, "status" | "record">;
  now(at?: number): number;
}

export class Across {
  #home: Home;
  /** What settled while a suspend is under way: its resume waits outside the window. */
  #noted: Awaited[] | undefined;

  constructor(home: Home) {
    this.#home = home;
  }

  /** 200 suspended · 300 go on, one of them is settled · 422 one of them cannot be awaited. */
  suspend(version: number, ids: string[], at?: number): Promise<AcrossAnswer> {
    return this.#home.lane.open({ kind: "suspend" }, async () => {
      this.#noted = [];
      try {
        return await this.#suspend(version, ids, at);
      } finally {
        this.#noted = undefined;
      }
    });
  }

  async #suspend(version: number, ids: string[], at?: number): Promise<AcrossAnswer> {
    const { preload, ...home } = this.#home;
    const guarded = home.turn({ kind: "task.guard", version }, at);
    if (guarded.status !== 200) return guarded;
    const startedAt = home.now(at);
    const peers = ids.map((awaited) => home.peer(awaited));
    const asked = await inTime(
      CALL_MS,
      peers.map((peer) => peer.register(home.id(), true, at)),
    );
    if (!asked) return unknown(guarded.record);
    let verdict = verdictOn(asked, asked);
    if (verdict === "suspended" && ids.length > 1 && asked.some(isYoungerThan(startedAt))) {
      // Seen pending one after the other, they may never have been pending together.
      const again = await inTime(
        CALL_MS,
        peers.map((peer) => peer.confirm(at)),
      );
      if (!again) return unknown(guarded.record);
      verdict = verdictOn(again, asked);
    }
    if (verdict === "full") return unknown(guarded.record);
    if (verdict === "unawaitable") {
      // Over by now, it could not have been told so.
      const still = home.turn({ kind: "task.guard", version }, at);
      return still.status === 200 ? { ...still, status: 422 } : still;
    }
    const awaited = asked.flatMap((standing) => ("record" in standing ? [standing.record] : []));
    const settledSince = this.#noted?.some((note) => awaited.some(isSame(note)));
    const outcome = settledSince ? "settled" : verdict;
    if (guarded.record) for (const record of awaited) preload.add(guarded.record, record);
    preload.save();
    return home.turn({ kind: "task.suspend", version, awaited, outcome }, at);
  }

  /** A write to another promise that happens only while the caller holds this task. */
  fence(version: number, write: Write, at?: number): Promise<FenceAnswer> {
    return this.#home.lane.open({ kind: "fence" }, () => this.#fence(version, write, at));
  }

  async #fence(version: number, write: Write, at?: number): Promise<FenceAnswer> {
    const { lane, preload, ...home } = this.#home;
    const now = home.now(at);
    const target = write.id;
    const notAfter = Math.min(now + FENCE_MS, home.look(at)?.timeoutAt ?? 0);
    // On a clock that stands still no horizon ever passes; such a clock has no crashes to survive.
    const horizon = at === undefined ? { notAfter, horizonAt: now + 2 * FENCE_MS } : STILL;
    const guarded = home.turn({ kind: "task.fence", version, target, ...horizon }, at);
    if (guarded.status !== 200 || !guarded.record) return guarded;
    const until = Date.now() + (notAfter - now);
    for (let tries = 0; Date.now() < until; tries += 1) {
      const call = home.peer(target).write(write, notAfter, at);
      const [answer] = (await inTime(FENCE_CALL_MS, [call])) ?? [];
      if (answer?.is === "done" || (answer?.is === "missing" && tries === 0)) {
        const { record } = answer;
        if (record) preload.add(guarded.record, record);
        return { ...guarded, written: { status: record ? 200 : 404, record } };
      }
      // Late; or missing, and who knows what a lost try will find.
      if (answer) break;
      await scheduler.wait(FENCE_AGAIN_MS * 2 ** tries);
    }
    // The write may still land, so whoever would end the lease waits until it cannot.
    lane.keepFence(Math.max(until - Date.now(), 0) + CLOCK_MARGIN_MS);
    return unknown(guarded.record);
  }

  /** Registers this task at `awaited`, for its next suspend or as news: the answer is that promise. */
  callback(awaited: string, at?: number): Promise<AcrossAnswer> {
    return this.#home.lane.open({ kind: "callback", awaited }, () => this.#callback(awaited, at));
  }

  async #callback(awaited: string, at?: number): Promise<AcrossAnswer> {
    const home = this.#home;
    const own = home.look(at);
    const peer = home.peer(awaited);
    const live = own?.state === "pending" && own.task !== undefined;
    const call = live ? peer.register(home.id(), false, at) : peer.confirm(at);
    const [standing] = (await inTime(CALL_MS, [call])) ?? [];
    if (!standing || standing.is === "full") return unknown(own);
    if (standing.is === "missing") return { status: 404, record: null };
    // Made in between: what was looked at is older than what was asked.
    if (!own && home.look(at)) return this.#callback(awaited, at);
    if (!own?.task || !("record" in standing)) return { status: 422, record: null };
    const { record, is } = standing;
    if (live && is === "pending") {
      home.turn({ kind: "task.callback", awaited, birth: record.birth }, at);
    }
    return { status: 200, record };
  }

  /** An awaited promise has settled. Answered when it is durable, whatever came of it. */
  resume(awaited: string, birth: string, at?: number): void | Promise<void> {
    this.#noted?.push({ id: awaited, birth });
    return this.#home.lane.run({ kind: "resume", awaited }, () => {
      this.#home.turn({ kind: "task.resume", awaited, birth }, at);
    });
  }
}

const STILL = { notAfter: 0, horizonAt: 0 };

/** @param first the lives that were registered */
function verdictOn(
  standings: Standing[],
  first: Standing[],
): "full" | "unawaitable" | "settled" | "suspended" {
  if (standings.some(({ is }) => is === "missing" || is === "internal")) return "unawaitable";
  if (standings.some(({ is }) => is === "full")) return "full";
  // Gone and made again in between: the one that was registered has settled.
  const same = standings.every((standing, index) => birthOf(standing) === birthOf(first[index]));
  return same && standings.every(({ is }) => is === "pending") ? "suspended" : "settled";
}

function birthOf(standing: Standing | undefined): string | undefined {
  return standing && "record" in standing ? standing.record.birth : undefined;
}

function isYoungerThan(instant: number): (standing: Standing) => boolean {
  return (standing) =>
    "record" in standing && standing.record.createdAt >= instant - CLOCK_MARGIN_MS;
}

function isSame({ id, birth }: Awaited): (record: PromiseRecord) => boolean {
  return (record) => record.id === id && record.birth === birth;
}

function unknown(record: PromiseRecord | null): { status: 503; record: PromiseRecord | null } {
  return { status: 503, record };
}

/** @returns `undefined` when one failed or did not answer in time; the others go on unheard */
async function inTime<T>(ms: number, calls: Promise<T>[]): Promise<T[] | undefined> {
  const over = new AbortController();
  const timeout = scheduler.wait(ms, { signal: over.signal }).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([Promise.all(calls), timeout]);
  } catch {
    return undefined;
  } finally {
    over.abort();
  }
}
