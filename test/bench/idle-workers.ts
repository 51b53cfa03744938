/**
 * What workers cost that are connected and have nothing to do: the CPU time of a server with many of
 * them, beside that of one with none, both over the same seconds. Asks besides whether the inboxes of
 * their groups are still in memory: an object that is has its file open.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuMs, residentKb } from "./cost.ts";
import type { Plan } from "./plan.ts";
import { openPollLine, openPollLines } from "./poll-line.ts";
import { absoluteRow, type Row } from "./row.ts";
import { spread } from "./stats.ts";
import { startOurs } from "./target.ts";

const GROUPS = 10;
/** One sample for each, as the sign of life to the workers comes in bursts. */
const WINDOW_MS = 10_000;

export async function idleWorkers({ sdk }: Plan): Promise<Row> {
  const { workers, beforeMs, whileMs } = sdk.idle;
  const servers = [await startOurs(), await startOurs()] as const;
  const [busy] = servers;
  try {
    const emptyKb = residentKb(busy.pids[0]);
    const lines = await openPollLines(workers, (index) =>
      openPollLine(busy.port, `idle-${index % GROUPS}`, `idle-${index}`, () => {}),
    );
    await sleep(beforeMs);
    const kb = (residentKb(busy.pids[0]) - emptyKb) / workers;
    const rates: [number[], number[]] = [[], []];
    const windowMs = Math.min(WINDOW_MS, whileMs);
    for (let spent = 0; spent < whileMs; spent += windowMs) {
      const from = performance.now();
      const before = servers.map(({ pids }) => cpuMs(pids));
      await sleep(windowMs);
      const seconds = (performance.now() - from) / 1000;
      for (const [index, { pids }] of servers.entries()) {
        rates[index]!.push((cpuMs(pids) - before[index]!) / seconds);
      }
    }
    const inMemory = openInboxes(busy.pids[0]);
    for (const line of lines) line.end();
    const [loaded, empty] = rates.map((rate) => spread(rate));
    return absoluteRow(
      {
        name: `sdk: CPU of ${workers} connected workers with nothing to do`,
        unit: "ms/s",
        repetitions: rates[0].length,
        limit: "a sign of life to each worker every ten seconds, from the Worker that holds it",
        note:
          `a server without workers ${empty!.median.toFixed(1)} ms/s; ${kb.toFixed(0)} KB of ` +
          `memory for each worker; of ${GROUPS} inboxes ${inMemory ?? "nobody knows how many"} in memory`,
      },
      { value: loaded! },
    );
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Linux tells which files a process has open; other systems not so easily. */
function openInboxes(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  const folder = `/proc/${pid}/fd`;
  const files = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(join(folder, fd));
    } catch {
      return ""; // Closed in between.
    }
  });
  return new Set(files.filter((file) => /InboxObject\/[0-9a-f]{64}\.sqlite$/.test(file))).size;
}
