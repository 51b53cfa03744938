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
import { eventually } from "../eventually.ts";

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

/** An object's two seconds for an acknowledgement never end: however slow the machine, it comes in time. */
function neverLate(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
}

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

describe("an offer", () => {
  it("to any goes round fairly, and stores nothing", async () => {
    const { inbox } = fresh();
    const workers = await Promise.all(["a", "b", "c"].map((pid) => Worker.at(inbox, pid)));
    for (let n = 0; n < 30; n += 1) expect(await inbox.offer(task(`t${n}`))).toBe("sent");
    await Promise.all(workers.map((worker) => worker.message(9)));
    expect(workers.map(({ messages }) => messages.length)).toEqual([10, 10, 10]);
    const all = workers.flatMap(({ messages }) => messages);
    expect(new Set(all)).toEqual(new Set(Array.from({ length: 30 }, (_, n) => execute(`t${n}`))));
    const size = await runInDurableObject(inbox, (_, { storage }) => storage.sql.databaseSize);
    expect(size).toBe(
      await runInDurableObject(inboxAt("untouched"), (_, { storage }) => storage.sql.databaseSize),
    );
  });

  it("to any goes to the preferred worker while it is there", async () => {
    const { inbox } = fresh();
    const [a, b] = [await Worker.at(inbox, "a"), await Worker.at(inbox, "b")];
    for (let n = 0; n < 5; n += 1) await inbox.offer(task(`t${n}`, { pid: "b" }));
    await b.message(4);
    expect(a.messages).toEqual([]);
    await b.leave();
    expect(await inbox.offer(task("last", { pid: "b" }))).toBe("sent");
    expect(await a.message(0)).toBe(execute("last"));
  });

  it("to one goes to that one or waits", async () => {
    const { inbox } = fresh();
    const a = await Worker.at(inbox, "a");
    const strange = await Worker.at(inbox, "é/ 🙂");
    expect(await inbox.offer(task("t", { cast: "uni", pid: "é/ 🙂", version: 7 }))).toBe("sent");
    expect(await strange.message(0)).toBe(execute("t", 7));
    expect(await inbox.offer(task("t", { cast: "uni", pid: "c" }))).toBe("parked");
    expect(a.messages).toEqual([]);
    // Somebody is connected, but nobody new: there is nothing to wake for.
    expect(await alarmOf(inbox)).toBeNull();
  });

  it("is parked once for each task, the latest, and gone when it is sent or forgotten", async () => {
    const { group, inbox } = fresh();
    for (const version of [1, 2, 3]) {
      expect(await inbox.offer(task("t", { version }))).toBe("parked");
    }
    await inbox.offer(task("other", { cast: "uni", pid: "x" }));
    await inbox.offer(task("third"));
    expect((await stored(inbox)).parked).toEqual(["t v3", "other v1", "third v1"]);
    expect(await alarmOf(inbox)).toBeNull();
    await inbox.forget("other");
    await inbox.forget("nobody's");
    whenPoked(group, async () => true);
    await Worker.at(inbox, "a");
    expect((await stored(inbox)).parked).toEqual(["t v3", "third v1"]);
    expect(await inbox.offer(task("t", { version: 4 }))).toBe("sent");
    expect((await stored(inbox)).parked).toEqual(["third v1"]);
  });

  it("survives the hibernation of the object under its workers", async () => {
    const { inbox } = fresh();
    const workers = await Promise.all(["a", "b", "c"].map((pid) => Worker.at(inbox, pid)));
    await evictDurableObject(inbox, { webSockets: "hibernate" });
    await inbox.offer(task("one", { cast: "uni", pid: "b" }));
    expect(await workers[1]!.message(0)).toBe(execute("one"));
    await evictDurableObject(inbox, { webSockets: "hibernate" });
    for (let n = 0; n < 6; n += 1) await inbox.offer(task(`t${n}`));
    await Promise.all(workers.map((worker, n) => worker.message(n === 1 ? 2 : 1)));
  });
});

