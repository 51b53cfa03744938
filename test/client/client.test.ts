/** The client against a real server on a line that holds. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  AlreadySettledError,
  durablePromise,
  DurablePromises,
  NEVER,
  RejectedError,
  type StandardSchema,
  ValidationError,
} from "../../client/src/index.ts";
import { newId, startWorld, type World } from "./world.ts";

let world: World;
let promises: DurablePromises;
beforeAll(async () => {
  world = await startWorld();
  promises = world.direct;
});
afterAll(() => world[Symbol.asyncDispose]());

const schema: StandardSchema<{ sum: number }> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: async (value) =>
      typeof (value as { sum?: unknown })?.sum === "number"
        ? { value: value as { sum: number } }
        : { issues: [{ message: "sum must be a number" }] },
  },
};

describe("create", () => {
  test("makes a pending promise with all that it was given", async () => {
    const id = newId();
    const before = Date.now();
    const record = await promises.create(id, {
      param: { headers: { h: "1" }, data: { ask: 1 } },
      deadline: "1h",
      tags: { kind: "test" },
      retention: "7d",
      onTimeout: { state: "RESOLVED", value: { data: "late" } },
    });
    expect(record).toMatchObject({
      id,
      state: "PENDING",
      param: { headers: { h: "1" }, data: { ask: 1 } },
      tags: { kind: "test" },
      retention: 604_800_000,
      onTimeout: { state: "RESOLVED", value: { data: "late" } },
    });
    expect(Math.abs(record.timeout - before - 3_600_000)).toBeLessThan(10_000);
    expect(await promises.get(id)).toEqual(record);
  });

  test("takes a Date, an instant and a date string as deadline, and none for never", async () => {
    const instant = Date.now() + 60_000;
    for (const deadline of [new Date(instant), instant, new Date(instant).toISOString()]) {
      expect((await promises.create(newId(), { deadline })).timeout).toBe(instant);
    }
    expect((await promises.create(newId())).timeout).toBe(NEVER);
  });

  test("is get or create: the second caller gets the promise of the first", async () => {
    const id = newId();
    const other = new DurablePromises({ url: world.url });
    const [a, b] = await Promise.all([promises.create(id), other.create(id)]);
    expect(a).toEqual(b);
    await promises.resolve(id, 1);
    expect((await other.create(id)).value).toEqual({ data: 1 });
    await expect(other.create(id, { strict: true })).rejects.toMatchObject({ name: "ExistsError" });
  });

  test("with a key of its own tells the second caller", async () => {
    const id = newId();
    const first = await promises.create(id, { idempotencyKey: "a" });
    const second = promises.create(id, { idempotencyKey: "b" });
    await expect(second).rejects.toMatchObject({
      name: "ExistsError",
      code: "exists",
      record: first,
    });
  });

  test("without an id makes one", async () => {
    const [a, b] = await Promise.all([promises.create(), promises.create(undefined, {})]);
    expect(a.id).toMatch(/^[0-9a-f]{32}$/);
    expect(a.id).not.toBe(b.id);
  });

  test.each(["ü/ö ?#%&+", "a//b", "/a/", "...", "%2F", "%2e%2e", 'q"\\', "日本", "-".repeat(1024)])(
    "addresses the id %j and no other",
    async (id) => {
      const record = await promises.create(id);
      expect(record.id).toBe(id);
      await promises.resolve(id, id);
      expect(await promises.wait(id)).toBe(id);
      await promises.delete(id);
    },
  );
});

describe("extend", () => {
  test("moves the deadline later, and again to the same instant is no failure", async () => {
    const id = newId();
    await promises.create(id, { deadline: "1m" });
    const instant = Date.now() + 7_200_000;
    for (const deadline of [instant, new Date(instant), new Date(instant).toISOString()]) {
      expect(await promises.extend(id, deadline)).toMatchObject({ id, timeout: instant });
    }
    const later = await promises.extend(id, "3h");
    expect(Math.abs(later.timeout - Date.now() - 10_800_000)).toBeLessThan(10_000);
    expect(await promises.get(id)).toEqual(later);
  });

  test("is refused for what is earlier, endless, settled or not there", async () => {
    const [id, endless] = [newId(), newId()];
    await promises.create(id, { deadline: "1h" });
    await promises.create(endless);
    for (const call of [() => promises.extend(id, "1s"), () => promises.extend(endless, "1h")]) {
      await expect(call()).rejects.toMatchObject({ code: "invalid_request", field: "timeout" });
    }
    await promises.resolve(id, 1);
    await expect(promises.extend(id, "2h")).rejects.toMatchObject({
      name: "AlreadySettledError",
      record: { id, value: { data: 1 } },
    });
    await expect(promises.extend(newId(), "2h")).rejects.toMatchObject({ name: "NotFoundError" });
    await expect(promises.extend(id, 5)).rejects.toThrow(/deadline: 5 is 1970/);
  });
});

describe("a settled promise", () => {
  test.each([0, false, "", null, [1], { a: { b: "ü" } }])("keeps %j", async (value) => {
    const id = newId();
    await promises.create(id);
    const record = await promises.resolve(id, value);
    expect(record).toMatchObject({ state: "RESOLVED", value: { data: value } });
    expect(await promises.wait(id)).toEqual(value);
  });

  test("keeps a megabyte less a little, and more is refused by name", async () => {
    const id = newId();
    await promises.create(id);
    const call = promises.resolve(id, "x".repeat(1024 * 1024));
    await expect(call).rejects.toMatchObject({ name: "ApiError", code: "too_large", status: 413 });
    const value = "x".repeat(1024 * 1024 - 1000);
    await promises.resolve(id, value);
    expect((await promises.wait<string>(id)).length).toBe(value.length);
  });

  test("resolved with nothing has a value without data", async () => {
    const id = newId();
    await promises.create(id);
    expect((await promises.resolve(id)).value).toEqual({});
    expect(await promises.wait(id)).toBeUndefined();
  });

  test("rejected with an Error keeps name and message", async () => {
    const id = newId();
    await promises.create(id);
    await promises.reject(id, new RangeError("too much"), { headers: { by: "me" } });
    const error = await promises.wait(id).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({
      message: "too much",
      reason: { name: "RangeError", message: "too much" },
      state: "REJECTED",
      record: { id, value: { headers: { by: "me" } } },
    });
  });

  test("cancelled without a reason says so", async () => {
    const id = newId();
    await promises.create(id);
    await promises.cancel(id);
    await expect(promises.wait(id)).rejects.toThrow("promise was canceled");
  });

  test("stays as it is: who comes later gets the winner's record", async () => {
    const id = newId();
    await promises.create(id);
    const winner = await promises.resolve(id, "first");
    const late = [
      () => promises.resolve(id, "second"),
      () => promises.reject(id, "no"),
      () => promises.cancel(id),
    ];
    for (const settle of late) {
      const error = await settle().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(AlreadySettledError);
      expect(error).toMatchObject({ code: "already_resolved", record: winner, retryable: false });
    }
  });

  test("can be settled again with the same key", async () => {
    const id = newId();
    await promises.create(id);
    const first = await promises.resolve(id, 1, { idempotencyKey: "k" });
    expect(await promises.resolve(id, 2, { idempotencyKey: "k" })).toEqual(first);
  });

  test("by its deadline is a lost race for a later settle, though the server answers 200", async () => {
    const id = newId();
    await promises.create(id, { deadline: new Date(Date.now() - 1) });
    await expect(promises.wait(id)).rejects.toMatchObject({ state: "REJECTED_TIMEDOUT" });
    await expect(promises.resolve(id, 1)).rejects.toMatchObject({ code: "already_timedout" });
    const timer = newId();
    await promises.create(timer, {
      deadline: new Date(Date.now() - 1),
      onTimeout: { state: "RESOLVED", value: { data: "default" } },
    });
    await expect(promises.resolve(timer, 1)).rejects.toMatchObject({
      name: "AlreadySettledError",
      record: { value: { data: "default" } },
    });
  });

  test("can be removed, a pending one cannot, and one that is not there is an error", async () => {
    const id = newId();
    await promises.create(id);
    await expect(promises.delete(id)).rejects.toMatchObject({ name: "ApiError", code: "pending" });
    await promises.resolve(id);
    await promises.delete(id);
    for (const call of [
      () => promises.get(id),
      () => promises.resolve(id),
      () => promises.delete(id),
    ]) {
      await expect(call()).rejects.toMatchObject({ name: "NotFoundError", status: 404 });
    }
  });
});

describe("a schema", () => {
  test("types and checks what comes back", async () => {
    const id = newId();
    await promises.create(id);
    await promises.get(id, { schema });
    await promises.resolve(id, { sum: 5 });
    const { sum } = await promises.wait(id, { schema });
    expect(sum).toBe(5);
    expect((await promises.get(id, { schema })).value.data?.sum).toBe(5);
  });

  test("that does not fit is a ValidationError with its issues", async () => {
    const id = newId();
    await promises.create(id);
    await promises.resolve(id, "five");
    const error = await promises.wait(id, { schema }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({
      code: "invalid_value",
      issues: [{ message: "sum must be a number" }],
    });
    await expect(promises.get(id, { schema })).rejects.toThrow("sum must be a number");
  });
});

describe("a bad request", () => {
  test("is an ApiError that names the field", async () => {
    const call = promises.create(newId(), { tags: { a: 1 as never } });
    await expect(call).rejects.toMatchObject({
      name: "ApiError",
      code: "invalid_request",
      status: 400,
    });
    await expect(call).rejects.toMatchObject({ field: expect.stringContaining("tags") });
  });
});

describe("durablePromise, as in the example", () => {
  test("is null until somebody resolves it, then the value for everyone", async () => {
    const promise = durablePromise<string>(world.url, newId());
    expect(await promise.peek()).toBeNull();
    const waiting = promise.get();
    expect(await promise.resolve("first")).toBe("first");
    expect(await waiting).toBe("first");
    expect(await promise.peek()).toBe("first");
    expect(await promise.resolve("second")).toBe("first");
    expect(await promise.reject("too late")).toBe("first");
  });

  test("throws the message of the rejection, for the winner and everyone else", async () => {
    const promise = durablePromise<string>(world.url, newId());
    const waiting = promise.get();
    waiting.catch(() => {});
    const calls = [
      () => promise.reject("help!"),
      () => waiting,
      () => promise.peek(),
      () => promise.resolve("x"),
    ];
    for (const call of calls) {
      const error = await call().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({ name: "RejectedError", message: "help!" });
    }
  });

  test("resolved without a value is undefined, not null", async () => {
    const promise = durablePromise<undefined>(world.url, newId());
    expect(await promise.resolve()).toBeUndefined();
    expect(await promise.peek()).toBeUndefined();
  });

  test("knows an id that is hard to put into a URL", async () => {
    const promise = durablePromise<number>(world.url, "sp ace//ü?");
    await promise.resolve(7);
    expect(await promise.get()).toBe(7);
    expect(promise.id).toBe("sp ace//ü?");
  });

  test("refuses a rejection without a message", async () => {
    const promise = durablePromise(world.url, newId());
    await expect(promise.reject(undefined as never)).rejects.toThrow(
      /needs a message, got undefined/,
    );
    expect(await promise.peek()).toBeNull();
  });
});

describe("with keys", () => {
  test("the token opens requests, sockets and long polls; without it all are refused", async () => {
    await using locked = await startWorld({ API_KEYS: "key-1,key+/2=" });
    for (const token of ["key-1", "key+/2="]) {
      for (const road of [{}, { WebSocket: false as const }]) {
        const own = new DurablePromises({ url: locked.url, token, ...road });
        const id = newId();
        const waiting = own.wait(id);
        await own.create(id);
        await own.resolve(id, token);
        expect(await waiting).toBe(token);
      }
    }
    for (const road of [{}, { WebSocket: false as const }]) {
      const wrong = new DurablePromises({ url: locked.url, token: "wrong", ...road });
      const refusal = { name: "ApiError", code: "unauthorized", status: 401 };
      await expect(wrong.wait(newId())).rejects.toMatchObject(refusal);
      await expect(wrong.create(newId())).rejects.toMatchObject(refusal);
    }
  });
});
