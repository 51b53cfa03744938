/**
 * The rows that ask how fast a group of connected workers works off tasks, by the protocol itself: each
 * worker acquires what it is offered and fulfills it. Once as the tasks are made, which the making
 * limits, and once with all of them waiting when the workers come.
 */
import { Caller } from "./caller.ts";
import { cpuMs } from "./cost.ts";
import { CONCURRENCY } from "./load.ts";
import type { Plan } from "./plan.ts";
import { openPollLine, openPollLines, type PollLine } from "./poll-line.ts";
import { absoluteRow, throughputOf, type Row } from "./row.ts";
import { quantile } from "./stats.ts";
import type { Target } from "./target.ts";

const VERSION = "2026-04-01";
const LEASE_MS = 60_000;
const DEADLINE_MS = 60 * 60 * 1000;

interface Task {
  id: string;
  version: number;
}

export async function claims(target: Target, { sdk }: Plan): Promise<Row[]> {
  const { tasks, backlog, workers } = sdk;
  await target.pace(tasks);
  const live = new Crew(target, "live", tasks);
  await live.connect(workers);
  const rows = [
    await claimRow(`sdk: tasks made, claimed and fulfilled, ${workers} workers`, target, live, () =>
      live.create(),
    ),
  ];
  await target.pace(backlog);
  const late = new Crew(target, "backlog", backlog);
  await late.create();
  rows.push(
    await claimRow(`sdk: tasks of a backlog claimed, ${workers} workers`, target, late, () =>
      late.connect(workers),
    ),
  );
  return rows;
}

async function claimRow(
  name: string,
  { pids }: Target,
  crew: Crew,
  begin: () => Promise<void>,
): Promise<Row> {
  try {
    const serverCpuBefore = cpuMs(pids);
    const generatorBefore = process.cpuUsage();
    const from = performance.now();
    await Promise.all([begin(), crew.done]);
    const elapsedMs = performance.now() - from;
    const { user, system } = process.cpuUsage(generatorBefore);
    const sample = {
      operations: crew.latenciesMs.length,
      elapsedMs,
      serverCpuMs: cpuMs(pids) - serverCpuBefore,
      generatorCpuMs: (user + system) / 1000,
      latenciesMs: crew.latenciesMs,
    };
    const limit = "fsync and one thread: a task is made, acquired and fulfilled, each a write";
    const heading = { name, unit: "op/s", repetitions: 1, limit, note: crew.describe() } as const;
    return absoluteRow(heading, throughputOf([sample]));
  } finally {
    crew.end();
  }
}

/** The workers of one group, in this process, and what they have done. */
class Crew {
  /** Resolves when all tasks are fulfilled. */
  readonly done: Promise<void>;
  /** Of an acquire and its fulfill together. */
  readonly latenciesMs: number[] = [];
  #target: Target;
  #group: string;
  #tasks: number;
  #refused = 0;
  #shares: number[] = [];
  #callers: Caller[] = [];
  #creators: Caller[];
  #lines: PollLine[] = [];
  #finish!: () => void;
  #fail!: (error: unknown) => void;

  constructor(target: Target, prefix: string, tasks: number) {
    this.#target = target;
    this.#group = `claim-${prefix}`;
    this.#tasks = tasks;
    this.#creators = Array.from({ length: CONCURRENCY }, () => new Caller(target.port));
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.done.catch(() => {}); // Whoever waits for it hears of it.
  }

  async connect(workers: number): Promise<void> {
    this.#lines.push(...(await openPollLines(workers, (index) => this.#worker(index))));
  }

  async create(): Promise<void> {
    let next = 0;
    const createNext = async (creator: Caller): Promise<void> => {
      while (next < this.#tasks) {
        const data = {
          id: `${this.#group}-${next}`,
          timeoutAt: Date.now() + DEADLINE_MS,
          param: {},
          tags: { "resonate:target": `poll://any@${this.#group}` },
        };
        next += 1;
        const { status } = await creator.call(envelope("promise.create", data));
        if (status !== 200) throw new Error(`promise.create answered ${status}`);
      }
    };
    await Promise.all(this.#creators.map(createNext));
  }

  end(): void {
    for (const line of [...this.#lines, ...this.#callers, ...this.#creators]) line.end();
  }

  describe(): string {
    const [least, most] = [Math.min(...this.#shares), Math.max(...this.#shares)];
    const half = quantile(this.#shares, 0.5);
    const cuts = [...this.#callers, ...this.#creators].reduce(
      (sum, caller) => sum + caller.cuts,
      0,
    );
    return (
      `each worker had ${half} tasks (${least} to ${most}); ` +
      `${this.#refused} acquires refused, ${cuts} requests cut off by the server`
    );
  }

  #worker(index: number): Promise<PollLine> {
    this.#shares[index] = 0;
    const caller = new Caller(this.#target.port);
    this.#callers.push(caller);
    return openPollLine(this.#target.port, this.#group, `worker-${index}`, (text) => {
      // SAFETY: the only message that an address of a group is sent.
      const { data } = JSON.parse(text) as { data: { task: Task } };
      void caller.inTurn(() => this.#work(caller, index, data.task)).catch(this.#fail);
    });
  }

  async #work(caller: Caller, index: number, { id, version }: Task): Promise<void> {
    const from = performance.now();
    const acquire = { id, version, pid: `worker-${index}`, ttl: LEASE_MS };
    const acquired = await caller.call(envelope("task.acquire", acquire));
    // Offered twice and had by another, unless it was this worker itself that had it.
    if (acquired.status === 409 && !acquired.again) return void (this.#refused += 1);
    const settle = { kind: "promise.settle", head: {}, data: { id, state: "resolved", value: {} } };
    const fulfill = { id, version: version + 1, action: settle };
    const fulfilled = await caller.call(envelope("task.fulfill", fulfill));
    if (fulfilled.status !== 200 && !fulfilled.again) {
      if (acquired.again) return void (this.#refused += 1);
      throw new Error(`acquire answered ${acquired.status}, fulfill ${fulfilled.status}`);
    }
    this.#shares[index]! += 1;
    this.latenciesMs.push(performance.now() - from);
    if (this.latenciesMs.length === this.#tasks) this.#finish();
  }
}

function envelope(kind: string, data: object): string {
  return JSON.stringify({ kind, head: { corrId: "bench", version: VERSION }, data });
}
