/**
 * A schedule in the real runtime: every occurrence exactly once, through alarms that come early, late
 * or twice, through eviction, crashes and failures in the middle of a firing.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PromiseObject } from "../../src/object/promise-object.ts";
import {
  abortAllDurableObjects,
  evictDurableObject,
  promiseAt,
  runDurableObjectAlarm,
  runInDurableObject,
  scheduleAt,
} from "./runtime.ts";

const START = Date.UTC(2030, 0, 1, 0, 30);
const HOUR_MS = 3_600_000;
let number = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function hourly() {
  const id = `schedule/${(number += 1)}`;
  const stub = scheduleAt(id);
  const answer = await stub.create({
    birth: "b",
    terms: {
      id,
      cron: "0 * * * *",
      timezone: "UTC",
      promiseId: "{{.id}}/{{.timestamp}}",
      promiseTimeoutMs: HOUR_MS,
      promiseParam: { data: '{"n": 1.0}' },
      promiseTags: {},
    },
  });
  expect(answer.outcome).toBe("created");
  return { id, stub };
}

const hour = (n: number) => Date.UTC(2030, 0, 1, n);

async function made(id: string, hours: number[]): Promise<number[]> {
  const records = await Promise.all(hours.map((n) => promiseAt(`${id}/${hour(n)}`).get()));
  return hours.filter((_, n) => records[n] !== null);
}

function alarmOf(stub: ReturnType<typeof scheduleAt>): Promise<number | null> {
  return runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
}

describe("a schedule object", () => {
  it("makes each occurrence on time and sleeps in between", async () => {
    const { id, stub } = await hourly();
    expect(await alarmOf(stub)).toBe(hour(1));
    await evictDurableObject(stub);
    vi.setSystemTime(hour(1));
    await runDurableObjectAlarm(stub);
    expect(await promiseAt(`${id}/${hour(1)}`).get()).toMatchObject({
      param: { data: '{"n": 1.0}' },
      timeoutAt: hour(2),
      tags: { "resonate:schedule": id },
    });
    expect(await stub.get()).toMatchObject({ lastRunAt: hour(1), nextRunAt: hour(2) });
    expect(await alarmOf(stub)).toBe(hour(2));
  });

  it("does nothing on an early alarm, and arms again", async () => {
    const { id, stub } = await hourly();
    await runDurableObjectAlarm(stub);
    expect(await made(id, [0, 1])).toEqual([]);
    expect(await alarmOf(stub)).toBe(hour(1));
  });

  it("makes what was missed while nothing ran, once, however often the alarm comes", async () => {
    const { id } = await hourly();
    await abortAllDurableObjects();
    vi.setSystemTime(hour(5) + 1);
    const create = vi.spyOn(PromiseObject.prototype, "apply");
    await runDurableObjectAlarm(scheduleAt(id));
    await runInDurableObject(scheduleAt(id), (object) =>
      Promise.all([object.alarm(), object.alarm()]),
    );
    expect(await made(id, [1, 2, 3, 4, 5, 6])).toEqual([1, 2, 3, 4, 5]);
    expect(create).toHaveBeenCalledTimes(5);
    expect(await scheduleAt(id).get()).toMatchObject({ lastRunAt: hour(5), nextRunAt: hour(6) });
  });

  it("fires the same ones again after a failure in the middle, and none is missing", async () => {
    const { id, stub } = await hourly();
    vi.setSystemTime(hour(9));
    const create = vi.spyOn(PromiseObject.prototype, "apply");
    create.mockImplementationOnce(() => {
      throw new Error("planted");
    });
    await runDurableObjectAlarm(stub);
    expect(await stub.get()).toMatchObject({ nextRunAt: hour(1) });
    expect(await alarmOf(stub)).toBe(hour(9) + 5000);
    // One of the first six failed; the firing was not over before the five others were made.
    expect(await made(id, [1, 2, 3, 4, 5, 6])).toHaveLength(5);
    const [there] = await made(id, [2, 3]);
    const before = await promiseAt(`${id}/${hour(there!)}`).get();
    await runDurableObjectAlarm(stub);
    expect(await made(id, [1, 2, 3, 4, 5, 6, 7, 8, 9])).toHaveLength(9);
    // The second firing found it there and changed nothing.
    expect(await promiseAt(`${id}/${hour(there!)}`).get()).toEqual(before);
    expect(await stub.get()).toMatchObject({ lastRunAt: hour(9), nextRunAt: hour(10) });
  });

  it("is idempotent by its key, and else exists", async () => {
    const { id, stub } = await hourly();
    const schedule = await stub.get();
    const again = { birth: "c", terms: { ...schedule!, id, cron: "@daily" } };
    expect(await stub.create(again)).toMatchObject({ outcome: "exists", schedule });
    expect(await stub.create({ ...again, idempotencyKey: "k" })).toMatchObject({
      outcome: "exists",
    });
  });

  it("makes nothing while paused or after it is removed", async () => {
    const { id, stub } = await hourly();
    await stub.pause(true);
    expect(await alarmOf(stub)).toBeNull();
    vi.setSystemTime(hour(3) + 1);
    await runInDurableObject(stub, (object) => object.alarm());
    expect(await made(id, [1, 2, 3])).toEqual([]);
    expect((await stub.pause(false)).schedule).toMatchObject({ nextRunAt: hour(4) });
    await stub.remove();
    vi.setSystemTime(hour(5));
    expect(await runDurableObjectAlarm(stub)).toBe(false);
    expect(await stub.get()).toBeNull();
    expect(await made(id, [4, 5])).toEqual([]);
    expect(await stub.remove()).toMatchObject({ outcome: "absent" });
  });

  it("runs now besides its times, paused or not", async () => {
    const { id, stub } = await hourly();
    await stub.pause(true);
    expect(await stub.runNow()).toBe(`${id}/${START}`);
    expect(await promiseAt(`${id}/${START}`).get()).toMatchObject({ state: "pending" });
    expect(await scheduleAt("schedule/none").runNow()).toBeNull();
  });
});
