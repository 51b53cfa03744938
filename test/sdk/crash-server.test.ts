/**
 * `kill -9` of the server in the middle of workflows, and a new one on the same folder and port: what
 * was under way goes on, what slept is woken, and nothing is recorded twice.
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

describe("kill -9", { timeout: PATIENCE }, () => {
  test("of the server with many workflows: they go on when it is back", async () => {
    const target = freshId("server");
    await Promise.all([world.start(target, { ttl: TTL }), world.start(target, { ttl: TTL })]);
    const many = await manyUnderWay(world, target);
    await world.kill();
    await world.restart();
    await expectAllRecordedOnce(world, many);
  });

  test("of the server while workflows sleep and wait: they are woken when it is back", async () => {
    const target = freshId("waiting");
    await world.start(target, { ttl: TTL });
    const begin = (name: string, ...args: unknown[]) =>
      world.caller.beginRpc(freshId(), name, args, { target });
    const handles = await Promise.all([
      begin("nap", 5000),
      begin("approval", 5000),
      begin("approval"),
    ]);
    const outcomes = handles.map((handle) => handle.result());
    for (const { id } of handles) {
      await until(async () => expect((await world.task(id)).state).toBe("suspended"));
    }
    await world.kill();
    await world.restart();
    await until(() => world.caller.resolve(`${handles[2].id}:0`, "yes"));
    const [slept, timedOut, approved] = await Promise.all(outcomes);
    expect(slept).toBeGreaterThanOrEqual(5000);
    expect(timedOut).toEqual({ refused: "nobody answered" });
    expect(approved).toEqual({ decision: "yes" });
  });

  test("of both: a new worker goes on with a new server", async () => {
    const hanging = await hangInSecond(world);
    await Promise.all([hanging.worker.kill(), world.kill()]);
    await world.restart();
    const heir = await world.start(hanging.target);
    await expectTakenOver(world, hanging, heir);
  });
});
