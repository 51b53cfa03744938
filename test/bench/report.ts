/**
 * The report: the machine it was made on, the rows, the verdict; as JSON for programs and as Markdown
 * for people. Knows nothing of how the numbers came about.
 */
import type { PeerRow, Row, Side } from "./row.ts";

export interface Machine {
  cpu: string;
  cores: number;
  system: string;
  node: string;
  workerd: string;
  /** The limit of open files, which bounds how many promises may be live. */
  liveIdsMax: number;
  /** A new file of 4 KB and its fsync, on the disk that the servers get; median. */
  newFileMs: number;
  /** Of the last minute, before and after. */
  load: [number, number];
}

export interface Report {
  startedAt: string;
  seconds: number;
  concurrency: number;
  machine: Machine;
  rows: Row[];
  /** What was measured beside us, or why it was not. */
  peer: { name: string; rows: PeerRow[] } | { skipped: string };
  /** No row misses its bar. */
  passed: boolean;
}

export function markdown({ startedAt, seconds, concurrency, machine, rows, peer }: Report): string {
  const { cpu, cores, system, node, workerd, newFileMs, load } = machine;
  return `# Benchmark, ${startedAt}

${cpu}, ${cores} cores, ${system}; Node ${node}, workerd ${workerd}; a new file with its fsync takes ${digits(newFileMs)} ms.
Other load on the machine: ${load[0].toFixed(1)} before, ${load[1].toFixed(1)} after. ${seconds.toFixed(0)} s in all.
Bare \`workerd serve\` on loopback; throughput from ${concurrency} connections, one request each at a time.
The floor is the least a Worker and a Durable Object can do: one RPC, one kv operation, no validation.

${table(
  [
    "row",
    "ours",
    "floor",
    "ratio",
    "bar",
    "",
    "p50 / p99 ms",
    "floor's",
    "CPU us/op",
    "floor's",
    "CPU ratio",
  ],
  rows.map((row) => [
    row.name,
    valueOf(row.ours, row.unit),
    row.floor ? valueOf(row.floor, row.unit) : "",
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
each repetition, and of these the median; absolute numbers depend on the disk and on what else runs. The
CPU ratio is the same in workerd's CPU time for an operation, over all repetitions: floor to ours for
throughput, ours to floor for latency.

What limits our side:

${rows.map((row) => `- **${row.name}**: ${row.limit}${row.note === undefined ? "" : `; ${row.note}`}.`).join("\n")}

${publishedText(rows)}${peerText(peer, rows)}
`;
}

function publishedText(rows: Row[]): string {
  const compared = rows.filter(({ published }) => published !== undefined);
  if (compared.length === 0) return "";
  return `## Resonate's SDK on Resonate's own server

${table(
  ["row", "ours in this run, p50", "p99", "Resonate's, p50", "how many times faster"],
  compared.map(({ name, unit, ours, published = 0 }) => [
    name,
    `${digits(ours.value.median)} ${unit}`,
    ours.p99Ms === undefined ? "" : `${digits(ours.p99Ms)} ms`,
    `${digits(published)} ${unit}`,
    (published / ours.value.median).toFixed(1),
  ]),
)}

Theirs is no part of this run: it was measured once, with the same SDK, on two cores like these.

`;
}

function peerText(peer: Report["peer"], rows: Row[]): string {
  if ("skipped" in peer) return `Peer: skipped. ${peer.skipped}`;
  const ours = new Map(rows.map((row) => [row.name, row.ours]));
  return `## ${peer.name}, the same work

${table(
  ["row", "peer", "ours in this run", "peer p50 / p99 ms", "peer CPU us/op", "ours"],
  peer.rows.map(({ name, unit, peer: side }) => {
    const own = ours.get(name);
    return [
      name,
      valueOf(side, unit),
      own ? valueOf(own, unit) : "",
      tailOf(side),
      cpuOf(side),
      own ? cpuOf(own) : "",
    ];
  }),
)}

Its CPU is that of its server and of the process that runs its service. It runs after us, not in turns.`;
}

function table(head: string[], rows: string[][]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function valueOf({ value: { median, min, max } }: Side, unit: Row["unit"]): string {
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
  if ("atMostMs" in bar) return `≤ ${bar.atMostMs} ms`;
  if ("atMostPercent" in bar) return `≤ ${bar.atMostPercent} %`;
  if ("atMostP99Ms" in bar) return `p99 ≤ ${bar.atMostP99Ms} ms`;
  return "atLeast" in bar ? `≥ ${bar.atLeast}` : `≤ ${bar.atMost}`;
}

/** Three digits that matter. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
