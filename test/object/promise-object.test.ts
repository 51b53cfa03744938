/**
 * The object in the real runtime: what awaiters are told, what is stored, when it wakes. Everything
 * runs twice, the second time with the object evicted between all steps, so that nothing can hang on
 * memory.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { UNTOLD_MS } from "../../src/object/index-gathering.ts";
import {
  abortAllDurableObjects,
  alarmOf,
  Awaiter,
  create,
  isRunning,
  promiseAt,
  resolve,
  runDurableObjectAlarm,
  runInDurableObject,
} from "./runtime.ts";
import { eventually } from "../eventually.ts";

const START = Date.UTC(2030, 0, 1);
let number = 0;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

function fresh() {
  const id = `object/${(number += 1)}`;
  return { id, stub: promiseAt(id) };
}

/** The alarm that tells the index of a birth has rung. */
async function told(stub: ReturnType<typeof promiseAt>): Promise<void> {
  expect(await alarmOf(stub)).toBe(START + UNTOLD_MS);
  await runDurableObjectAlarm(stub);
}

describe.each(["in memory", "evicted between all steps"])("a promise object, %s", (mode) => {
  /** After every step: the object forgets, or not. */
  async function pause(stub: ReturnType<typeof promiseAt>): Promise<void> {
    if (mode !== "in memory") await isRunning(stub);
  }

  async function apply(
    stub: ReturnType<typeof promiseAt>,
    command: Parameters<typeof stub.apply>[0],
  ) {
    const answer = await stub.apply(command);
    await pause(stub);
    return answer;
  }

  async function connect(stub: ReturnType<typeof promiseAt>): Promise<Awaiter> {
    const awaiter = await Awaiter.at(stub);
    await pause(stub);
    return awaiter;
  }

  it("keeps the first settlement for ever", async () => {
    const { id, stub } = fresh();
    expect(await stub.get()).toBeNull();
    expect(await apply(stub, create(id))).toMatchObject({ outcome: "created" });
    expect(await apply(stub, resolve("1"))).toMatchObject({ outcome: "settled" });
    expect(await apply(stub, resolve("2"))).toMatchObject({
      outcome: "lost",
      record: { state: "resolved", value: { data: "1" } },
    });
    expect(await stub.get()).toMatchObject({ state: "resolved", value: { data: "1" } });
  });

  it("tells an awaiter who came before the promise everything, once", async () => {
    const { id, stub } = fresh();
    const awaiter = await connect(stub);
    await apply(stub, create(id, { param: { data: '"?"' } }));
    await apply(stub, resolve("42"));
    expect(await awaiter.frame(2)).toMatchObject({
      type: "settled",
      promise: {
        id,
        state: "RESOLVED",
        value: { data: 42 },
        url: `http://localhost/promises/${id}`,
      },
    });
    expect(await awaiter.closed).toMatchObject({ code: 1000 });
    expect(awaiter.story).toBe("absent pending settled");
  });

  it("tells one who comes after the settlement at once, and keeps no socket", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id));
    await apply(stub, resolve("1"));
    const awaiter = await connect(stub);
    expect(awaiter.story).toBe("settled");
    await apply(stub, resolve("2"));
    expect(awaiter.story).toBe("settled");
  });

  it.each([120, 600])("tells %d awaiters exactly one outcome each", async (count) => {
    const { id, stub } = fresh();
    await apply(stub, create(id));
    const awaiters = await Promise.all(Array.from({ length: count }, () => Awaiter.at(stub)));
    await pause(stub);
    await apply(stub, resolve("7"));
    // What a crash or an eviction cut off, the alarm takes up.
    vi.setSystemTime(START + 5000);
    await runDurableObjectAlarm(stub);
    await Promise.all(awaiters.map((awaiter) => awaiter.frame(1)));
    expect(new Set(awaiters.map(({ story }) => story))).toEqual(new Set(["pending settled"]));
  });

  it("tells the deadline to who waits, by an alarm, and stores it", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id, { timeoutAt: START + 60_000 }));
    await told(stub);
    const awaiter = await connect(stub);
    expect(await alarmOf(stub)).toBe(START + 60_000);

    // Early: the alarm is consumed, nothing is due, and it is set again.
    await runDurableObjectAlarm(stub);
    await pause(stub);
    expect(awaiter.story).toBe("pending");
    expect(await alarmOf(stub)).toBe(START + 60_000);

    // Late, and twice.
    vi.setSystemTime(START + 90_000);
    await runDurableObjectAlarm(stub);
    await pause(stub);
    await runInDurableObject(stub, (object) => object.alarm());
    expect(await awaiter.frame(1)).toMatchObject({
      type: "settled",
      promise: { state: "REJECTED_TIMEDOUT", completedOn: START + 60_000 },
    });
    expect(awaiter.story).toBe("pending settled");
    await runInDurableObject(stub, (_, { storage }) => {
      expect(storage.kv.get("promise")).toContain('"state":"rejected_timedout"');
    });
  });

  it("arms the deadline for an awaiter who came before the promise", async () => {
    const { id, stub } = fresh();
    await connect(stub);
    expect(await alarmOf(stub)).toBeNull();
    await apply(stub, create(id, { timeoutAt: START + 1000 }));
    expect(await alarmOf(stub)).toBe(START + 1000);
  });

  it("lets the deadline win over a settle that comes later, alarm or not", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id, { timeoutAt: START + 1000 }));
    vi.setSystemTime(START + 1000);
    expect(await stub.get()).toMatchObject({ state: "rejected_timedout", settledAt: START + 1000 });
    expect(await apply(stub, resolve("1"))).toMatchObject({
      outcome: "late",
      record: { state: "rejected_timedout" },
    });
    // Told once, it is so for ever: even on a clock that is behind.
    vi.setSystemTime(START);
    await isRunning(stub);
    expect(await stub.get()).toMatchObject({ state: "rejected_timedout" });
  });

  it.each([
    ["ASCII", "x"],
    ["characters that JSON escapes", '\\"'],
    ["characters beyond Latin-1", "语"],
  ])("keeps a mebibyte asked and another answered, of %s", async (_, characters) => {
    const { id, stub } = fresh();
    const size = 1024 * 1024 - 200;
    const length = Math.floor(size / new TextEncoder().encode(characters).length);
    const data = `"${characters.repeat(length)}"`;
    await apply(stub, create(id, { param: { data } }));
    await apply(stub, resolve(data));
    const record = await stub.get();
    expect(record?.param.data === data).toBe(true);
    expect(record).toMatchObject({ state: "resolved" });
    expect(record && "value" in record && record.value.data === data).toBe(true);
    const largest = await runInDurableObject(stub, (_, { storage }) => {
      const sizes = Array.from(storage.kv.list(), ([, value]) =>
        typeof value === "string" ? value.length * 2 : ((value as Uint8Array).byteLength ?? 0),
      );
      return Math.max(...sizes);
    });
    expect(largest).toBeLessThan(2_000_000);
    await apply(stub, { kind: "purge" });
    expect(await stub.get()).toBeNull();
  });

  it("sets no alarm while there is nobody to tell", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id, { timeoutAt: START + 1000 }));
    await told(stub);
    expect(await alarmOf(stub)).toBeNull();
    await apply(stub, resolve("1"));
    expect(await alarmOf(stub)).toBeNull();
  });

  it("never sets an alarm for a promise without a deadline", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id));
    await told(stub);
    await connect(stub);
    expect(await alarmOf(stub)).toBeNull();
  });

  it("waits for a far deadline in steps of a year", async () => {
    const { id, stub } = fresh();
    const year = 365 * 86_400_000;
    await apply(stub, create(id, { timeoutAt: START + 300 * year }));
    await told(stub);
    await connect(stub);
    expect(await alarmOf(stub)).toBe(START + year);
  });

  it("deletes a settled promise after its retention, and not before", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id, { retentionMs: 5000 }));
    await told(stub);
    await apply(stub, resolve("1"));
    expect(await alarmOf(stub)).toBe(START + 5000);
    vi.setSystemTime(START + 4999);
    await runDurableObjectAlarm(stub);
    await pause(stub);
    expect(await stub.get()).toMatchObject({ state: "resolved" });
    vi.setSystemTime(START + 5000);
    await runDurableObjectAlarm(stub);
    await pause(stub);
    expect(await stub.get()).toBeNull();
    expect(await apply(stub, create(id))).toMatchObject({ outcome: "created" });
  });

  it("deletes one that timed out unwatched, retention after its deadline", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id, { timeoutAt: START + 1000, retentionMs: 5000 }));
    await told(stub);
    expect(await alarmOf(stub)).toBe(START + 6000);
    vi.setSystemTime(START + 6000);
    await runDurableObjectAlarm(stub);
    await pause(stub);
    expect(await stub.get()).toBeNull();
  });

  it("tells the outcome even when the retention is over with it", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id, { timeoutAt: START + 1000, retentionMs: 0 }));
    const awaiter = await connect(stub);
    vi.setSystemTime(START + 2000);
    await runDurableObjectAlarm(stub);
    expect(await awaiter.frame(1)).toMatchObject({ type: "settled" });
    expect(await stub.get()).toBeNull();
  });

  it("purges only what is settled; the next life has nothing of the last", async () => {
    const { id, stub } = fresh();
    expect(await apply(stub, { kind: "purge" })).toMatchObject({ outcome: "absent" });
    const first = await apply(stub, create(id, { tags: { a: "1" } }));
    expect(await apply(stub, { kind: "purge" })).toMatchObject({ outcome: "pending" });
    await apply(stub, resolve("1"));
    expect(await apply(stub, { kind: "purge" })).toMatchObject({ outcome: "purged" });
    const second = await apply(stub, create(id));
    expect(second).toMatchObject({ outcome: "created", record: { state: "pending", tags: {} } });
    expect(second.record?.birth).not.toBe(first.record?.birth);
  });

  it("fails who waits on a disposed promise, and frees the id", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id));
    const awaiter = await connect(stub);
    await apply(stub, { kind: "dispose" });
    expect(await awaiter.frame(1)).toEqual({ type: "disposed", id });
    expect(await stub.get()).toBeNull();
  });

  it("fails who waits on a disposed id that nobody had created", async () => {
    const { id, stub } = fresh();
    const awaiter = await connect(stub);
    await apply(stub, { kind: "dispose" });
    expect(await awaiter.frame(1)).toEqual({ type: "disposed", id });
  });

  it("answers a ping without waking", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id));
    const awaiter = await Awaiter.at(stub);
    await isRunning(stub);
    const pong = new Promise((resolve) => {
      awaiter.socket.addEventListener("message", ({ data }) => resolve(data));
    });
    awaiter.socket.send("ping");
    expect(await pong).toBe("pong");
    expect(await isRunning(stub)).toBe(false);
  });

  it.each([
    { sent: "hello", code: 1003, error: "invalid_request" },
    { sent: new Uint8Array([1, 2]), code: 1003, error: "invalid_request" },
    { sent: "x".repeat(1025), code: 1009, error: "too_large" },
  ])("lets an awaiter go that sends $error", async ({ sent, code, error }) => {
    const { id, stub } = fresh();
    await apply(stub, create(id));
    const awaiter = await connect(stub);
    const other = await connect(stub);
    awaiter.socket.send(sent);
    expect(await awaiter.frame(1)).toMatchObject({ type: "error", code: error });
    expect(await awaiter.closed).toMatchObject({ code });
    await apply(stub, resolve("1"));
    expect(await other.frame(1)).toMatchObject({ type: "settled" });
    expect(awaiter.story).toBe("pending error");
  });

  it("refuses one awaiter more than the limit, and takes one again when one has left", async () => {
    const { id, stub } = fresh();
    await apply(stub, create(id));
    const awaiters = await Promise.all(Array.from({ length: 700 }, () => Awaiter.at(stub)));
    await expect(Awaiter.at(stub)).rejects.toThrow("429");
    awaiters[0]!.socket.close(1000);
    const another = await eventually(() => Awaiter.at(stub));
    expect(another.story).toBe("pending");
  });
});

