/**
 * A crash at every await of the steps that take more than one object, with real objects: the caller,
 * the callee or everybody dies when a call has arrived, or when it is served and not answered. Whoever
 * asks does what a client would; then time passes. The workflow ends right all the same, is resumed
 * once for each suspend, and leaves no row that nobody needs.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PromiseRecord } from "../../src/machine/promise.ts";
import { PromiseObject } from "../../src/object/promise-object.ts";
import { CrashPoint, POINTS, type Point } from "./across/crash-point.ts";
import { crash, create, isRunning, promiseAt, resolve, reset, ring } from "./runtime.ts";

/** More than what a fence may live, so that nobody waits for one that a crash has forgotten. */
const WHILE_MS = 8000;
const TTL = 60_000;
let number = 0;

const realNow = Date.now;
/** The clock runs, and jumps when a test says so. */
let aheadMs = 0;

beforeEach(() => {
  vi.spyOn(Date, "now").mockImplementation(() => realNow() + aheadMs);
  vi.spyOn(console, "error").mockImplementation(() => undefined);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
});

/** A worker that runs one workflow: make two promises, await both, and be done. */
class Workflow {
  readonly id = `crash/${(number += 1)}`;
  readonly children = [`${this.id}.a`, `${this.id}.b`];
  /** What has woken the task since it was last taken, as it is about to end. */
  wokenBy: string[] | undefined;
  #evicts: boolean;
  /** The version that it holds the task at, as far as it knows. */
  #held: number | undefined;
  #settled = 0;

  constructor(evicts = false) {
    this.#evicts = evicts;
  }

  /** @returns the workflow's promise, settled */
  async run(): Promise<PromiseRecord> {
    for (let rounds = 0; rounds < 40; rounds += 1) {
      const own: PromiseRecord | null = (await this.#ask(() => stored(this.id))) ?? null;
      if (own?.state === "resolved") return own;
      await this.#step(own);
    }
    throw new Error(`${this.id} has not ended: ${JSON.stringify(await promiseAt(this.id).get())}`);
  }

  /** Time passes, and every alarm rings, due or not. */
  async pass(ms = WHILE_MS): Promise<void> {
    aheadMs += ms;
    for (const id of [...this.children, this.id, ...this.children]) {
      await ring(() => promiseAt(id));
    }
  }

  /** What is still kept for somebody after all has come to its end. */
  async rows(): Promise<string[]> {
    for (const id of this.children) await promiseAt(id).apply(resolve('"over"'));
    for (let n = 0; n < 2; n += 1) await this.pass();
    const snapshots = await Promise.all(this.children.map((id) => promiseAt(id).snapshot()));
    return snapshots.flatMap(({ awaiters, listeners }) => awaiters.concat(listeners));
  }

  async #step(own: PromiseRecord | null): Promise<void> {
    const task = own?.task;
    if (!task) {
      const born = create(this.id, { tags: { "resonate:target": "poll://any@nobody" } });
      const terms = { pid: "worker", ttlMs: TTL };
      await this.#take(() =>
        promiseAt(this.id).task({ kind: "task.create", create: born, ...terms }),
      );
    } else if (task.state === "pending") {
      const { version } = task;
      const acquire = { kind: "task.acquire", version, pid: "worker", ttlMs: TTL } as const;
      await this.#take(() => promiseAt(this.id).task(acquire));
    } else if (task.state === "suspended") await this.#settleNext();
    else if (this.#held === task.version) await this.#work(this.#held);
    // It does not know what it holds: the server takes it back.
    else await this.pass(TTL + WHILE_MS);
  }