describe("a parked task", () => {
  it("is handed out when a worker comes, the oldest first, and wakes nobody after", async () => {
    const { group, inbox } = fresh();
    const ids = Array.from({ length: 45 }, (_, n) => `parked/${group}/${n}`);
    for (const id of ids) expect(await inbox.offer(task(id))).toBe("parked");
    const poked = whenPoked(group, offersAgain);
    const worker = await Worker.at(inbox, "a");
    await worker.message(44);
    expect(new Set(worker.messages.slice(0, 20))).toEqual(
      new Set(ids.slice(0, 20).map((id) => execute(id))),
    );
    expect(poked).toHaveLength(45);
    await eventually(async () => expect(await alarmOf(inbox)).toBeNull());
    expect((await stored(inbox)).parked).toEqual([]);
  });

  it("for one waits for that one", async () => {
    const { group, inbox } = fresh();
    await inbox.offer(task("for-b", { cast: "uni", pid: "b" }));
    await inbox.offer(task("preferably-b", { pid: "b" }));
    const poked = whenPoked(group, async () => false);
    await Worker.at(inbox, "a");
    await eventually(() => expect(poked).toEqual(["preferably-b"]));
    await Worker.at(inbox, "b");
    await eventually(() => expect(poked).toEqual(["preferably-b", "for-b"]));
    await eventually(async () => expect((await stored(inbox)).parked).toEqual([]));
  });

  it("is not lost when its promise disowns it while it is offered anew", async () => {
    const { group, inbox } = fresh();
    await inbox.offer(task("t", { cast: "uni", pid: "b" }));
    const poked = whenPoked(group, async (id) => {
      await inboxAt(group).offer(task(id, { cast: "uni", pid: "c" }));
      return false;
    });
    await Worker.at(inbox, "b");
    await eventually(() => expect(poked).toHaveLength(1));
    await eventually(async () => expect(await alarmOf(inbox)).toBeNull());
    expect((await stored(inbox)).parked).toEqual(["t v1"]);
  });

  it("whose poke fails is poked again by an alarm, while somebody is there", async () => {
    const { group, inbox } = fresh();
    await inbox.offer(task("failing"));
    const poked = whenPoked(group, async () => {
      throw new Error("planted");
    });
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const worker = await Worker.at(inbox, "a");
    await eventually(() => expect(log).toHaveBeenCalledOnce());
    expect(await alarmOf(inbox)).toBeGreaterThan(Date.now());
    expect(await runDurableObjectAlarm(inbox)).toBe(true);
    expect(poked).toHaveLength(2);
    expect(await alarmOf(inbox)).not.toBeNull();
    expect((await stored(inbox)).parked).toEqual(["failing v1"]);
    await worker.leave();
    await runDurableObjectAlarm(inbox);
    expect(poked).toHaveLength(2);
    expect(await alarmOf(inbox)).toBeNull();
    expect((await stored(inbox)).parked).toEqual(["failing v1"]);
  });

  it("survives a crash in the middle of the poking", async () => {
    const { group, inbox } = fresh();
    const ids = Array.from({ length: 30 }, (_, n) => `crash/${group}/${n}`);
    for (const id of ids) await inbox.offer(task(id));
    const poked = whenPoked(group, () => new Promise(() => undefined));
    const before = await Worker.at(inbox, "a");
    await eventually(() => expect(poked).toHaveLength(20));
    await abortAllDurableObjects();
    await before.closed;
    expect(await alarmOf(inboxAt(group))).not.toBeNull();
    expect((await stored(inboxAt(group))).parked).toHaveLength(30);
    whenPoked(group, offersAgain);
    const worker = await Worker.at(inboxAt(group), "a");
    await worker.message(29);
    await eventually(async () => expect((await stored(inboxAt(group))).parked).toEqual([]));
  });
});

