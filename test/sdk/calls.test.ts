/**
 * The calls of Resonate's SDK from outside a workflow, between real processes: run and rpc, their
 * handles, groups, versions, and who of a group gets what.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshId } from "../conformance/service.ts";
import type { SdkProcess } from "./sdk-process.ts";
import { PATIENCE, startWorld, until, type World } from "./world.ts";

let world: World;
let worker: SdkProcess;
const target = "workers";
beforeAll(async () => {
  world = await startWorld();
  worker = await world.start(target);
}, PATIENCE);
afterAll(() => world?.[Symbol.asyncDispose]());

describe("a call", { timeout: PATIENCE }, () => {
  test("by run is executed where it is made", async () => {
    expect(await worker.run(freshId(), "whoAmI")).toMatchObject({ pid: worker.pid });
  });

  test("by run is executed once, however often it is made", async () => {
    const id = freshId();
    const calls = Array.from({ length: 5 }, () => worker.run(id, "steps", [2]));
    const outcomes = await Promise.all(calls);
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
    expect(await world.noted(id)).toHaveLength(4);
  });

  test("by beginRun is executed while its caller does something else", async () => {
    const handle = await worker.beginRun(freshId(), "approval");
    expect(await handle.done()).toBe(false);
    await until(() => worker.resolve(`${handle.id}:0`, "yes"));
    expect(await handle.result()).toEqual({ decision: "yes" });
  });

  test("by rpc is executed by another process", async () => {
    const id = freshId();
    expect(await world.caller.rpc(id, "greet", ["Ada"], { target })).toBe("Hello, Ada");
    expect(await world.caller.rpc(freshId(), "whoAmI", [], { target })).toEqual({
      pid: worker.pid,
      group: target,
    });
    // Again, by the same id: it is not executed, but answered.
    expect(await world.caller.rpc(id, "greet", ["Bob"], { target })).toBe("Hello, Ada");
  });

  test("by beginRpc is executed by another process while its caller does something else", async () => {
    const handle = await world.caller.beginRpc(freshId(), "approval", [], { target });
    const others = [1, 2, 3].map((n) => world.caller.rpc(freshId(), "square", [n], { target }));
    expect(await Promise.all(others)).toEqual([1, 4, 9]);
    await until(() => world.caller.resolve(`${handle.id}:0`, ["a", 1]));
    expect(await handle.result()).toEqual({ decision: ["a", 1] });
  });

  test.each(["my.app.workflow", "orders/42/approval", "Größe 3 – 100 %?#&+"])(
    "may be named like %j",
    async (name) => {
      const id = `${name}-${freshId()}`;
      const handle = await world.caller.beginRpc(id, "approval", [], { target });
      await until(() => world.caller.resolve(`${id}:0`, name));
      expect(await handle.result()).toEqual({ decision: name });
    },
  );

  test("that returns nothing returns nothing", async () => {
    const outcome = await world.caller.rpc(freshId(), "tick", ["nothing"], { target });
    expect(outcome).toBeUndefined();
  });

  test("that was made before there is a worker waits for one", async () => {
    const group = freshId("later");
    const handle = await world.caller.beginRpc(freshId(), "whoAmI", [], { target: group });
    const late = await world.start(group);
    expect(await handle.result()).toEqual({ pid: late.pid, group });
  });
});

describe("a handle", { timeout: PATIENCE }, () => {
  test("that another process got by its id is done when the first one is", async () => {
    const begun = await world.caller.beginRpc(freshId(), "approval", [], { target });
    const got = await worker.get(begun.id);
    expect([await begun.done(), await got.done()]).toEqual([false, false]);
    const results = Promise.all([begun.result(), got.result()]);
    await until(() => worker.resolve(`${begun.id}:0`, 1));
    expect(await results).toEqual([{ decision: 1 }, { decision: 1 }]);
    expect([await begun.done(), await got.done()]).toEqual([true, true]);
    // And one that comes after it was over.
    const late = await world.caller.get(begun.id);
    expect([await late.done(), await late.result()]).toEqual([true, { decision: 1 }]);
  });

  test("of nothing is refused", async () => {
    await expect(world.caller.get(freshId())).rejects.toThrow("not found");
  });
});

describe("a function", { timeout: PATIENCE }, () => {
  test.each([
    [1, [1, 1]],
    [2, [2, 2]],
  ])("has versions: %d", async (version, outcome) => {
    const options = { target, version };
    expect(await world.caller.rpc(freshId(), "which", [], options)).toEqual(outcome);
  });

  test("is the latest when who has them all names none, and the first when he has none", async () => {
    expect(await worker.run(freshId(), "which")).toEqual([2, 2]);
    expect(await world.caller.rpc(freshId(), "which", [], { target })).toEqual([1, 1]);
  });
});

describe("groups", { timeout: PATIENCE }, () => {
  test("call each other, there and back", async () => {
    const groups = [freshId("a"), freshId("b"), freshId("c")];
    const [a = "", b = "", c = ""] = groups;
    await Promise.all(groups.map((group) => world.start(group)));
    const way = await world.caller.rpc(freshId(), "relay", [[b, c, a, b]], { target: a });
    expect(way).toEqual([a, b, c, a, b]);
  });

  test("of two workers share what comes", async () => {
    const target = freshId("pair");
    const pair = await Promise.all([world.start(target), world.start(target)]);
    const calls = Array.from({ length: 20 }, () =>
      world.caller.rpc(freshId(), "whoAmI", [], { target }),
    );
    const outcomes = (await Promise.all(calls)) as { pid: number }[];
    const shares = pair.map(({ pid }) => outcomes.filter((outcome) => outcome.pid === pid).length);
    expect(shares[0]! + shares[1]!).toBe(20);
    expect(Math.min(...shares)).toBeGreaterThan(2);
  });

  test("pass on what one of them cannot do, and do not play ball with it", async () => {
    const target = freshId("mixed");
    await world.start(target, { functions: ["greet"] });
    const id = freshId();
    const handle = await world.caller.beginRpc(id, "whoAmI", [], { target });
    await until(async () => expect((await world.task(id)).version).toBeGreaterThan(2));
    const able = await world.start(target);
    expect(await handle.result()).toEqual({ pid: able.pid, group: target });
    // The version counts how often it was acquired.
    expect((await world.task(id)).version).toBeLessThan(60);
  });
});