  async #take(ask: () => Promise<{ status: number; record: PromiseRecord | null }>): Promise<void> {
    const answer = await this.#ask(ask);
    this.#held = answer?.status === 200 ? answer.record?.task?.version : undefined;
  }

  async #work(version: number): Promise<void> {
    await this.#ask(() =>
      promiseAt(this.id).task({ kind: "task.heartbeat", version, pid: "worker" }),
    );
    for (const id of this.children) {
      const made = await this.#ask(() =>
        promiseAt(this.id).fence(version, { id, command: create(id) }),
      );
      if (made?.written?.status !== 200) return this.#drop();
    }
    if (this.#settled < 2) {
      const news = await this.#ask(() => promiseAt(this.id).callback(this.children[0]!));
      if (news?.status !== 200) return this.#drop();
      const ids = this.#settled === 0 ? this.children : this.children.slice(1);
      const suspended = await this.#ask(() => promiseAt(this.id).suspend(version, ids));
      if (suspended?.status === 300) this.#settled = 2;
      else return this.#drop();
    }
    await this.pass();
    const own = await stored(this.id);
    this.wokenBy = own?.task?.resumes;
    const settle = resolve('"done"');
    await this.#ask(() => promiseAt(this.id).task({ kind: "task.fulfill", version, settle }));
    this.#drop();
  }

  async #settleNext(): Promise<void> {
    const id = this.children[Math.min(this.#settled, 1)]!;
    const answer = await this.#ask(() => promiseAt(id).apply(resolve(`"${id}"`)));
    if (answer) this.#settled += 1;
    await this.pass();
  }

  #drop(): void {
    this.#held = undefined;
  }

  /** @returns nothing when nobody knows what came of it; a client then waits before it goes on */
  async #ask<T>(ask: () => Promise<T>): Promise<T | undefined> {
    if (this.#evicts) {
      for (const id of [this.id, ...this.children]) await isRunning(promiseAt(id));
      aheadMs += WHILE_MS;
    }
    try {
      return await ask();
    } catch {
      aheadMs += WHILE_MS;
      return undefined;
    }
  }
}

/** As it stands when nothing is under way. */
async function stored(id: string): Promise<PromiseRecord | null> {
  return promiseAt(id).look();
}

type Step = [name: string, method: keyof PromiseObject, kind?: string];

const ASKED_BY_CLIENTS: Step[] = [
  ["the create of the task", "task", "task.create"],
  ["the heartbeat", "task", "task.heartbeat"],
  ["the fence", "fence"],
  ["the callback", "callback"],
  ["the suspend", "suspend"],
  ["the settlement", "apply"],
  ["the acquire", "task", "task.acquire"],
  ["the fulfill", "task", "task.fulfill"],
  ["the alarm", "alarm"],
];
const ASKED_BY_OBJECTS: Step[] = [
  ["the fenced write", "write"],
  ["the registration", "register"],
  ["the confirmation", "confirm"],
  ["the resume", "resume"],
];

describe("a workflow ends right", () => {
  it.each([false, true])("where nobody crashes (evicted between all steps: %s)", async (evicts) => {
    const workflow = new Workflow(evicts);
    expect(await workflow.run()).toMatchObject({ state: "resolved", value: { data: '"done"' } });
    expect(await workflow.rows()).toEqual([]);
  });

  describe.each(ASKED_BY_CLIENTS)("with a crash at %s", (_, method, kind) => {
    it.each(POINTS.filter(({ who }) => who !== "caller"))(
      "$when it is served, of the $who",
      (point) => crashAt(point, method, kind),
    );
  });

  describe.each(ASKED_BY_OBJECTS)("with a crash at %s", (_, method) => {
    it.each(POINTS)("$when it is served, of the $who", (point) => crashAt(point, method));
  });
});

async function crashAt(point: Point, method: string, kind?: string): Promise<void> {
  const workflow = new Workflow();
  const crashing = new CrashPoint(PromiseObject.prototype, method, point, {
    matches: ([first]) => kind === undefined || (first as { kind?: string }).kind === kind,
    // Who calls another object here is the awaiter, but for the resume, which the first awaited sends.
    crash: (id) =>
      crash(promiseAt(id ?? (method === "resume" ? workflow.children[0]! : workflow.id))),
  });
  const end = await workflow.run();
  await crashing.over();
  expect(crashing.callee, "it came to the crash").toBeDefined();
  expect(end).toMatchObject({ state: "resolved", value: { data: '"done"' } });
  expect(workflow.wokenBy, "no resume came twice").toEqual([]);
  expect(await workflow.rows()).toEqual([]);
}
