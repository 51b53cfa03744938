/**
 * What can be asked of a task and what is answered: the commands of task.ts as data. Decides nothing.
 *
 * A command names no task, because it is asked of the record that the task lies in. So what is
 * malformed without a look at that record (an empty list, an id that awaits itself) is refused at the
 * edge, also for an id that does not exist; the machine refuses it again where it can see it.
 */
import type { Create, PromiseRecord, Settle } from "./promise.ts";
import type { Lease } from "./task-state.ts";

export interface Awaited {
  id: string;
  birth: string;
}

/**
 * Written along where a write is due anyway: so far may fences live that nobody has asked for yet,
 * and the first of them costs no write of its own.
 */
interface Horizon {
  horizonAt?: number;
}

/** Make the promise and take its task in one step, or take the pending task of one that exists. */
export interface CreateTask extends Lease, Horizon {
  kind: "task.create";
  create: Create;
}

export interface AcquireTask extends Lease, Horizon {
  kind: "task.acquire";
  version: number;
}

/** Out of service, and back into it. */
export interface HaltTask {
  kind: "task.halt";
}
export interface ContinueTask {
  kind: "task.continue";
}

/** Asked by the holder: each is refused to everybody else. */
export type HolderCommand =
  | { kind: "task.release"; version: number }
  | { kind: "task.fulfill"; version: number; settle: Settle }
  /** Is the caller still the holder? Opens a suspend. */
  | { kind: "task.guard"; version: number }
  | SuspendTask
  | FenceTask;

/** The commit of a suspend, after all awaited promises have been asked. */
export interface SuspendTask {
  kind: "task.suspend";
  version: number;
  awaited: Awaited[];
  /** `suspended`: all were pending at one instant since the guard. `settled`: one is settled. */
  outcome: "suspended" | "settled";
}

/** Open a fence: a write to `target` that is refused there from `notAfter` on. */
export interface FenceTask {
  kind: "task.fence";
  version: number;
  target: string;
  notAfter: number;
  /** What to store when the stored horizon does not reach `notAfter`. */
  horizonAt: number;
}

/** Told, not asked: whatever comes of it, there is nothing that the teller could do better. */
export type Message =
  | ({ kind: "task.heartbeat"; version: number; pid: string } & Horizon)
  /** An awaited promise has settled. May come twice, late, or for nothing. */
  | { kind: "task.resume"; awaited: string; birth: string }
  /**
   * Do what time alone does. Only a pending or an acquired task has anything due, so a tick that may
   * end a lease is one that finds the task acquired.
   */
  | { kind: "task.tick" }
  /** A worker has come who may take it: offer it again, whenever the next offer is due. */
  | { kind: "task.poke" }
  /** What was offered at `version` is kept for the first worker who comes: no offer till then. */
  | { kind: "task.park"; version: number };

/** A callback is registered at `awaited`: remember it, so that its resume will count. */
export interface CallbackTask {
  kind: "task.callback";
  awaited: string;
  birth: string;
}

export type TaskCommand =
  | CreateTask
  | AcquireTask
  | HaltTask
  | ContinueTask
  | HolderCommand
  | Message
  | CallbackTask;

export interface TaskSettings {
  /** From one offer of a pending task to the next; longer after the first few. More than 0. */
  retryMs: number;
  /** To the next offer of a parked one: a safety net. Default: as for the others. */
  parkMs?: number;
}

export interface TaskDecision {
  /** 200 done · 300 go on, an awaited promise is settled · 4xx as in RULES.md, section 2. */
  status: 200 | 300 | 400 | 404 | 409 | 422;
  /** The promise and its task as they are now, projected. */
  record: PromiseRecord | null;
  /** What to store; left out when nothing changes. */
  write?: PromiseRecord;
  /** What the write means to those who wait for the promise itself; left out when nothing. */
  changed?: "created" | "settled";
  /** The message `execute` to send to the target, once the write is durable. May be lost. */
  offer?: { version: number };
}

/** A task on the wire. */
export interface TaskRecord {
  id: string;
  state: "pending" | "acquired" | "suspended" | "halted" | "fulfilled";
  version: number;
  /** How many. */
  resumes: number;
  ttl?: number;
  pid?: string;
}
