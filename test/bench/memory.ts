/**
 * What an awaiter costs while nothing happens: the memory of workerd with many sockets on one promise,
 * after its object has hibernated, less the memory before they came. On servers of their own, as
 * memory that workerd has once had it keeps.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { openAwaiters } from "./awaiter.ts";
import { residentKb } from "./cost.ts";
import { ask, runLoad } from "./load.ts";
import type { Plan } from "./plan.ts";
import { makeRow, type Row, type Sides } from "./row.ts";
import { spread } from "./stats.ts";
import { CREATE_BODY, startTargets, type Target } from "./target.ts";

/** An object hibernates after ten idle seconds. */
const HIBERNATED_MS = 13_000;
/** Brings code and pools into memory first, so that they are not counted as awaiters. */
const WARM_UP_READS = 500;
const WARM_UP_AWAITERS = 50;

export async function memory({ idleAwaiters, idleServers }: Plan): Promise<Row[]> {
  const targets: Target[] = [];
  for (let n = 0; n < idleServers; n += 1) targets.push(...(await startTargets()));
  try {
    const kb: Sides<number[]> = { ours: [], floor: [] };
    const waiting = [];
    for (const target of targets) waiting.push(await occupy(target, idleAwaiters));
    await sleep(HIBERNATED_MS);
    for (const { target, beforeKb } of waiting) {
      kb[target.name].push((residentKb(target.pids[0]) - beforeKb) / idleAwaiters);
    }
    for (const { end } of waiting) end();
    return [
      makeRow(
        {
          name: `memory per idle awaiter (${idleAwaiters} on one promise)`,
          unit: "KB",
          repetitions: idleServers,
          writes: false,
          limit: "workerd's own buffers for a connection and a hibernating socket",
        },
        { ours: { value: spread(kb.ours) }, floor: { value: spread(kb.floor) } },
      ),
    ];
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
}

interface Occupied {
  target: Target;
  beforeKb: number;
  end(): void;
}

async function occupy(target: Target, count: number): Promise<Occupied> {
  const path = target.path("idle");
  await runLoad(target, 1, async (line) => {
    await ask(line, 201, "PUT", path, CREATE_BODY);
  });
  await runLoad(target, WARM_UP_READS, async (line) => {
    await ask(line, 200, "GET", path);
  });
  for (const awaiter of await openAwaiters(target, path, WARM_UP_AWAITERS)) awaiter.end();
  const beforeKb = residentKb(target.pids[0]);
  const awaiters = await openAwaiters(target, path, count);
  return {
    target,
    beforeKb,
    end() {
      for (const awaiter of awaiters) awaiter.end();
    },
  };
}
