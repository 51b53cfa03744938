/**
 * Who holds a task for longer than its lease lasts: by heartbeats that name tasks of several
 * workflows at once, and by heartbeats that name none. Both are what some SDK sends, and what
 * Resonate's own server refuses, whereupon the work is done again and again.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshId } from "../conformance/service.ts";
import { withTime } from "../eventually.ts";
import { PATIENCE, startWorld, until, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, PATIENCE);
afterAll(() => world?.[Symbol.asyncDispose]());

/** A task of which nobody is told, held by `pid`. */
async function hold(pid: string, ttl: number): Promise<string> {
  const id = freshId("held");
  const { status } = await world.ask("task.create", {
    pid,
    ttl,
    action: {
      kind: "promise.create",
      head: { corrId: "0", version: "2026-04-01" },
      data: {
        id,
        timeoutAt: Date.now() + PATIENCE,
        param: { headers: {}, data: "" },
        tags: { "resonate:target": `poll://any@${freshId("nobody")}` },
      },
    },
  });
  expect(status).toBe(200);
  return id;
}

// Who stands still for a whole lease loses it, and rightly: then once more, with a longer one.
describe.concurrent("a lease", { timeout: PATIENCE }, () => {
  test("holds for each of three workflows in one worker that all take longer", () =>
    withTime(2000, async (ttl) => {
      const target = freshId("slow");
      const worker = await world.start(target, { ttl });
      const ids = [freshId(), freshId(), freshId()];
      const calls = ids.map((id) => world.caller.rpc(id, "steps", [1, 1.5 * ttl], { target }));
      const all = await Promise.all(calls);
      for (const [index, id] of ids.entries()) {
        expect(all[index]).toMatchObject([{ step: 0, by: worker.pid }]);
        // Executed once: one beginning, one end, acquired once.
        expect(await world.noted(id)).toHaveLength(2);
        expect(await world.task(id)).toMatchObject({ state: "fulfilled", version: 1 });
      }
    }));

  test("holds for everything of a worker whose heartbeats name nothing, and for nobody else", () =>
    withTime(1500, async (ttl) => {
      const pid = freshId("silent");
      const ids = await Promise.all([hold(pid, ttl), hold(pid, ttl), hold(pid, ttl)]);
      const lapsing = await hold(freshId("dead"), ttl);
      // Twice as long as one lease.
      for (let beat = 0; beat < 20; beat += 1) {
        await sleep(ttl / 10);
        const { status } = await world.ask("task.heartbeat", { pid, tasks: [] });
        expect(status).toBe(200);
      }
      for (const id of ids) {
        expect(await world.task(id)).toMatchObject({ state: "acquired", version: 1, pid });
      }
      await until(async () =>
        expect(await world.task(lapsing)).toMatchObject({ state: "pending", version: 1 }),
      );
    }));

  test("that nobody extends lapses, and the task goes to another", async () => {
    const target = freshId("lapse");
    const stuck = await world.start(target, { ttl: 1000, hangAt: 0 });
    const id = freshId();
    const handle = await world.caller.beginRpc(id, "steps", [1], { target });
    await until(async () => expect(await world.noted(id)).not.toEqual([]));
    // It stops where it is, and so do its heartbeats: a dead line, not a dead process.
    process.kill(stuck.pid, "SIGSTOP");
    const other = await world.start(target);
    expect(await handle.result()).toMatchObject([{ step: 0, by: other.pid }]);
  });
});
