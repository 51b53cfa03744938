/**
 * An inbox in the real runtime: who gets a task, what waits for whom, and that nothing which must
 * arrive is lost by a worker that goes, an edge that keeps silent, an eviction or a crash.
 */
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../client/src/protocol.ts";
import type { Offer, Unblock } from "../../src/object/inbox-store.ts";
import { PromiseObject } from "../../src/object/promise-object.ts";
import {
  abortAllDurableObjects,
  evictDurableObject,
  inboxAt,
  runDurableObjectAlarm,
  runInDurableObject,
} from "./runtime.ts";

type Inbox = ReturnType<typeof inboxAt>;

const DAY_MS = 86_400_000;
let number = 0;

function fresh(): { group: string; inbox: Inbox } {
  const group = `group ${(number += 1)}`;
  return { group, inbox: inboxAt(group) };
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A worker at its edge: what came for it, in order. It acknowledges what it must, or keeps silent. */
class Worker {
  readonly messages: string[] = [];
  readonly closed: Promise<number>;
  readonly socket: WebSocket;
  acknowledges: boolean;
  #numbers: string[] = [];
  #wake: (() => void)[] = [];

  constructor(socket: WebSocket, acknowledges: boolean) {
    this.socket = socket;
    this.acknowledges = acknowledges;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code }) => resolve(code));
    });
    socket.addEventListener("message", ({ data }) => {
      const [, head, message] = /^(?:(\d+)\n)?(.*)$/s.exec(String(data))!;
      this.messages.push(message!);
      if (head !== undefined) this.#numbers.push(head);
      if (this.acknowledges) this.acknowledge();
      for (const wake of this.#wake.splice(0)) wake();
    });
    socket.accept();
  }

  static async at(inbox: Inbox, pid: string, acknowledges = true): Promise<Worker> {
    const { webSocket, status } = await connect(inbox, pid);
    if (!webSocket) throw new Error(`refused with ${status}`);
    return new Worker(webSocket, acknowledges);
  }

  /** All that it has not acknowledged yet. */
  acknowledge(): void {
    for (const n of this.#numbers.splice(0)) this.socket.send(`{"ack":${n}}`);
  }

  /** The n-th message, as soon as it is there. */
  async message(index: number): Promise<string> {
    while (this.messages.length <= index) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    return this.messages[index]!;
  }

  /** It goes, and the inbox has noticed. */
  async leave(): Promise<void> {
    this.socket.close(1000);
    await this.closed;
  }
}

function connect(inbox: Inbox, pid: string): Promise<Response> {
  return inbox.fetch(`https://inbox/?pid=${encodeURIComponent(pid)}`, {
    headers: { upgrade: "websocket" },
  });
}

function execute(id: string, version = 1): string {
  return `{"kind":"execute","head":{},"data":{"task":{"id":"${id}","version":${version}}}}`;
}

function task(id: string, rest: Partial<Offer> = {}): Offer {
  return { id, version: 1, cast: "any", ...rest };
}

function message(promiseId: string, rest: Partial<Unblock> = {}): Unblock {
  const text = `{"kind":"unblock","head":{},"data":{"promise":{"id":"${promiseId}"}}}`;
  return { promiseId, cast: "uni", pid: "p", text, ...rest };
}

/** What is stored: the tasks with their versions, and the messages' promises. */
function stored(inbox: Inbox): Promise<{ parked: string[]; kept: string[] }> {
  return runInDurableObject(inbox, (_, { storage }) => {
    const { sql } = storage;
    if (sql.exec("SELECT name FROM sqlite_master WHERE name = 'parked'").toArray().length === 0) {
      return { parked: [], kept: [] };
    }
    const parked = sql.exec<{ task: string }>(
      "SELECT id || ' v' || version AS task FROM parked ORDER BY number",
    );
    const kept = sql.exec<{ promise_id: string }>(
      "SELECT promise_id FROM kept WHERE part = 0 ORDER BY number",
    );
    return {
      parked: parked.toArray().map(({ task }) => task),
      kept: kept.toArray().map(({ promise_id }) => promise_id),
    };
  });
}

function alarmOf(inbox: Inbox): Promise<number | null> {
  return runInDurableObject(inbox, (_, { storage }) => storage.getAlarm());
}

/** Every promise of these tests, poked, does this; it is told its id. */
function whenPoked(group: string, poke: (id: string, inbox: Inbox) => Promise<boolean>): string[] {
  const poked: string[] = [];
  vi.spyOn(PromiseObject.prototype, "poke").mockImplementation(function (this: PromiseObject) {
    // SAFETY: every Durable Object has its context there.
    const { ctx } = this as unknown as { ctx: DurableObjectState };
    poked.push(ctx.id.name!);
    // SAFETY: a method of an object may answer later; who calls it awaits it in any case.
    return poke(ctx.id.name!, inboxAt(group)) as unknown as boolean;
  });
  return poked;
}

async function offersAgain(id: string, inbox: Inbox): Promise<boolean> {
  await inbox.offer(task(id));
  return true;
}


async function race(name: string, p: Promise<unknown>) {
  console.log(name, await Promise.race([p.then(() => "done", (e) => String(e)), scheduler.wait(500).then(() => "HUNG")]));
}
describe("debug", () => {
  for (const [name, poke, delay] of [
    ["true", async () => true, 0],
    ["false", async () => false, 0],
    ["throws", async () => { throw new Error("planted"); }, 0],
    ["throws sync", () => { throw new Error("planted"); }, 0],
    ["throws late", async () => { throw new Error("planted"); }, 300],
    ["offers", offersAgain, 0],
    ["true late", async () => true, 300],
    ["throws2", async () => { throw new Error("planted"); }, 0],
  ] as const) {
    it(name, async () => {
      const { group, inbox } = fresh();
      if (name === "throws2") {
        await runInDurableObject(inbox, async (object) => {
          const { env } = object as unknown as { env: { PROMISES: { getByName(id: string): { poke(): Promise<boolean> } } } };
          await env.PROMISES.getByName("zz").poke().catch(() => undefined);
        });
        console.log("none");
      }
      if (name === "throws sync") {
        await runInDurableObject(inbox, async (_, { storage }) => { await storage.setAlarm(Date.now() + 5000); });
        await race("evict alarm only", evictDurableObject(inbox, { webSockets: "hibernate" }));
        await race("forget", inbox.forget("zz"));
        await race("evict alarm only 2", evictDurableObject(inbox, { webSockets: "hibernate" }));
        await Worker.at(inbox, "a");
        await race("evict alarm and socket", evictDurableObject(inbox, { webSockets: "hibernate" }));
      }
      await inbox.offer(task("x" + name));
      const poked = whenPoked(group, poke as never);
      vi.spyOn(console, "error").mockImplementation(() => undefined);
      await Worker.at(inbox, "a");
      await vi.waitFor(() => expect(poked.length).toBe(1));
      if (delay) await scheduler.wait(delay);
      await race("evict " + name, evictDurableObject(inbox, { webSockets: "hibernate" }));
    });
  }
});