describe("a message that must arrive", () => {
  it("is delivered when it is acknowledged, and leaves nothing behind", async () => {
    neverLate();
    const { inbox } = fresh();
    const worker = await Worker.at(inbox, "p");
    expect(await inbox.unblock(message("m"))).toBe("delivered");
    expect(worker.messages).toEqual([message("m").text]);
    expect(await inbox.unblock(message("n", { cast: "any", pid: "nobody" }))).toBe("delivered");
    expect(await stored(inbox)).toEqual({ parked: [], kept: [] });
    expect(await alarmOf(inbox)).toBeNull();
  });

  it.each([
    ["an eviction", (inbox: Inbox) => evictDurableObject(inbox)],
    ["a crash", () => abortAllDurableObjects()],
  ])("is kept through %s until its worker comes and acknowledges", async (_, harm) => {
    const { group, inbox } = fresh();
    const other = await Worker.at(inbox, "other");
    expect(await inbox.unblock(message("m"))).toBe("kept");
    expect(await inbox.unblock(message("m"))).toBe("kept");
    await other.leave();
    expect(await inbox.unblock(message("for-any", { cast: "any" }))).toBe("kept");
    await harm(inbox);
    expect((await stored(inboxAt(group))).kept).toEqual(["m", "for-any"]);
    const silent = await Worker.at(inboxAt(group), "p", false);
    await silent.message(1);
    await silent.leave();
    const worker = await Worker.at(inboxAt(group), "p");
    expect(await worker.message(0)).toBe(message("m").text);
    await worker.message(1);
    await eventually(async () => expect((await stored(inboxAt(group))).kept).toEqual([]));
    expect(worker.messages).toHaveLength(2);
  });

  it("is kept when nobody acknowledges it in time, and gone when he does after all", async () => {
    const { inbox } = fresh();
    const worker = await Worker.at(inbox, "p", false);
    expect(await inbox.unblock(message("m"))).toBe("kept");
    expect(worker.messages).toHaveLength(1);
    await evictDurableObject(inbox, { webSockets: "hibernate" });
    worker.acknowledge();
    await eventually(async () => expect((await stored(inbox)).kept).toEqual([]));
    expect(worker.messages).toHaveLength(1);
  });

  it("goes to the socket that takes the place of its worker's older one", async () => {
    neverLate();
    const { inbox } = fresh();
    const older = await Worker.at(inbox, "p", false);
    const outcome = inbox.unblock(message("m"));
    await older.message(0);
    const newer = await Worker.at(inbox, "p");
    expect(await outcome).toBe("delivered");
    // 1000 tells the edge not to come again.
    expect(await older.closed).toBe(1000);
    expect(newer.messages).toEqual([message("m").text]);
    await evictDurableObject(inbox, { webSockets: "hibernate" });
    await inbox.offer(task("t"));
    expect(await newer.message(1)).toBe(execute("t"));
    expect(older.messages).toHaveLength(1);
  });

  it("goes to another when the one of any who had it leaves", async () => {
    const { inbox } = fresh();
    await inbox.unblock(message("m", { cast: "any", pid: "p" }));
    const silent = await Worker.at(inbox, "a", false);
    await silent.message(0);
    const worker = await Worker.at(inbox, "b");
    expect(worker.messages).toEqual([]);
    await silent.leave();
    expect(await worker.message(0)).toBe(message("m").text);
    await eventually(async () => expect((await stored(inbox)).kept).toEqual([]));
  });

  it("is one of many: a backlog comes in pieces, through hibernation, in its order", async () => {
    const { inbox } = fresh();
    const ids = Array.from({ length: 50 }, (_, n) => `m${n}`);
    for (const id of ids) await inbox.unblock(message(id));
    const worker = await Worker.at(inbox, "p", false);
    await worker.message(19);
    await evictDurableObject(inbox, { webSockets: "hibernate" });
    expect(worker.messages).toHaveLength(20);
    worker.acknowledges = true;
    worker.acknowledge();
    await eventually(async () => expect((await stored(inbox)).kept).toEqual([]));
    expect([...new Set(worker.messages)]).toEqual(ids.map((id) => message(id).text));
  });

  it("may be as large as a promise", async () => {
    neverLate();
    const { inbox } = fresh();
    const text = `{"kind":"unblock","data":"${"ü🙂".repeat(380_000)}"}`;
    await inbox.unblock(message("m", { text }));
    await evictDurableObject(inbox);
    const worker = await Worker.at(inbox, "p");
    expect(await worker.message(0)).toBe(text);
    await eventually(async () => expect((await stored(inbox)).kept).toEqual([]));
    expect(await inbox.unblock(message("n", { text }))).toBe("delivered");
  });

  it("is kept before it is sent when too much waits already, and arrives all the same", async () => {
    neverLate();
    const { inbox } = fresh();
    const worker = await Worker.at(inbox, "p", false);
    const text = "x".repeat(1_500_000);
    const outcomes = Array.from({ length: 12 }, (_, n) =>
      inbox.unblock(message(`m${n}`, { text })),
    );
    expect(await Promise.race(outcomes.slice(6))).toBe("kept");
    worker.acknowledges = true;
    worker.acknowledge();
    expect((await Promise.all(outcomes)).slice(0, 6)).toEqual(Array(6).fill("delivered"));
    await eventually(async () => expect((await stored(inbox)).kept).toEqual([]));
    expect(worker.messages.length).toBeGreaterThanOrEqual(12);
  });

  it("is given up after seven days, by an alarm", async () => {
    const { inbox } = fresh();
    const start = Date.UTC(2030, 0, 1);
    vi.useFakeTimers({ toFake: ["Date"], now: start });
    await inbox.unblock(message("old"));
    vi.setSystemTime(start + DAY_MS);
    await inbox.unblock(message("young"));
    expect(await alarmOf(inbox)).toBe(start + LIMITS.unblockKeptMsMax);
    vi.setSystemTime(start + LIMITS.unblockKeptMsMax + 1);
    await runDurableObjectAlarm(inbox);
    expect((await stored(inbox)).kept).toEqual(["young"]);
    expect(await alarmOf(inbox)).toBe(start + DAY_MS + LIMITS.unblockKeptMsMax);
    vi.setSystemTime(start + DAY_MS + LIMITS.unblockKeptMsMax + 1);
    await runDurableObjectAlarm(inbox);
    expect(await stored(inbox)).toEqual({ parked: [], kept: [] });
    expect(await alarmOf(inbox)).toBeNull();
  });

  it("gives way, the oldest first, when a group keeps too many", async () => {
    const { inbox } = fresh();
    await runInDurableObject(inbox, async (object) => {
      for (let n = 0; n < LIMITS.unblocksKeptMax + 3; n += 1)
        await object.unblock(message(`m${n}`));
    });
    const { kept } = await stored(inbox);
    expect(kept).toHaveLength(LIMITS.unblocksKeptMax);
    expect(kept.slice(0, 2)).toEqual(["m3", "m4"]);
  });
});

