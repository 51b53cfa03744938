/** The SDK's token against a server that has keys: with one everything works, without it nothing. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshId } from "../conformance/service.ts";
import { PATIENCE, startWorld, type World } from "./world.ts";

let world: World;
const target = "workers";
beforeAll(async () => {
  world = await startWorld({
    env: { API_KEYS: "the-caller's, the-worker's" },
    caller: { token: "the-caller's" },
  });
}, PATIENCE);
afterAll(() => world?.[Symbol.asyncDispose]());

describe("on a server with keys", { timeout: PATIENCE }, () => {
  test("worker and caller with a token each work together", async () => {
    const worker = await world.start(target, { token: "the-worker's" });
    expect(await world.caller.rpc(freshId(), "fanOut", [3, target], { target })).toBe(14);
    expect(await worker.run(freshId(), "nap", [10])).toBeGreaterThanOrEqual(10);
  });

  test.each([
    ["a wrong token", { token: "nobody's" }],
    ["no token", {}],
  ])("a process with %s gets neither an answer nor work", async (_, settings) => {
    const group = freshId("stranger");
    const stranger = world.spawn(group, settings);
    let letIn = false;
    stranger.connected.then(
      () => (letIn = true),
      () => {},
    );
    await expect(stranger.rpc(freshId(), "greet", ["Ada"], { target })).rejects.toThrow("401");
    const honest = await world.start(group, { token: "the-worker's" });
    const worked = await world.caller.rpc(freshId(), "whoAmI", [], { target: group });
    expect(worked).toEqual({ pid: honest.pid, group });
    expect(letIn).toBe(false);
  });
});
