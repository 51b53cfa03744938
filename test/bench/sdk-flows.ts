/**
 * What the SDK is measured on: each kind of call with its bar and the figure of Resonate's own server,
 * how one such call is made, and what this process can do itself. How often is sdk.ts's matter.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Context, Resonate } from "@resonatehq/sdk";
import { Line } from "./line.ts";
import { ask } from "./load.ts";
import type { Plan } from "./plan.ts";
import { WORKERS } from "./sdk-connect.ts";
import type { Target } from "./target.ts";

export interface World {
  resonate: Resonate;
  target: Target;
}

export interface Measured {
  ms: number;
  /** What the row's note is made of. */
  notes?: number[];
}

export interface Flow {
  name: string;
  calls: keyof Plan["sdk"]["calls"];
  /** The most that the median may be, in ms. */
  barMs?: number;
  /** Resonate's own server with the same SDK: RESONATE.md, section 5. */
  publishedMs: number;
  /** Ids that a call touches. */
  ids: number;
  limit: string;
  call(world: World, id: string): Promise<Measured>;
  /** @param notes medians over all calls */
  note?(...notes: number[]): string;
}

const SLEEP_MS = 500;
const STEPS = 10;
const LINKS = 5;
export const FLOWS: Flow[] = [
  {
    name: "sdk: run of an empty function",
    calls: "run",
    barMs: 25,
    publishedMs: 101,
    ids: 1,
    limit: "two round trips and the unblock; the first makes an object with its files",
    call: ({ resonate }, id) => timed(() => resonate.run(id, "empty")),
  },
  {
    name: "sdk: rpc to another process",
    calls: "rpc",
    barMs: 40,
    publishedMs: 203,
    ids: 1,
    limit:
      "three round trips, the execute and the unblock; the first makes an object with its files",
    call: ({ resonate }, id) => timed(() => resonate.rpc(id, "empty", toWorker(resonate))),
  },
  {
    name: `sdk: chain of ${LINKS} rpc`,
    calls: "chain",
    barMs: 150,
    publishedMs: 1119,
    ids: LINKS,
    limit: "five objects made one after the other, then five tasks resumed in turn",
    call: ({ resonate }, id) => timed(() => resonate.rpc(id, "chain", LINKS, toWorker(resonate))),
  },
  {
    name: `sdk: run of ${STEPS} local steps`,
    calls: "steps",
    publishedMs: 102,
    ids: 1 + STEPS,
    limit:
      "two fenced writes for each step, one after the other, and an object with its files for each",
    call: ({ resonate }, id) => timed(() => resonate.run(id, "steps")),
  },
  {
    name: "sdk: settled by a human, to the result",
    calls: "human",
    barMs: 25,
    publishedMs: 203,
    ids: 2,
    limit:
      "settle, resume, acquire, fence, fulfill and unblock, each a write that the next waits for",
    call: human,
  },
  {
    name: `sdk: sleep(${SLEEP_MS}), how late`,
    calls: "sleep",
    barMs: 30,
    publishedMs: 514,
    ids: 2,
    limit:
      "the alarm, then resume, acquire, fence, fulfill and unblock, each a write that the next waits for",
    call: sleeping,
    note: (wentOnMs = 0, allMs = 0) =>
      `the workflow itself goes on ${wentOnMs.toFixed(0)} ms late; with the start of the ` +
      `workflow, which is in Resonate's figure, it is ${allMs.toFixed(0)} ms`,
  },
];

/** The functions that are run where they are called; the others are in sdk-worker.ts. */
export function register(resonate: Resonate): void {
  resonate.register("empty", async () => {});
  resonate.register("steps", function* steps(ctx: Context) {
    for (let number = 0; number < STEPS; number += 1) yield* ctx.run(step, number);
  });
  resonate.register("sleep", function* sleeper(ctx: Context) {
    yield* ctx.sleep(SLEEP_MS);
    // Reached once only: what follows the last wait is not replayed.
    return Date.now();
  });
}

async function step(_ctx: Context, number: number): Promise<number> {
  return number;
}

async function timed(work: () => Promise<unknown>): Promise<Measured> {
  const from = performance.now();
  await work();
  return { ms: performance.now() - from };
}

/** From the settle, which somebody sends who knows nothing of workflows, to the result here. */
async function human({ resonate, target }: World, id: string): Promise<Measured> {
  const workflow = await resonate.beginRpc(id, "approval", toWorker(resonate));
  const result = workflow.result();
  // One that is quiet for five seconds is closed.
  const line = await Line.open(target.port);
  try {
    while ((await taskState(line, id)) !== "suspended") await sleep(2);
    // The SDK's encoding: JSON in base64.
    const body = JSON.stringify({ state: "RESOLVED", value: { data: btoa('"approved"') } });
    return await timed(async () => {
      await ask(line, 201, "PATCH", `/promises/${encodeURIComponent(`${id}:0`)}`, body);
      if ((await result) !== "approved") throw new Error(`${id} got another answer`);
    });
  } finally {
    line.end();
  }
}

/** From the instant at which the sleep should end to the result here. */
async function sleeping({ resonate, target }: World, id: string): Promise<Measured> {
  let wentOnAt = 0;
  const { ms } = await timed(async () => {
    wentOnAt = await resonate.run<number>(id, "sleep");
  });
  const endedAt = Date.now();
  const line = await Line.open(target.port);
  const { timeoutAt } = await promiseOf(line, `${id}:0`).finally(() => line.end());
  return { ms: endedAt - timeoutAt, notes: [wentOnAt - timeoutAt, ms - SLEEP_MS] };
}

async function promiseOf(line: Line, id: string): Promise<{ timeoutAt: number }> {
  return (await call<{ promise: { timeoutAt: number } }>(line, "promise.get", id)).promise;
}

async function taskState(line: Line, id: string): Promise<string> {
  return (await call<{ task: { state: string } }>(line, "task.get", id)).task.state;
}

async function call<T>(line: Line, kind: string, id: string): Promise<T> {
  const head = { corrId: id, version: "2026-04-01" };
  const body = JSON.stringify({ kind, head, data: { id } });
  // SAFETY: the shape that the protocol has for this kind.
  return (JSON.parse(await ask(line, 200, "POST", "/", body)) as { data: T }).data;
}

function toWorker(resonate: Resonate): ReturnType<Resonate["options"]> {
  return resonate.options({ target: WORKERS });
}
