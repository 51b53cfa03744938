/**
 * The report: the machine it was made on, the rows, the verdict; as JSON for programs and as Markdown
 * for people. Knows nothing of how the numbers came about.
 */
import type { Row, Side } from "./row.ts";

export interface Machine {
  cpu: string;
  cores: number;
  system: string;
  node: string;
  workerd: string;
  /** The limit of open files, which bounds how many promises may be live. */
  liveIdsMax: number;
  /** A write of 4 KB and its fsync, median. */
  fsyncMs: number;
  /** Of the last minute, before and after. */
  load: [number, number];
}

export interface Report {
  startedAt: string;
  seconds: number;
  concurrency: number;
  machine: Machine;
  rows: Row[];
  peer: string;
  /** No row misses its bar. */
  passed: boolean;
}

export function markdown({ startedAt, seconds, concurrency, machine, rows, peer }: Report): string {
  const { cpu, cores, system, node, workerd, fsyncMs, load } = machine;
  return `# Benchmark, ${startedAt}

${cpu}, ${cores} cores, ${system}; Node ${node}, workerd ${workerd}; an fsync takes ${digits(fsyncMs)} ms.
Other load on the machine: ${load[0].toFixed(1)} before, ${load[1].toFixed(1)} after. ${seconds.toFixed(0)} s in all.
Bare \`workerd serve\` on loopback; throughput from ${concurrency} connections, one request each at a time.
The floor is the least a Worker and a Durable Object can do: one RPC, one kv operation, no validation.

${table(
  ["row", "ours", "floor", "ratio", "bar", "", "p50 / p99 ms", "floor's", "CPU us/op", "floor's", "CPU ratio"],
  rows.map((row) => [
    row.name,
    valueOf(row.ours, row),
    row.floor ? valueOf(row.floor, row) : "",
    row.ratio === undefined ? "" : row.ratio.toFixed(2),
    barOf(row),
    row.passed === undefined ? "" : row.passed ? "PASS" : "**FAIL**",
    tailOf(row.ours),
    row.floor ? tailOf(row.floor) : "",
    cpuOf(row.ours),
    row.floor ? cpuOf(row.floor) : "",
    row.cpuRatio === undefined ? "" : row.cpuRatio.toFixed(2),
  ]),
)}

Numbers are medians over the repetitions (least to most of them). The ratio is ours to the floor's in
this run; absolute numbers depend on the disk and on what else runs. The CPU ratio is the same in
workerd's CPU time for an operation, which the disk does not blur: floor to ours for throughput, ours to
floor for latency.

What limits our side:

${rows.map((row) => `- **${row.name}**: ${row.limit}${row.note === undefined ? "" : `; ${row.note}`}.`).join("\n")}

Peer: ${peer}
`;
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function valueOf({ value: { median, min, max } }: Side, { unit }: Row): string {
  return `${digits(median)} ${unit} (${digits(min)} to ${digits(max)})`;
}

function tailOf({ p50Ms, p99Ms }: Side): string {
  return p50Ms === undefined || p99Ms === undefined ? "" : `${digits(p50Ms)} / ${digits(p99Ms)}`;
}

function cpuOf({ cpuUs }: Side): string {
  return cpuUs === undefined ? "" : cpuUs.toFixed(0);
}

function barOf({ bar }: Row): string {
  if (!bar) return "";
  return "atLeast" in bar ? `≥ ${bar.atLeast}` : `≤ ${bar.atMost}`;
}

/** Three digits that matter. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