describe("a crash", () => {
  it("drops the sockets and loses nothing that was answered", async () => {
    const id = "crash/1";
    await promiseAt(id).apply(create(id, { timeoutAt: START + 1000 }));
    const awaiter = await Awaiter.at(promiseAt(id));
    await abortAllDurableObjects();
    expect(await awaiter.closed).toMatchObject({ code: 1006 });
    const again = await Awaiter.at(promiseAt(id));
    expect(await promiseAt(id).apply(resolve("1"))).toMatchObject({ outcome: "settled" });
    expect(await again.frame(1)).toMatchObject({ type: "settled" });
    await abortAllDurableObjects();
    expect(await promiseAt(id).get()).toMatchObject({ state: "resolved", value: { data: "1" } });
  });

  it("of the alarm itself never ends the waiting: after the runtime's last try it is set anew", async () => {
    const stub = promiseAt("crash/3");
    await runInDurableObject(stub, async (object, { storage }) => {
      storage.kv.put("promise", '{"layout":99}');
      const failing = { isRetry: true, scheduledTime: START };
      await expect(object.alarm({ ...failing, retryCount: 4 })).rejects.toThrow("layout 99");
      expect(await storage.getAlarm()).toBeNull();
      await object.alarm({ ...failing, retryCount: 5 });
      expect(await storage.getAlarm()).toBe(START + 60_000);
    });
  });

  it("leaves the alarm that tells of a birth in place, also when somebody registers", async () => {
    const id = "crash/birth";
    await promiseAt(id).apply(create(id, { timeoutAt: START + 3_600_000 }));
    await abortAllDurableObjects();
    expect((await promiseAt(id).listen("https://example.com/told")).is).toBe("pending");
    expect(await alarmOf(promiseAt(id))).toBe(START + UNTOLD_MS);
  });

  it("leaves the alarm of a retention in place", async () => {
    const id = "crash/2";
    await promiseAt(id).apply(create(id, { retentionMs: 1000 }));
    await promiseAt(id).apply(resolve("1"));
    await abortAllDurableObjects();
    vi.setSystemTime(START + 1000);
    await runDurableObjectAlarm(promiseAt(id));
    expect(await promiseAt(id).get()).toBeNull();
  });
});
