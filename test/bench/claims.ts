/**
 * The row that asks how fast a group of connected workers works off tasks, by the protocol itself: each
 * worker acquires what it is offered and fulfills it, one task after the other. Once as the tasks are
 * made, which the making limits, and once with all of them waiting when the workers come.
 */
import { cpuMs } from "./cost.ts";
import { Line } from "./line.ts";
import { ask, CONCURRENCY, runLoad, type Operation } from "./load.ts";
import type { Plan } from "./plan.ts";
import { openPollLine, openPollLines, type PollLine } from "./poll-line.ts";
import { absoluteRow, throughputOf, type Row } from "./row.ts";
import { quantile } from "./stats.ts";
import type { Target } from "./target.ts";

const VERSION = "2026-04-01";
const LEASE_MS = 60_000;
const SILENCE_MS_MAX = 3000;
const DEADLINE_MS = 60 * 60 * 1000;

export async function claims(target: Target, { sdk }: Plan): Promise<Row[]> {
  return [await live(target, sdk), await backlog(target, sdk)];
}

async function live(target: Target, { tasks, workers }: Plan["sdk"]): Promise<Row> {
  await target.pace(tasks);
  const crew = new Crew(target, "live", tasks);
  await crew.connect(workers);
  return claimRow(`sdk: tasks made, claimed and fulfilled, ${workers} workers`, target, crew, () =>
    runLoad(target, tasks, creating("live")),
  );
}

async function backlog(target: Target, { backlog, workers }: Plan["sdk"]): Promise<Row> {
  await target.pace(backlog);
  await runLoad(target, backlog, creating("backlog"));
  const crew = new Crew(target, "backlog", backlog);
  return claimRow(`sdk: tasks of a backlog claimed, ${workers} workers`, target, crew, () =>
    crew.connect(workers),
  );
}

async function claimRow(
  name: string,
  { pids }: Target,
  crew: Crew,
  begin: () => Promise<unknown>,
): Promise<Row> {
  try {
    const serverCpuBefore = cpuMs(pids);
    const generatorBefore = process.cpuUsage();
    const from = performance.now();
    await begin();
    await crew.done;
    const elapsedMs = performance.now() - from;
    const { user, system } = process.cpuUsage(generatorBefore);
    const sample = {
      operations: crew.claimed,
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

function creating(prefix: string): Operation {
  return async (line, index) => {
    const data = {
      id: `claim-${prefix}-${index}`,
      timeoutAt: Date.now() + DEADLINE_MS,
      param: {},
      tags: { "resonate:target": `poll://any@claim-${prefix}` },
    };
    await ask(line, 200, "POST", "/", envelope("promise.create", data));
  };
}

function envelope(kind: string, data: object): string {
  return JSON.stringify({ kind, head: { corrId: "bench", version: VERSION }, data });
}

interface Task {
  id: string;
  version: number;
}

/** The workers of one group, and what they have done. */
class Crew {
  /** Resolves when all tasks are fulfilled. */
  readonly done: Promise<void>;
  claimed = 0;
  /** Of an acquire and its fulfill together. */
  readonly latenciesMs: number[] = [];
  #target: Target;
  #group: string;
  #tasks: number;
  #fulfilled = 0;
  #refused = 0;
  #shares: number[] = [];
  #callers: Caller[];
  #lines: PollLine[] = [];
  #finish!: () => void;
  #fail!: (error: unknown) => void;

  constructor(target: Target, prefix: string, tasks: number) {
    this.#target = target;
    this.#group = `claim-${prefix}`;
    this.#tasks = tasks;
    this.#callers = Array.from({ length: CONCURRENCY }, () => new Caller(target.port));
    this.done = new Promise((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    this.done.catch(() => {}); // Whoever waits for it hears of it.
  }

  async connect(workers: number): Promise<void> {
    this.#lines.push(...(await openPollLines(workers, (index) => this.#worker(index))));
  }

  end(): void {
    for (const line of [...this.#lines, ...this.#callers]) line.end();
  }

  describe(): string {
    const [least, most] = [Math.min(...this.#shares), Math.max(...this.#shares)];
    const half = quantile(this.#shares, 0.5);
    const refused = this.#refused === 0 ? "none refused" : `${this.#refused} acquires refused`;
    return `each worker had ${half} tasks (${least} to ${most}), ${refused}`;
  }

  #worker(index: number): Promise<PollLine> {
    this.#shares[index] = 0;
    const caller = this.#callers[index % CONCURRENCY]!;
    return openPollLine(this.#target.port, this.#group, `worker-${index}`, (text) => {
      // SAFETY: the only message that an address of a group is sent.
      const { data } = JSON.parse(text) as { data: { task: Task } };
      void caller.inTurn(() => this.#work(caller, index, data.task)).catch(this.#fail);
    });
  }

  async #work(caller: Caller, index: number, { id, version }: Task): Promise<void> {
    const from = performance.now();
    const acquire = { id, version, pid: `worker-${index}`, ttl: LEASE_MS };
    const acquired = await caller.call("task.acquire", acquire);
    // Offered twice, and had by another.
    if (acquired === 409) return void (this.#refused += 1);
    if (acquired !== 200) throw new Error(`task.acquire answered ${acquired}`);
    this.claimed += 1;
    this.#shares[index]! += 1;
    const settle = { kind: "promise.settle", head: {}, data: { id, state: "resolved", value: {} } };
    const fulfilled = await caller.call("task.fulfill", {
      id,
      version: version + 1,
      action: settle,
    });
    if (fulfilled !== 200) throw new Error(`task.fulfill answered ${fulfilled}`);
    this.latenciesMs.push(performance.now() - from);
    this.#fulfilled += 1;
    if (this.#fulfilled === this.#tasks) this.#finish();
  }
}

/**
 * A connection that some workers share, as those of one process would, and whose turn it is. After a
 * silence it is a new one: the server closes it after five seconds.
 */
class Caller {
  #port: number;
  #line: Line | undefined;
  #usedAt = 0;
  #turn = Promise.resolve();

  constructor(port: number) {
    this.#port = port;
  }

  inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work);
    return this.#turn;
  }

  async call(kind: string, data: object): Promise<number> {
    if (!this.#line || performance.now() - this.#usedAt > SILENCE_MS_MAX) {
      this.#line?.end();
      this.#line = await Line.open(this.#port);
    }
    const { status } = await this.#line.request("POST", "/", envelope(kind, data));
    this.#usedAt = performance.now();
    return status;
  }

  end(): void {
    this.#line?.end();
  }
}
