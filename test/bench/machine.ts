/** What the machine is, as far as it explains the numbers: cores, versions, and the price of an fsync. */
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg, release, tmpdir, type } from "node:os";
import { join } from "node:path";
import type { Machine } from "./report.ts";
import { median } from "./stats.ts";
import { liveIdsMax } from "./target.ts";

const FSYNCS = 100;

export function describeMachine(): Machine {
  const [core] = cpus();
  const [load = 0] = loadavg();
  return {
    cpu: core?.model.trim() ?? "unknown",
    cores: cpus().length,
    system: `${type()} ${release()}`,
    node: process.versions.node,
    workerd: workerdVersion(),
    liveIdsMax: liveIdsMax(),
    fsyncMs: fsyncMs(),
    load: [load, load],
  };
}

/** On the disk that the servers get. */
function fsyncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), "durable-promises-bench-fsync-"));
  const file = openSync(join(folder, "file"), "w");
  try {
    const page = Buffer.alloc(4096);
    const took = Array.from({ length: FSYNCS }, () => {
      const from = performance.now();
      writeSync(file, page);
      fsyncSync(file);
      return performance.now() - from;
    });
    return median(took);
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

function workerdVersion(): string {
  const path = createRequire(import.meta.url).resolve("workerd/package.json");
  // SAFETY: every package.json has a version.
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
