/** A schedule of the SDK, every second: what it makes is executed by a worker, each firing once. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { freshId } from "../conformance/service.ts";
import { PATIENCE, startWorld, until, type World } from "./world.ts";

let world: World;
const target = "workers";
beforeAll(async () => {
  world = await startWorld();
  await Promise.all([world.start(target), world.start(target)]);
}, PATIENCE);
afterAll(() => world?.[Symbol.asyncDispose]());

test("a schedule fires every second, each firing is executed once", { timeout: PATIENCE }, async () => {
  const id = freshId("every-second");
  await world.caller.schedule(id, "* * * * * *", "tick", [id], target);
  // Each firing is a root of its own; the label says whose it is.
  const firings = await until(async () => {
    const all = await world.noted({ what: id });
    expect(all.length).toBeGreaterThanOrEqual(4);
    return all;
  });
  await world.caller.unschedule(id);
});
