/**
 * A closed loop: a fixed number of operations over a fixed number of connections, each of which sends
 * its next request when it has its answer. Yields how long each took, how long all took, and what the
 * server and this generator spent in CPU meanwhile.
 */
import { cpuMs } from "./cost.ts";
import { Line } from "./line.ts";

export const CONCURRENCY = 16;

/** Where the load goes. */
export interface Loaded {
  port: number;
  /** The processes that do the work. */
  pids: readonly number[];
}

/** One repetition on one server. */
export interface Sample {
  operations: number;
  elapsedMs: number;
  serverCpuMs: number;
  generatorCpuMs: number;
  latenciesMs: number[];
}

/** Operation number `index`, on a connection of its own for as long as it takes. */
export type Operation = (line: Line, index: number) => Promise<void>;

export async function runLoad(
  { port, pids }: Loaded,
  operations: number,
  operation: Operation,
): Promise<Sample> {
  const lines = await openLines(port, Math.min(CONCURRENCY, operations));
  const latenciesMs: number[] = [];
  let next = 0;
  async function work(line: Line): Promise<void> {
    while (next < operations) {
      const index = next;
      next += 1;
      const from = performance.now();
      await operation(line, index);
      latenciesMs.push(performance.now() - from);
    }
  }
  try {
    const serverCpuBefore = cpuMs(pids);
    const generatorBefore = process.cpuUsage();
    const from = performance.now();
    await Promise.all(lines.map(work));
    const elapsedMs = performance.now() - from;
    const { user, system } = process.cpuUsage(generatorBefore);
    return {
      operations,
      elapsedMs,
      serverCpuMs: cpuMs(pids) - serverCpuBefore,
      generatorCpuMs: (user + system) / 1000,
      latenciesMs,
    };
  } finally {
    for (const line of lines) line.end();
  }
}

async function openLines(port: number, count: number): Promise<Line[]> {
  return Promise.all(Array.from({ length: count }, () => Line.open(port)));
}

/** One request that must be answered with this status. */
export async function ask(
  line: Line,
  status: number,
  method: string,
  path: string,
  body?: string,
): Promise<string> {
  const answer = await line.request(method, path, body);
  if (answer.status !== status) {
    throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body.slice(0, 300)}`);
  }
  return answer.body;
}
