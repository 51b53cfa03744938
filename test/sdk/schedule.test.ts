/** A schedule of the SDK, every second: what it makes is executed by a worker, each firing once. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { freshId } from "../conformance/service.ts";
import { PATIENCE, startWorld, until, type World } from "./world.ts";

const FIRINGS = 4;

let world: World;
const target = "workers";
beforeAll(async () => {
  world = await startWorld();
  await Promise.all([world.start(target), world.start(target)]);
}, PATIENCE);
afterAll(() => world?.[Symbol.asyncDispose]());

test("a schedule fires each second, and each firing is executed once", async () => {
  const id = freshId("every-second");
  await world.caller.schedule(id, "* * * * * *", "tick", [id], target);
  const fired = async () => (await world.noted(id)).map(({ root }) => root);
  const instantOf = (root: string) => Number(root.slice(id.length + 1));
  await until(async () => expect((await fired()).length).toBeGreaterThanOrEqual(FIRINGS));
  await world.caller.unschedule(id);
  expect((await world.ask("schedule.get", { id })).status).toBe(404);

  // Of all seconds in between none is left out, though one worker may be behind the other.
  await until(async () => {
    const instants = [...new Set((await fired()).map(instantOf))].toSorted((a, b) => a - b);
    const first = instants[0]!;
    expect(first % 1000).toBe(0);
    expect(instants).toEqual(instants.map((_, index) => first + index * 1000));
  });
  const roots = await fired();
  expect(new Set(roots).size).toBe(roots.length);
  for (const root of roots) {
    // The side effect comes before the end.
    await until(async () => expect((await world.task(root)).state).toBe("fulfilled"));
    // It was acquired once.
    expect((await world.task(root)).version).toBe(1);
    expect(await (await world.caller.get(root)).result()).toBeUndefined();
  }
});

test("a schedule by the same name is the one that is there", async () => {
  const id = freshId("twice");
  await world.caller.schedule(id, "0 0 1 1 *", "tick", ["a"], target);
  await world.caller.schedule(id, "0 0 1 1 *", "tick", ["a"], target);
  await world.caller.unschedule(id);
  await expect(world.caller.unschedule(id)).rejects.toThrow("not found");
});
