/**
 * What the workers of these tests can do: functions as a user of Resonate's SDK writes them. Side
 * effects are lines in a file, so that a test sees what was executed, by whom, and how often.
 */
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Constant, type Context, type Func } from "@resonatehq/sdk";

/** What a process gives its functions, as the dependency "home". */
export interface Home {
  group: string;
  /** Where side effects are noted. */
  file: string;
  /** The step in which this process stops for ever. */
  hangAt?: number;
}

/** What a step leaves behind. Each execution draws its own token. */
export interface Done {
  step: number;
  by: number;
  token: string;
}

/** One line: the root of the workflow, what happened, and the process. */
function note(ctx: Context, what: string): void {
  const { file } = homeOf(ctx);
  appendFileSync(file, `${ctx.originId} ${what} ${process.pid}\n`);
}

function homeOf(ctx: Context): Home {
  const home = ctx.getDependency<Home>("home");
  if (!home) throw new Error("no home");
  return home;
}

async function greet(_: Context, name: string) {
  return `Hello, ${name}`;
}

async function whoAmI(ctx: Context) {
  return { pid: process.pid, group: homeOf(ctx).group };
}

async function square(_: Context, n: number) {
  return n * n;
}

async function step(ctx: Context, number: number, ms: number): Promise<Done> {
  note(ctx, `begun-${number}`);
  if (homeOf(ctx).hangAt === number) await new Promise<never>(() => {});
  await sleep(ms);
  const token = randomUUID();
  note(ctx, `done-${number}-${token}`);
  return { step: number, by: process.pid, token };
}

function* steps(ctx: Context, count: number, ms = 0) {
  const all: Done[] = [];
  for (let number = 0; number < count; number += 1) {
    all.push(yield* ctx.run(step, number, ms));
  }
  return all;
}

/** Who of a root is here, and who is told when all are. */
const meetings = new Map<string, (() => void)[]>();

/** Ends when as many as are expected have begun: one after the other they would wait for ever. */
async function meet(ctx: Context, count: number) {
  const here = meetings.get(ctx.originId) ?? [];
  meetings.set(ctx.originId, here);
  const met = new Promise<void>((resolve) => here.push(resolve));
  if (here.length === count) for (const tell of here) tell();
  await met;
  return here.length;
}

function* meetAll(ctx: Context, count: number) {
  const begun = [];
  for (let number = 0; number < count; number += 1) begun.push(yield* ctx.beginRun(meet, count));
  const all: number[] = [];
  for (const future of begun) all.push(yield* future);
  return all;
}

/** Sums squares that others compute, all at once. */
function* fanOut(ctx: Context, count: number, target: string) {
  const begun = [];
  for (let n = 1; n <= count; n += 1) {
    begun.push(yield* ctx.beginRpc<number>("square", n, ctx.options({ target })));
  }
  let sum = 0;
  for (const future of begun) sum += yield* future;
  return sum;
}

/** A step that is a workflow itself. */
function* nested(ctx: Context, count: number, target: string) {
  return yield* ctx.run(fanOut, count, target);
}

/** Calls the next group with the rest of them. Where it was, in order. */
function* relay(ctx: Context, groups: string[]) {
  const [target, ...rest] = groups;
  const { group } = homeOf(ctx);
  if (target === undefined) return [group];
  const later = yield* ctx.rpc<string[]>("relay", rest, ctx.options({ target }));
  return [group, ...later];
}

/** Waits for a human. What a promise that timed out throws has no value. */
function* approval(ctx: Context, timeout?: number) {
  const asked = yield* ctx.promise<unknown>(timeout === undefined ? {} : { timeout });
  try {
    return { decision: yield* asked };
  } catch (error) {
    return { refused: error instanceof Error ? error.message : "nobody answered" };
  }
}

function* nap(ctx: Context, ms: number) {
  const begunAt = yield* ctx.date.now();
  yield* ctx.sleep(ms);
  return (yield* ctx.date.now()) - begunAt;
}

/** Returns without waiting for what it leaves behind. */
function* leaveBehind(ctx: Context, target: string) {
  const { id } = yield* ctx.detached("approval", ctx.options({ target }));
  return id;
}

/** Awaits a promise that belongs to nobody here, by its id. */
function* awaitOther(ctx: Context, id: string) {
  // SAFETY: the type leaves the id out, the function takes it; it is how another root is named.
  const options = { id } as Parameters<Context["options"]>[0];
  return { other: yield* ctx.rpc<unknown>("nothing", ctx.options(options)) };
}

async function flaky(ctx: Context, failures: number) {
  const { attempt } = ctx.info;
  note(ctx, `attempt-${attempt}`);
  if (attempt <= failures) throw new Error(`attempt ${attempt} failed`);
  return attempt;
}

function* retrying(ctx: Context, failures: number, maxRetries: number) {
  const retryPolicy = new Constant({ delay: 10, maxRetries });
  return yield* ctx.run(flaky, failures, ctx.options({ retryPolicy }));
}

// oxlint-disable-next-line require-yield -- A workflow, which unlike a function is not retried.
function* failing(_: Context, message: string) {
  throw new TypeError(message);
}

function* catching(ctx: Context, target: string) {
  try {
    return yield* ctx.rpc<string>("failing", "not today", ctx.options({ target }));
  } catch (error) {
    return `caught ${String(error)}`;
  }
}

async function tick(ctx: Context, label: string) {
  note(ctx, label);
}

async function which1(ctx: Context) {
  return [1, ctx.info.version];
}

async function which2(ctx: Context) {
  return [2, ctx.info.version];
}

export const FUNCTIONS: Record<string, Func> = {
  greet,
  whoAmI,
  square,
  steps,
  meetAll,
  fanOut,
  nested,
  relay,
  approval,
  nap,
  leaveBehind,
  awaitOther,
  flaky,
  retrying,
  failing,
  catching,
  tick,
};

/** Two functions of one name. */
export const VERSIONS: Func[] = [which1, which2];
