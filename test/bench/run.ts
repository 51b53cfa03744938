/**
 * `npm run bench`: measures our server against the floor in one bounded run, prints the report and
 * writes it to `.build/bench`. Fails when a bar is missed. Loads this machine only.
 *
 *   --quick        a minute, to see that everything works
 *   --only a,b     these rows: create settle get lifecycle wake poll memory sdk share find; find is left
 *                  out unless it is named, for 100,000 promises take six minutes to make
 *   --out folder   where report.md and report.json go
 *   --no-bars      a missed bar is no failure
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../src/local/project.ts";
import { find } from "./find.ts";
import { indexShare } from "./index-share.ts";
import { CONCURRENCY } from "./load.ts";
import { describeMachine } from "./machine.ts";
import { memory } from "./memory.ts";
import { findRestate, startRestate } from "./peer/restate.ts";
import { peerRows } from "./peer/rows.ts";
import { QUICK, ROW_NAMES, WHOLE, within, type Plan, type RowName } from "./plan.ts";
import { markdown, type Report } from "./report.ts";
import type { Row } from "./row.ts";
import { sdk } from "./sdk.ts";
import { startTargets, stopLater, stopTargets, type Target } from "./target.ts";
import { createAndSettle, get, lifecycle } from "./throughput.ts";
import { longPoll, wakeUps } from "./wake.ts";
import { warmUp } from "./warm-up.ts";

/** Rows that are measured together, in the order of the report. */
const GROUPS: { rows: RowName[]; measure(targets: Target[], plan: Plan): Promise<Row[]> }[] = [
  { rows: ["create", "settle"], measure: createAndSettle },
  { rows: ["get"], measure: get },
  { rows: ["lifecycle"], measure: lifecycle },
  { rows: ["wake"], measure: wakeUps },
  { rows: ["poll"], measure: longPoll },
  { rows: ["memory"], measure: (_targets, plan) => memory(plan) },
  { rows: ["sdk"], measure: sdk },
  { rows: ["share"], measure: indexShare },
  { rows: ["find"], measure: find },
];

const BY_DEFAULT = ROW_NAMES.filter((name) => name !== "find");

const MS_MAX = 15 * 60_000;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: BY_DEFAULT.join(",") },
    out: { type: "string", default: join(ROOT, ".build/bench") },
    "no-bars": { type: "boolean", default: false },
  },
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void stopTargets().finally(() => process.exit(130)));
}

// Bounded whatever happens: a server that does not answer would be awaited for ever.
setTimeout(() => {
  process.stderr.write("the benchmark takes too long: given up\n");
  void stopTargets().finally(() => process.exit(1));
}, MS_MAX).unref();

try {
  const report = await measure(rowNames(options.only));
  const text = markdown(report);
  const folder = resolve(options.out);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "report.md"), text);
  writeFileSync(join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(text);
  if (!report.passed && !options["no-bars"]) process.exitCode = 1;
} finally {
  await stopTargets();
}

async function measure(wanted: ReadonlySet<RowName>): Promise<Report> {
  const startedAt = new Date();
  const machine = describeMachine();
  const plan = within(options.quick ? QUICK : WHOLE, machine.liveIdsMax);
  const targets = await startTargets();
  await warmUp(targets, plan);
  const rows: Row[] = [];
  for (const group of GROUPS) {
    const names = group.rows.filter((name) => wanted.has(name));
    if (names.length === 0) continue;
    process.stderr.write(`${names.join(", ")} ...\n`);
    rows.push(...(await group.measure(targets, plan)));
  }
  const peer = await measurePeer(plan, wanted);
  machine.load[1] = loadavg()[0] ?? 0;
  return {
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    concurrency: CONCURRENCY,
    machine,
    rows,
    peer,
    passed: rows.every((row) => row.passed !== false),
  };
}

async function measurePeer(plan: Plan, wanted: ReadonlySet<RowName>): Promise<Report["peer"]> {
  const folder = findRestate();
  if (folder === undefined) {
    const packages = "@restatedev/restate-server and @restatedev/restate-sdk";
    return { skipped: `${packages} are not installed here, nor in RESTATE_SERVER_DIR.` };
  }
  process.stderr.write("peer ...\n");
  const restate = await startRestate(folder, stopLater);
  return { name: `Restate ${restate.version}`, rows: await peerRows(restate, plan, wanted) };
}

function rowNames(list: string): ReadonlySet<RowName> {
  const names = list.split(",").map((name) => {
    const known = ROW_NAMES.find((row) => row === name.trim());
    if (known === undefined) {
      throw new Error(`--only takes ${ROW_NAMES.join(", ")}, not "${name}"`);
    }
    return known;
  });
  return new Set(names);
}
