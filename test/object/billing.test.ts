/**
 * What a promise costs on the platform's bill, counted: rows written, calls that reach the object,
 * and whether it sleeps while somebody waits.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readConfig } from "../../src/env.ts";
import { PromiseObject } from "../../src/object/promise-object.ts";
import {
  abortAllDurableObjects,
  alarmOf,
  ask,
  Awaiter,
  create,
  deployment,
  indexAt,
  isRunning,
  promiseAt,
  resolve,
  rowsWritten,
  runDurableObjectAlarm,
  runInDurableObject,
} from "./runtime.ts";
import { eventually } from "../eventually.ts";

const JSON_BODY = { "content-type": "application/json" };

const HOUR_MS = 60 * 60 * 1000;

/** It goes on by hand, and hours ahead: the runtime's own never comes to an alarm, only the test rings. */
let clock = 0;

beforeEach(() => {
  clock = Date.now() + HOUR_MS;
  vi.spyOn(Date, "now").mockImplementation(() => clock);
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** What the index costs of a life: rows of its shards, and alarms that are set for its sake. */
async function indexPart(id: string, life: () => Promise<void>): Promise<number> {
  await layOutIndex();
  const shards = Array.from({ length: readConfig(deployment()).indexShards }, (_, n) => indexAt(n));
  const rows = async (): Promise<number> => {
    const all = await Promise.all(shards.map((shard) => rowsWritten(shard)));
    return all.reduce((sum, one) => sum + one, 0);
  };
  const before = await rows();
  const setAlarm = await runInDurableObject(promiseAt(id), (_, { storage }) =>
    vi.spyOn(Object.getPrototypeOf(storage), "setAlarm"),
  );
  setAlarm.mockClear();
  await life();
  return (await rows()) - before + setAlarm.mock.calls.length;
}

describe("the index's part of the bill", () => {
  it("is three rows for a promise that waits long", async () => {
    const stub = promiseAt("bill/long");
    const part = await indexPart("bill/long", async () => {
      await stub.apply(create("bill/long", { tags: { team: "a" } }));
      await runDurableObjectAlarm(stub);
      await stub.apply(resolve("1"));
      await stub.indexed();
    });
    expect(part).toBe(3);
  });

  it("is two rows for one that settles within a second", async () => {
    const stub = promiseAt("bill/fast");
    const part = await indexPart("bill/fast", async () => {
      await stub.apply(create("bill/fast", { tags: { team: "a" } }));
      await stub.apply(resolve("1"));
      await stub.indexed();
      await runDurableObjectAlarm(stub);
    });
    expect(part).toBe(2);
  });
});

describe("rows written", () => {
  it("are two for a create, one of them the alarm that tells the index, and one for a settle", async () => {
    const stub = promiseAt("bill/1");
    await stub.get();
    const before = await rowsWritten(stub);
    const createdAt = Date.now();
    await stub.apply(create("bill/1", { timeoutAt: Date.now() + 60_000 }));
    expect((await rowsWritten(stub)) - before).toBe(2);
    await stub.apply(resolve("1"));
    expect((await rowsWritten(stub)) - before).toBe(3);
    expect((await alarmOf(stub))! - createdAt).toBeLessThanOrEqual(2000);
    await runDurableObjectAlarm(stub);
    expect(await alarmOf(stub)).toBeNull();
  });

  it("are none for reads, repeats and lost settles", async () => {
    const stub = promiseAt("bill/2");
    await stub.apply(create("bill/2", { timeoutAt: Date.now() - 1 }));
    const before = await rowsWritten(stub);
    await stub.get();
    await stub.apply(create("bill/2"));
    await stub.apply(resolve("1"));
    await Awaiter.at(stub);
    expect((await rowsWritten(stub)) - before).toBe(0);
  });

  it("are one for the alarm, however many wait for the deadline", async () => {
    const stub = promiseAt("bill/3");
    await stub.apply(create("bill/3", { timeoutAt: Date.now() + 60_000 }));
    await runDurableObjectAlarm(stub);
    const setAlarm = await runInDurableObject(stub, (_, { storage }) =>
      vi.spyOn(Object.getPrototypeOf(storage), "setAlarm"),
    );
    await Awaiter.at(stub);
    await Awaiter.at(stub);
    await isRunning(stub);
    await Awaiter.at(stub);
    expect(setAlarm).toHaveBeenCalledTimes(1);
  });

  it("are none for a long wait on an id that nobody creates", async () => {
    const stub = promiseAt("bill/4");
    await Awaiter.at(stub);
    expect(await rowsWritten(stub)).toBe(0);
    expect(await alarmOf(stub)).toBeNull();
  });
});

function countCalls(): () => number {
  const spies = [
    vi.spyOn(PromiseObject.prototype, "read"),
    vi.spyOn(PromiseObject.prototype, "get"),
    vi.spyOn(PromiseObject.prototype, "apply"),
    vi.spyOn(PromiseObject.prototype, "change"),
    vi.spyOn(PromiseObject.prototype, "fetch"),
  ];
  // A read looks at the record by way of `get`, which is no call of its own.
  return () => {
    const [read = 0, get = 0, ...rest] = spies.map((spy) => spy.mock.calls.length);
    return Math.max(read, get) + rest.reduce((sum, calls) => sum + calls, 0);
  };
}

describe("calls that reach the object", () => {
  it("are one for each create, read, settle and long poll", async () => {
    const calls = countCalls();
    const put = { method: "PUT", headers: JSON_BODY, body: "{}" };
    expect((await ask("/promises/bill/5", put)).status).toBe(201);
    expect(calls()).toBe(1);
    expect((await ask("/promises/bill/5")).status).toBe(200);
    expect(calls()).toBe(2);
    expect((await ask("/promises/bill/5?wait=1ms")).status).toBe(202);
    expect(calls()).toBe(3);
    const settle = { method: "PATCH", headers: JSON_BODY, body: '{"state":"RESOLVED"}' };
    expect((await ask("/promises/bill/5", settle)).status).toBe(201);
    expect(calls()).toBe(4);
    expect((await ask("/promises/bill/5?wait=20s")).status).toBe(200);
    expect(calls()).toBe(5);
  });

  it("are none for a request that is refused", async () => {
    const calls = countCalls();
    const refused = await Promise.all([
      ask("/promises/%00"),
      ask(`/promises/${"x".repeat(1025)}`),
      ask("/promises/bill/6?wait=soon"),
      ask("/promises/bill/6", { method: "PUT", headers: JSON_BODY, body: "{" }),
      ask("/promises/bill/6", { method: "PUT", headers: JSON_BODY, body: '{"tags":7}' }),
      ask("/promises/bill/6", { method: "POST", headers: JSON_BODY, body: "{}" }),
      ask("/promises/bill/6", { headers: { origin: "https://elsewhere.example" } }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 405, 403]);
    expect(calls()).toBe(0);
  });
});

describe("a waiting awaiter", () => {
  it("of any kind leaves the object free to leave memory, and is told all the same", async () => {
    const stub = promiseAt("bill/7");
    await stub.apply(create("bill/7"));
    const socket = await Awaiter.at(stub);
    const polled = ask("/promises/bill/7?wait=20s");
    const events = await ask("/promises/bill/7", { headers: { accept: "text/event-stream" } });
    const called = ask("/promise/await", {
      method: "POST",
      headers: JSON_BODY,
      body: '{"promiseId":"bill/7"}',
    });
    await eventually(async () => {
      const waiting = await runInDurableObject(stub, (_, ctx) => ctx.getWebSockets().length);
      expect(waiting).toBe(4);
    });

    // Out of memory, and nobody's waiting brings it back: each look would find it running else.
    expect(await isRunning(stub)).toBe(true);
    expect(await isRunning(stub)).toBe(false);

    await promiseAt("bill/7").apply(resolve('"done"'));
    expect(await socket.frame(1)).toMatchObject({ type: "settled" });
    expect(await (await polled).json()).toMatchObject({ state: "RESOLVED" });
    expect(await events.text()).toMatch(/^id: .*pending\nevent: pending\n.*event: settled\n/s);
    expect(await (await called).json()).toEqual({ value: "done" });
  });

  it("held by the Worker outlives a crash of the object", async () => {
    const stub = promiseAt("bill/8");
    await stub.apply(create("bill/8"));
    const polled = ask("/promises/bill/8?wait=20s");
    const events = await ask("/promises/bill/8", { headers: { accept: "text/event-stream" } });
    await eventually(async () => {
      const waiting = await runInDurableObject(stub, (_, ctx) => ctx.getWebSockets().length);
      expect(waiting).toBe(2);
    });
    await abortAllDurableObjects();
    await promiseAt("bill/8").apply(resolve("1"));
    expect(await (await polled).json()).toMatchObject({ state: "RESOLVED" });
    expect(await events.text()).toMatch(/event: settled\n/);
  });
});

/** What a step costs: rows written at the task and at others, the alarms among them, and calls. */
interface Bill {
  task: number;
  others: number;
  alarms: number;
  calls: string;
}

/** A held task, and promises that it may await, of which the clock says that they are no younger. */
async function workflow(id: string, awaited: string[]): Promise<void> {
  for (const one of awaited) await promiseAt(one).apply(create(one));
  clock += HOUR_MS;
  // The index is told of them.
  for (const one of awaited) await runDurableObjectAlarm(promiseAt(one));
  await promiseAt(id).task({
    kind: "task.create",
    create: create(id, { tags: { "resonate:target": `poll://any@${id}` } }),
    pid: "worker",
    ttlMs: 60_000,
  });
}

/** Every shard of the index has had its first entry, which costs it its tables and an alarm. */
async function layOutIndex(): Promise<void> {
  for (let shard = 0; shard < readConfig(deployment()).indexShards; shard += 1) {
    await indexAt(shard).put([{ kind: "removed", of: "promise", id: "nothing", revision: 1 }]);
  }
}

async function rowsOf(ids: string[]): Promise<number> {
  const rows = await Promise.all(ids.map((id) => rowsWritten(promiseAt(id))));
  return rows.reduce((sum, one) => sum + one, 0);
}

/** Fails unless the step comes to cost just that: an object goes on after its answer. */
async function expectBill(
  task: string,
  others: string[],
  step: () => Promise<unknown>,
  expected: Bill,
): Promise<void> {
  await layOutIndex();
  const before = { task: await rowsOf([task]), others: await rowsOf(others) };
  const setAlarm = await runInDurableObject(promiseAt(task), (_, { storage }) =>
    vi.spyOn(Object.getPrototypeOf(storage), "setAlarm"),
  );
  setAlarm.mockClear();
  const methods = ["register", "confirm", "write", "resume", "poke"] as const;
  const spies = methods.map((method) => vi.spyOn(PromiseObject.prototype, method).mockClear());
  const bill = async (): Promise<Bill> => {
    const calls = methods.flatMap((method, n) => {
      // A registration looks at the promise by way of `confirm`, which is no call of its own.
      const own =
        spies[n]!.mock.calls.length - (method === "confirm" ? spies[0]!.mock.calls.length : 0);
      return own === 0 ? [] : [`${own} ${method}`];
    });
    return {
      task: (await rowsOf([task])) - before.task,
      others: (await rowsOf(others)) - before.others,
      alarms: setAlarm.mock.calls.length,
      calls: calls.join(", "),
    };
  };
  await step();
  await eventually(async () => expect(await bill()).toEqual(expected));
  // Nor does it go on to cost more.
  await scheduler.wait(50);
  expect(await bill()).toEqual(expected);
}

describe("a step of a task", () => {
  it("that suspends on one promise costs a row at each, and one call", async () => {
    await workflow("bill/t1", ["bill/t1.a"]);
    await expectBill(
      "bill/t1",
      ["bill/t1.a"],
      () => promiseAt("bill/t1").suspend(1, ["bill/t1.a"]),
      { task: 1, others: 1, alarms: 0, calls: "1 register" },
    );
  });

  it("that suspends on three costs a row at each, and a call each", async () => {
    const awaited = ["bill/t2.a", "bill/t2.b", "bill/t2.c"];
    await workflow("bill/t2", awaited);
    await expectBill("bill/t2", awaited, () => promiseAt("bill/t2").suspend(1, awaited), {
      task: 1,
      others: 3,
      alarms: 0,
      calls: "3 register",
    });
  });

  it("that suspends on two of which one has just been made asks each twice", async () => {
    const awaited = ["bill/t3.a", "bill/t3.b"];
    await workflow("bill/t3", ["bill/t3.a"]);
    await promiseAt("bill/t3.b").apply(create("bill/t3.b"));
    await runDurableObjectAlarm(promiseAt("bill/t3.b"));
    await expectBill("bill/t3", awaited, () => promiseAt("bill/t3").suspend(1, awaited), {
      task: 1,
      others: 2,
      alarms: 0,
      calls: "2 register, 2 confirm",
    });
  });

  it("that goes on, because what it awaits is settled, costs nothing", async () => {
    await workflow("bill/t4", ["bill/t4.a"]);
    await promiseAt("bill/t4.a").apply(resolve("1"));
    await promiseAt("bill/t4.a").indexed();
    await expectBill(
      "bill/t4",
      ["bill/t4.a"],
      () => promiseAt("bill/t4").suspend(1, ["bill/t4.a"]),
      { task: 0, others: 0, alarms: 0, calls: "1 register" },
    );
  });

  it("that is resumed costs three rows at each side, and one call", async () => {
    await workflow("bill/t5", ["bill/t5.a"]);
    await promiseAt("bill/t5").suspend(1, ["bill/t5.a"]);
    // The awaited: its end, an alarm in case the message is lost, the callback. The task: pending, an
    // alarm for the next offer, and that it is parked, because the offer finds nobody.
    await expectBill("bill/t5", ["bill/t5.a"], () => promiseAt("bill/t5.a").apply(resolve("1")), {
      task: 3,
      others: 3,
      alarms: 2,
      calls: "1 resume",
    });
  });

  it("that writes under a fence costs what the write costs, within the horizon of its lease", async () => {
    await workflow("bill/t6", []);
    const write = { id: "bill/t6.a", command: create("bill/t6.a") };
    // The promise, and the alarm that tells the index.
    await expectBill("bill/t6", ["bill/t6.a"], () => promiseAt("bill/t6").fence(1, write), {
      task: 0,
      others: 2,
      alarms: 1,
      calls: "1 write",
    });
  });

  it("that makes a promise and settles it, as the SDK runs a function, costs those two rows and an alarm", async () => {
    await workflow("bill/t7", []);
    const id = "bill/t7.a";
    const step = async (): Promise<void> => {
      await promiseAt("bill/t7").fence(1, { id, command: create(id) });
      await promiseAt("bill/t7").fence(1, { id, command: resolve("1") });
    };
    await expectBill("bill/t7", [id], step, { task: 0, others: 3, alarms: 1, calls: "2 write" });
  });

  it("that nobody can take costs three rows, and after one more look it sleeps for an hour", async () => {
    const id = "bill/t8";
    const born = create(id, { tags: { "resonate:target": `poll://any@${id}` } });
    await expectBill(id, [], () => promiseAt(id).apply(born), {
      task: 3,
      others: 0,
      alarms: 1,
      calls: "",
    });
    const lookAt = (await alarmOf(promiseAt(id))) ?? 0;
    expect(lookAt - clock).toBeLessThan(6000);
    clock = lookAt;
    await expectBill(id, [], () => runDurableObjectAlarm(promiseAt(id)), {
      task: 2,
      others: 0,
      alarms: 1,
      calls: "",
    });
    expect(((await alarmOf(promiseAt(id))) ?? 0) - clock).toBeGreaterThan(50 * 60_000);
  });
});
