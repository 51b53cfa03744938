/** What the machine is, as far as it explains the numbers: cores, versions, and what durability costs. */
import {
  closeSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg, release, tmpdir, type } from "node:os";
import { join } from "node:path";
import type { Machine } from "./report.ts";
import { median } from "./stats.ts";
import { liveIdsMax } from "./target.ts";

const NEW_FILES = 100;

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
    newFileMs: newFileMs(),
    load: [load, load],
  };
}

/** A new file, written and made durable: what SQLite does several times for a new object. */
function newFileMs(): number {
  const folder = mkdtempSync(join(tmpdir(), "durable-promises-bench-fsync-"));
  try {
    const page = Buffer.alloc(4096);
    const took = Array.from({ length: NEW_FILES }, (_, index) => {
      const from = performance.now();
      const file = openSync(join(folder, String(index)), "w");
      writeSync(file, page);
      fsyncSync(file);
      closeSync(file);
      return performance.now() - from;
    });
    return median(took);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function workerdVersion(): string {
  const path = createRequire(import.meta.url).resolve("workerd/package.json");
  // SAFETY: every package.json has a version.
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
