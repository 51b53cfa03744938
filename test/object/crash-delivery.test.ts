/**
 * A crash at every await of a delivery, with real objects: an offer that nobody can have is parked and
 * handed out when a worker comes; the end of a promise is kept until its listener has it. Whatever dies
 * in between, the worker gets both, and nothing is kept that nobody needs.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { InboxObject } from "../../src/object/inbox-object.ts";
import { PromiseObject } from "../../src/object/promise-object.ts";
import { CrashPoint, POINTS, type Point } from "./across/crash-point.ts";
import { InboxWorker } from "./across/inbox-worker.ts";
import {
  crash,
  create,
  inboxAt,
  promiseAt,
  reset,
  resolve,
  ring,
  runInDurableObject,
} from "./runtime.ts";

const realNow = Date.now;
/** The clock runs, and jumps when a test says so. */
let aheadMs = 0;
let number = 0;

beforeEach(() => {
  vi.spyOn(Date, "now").mockImplementation(() => realNow() + aheadMs);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
});

/** A promise, its inbox, and the worker who is to hear of it. */
class Delivery {
  readonly id = `delivery/${(number += 1)}`;
  readonly group = `group ${number}`;
  readonly worker = new InboxWorker(this.group, "p");

  /** Time passes, every alarm rings, and the worker is there. */
  async pass(): Promise<void> {
    aheadMs += 8000;
    await ring(() => promiseAt(this.id));
    await ring(() => inboxAt(this.group));
    if (!this.worker.isConnected) await this.worker.connect().catch(() => undefined);
    await scheduler.wait(20);
  }

  async heard(what: string): Promise<void> {
    for (let rounds = 0; rounds < 20; rounds += 1) {
      if (this.worker.messages.some((message) => message.includes(what))) return;
      await this.pass();
    }
    throw new Error(`the worker has not heard of ${what}: ${this.worker.messages.join(" ")}`);
  }

  /** Rows of the inbox, after a worker has come once more. */
  async kept(): Promise<number> {
    this.worker.leave();
    for (let n = 0; n < 3; n += 1) await this.pass();
    return runInDurableObject(inboxAt(this.group), (_, { storage: { sql } }) => {
      const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_master").toArray();
      const named = ["parked", "kept"].filter((table) => tables.some(({ name }) => name === table));
      const counts = named.map((table) =>
        Number(sql.exec(`SELECT COUNT(*) AS rows FROM ${table}`).one()["rows"]),
      );
      return counts.reduce((sum, rows) => sum + rows, 0);
    });
  }

  /** @param caller who calls the method that is crashed at */
  crashAt(
    prototype: object,
    method: string,
    point: Point,
    caller: "promise" | "inbox" | "edge",
  ): CrashPoint {
    const inbox = () => crash(inboxAt(this.group));
    const promise = () => crash(promiseAt(this.id));
    const callee = prototype === InboxObject.prototype ? inbox : promise;
    return new CrashPoint(prototype, method, point, {
      crash: (id) => (id !== undefined ? callee() : caller === "inbox" ? inbox() : promise()),
    });
  }
}

type Step = [name: string, prototype: object, method: string, caller: "promise" | "inbox" | "edge"];

function pointsOf(caller: Step[3]): Point[] {
  return POINTS.filter(({ who }) => caller !== "edge" || who !== "caller");
}

function cases(steps: Step[]): [name: string, step: Step, point: Point][] {
  return steps.flatMap((step) =>
    pointsOf(step[3]).map((point): [string, Step, Point] => [
      `${point.who}, ${point.when} ${step[0]} is served`,
      step,
      point,
    ]),
  );
}

describe("a parked task reaches the worker who comes, through a crash of", () => {
  const STEPS: Step[] = [
    ["the offer", InboxObject.prototype, "offer", "promise"],
    ["the worker's coming", InboxObject.prototype, "fetch", "edge"],
    ["the poke", PromiseObject.prototype, "poke", "inbox"],
    ["the acquire", PromiseObject.prototype, "task", "edge"],
    ["the withdrawal", InboxObject.prototype, "forget", "promise"],
  ];

  it.each(cases(STEPS))("%s", async (_, [, prototype, method, caller], point) => {
    const delivery = new Delivery();
    const { id, group } = delivery;
    const crashing = delivery.crashAt(prototype, method, point, caller);
    const born = create(id, { tags: { "resonate:target": `poll://any@${group}` } });
    await promiseAt(id)
      .apply(born)
      .catch(() => undefined);
    await scheduler.wait(20);
    // Another worker takes it by its id: what is parked is to be withdrawn.
    if (method === "forget") await parked(id).then(() => take(id));
    else await delivery.heard(`{"id":"${id}","version":0}`);
    for (let tries = 0; tries < 3 && (await stateOf(id)) === "pending"; tries += 1) await take(id);
    expect(await stateOf(id)).toBe("acquired");
    await crashing.over(1000);
    expect(crashing.callee, "it came to the crash").toBeDefined();
    expect(await delivery.kept()).toBe(0);
    const offered = delivery.worker.messages.filter((message) => message.includes('"version":1'));
    expect(offered, "nobody else is offered it").toEqual([]);
  });
});

describe("the end of a promise reaches its listener, through a crash of", () => {
  const STEPS: Step[] = [
    ["the listening", PromiseObject.prototype, "listen", "edge"],
    ["the settlement", PromiseObject.prototype, "apply", "edge"],
    ["the message", InboxObject.prototype, "unblock", "promise"],
    ["the listener's coming", InboxObject.prototype, "fetch", "edge"],
    ["the acknowledgement", InboxObject.prototype, "webSocketMessage", "edge"],
  ];

  it.each(cases(STEPS))("%s", async (_, [, prototype, method, caller], point) => {
    const delivery = new Delivery();
    const { id, group } = delivery;
    await promiseAt(id).apply(create(id));
    const crashing = delivery.crashAt(prototype, method, point, caller);
    await again(() => promiseAt(id).listen(`poll://uni@${group}/p`));
    await again(() => promiseAt(id).apply(resolve('"end"')));
    await delivery.heard('"data":"end"');
    await crashing.over(1000);
    expect(crashing.callee, "it came to the crash").toBeDefined();
    expect(await delivery.kept()).toBe(0);
    expect(await promiseAt(id).snapshot()).toMatchObject({ listeners: [] });
  });
});

/** A client that has no answer asks again. */
async function again(ask: () => PromiseLike<unknown>): Promise<void> {
  for (let tries = 0; tries < 3; tries += 1) {
    try {
      await ask();
      return;
    } catch {
      aheadMs += 8000;
    }
  }
}

async function take(id: string): Promise<void> {
  const acquire = { kind: "task.acquire", version: 0, pid: "p", ttlMs: 1e9 } as const;
  await promiseAt(id)
    .task(acquire)
    .catch(() => undefined);
}

async function parked(id: string): Promise<void> {
  for (;;) {
    const task = (await promiseAt(id).get())?.task;
    if (task?.state === "pending" && task.parked) return;
    await scheduler.wait(5);
  }
}

async function stateOf(id: string): Promise<string | undefined> {
  const get = async () => (await promiseAt(id).get())?.task?.state;
  // Cut off by the crash itself, it asks again.
  return get().catch(get);
}
