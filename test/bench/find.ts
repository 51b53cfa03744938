/**
 * The rows of finding: searches among many promises, and how soon a follower of a live list sees a
 * settlement. Ours alone, for the floor finds nothing. Filled as callers would fill it, promise by
 * promise, as fast as the open files allow.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Line } from "./line.ts";
import { ask, runLoad, type Sample } from "./load.ts";
import type { Plan } from "./plan.ts";
import { absoluteRow, latencyOf, type Row } from "./row.ts";
import { SETTLE_BODY, type Target } from "./target.ts";
import { cpuMs } from "./cost.ts";

/** Told within a second at p99. */
const LIVE_BAR = { atMostP99Ms: 1000 } as const;
/** Objects that are made together are also put to sleep together, and nothing else happens meanwhile. */
const AT_A_TIME = 100;
const A_BATCH_MS_MIN = 400;
/** How long a birth may take to be found before something is wrong. */
const FOUND_MS_MAX = 60_000;
const TEAMS = 50;

const SEARCHES: { name: string; query: (n: number) => string }[] = [
  { name: "by prefix", query: (n) => `id=find/${n % 10}*&view=summary` },
  { name: "by tag", query: (n) => `tags[team]=t${n % TEAMS}&view=summary` },
  { name: "by state", query: () => "state=resolved&view=summary" },
  { name: "what waits, by deadline", query: () => "state=pending&sort=deadline&view=summary" },
  { name: "by words", query: (n) => `q=t${n % TEAMS}+eu&view=summary` },
  { name: "by tag, records in full", query: (n) => `tags[team]=t${n % TEAMS}&limit=20` },
  { name: "a count", query: () => "state=pending&count=true&limit=1&view=summary" },
];

export async function find(targets: readonly Target[], plan: Plan): Promise<Row[]> {
  const target = targets.find(({ name }) => name === "ours")!;
  await fill(target, plan.found.promises);
  const rows: Row[] = [];
  for (const { name, query } of SEARCHES) {
    const samples: Sample[] = [];
    for (let n = 0; n <= plan.found.repetitions; n += 1) {
      const sample = await searchAlone(target, plan.found.searches, query);
      if (n > 0) samples.push(sample);
    }
    rows.push(
      absoluteRow(
        {
          name: `search ${name}, of ${plan.found.promises}`,
          unit: "ms",
          repetitions: plan.found.repetitions,
          limit: "CPU: every shard is on the one thread here, and looks at its rows in turn",
        },
        latencyOf(samples),
      ),
    );
  }
  rows.push(await live(target, plan));
  return rows;
}

/** Nine of ten are settled. */
async function fill(target: Target, count: number): Promise<void> {
  for (let first = 0; first < count; first += AT_A_TIME) {
    await target.pace(AT_A_TIME);
    const rest = sleep(A_BATCH_MS_MIN);
    await runLoad(target, Math.min(AT_A_TIME, count - first), async (line, index) => {
      const n = first + index;
      const path = target.path(`find/${n % 100}/${n}`);
      const tags = { team: `t${n % TEAMS}`, region: n % 2 ? "eu" : "us", kind: "order" };
      await ask(line, 201, "PUT", path, JSON.stringify({ tags, timeout: 4_000_000_000_000 + n }));
      if (n % 10 > 0) await ask(line, 201, "PATCH", path, SETTLE_BODY);
    });
    await rest;
    if (first % 10_000 === 0) process.stderr.write(`  ${first} of ${count}\n`);
  }
  const until = Date.now() + FOUND_MS_MAX;
  while ((await countOf(target, "id=find/*")) < count) {
    if (Date.now() > until) throw new Error("the index has not heard of all of them");
    await sleep(250);
  }
}

async function countOf({ port }: Target, query: string): Promise<number> {
  const url = `http://127.0.0.1:${port}/promises?${query}&count=true&limit=1&view=summary`;
  const { count } = (await (await fetch(url)).json()) as { count: number };
  return count;
}

/** One after the other: what is asked is how long one takes. */
async function searchAlone(
  { port, pids }: Target,
  count: number,
  query: (n: number) => string,
): Promise<Sample> {
  const line = await Line.open(port);
  const latenciesMs: number[] = [];
  const before = cpuMs(pids);
  const generatorBefore = process.cpuUsage();
  for (let n = 0; n < count; n += 1) {
    const from = performance.now();
    await ask(line, 200, "GET", `/promises?${query(n)}`);
    latenciesMs.push(performance.now() - from);
  }
  line.end();
  const { user, system } = process.cpuUsage(generatorBefore);
  return {
    operations: count,
    elapsedMs: latenciesMs.reduce((sum, ms) => sum + ms, 0),
    serverCpuMs: cpuMs(pids) - before,
    generatorCpuMs: (user + system) / 1000,
    latenciesMs,
  };
}

/** From the settle's sending to the follower's event, with all those promises in the index. */
async function live(target: Target, plan: Plan): Promise<Row> {
  const { settles } = plan.found;
  const seenAt = new Map<string, number>();
  const follower = await followList(target.port, "id=live/*&state=resolved", (id) => {
    seenAt.set(id, performance.now());
  });
  const latenciesMs: number[] = [];
  const line = await Line.open(target.port);
  const before = cpuMs(target.pids);
  for (let n = 0; n < settles; n += 1) {
    await target.pace(1);
    await ask(line, 201, "PUT", target.path(`live/${n}`), "{}");
    const from = performance.now();
    await ask(line, 201, "PATCH", target.path(`live/${n}`), SETTLE_BODY);
    while (!seenAt.has(`live/${n}`)) await sleep(1);
    latenciesMs.push(seenAt.get(`live/${n}`)! - from);
  }
  line.end();
  follower.close();
  const sample: Sample = {
    operations: settles,
    elapsedMs: latenciesMs.reduce((sum, ms) => sum + ms, 0),
    serverCpuMs: cpuMs(target.pids) - before,
    generatorCpuMs: 0,
    latenciesMs,
  };
  return absoluteRow(
    {
      name: "live list, a settlement seen",
      unit: "ms",
      repetitions: 1,
      limit: "changes are gathered for 50 ms, so that a shard writes many at once",
      bar: LIVE_BAR,
    },
    latencyOf([sample]),
  );
}

async function followList(
  port: number,
  query: string,
  onFound: (id: string) => void,
): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/promises?${query}`);
  const begun = new Promise<void>((resolve, reject) => {
    socket.addEventListener("error", () => reject(new Error("the list is not to be followed")));
    socket.addEventListener("message", ({ data }) => {
      // SAFETY: our own server's events.
      const event = JSON.parse(String(data)) as { type: string; promise?: { id: string } };
      if (event.type === "page") resolve();
      if (event.promise) onFound(event.promise.id);
    });
  });
  await begun;
  return socket;
}