describe("a group", () => {
  it("takes as many workers as it may, and one that comes again", async () => {
    const { inbox } = fresh();
    const pids = Array.from({ length: LIMITS.pollersMax }, (_, n) => `p${n}`);
    const workers = await Promise.all(pids.map((pid) => Worker.at(inbox, pid)));
    expect((await connect(inbox, "one more")).status).toBe(503);
    const again = await Worker.at(inbox, "p7");
    expect(await workers[7]!.closed).toBe(1000);
    expect((await connect(inbox, "one more")).status).toBe(503);
    // Nobody keeps it awake.
    await evictDurableObject(inbox, { webSockets: "hibernate" });
    expect((await connect(inbox, "one more")).status).toBe(503);
    await again.leave();
    expect((await connect(inbox, "one more")).status).toBe(101);
  });

  it("lets go of an edge that says anything else", async () => {
    neverLate();
    const { inbox } = fresh();
    for (const said of ["hello", '{"ack":"1"}', "{}", new Uint8Array([1])]) {
      const worker = await Worker.at(inbox, "p");
      worker.socket.send(said);
      expect(await worker.closed).toBe(1003);
      expect(await inbox.offer(task("t", { cast: "uni", pid: "p" }))).toBe("parked");
    }
    const worker = await Worker.at(inbox, "p");
    worker.socket.send('{"ack": 12345}');
    expect(await inbox.unblock(message("m"))).toBe("delivered");
  });

  it("is reached by an upgrade with a pid only", async () => {
    const { inbox } = fresh();
    expect((await inbox.fetch("https://inbox/?pid=p")).status).toBe(400);
    expect((await connect(inbox, "")).status).toBe(400);
  });
});
