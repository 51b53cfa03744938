/**
 * The tests' hold on the runtime, in one place: objects by id, their storage, eviction, crashes and
 * alarms, and awaiters that keep what they were told. The only file that imports `cloudflare:test`.
 */
import {
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { NEVER, PONG, type Frame } from "../../client/src/protocol.ts";
import type { Env } from "../../src/env.ts";
import type { Create, Settle } from "../../src/machine/promise.ts";
import { shardName } from "../../src/machine/ids.ts";
import type { IndexObject } from "../../src/object/index-object.ts";
import type { InboxObject } from "../../src/object/inbox-object.ts";
import type { PromiseObject } from "../../src/object/promise-object.ts";
import type { ScheduleObject } from "../../src/object/schedule-object.ts";

export {
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
};

export const ORIGIN = "http://localhost";

/** The Worker of this deployment, as a caller reaches it. */
export function ask(path: string, init?: RequestInit): Promise<Response> {
  // SAFETY: the default export of the main Worker is a Hono app, which has a fetch handler.
  return (exports as unknown as { default: Fetcher }).default.fetch(`${ORIGIN}${path}`, init);
}

export function promiseAt(id: string): DurableObjectStub<PromiseObject> {
  // SAFETY: the bindings are those of wrangler.toml, which Env describes.
  return (env as unknown as Env).PROMISES.getByName(id);
}

export function scheduleAt(id: string): DurableObjectStub<ScheduleObject> {
  // SAFETY: as above.
  return (env as unknown as Env).SCHEDULES.getByName(id);
}

/** For the functions of the edge that take it. */
export function deployment(): Env {
  // SAFETY: as above.
  return env as unknown as Env;
}

export function indexAt(shard: number): DurableObjectStub<IndexObject> {
  // SAFETY: as above.
  return (env as unknown as Env).INDEX.getByName(shardName(shard));
}

export function inboxAt(group: string): DurableObjectStub<InboxObject> {
  // SAFETY: as above.
  return (env as unknown as Env).INBOXES.getByName(group);
}

export function create(id: string, rest: Partial<Create> = {}): Create {
  return {
    kind: "create",
    id,
    birth: crypto.randomUUID(),
    param: {},
    tags: {},
    timeoutAt: NEVER,
    strict: false,
    ...rest,
  };
}

export function resolve(data: string, rest: Partial<Settle> = {}): Settle {
  return { kind: "settle", state: "resolved", value: { data }, strict: false, ...rest };
}

/** Rows written since the object's database was opened (SQLite's `total_changes`). */
export function rowsWritten(
  stub: DurableObjectStub<PromiseObject> | DurableObjectStub<IndexObject>,
): Promise<number> {
  return runInDurableObject<PromiseObject | IndexObject, number>(stub, (_, { storage }) => {
    const { rows } = storage.sql.exec<{ rows: number }>("SELECT total_changes() AS rows").one();
    return rows;
  });
}

export function alarmOf(stub: DurableObjectStub<PromiseObject>): Promise<number | null> {
  return runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
}

/** Whether the object is in memory: one that is not cannot be evicted, says the runtime. */
export async function isRunning(stub: DurableObjectStub<PromiseObject>): Promise<boolean> {
  try {
    await evictDurableObject(stub);
    return true;
  } catch (error) {
    if (String(error).includes("not currently running")) return false;
    throw error;
  }
}

/** An awaiter on a WebSocket that remembers everything it was told, in order. */
export class Awaiter {
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ code: number }>;
  readonly socket: WebSocket;
  #wake: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => resolve({ code }));
    });
    socket.addEventListener("message", ({ data }) => {
      if (data === PONG) return;
      // SAFETY: the server speaks the frames of protocol.ts; the tests check them.
      this.frames.push(JSON.parse(String(data)) as Frame);
      for (const wake of this.#wake.splice(0)) wake();
    });
    socket.accept();
  }

  static async at(stub: DurableObjectStub<PromiseObject>): Promise<Awaiter> {
    const response = await stub.fetch(`${ORIGIN}/`, { headers: { upgrade: "websocket" } });
    if (!response.webSocket) throw new Error(`refused with ${response.status}`);
    const awaiter = new Awaiter(response.webSocket);
    await awaiter.frame(0);
    return awaiter;
  }

  /** The n-th frame, as soon as it is there. */
  async frame(index: number): Promise<Frame> {
    while (this.frames.length <= index) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    return this.frames[index]!;
  }

  /** The types of all frames so far: what happened, in words. */
  get story(): string {
    return this.frames.map(({ type }) => type).join(" ");
  }
}

/** A crash of this object alone: what it had in memory is gone, who waits for it gets an error. */
export async function crash(
  stub:
    | DurableObjectStub<PromiseObject>
    | DurableObjectStub<InboxObject>
    | DurableObjectStub<ScheduleObject>,
): Promise<void> {
  await runInDurableObject<PromiseObject | InboxObject | ScheduleObject, void>(stub, (_, state) => {
    state.abort("a crash, on purpose");
  }).catch(() => undefined);
}

/**
 * The alarm rings now, if one is set, and again when a crash cuts it off, as the runtime's own does.
 * `stubAt`, because a stub that has seen the crash stays broken.
 */
export async function ring(
  stubAt: () =>
    | DurableObjectStub<PromiseObject>
    | DurableObjectStub<InboxObject>
    | DurableObjectStub<IndexObject>,
): Promise<void> {
  try {
    await runDurableObjectAlarm(stubAt());
  } catch {
    await runInDurableObject<PromiseObject | InboxObject | IndexObject, void>(
      stubAt(),
      (_, { storage }) => storage.setAlarm(Date.now()),
    );
  }
}
