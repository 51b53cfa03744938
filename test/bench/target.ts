/**
 * The two servers under test behind one face: our server and the floor, each a bare workerd on a
 * folder of its own on the same disk. Decides what a create, a settle, a read and an awaiter are on
 * each, and how fast ids may be touched: a live object holds three files for ten seconds, and
 * workerd dies when files run out.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startServer } from "../../src/local/server.ts";
import { spawnFloor } from "./floor/start.ts";
import type { Loaded } from "./load.ts";

export type TargetName = "ours" | "floor";

export interface Target extends Loaded {
  name: TargetName;
  /** Of workerd. */
  pids: readonly [number];
  /** Where the promise of this id is. */
  path(id: string): string;
  /** To be awaited before ids are touched for the first time. */
  pace(ids: number): Promise<void>;
  /** Ends the process and removes its files. */
  stop(): Promise<void>;
}

/** The body of every create, for both. */
const PARAM = {
  data: { order: 4711, customer: "c-19", items: ["apple", "pear"], note: "x".repeat(100) },
};
export const CREATE_BODY: string = JSON.stringify({ param: PARAM, timeout: "1h" });
/** Without a deadline, which the floor has not either: ours then sets no alarm for who waits. */
export const ENDLESS_BODY: string = JSON.stringify({ param: PARAM });
/** The body of every settle, for both. */
export const SETTLE_BODY: string = JSON.stringify({
  state: "RESOLVED",
  value: { data: { receipt: "r-4711", total: 19.5, note: "y".repeat(100) } },
});

/** What ends the processes and removes the files; harmless where that has been done. */
const stops = new Set<() => Promise<void>>();

const FILES_PER_OBJECT = 3;
const OBJECT_LIFE_MS = 12_000;

/** How many ids one server may be asked for within the life of an object: half of what it bears. */
export function liveIdsMax(): number {
  const hard = execFileSync("/bin/sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
  const files = hard === "unlimited" ? 10_240 : Math.min(Number(hard), 65_536);
  return Math.floor(files / FILES_PER_OBJECT / 2);
}

/** Starts both. Whoever calls this calls {@link stopTargets} in the end, however it ends. */
export async function startTargets(): Promise<Target[]> {
  return [await startOurs(), await startFloor()];
}

/** Takes note of something that {@link stopTargets} must end. */
export function stopLater(stop: () => Promise<void>): void {
  stops.add(stop);
}

/** Ends every process and removes every file that is left. */
export async function stopTargets(): Promise<void> {
  await Promise.allSettled([...stops].map((stop) => stop()));
}

/** Ours alone. As {@link startTargets}. @param module a Worker in place of ours */
export async function startOurs(module?: string): Promise<Target> {
  const folder = temporaryFolder("ours");
  const server = await startServer({ data: join(folder, "data"), ...(module && { module }) });
  return {
    name: "ours",
    port: Number(new URL(server.url).port),
    pids: [server.pid],
    path: (id) => `/promises/${id}`,
    pace: pacer(liveIdsMax()),
    stop: stopper(folder, () => server.kill()),
  };
}

async function startFloor(): Promise<Target> {
  const folder = temporaryFolder("floor");
  const workerd = spawnFloor(folder);
  const stop = stopper(folder, async () => {
    workerd.signal("SIGKILL");
    await workerd.exited;
  });
  return {
    name: "floor",
    port: await workerd.port,
    pids: [workerd.pid],
    path: (id) => `/${id}`,
    pace: pacer(liveIdsMax()),
    stop,
  };
}

/** A window that slides over the life of an object. */
function pacer(idsMax: number): (ids: number) => Promise<void> {
  let touched: { at: number; ids: number }[] = [];
  return async function pace(ids) {
    for (;;) {
      touched = touched.filter(({ at }) => at > Date.now() - OBJECT_LIFE_MS);
      const live = touched.reduce((sum, entry) => sum + entry.ids, 0);
      if (live === 0 || live + ids <= idsMax) break;
      await sleep(250);
    }
    touched.push({ at: Date.now(), ids });
  };
}

function temporaryFolder(name: TargetName): string {
  const folder = mkdtempSync(join(tmpdir(), `durable-promises-bench-${name}-`));
  stops.add(async () => remove(folder));
  return folder;
}

function stopper(folder: string, kill: () => Promise<void>): () => Promise<void> {
  async function stop(): Promise<void> {
    await kill();
    remove(folder);
  }
  stops.add(stop);
  return stop;
}

/** A process that is just ending may still write. */
function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
