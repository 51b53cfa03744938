/**
 * What goes wrong in a workflow, and who hears of it: errors, retries, cancels and deadlines, from
 * the worker to the caller in another process.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshId } from "../conformance/service.ts";
import { PATIENCE, startWorld, until, type World } from "./world.ts";

let world: World;
const target = "workers";
beforeAll(async () => {
  world = await startWorld();
  await world.start(target);
}, PATIENCE);
afterAll(() => world?.[Symbol.asyncDispose]());

const attemptsOf = async (id: string) => (await world.noted(id)).map(({ what }) => what);

describe("an error", { timeout: PATIENCE }, () => {
  test("of a workflow reaches its caller, with name and message", async () => {
    const call = world.caller.rpc(freshId(), "failing", ["no such order"], { target });
    await expect(call).rejects.toMatchObject({ name: "TypeError", message: "no such order" });
  });

  test("reaches who asks for it later, too", async () => {
    const id = freshId();
    const handle = await world.caller.beginRpc(id, "failing", ["no such order"], { target });
    await expect(handle.result()).rejects.toThrow("no such order");
    await expect((await world.caller.get(id)).result()).rejects.toThrow("no such order");
    expect(await handle.done()).toBe(true);
  });

  test("of a workflow is caught by the workflow that called it", async () => {
    const outcome = await world.caller.rpc(freshId(), "catching", [target], { target });
    expect(outcome).toBe("caught TypeError: not today");
  });
});

describe("retries", { timeout: PATIENCE }, () => {
  test("of a step end with its first success, and the step is recorded", async () => {
    const id = freshId();
    expect(await world.caller.rpc(id, "retrying", [2, 5], { target })).toBe(3);
    expect(await attemptsOf(id)).toEqual(["attempt-1", "attempt-2", "attempt-3"]);
    expect(await world.recorded(`${id}:0`)).toBe(3);
  });

  test("of a step end when the policy says so, and the error is the workflow's", async () => {
    const id = freshId();
    const call = world.caller.rpc(id, "retrying", [9, 2], { target });
    await expect(call).rejects.toThrow("attempt 3 failed");
    expect(await attemptsOf(id)).toHaveLength(3);
  });

  test.each(["constant", "linear"] as const)("follow the caller's policy: %s", async (type) => {
    const id = freshId();
    const retry = { type, delay: 10, maxRetries: 3 };
    expect(await world.caller.rpc(id, "flaky", [3], { target, retry })).toBe(4);
    expect(await attemptsOf(id)).toHaveLength(4);
  });

  test("are not made when the caller wants none", async () => {
    const id = freshId();
    const call = world.caller.rpc(id, "flaky", [1], { target, retry: { type: "never" } });
    await expect(call).rejects.toThrow("attempt 1 failed");
    expect(await attemptsOf(id)).toEqual(["attempt-1"]);
  });
});

describe("a call", { timeout: PATIENCE }, () => {
  test("that is canceled ends for its caller, and its task with it", async () => {
    const handle = await world.caller.beginRpc(freshId(), "approval", [], { target });
    const result = handle.result();
    result.catch(() => {});
    await until(async () => expect((await world.task(handle.id)).state).toBe("suspended"));
    await world.caller.cancel(handle.id);
    await expect(result).rejects.toThrow("Promise canceled");
    expect((await world.task(handle.id)).state).toBe("fulfilled");
  });

  test("that takes longer than it may ends for its caller", async () => {
    const begunAt = Date.now();
    const options = { target, timeout: 1000 };
    const call = world.caller.rpc(freshId(), "approval", [], options);
    await expect(call).rejects.toThrow("Promise timedout");
    expect(Date.now() - begunAt).toBeLessThan(20_000);
  });

  test("that nobody ever takes ends by its deadline", async () => {
    const options = { target: freshId("nobody"), timeout: 500 };
    const call = world.caller.rpc(freshId(), "greet", ["Ada"], options);
    await expect(call).rejects.toThrow("Promise timedout");
  });
});
