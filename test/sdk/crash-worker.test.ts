/**
 * `kill -9` of workers and callers in the middle of workflows: another process goes on behind the last
 * step that was recorded, and nothing is recorded twice.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshId } from "../conformance/service.ts";
import {
  expectAllRecordedOnce,
  expectTakenOver,
  hangInSecond,
  manyUnderWay,
  TTL,
} from "./crashed-steps.ts";
import { PATIENCE, startWorld, until, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, PATIENCE);
afterAll(() => world?.[Symbol.asyncDispose]());

describe.concurrent("kill -9", { timeout: PATIENCE }, () => {
  test("of a worker: another goes on behind the last recorded step", async () => {
    const hanging = await hangInSecond(world);
    await hanging.worker.kill();
    const heir = await world.start(hanging.target);
    await expectTakenOver(world, hanging, heir);
  });

  test("of one of two workers with many workflows: the other does the rest", async () => {
    const target = freshId("many");
    const victim = await world.start(target, { ttl: TTL });
    await world.start(target);
    const many = await manyUnderWay(world, target);
    await victim.kill();
    await expectAllRecordedOnce(world, many);
  });

  test("of a worker whose workflow sleeps: another is woken", async () => {
    const target = freshId("asleep");
    const worker = await world.start(target, { ttl: TTL });
    const { id, result } = await world.caller.beginRpc(freshId(), "nap", [5000], { target });
    const outcome = result();
    await until(async () => expect((await world.task(id)).state).toBe("suspended"));
    await worker.kill();
    await world.start(target);
    expect(await outcome).toBeGreaterThanOrEqual(5000);
  });

  test("of a caller: it comes back under its name, asks again, and is told", async () => {
    const target = freshId("orphan");
    await world.start(target);
    const group = freshId("callers");
    const settings = { functions: [], pid: freshId("caller") };
    const before = await world.start(group, settings);
    const id = freshId();
    await before.beginRpc(id, "approval", [], { target });
    await before.kill();
    const after = await world.start(group, settings);
    const outcome = after.rpc(id, "approval", [], { target });
    await until(() => world.caller.resolve(`${id}:0`, "yes"));
    expect(await outcome).toEqual({ decision: "yes" });
  });
});
