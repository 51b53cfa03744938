/**
 * What a workflow can do by its context, executed by a real worker: steps, calls, promises that
 * somebody outside settles, sleep, and work that is left behind.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshId } from "../conformance/service.ts";
import { PATIENCE, startWorld, until, type World } from "./world.ts";
import type { Done } from "./workflows.ts";

let world: World;
const target = "workers";
beforeAll(async () => {
  world = await startWorld();
  await Promise.all([world.start(target), world.start("others")]);
}, PATIENCE);
afterAll(() => world?.[Symbol.asyncDispose]());

const rpc = (id: string, name: string, ...args: unknown[]) =>
  world.caller.rpc(id, name, args, { target });
const beginRpc = (name: string, ...args: unknown[]) =>
  world.caller.beginRpc(freshId(), name, args, { target });

/** Settles a promise of a workflow as soon as it is there. */
const answer = (id: string, value: unknown) => until(() => world.caller.resolve(id, value));

describe("a workflow", { timeout: PATIENCE }, () => {
  test("does its steps (run) in order, each once, each recorded", async () => {
    const id = freshId();
    const all = (await rpc(id, "steps", 3)) as Done[];
    expect(all.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect((await world.noted(id)).map(({ what }) => what)).toEqual(
      all.flatMap(({ step, token }) => [`begun-${step}`, `done-${step}-${token}`]),
    );
    for (const done of all) expect(await world.recorded(`${id}:${done.step}`)).toEqual(done);
  });

  test("begins steps (beginRun) at once and awaits them later", async () => {
    expect(await rpc(freshId(), "meetAll", 3)).toEqual([3, 3, 3]);
  });

  test("calls another group (rpc)", async () => {
    expect(await rpc(freshId(), "relay", ["others", target, "others"])).toEqual([
      target,
      "others",
      target,
      "others",
    ]);
  });

  test("begins calls (beginRpc) at once and awaits them later", async () => {
    expect(await rpc(freshId(), "fanOut", 10, "others")).toBe(385);
  });

  test("has a workflow for a step (run), which calls others (beginRpc)", async () => {
    const id = freshId();
    expect(await rpc(id, "nested", 3, "others")).toBe(14);
    expect(await world.recorded(`${id}:0`)).toBe(14);
    expect(await world.recorded(`${id}:0.2`)).toBe(9);
  });

  test("leaves work behind (detached) that outlives it", async () => {
    const child = (await rpc(freshId(), "leaveBehind", "others")) as string;
    const handle = await world.caller.get(child);
    expect(await handle.done()).toBe(false);
    // The parent of a detached one is its root, so its promises hang below it.
    await answer(`${child}.0`, "late");
    expect(await handle.result()).toEqual({ decision: "late" });
  });
});

describe("a promise of a workflow", { timeout: PATIENCE }, () => {
  test.each([[{ approved: true, by: ["ada", null] }], ["täxt"], [0], [null], [undefined]])(
    "is resolved from outside with %j",
    async (value) => {
      const handle = await beginRpc("approval");
      await answer(`${handle.id}:0`, value);
      expect(await handle.result()).toEqual({ decision: value });
    },
  );

  test("is resolved by the plain PATCH of our own REST", async () => {
    const handle = await beginRpc("approval");
    const address = `${world.url}/promises/${encodeURIComponent(`${handle.id}:0`)}`;
    const data = Buffer.from(JSON.stringify({ approved: true })).toString("base64");
    await until(async () => {
      const { status } = await fetch(address, {
        method: "PATCH",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ state: "RESOLVED", value: { data } }),
      });
      expect(status).toBe(201);
    });
    expect(await handle.result()).toEqual({ decision: { approved: true } });
  });

  test("is rejected from outside, and the workflow catches it", async () => {
    const handle = await beginRpc("approval");
    const value = { __type: "error", name: "Error", message: "not this time" };
    await until(() => world.caller.reject(`${handle.id}:0`, value));
    expect(await handle.result()).toEqual({ refused: "not this time" });
  });

  test("that nobody settles wakes its workflow when it times out", async () => {
    const begunAt = Date.now();
    const handle = await beginRpc("approval", 5000);
    // It is asleep by then: it is the deadline that wakes it.
    await until(async () => expect((await world.task(handle.id)).state).toBe("suspended"));
    expect(await handle.result()).toEqual({ refused: "nobody answered" });
    const took = Date.now() - begunAt;
    expect(took).toBeGreaterThan(5000);
    expect(took).toBeLessThan(20_000);
  });

  test("of another root is awaited: a workflow that is under way elsewhere", async () => {
    const other = await beginRpc("approval");
    const one = await beginRpc("awaitOther", other.id);
    await until(async () => expect((await world.task(one.id)).state).toBe("suspended"));
    await answer(`${other.id}:0`, "both");
    expect(await one.result()).toEqual({ other: { decision: "both" } });
  });

  test("of another root is awaited: one that belongs to no workflow", async () => {
    const other = freshId();
    await world.caller.create(other);
    const two = await Promise.all([beginRpc("awaitOther", other), beginRpc("awaitOther", other)]);
    for (const { id } of two) {
      await until(async () => expect((await world.task(id)).state).toBe("suspended"));
    }
    await answer(other, 42);
    const results = await Promise.all(two.map((handle) => handle.result()));
    expect(results).toEqual([{ other: 42 }, { other: 42 }]);
  });
});

describe("a sleep", { timeout: PATIENCE }, () => {
  test("lasts as long as it says, and not much longer", async () => {
    const id = freshId();
    const slept = (await rpc(id, "nap", 5000)) as number;
    expect(slept).toBeGreaterThanOrEqual(5000);
    expect(slept).toBeLessThan(20_000);
    // Once to begin it, once to go on.
    expect((await world.task(id)).version).toBe(2);
  });

  test("does not keep its worker from other work", async () => {
    const naps = [1, 2, 3, 4, 5].map(() => rpc(freshId(), "nap", 3000));
    const begunAt = Date.now();
    expect(await rpc(freshId(), "square", 3)).toBe(9);
    const slept = (await Promise.all(naps)) as number[];
    // One after the other they would take as long as this.
    expect(Date.now() - begunAt).toBeLessThan(15_000);
    expect(Math.min(...slept)).toBeGreaterThanOrEqual(3000);
  });
});
