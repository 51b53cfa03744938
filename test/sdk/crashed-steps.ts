/**
 * Workflows of steps that are crashed on purpose, and what must be true of them afterwards: each step
 * has one recorded value, its workflow went on with that one, and what was recorded before a crash
 * was not done again.
 */
import { expect } from "vitest";
import { freshId } from "../conformance/service.ts";
import type { SdkProcess } from "./sdk-process.ts";
import { until, type World } from "./world.ts";
import type { Done } from "./workflows.ts";

/** A lease that tests can outwait, and whose holder may be kept waiting for a moment. */
export const TTL = 3000;

const WORKFLOWS = 10;
const STEPS = 5;

export interface Hanging {
  id: string;
  target: string;
  worker: SdkProcess;
  outcome: Promise<unknown>;
}

/** A worker that hangs in the second of three steps of a workflow, behind a recorded first one. */
export async function hangInSecond(world: World): Promise<Hanging> {
  const target = freshId("crash");
  const worker = await world.start(target, { ttl: TTL, hangAt: 1 });
  const handle = await world.caller.beginRpc(freshId(), "steps", [3], { target });
  const outcome = handle.result();
  await until(async () => expect(await executions(world, handle.id, 1)).toEqual(["begun-1"]));
  return { target, worker, id: handle.id, outcome };
}

/** The first step is the old worker's, the second was begun by both, and the rest is the heir's. */
export async function expectTakenOver(
  world: World,
  { id, worker, outcome }: Hanging,
  heir: SdkProcess,
): Promise<void> {
  const all = await expectRecordedOnce(world, id, await outcome, 3);
  expect(all.map(({ by }) => by)).toEqual([worker.pid, heir.pid, heir.pid]);
  expect(await executions(world, id, 0)).toEqual(["begun-0", "done-0"]);
  expect(await executions(world, id, 1)).toEqual(["begun-1", "begun-1", "done-1"]);
  expect(await executions(world, id, 2)).toEqual(["begun-2", "done-2"]);
}

export interface UnderWay {
  ids: string[];
  outcomes: Promise<unknown[]>;
}

/** Workflows that are all under way: some have done a step or two, none is done. */
export async function manyUnderWay(world: World, target: string): Promise<UnderWay> {
  const ids = Array.from({ length: WORKFLOWS }, () => freshId());
  const handles = await Promise.all(
    ids.map((id) => world.caller.beginRpc(id, "steps", [STEPS, 100], { target })),
  );
  const outcomes = Promise.all(handles.map((handle) => handle.result()));
  // A test that fails before it looks at them should fail for its own reason.
  outcomes.catch(() => {});
  await until(async () => {
    const all = await Promise.all(ids.map((id) => world.noted(id)));
    expect(all.flat().length).toBeGreaterThan(2 * WORKFLOWS);
  });
  return { ids, outcomes };
}

export async function expectAllRecordedOnce(world: World, many: UnderWay): Promise<void> {
  const outcomes = await many.outcomes;
  for (const [index, id] of many.ids.entries()) {
    await expectRecordedOnce(world, id, outcomes[index], STEPS);
  }
}

/** The workflow's outcome has what the promises of its steps have, and somebody really did that. */
async function expectRecordedOnce(
  world: World,
  id: string,
  outcome: unknown,
  count: number,
): Promise<Done[]> {
  // SAFETY: what "steps" returns; looked at below.
  const all = outcome as Done[];
  expect(all.map(({ step }) => step)).toEqual(Array.from({ length: count }, (_, step) => step));
  const noted = new Set((await world.noted(id)).map(({ what }) => what));
  for (const done of all) {
    expect(await world.recorded(`${id}:${done.step}`)).toEqual(done);
    expect(noted).toContain(`done-${done.step}-${done.token}`);
  }
  expect(await world.recorded(id)).toEqual(all);
  return all;
}

/** The side effects of one step, without its tokens. */
async function executions(world: World, id: string, step: number): Promise<string[]> {
  const whats = (await world.noted(id)).map(({ what }) => what.split("-").slice(0, 2).join("-"));
  return whats.filter((what) => what.endsWith(`-${step}`));
}
