/**
 * What a promise costs on the platform's bill, counted: rows written, calls that reach the object,
 * and whether it sleeps while somebody waits.
 */
import { afterEach, describe, expect, it, vi } from "vitest";
import { PromiseObject } from "../../src/object/promise-object.ts";
import {
  abortAllDurableObjects,
  alarmOf,
  ask,
  Awaiter,
  create,
  isRunning,
  promiseAt,
  resolve,
  rowsWritten,
  runInDurableObject,
} from "./runtime.ts";

const JSON_BODY = { "content-type": "application/json" };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("rows written", () => {
  it("are one for a create and one for a settle", async () => {
    const stub = promiseAt("bill/1");
    await stub.get();
    const before = await rowsWritten(stub);
    await stub.apply(create("bill/1", { timeoutAt: Date.now() + 60_000 }));
    expect((await rowsWritten(stub)) - before).toBe(1);
    await stub.apply(resolve("1"));
    expect((await rowsWritten(stub)) - before).toBe(2);
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
    await vi.waitFor(async () => {
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
    await vi.waitFor(async () => {
      const waiting = await runInDurableObject(stub, (_, ctx) => ctx.getWebSockets().length);
      expect(waiting).toBe(2);
    });
    await abortAllDurableObjects();
    await promiseAt("bill/8").apply(resolve("1"));
    expect(await (await polled).json()).toMatchObject({ state: "RESOLVED" });
    expect(await events.text()).toMatch(/event: settled\n/);
  });
});
