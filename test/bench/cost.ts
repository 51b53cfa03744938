/**
 * What a process has cost so far, asked of the operating system: CPU time and resident memory. Linux
 * tells it in /proc, other systems by `ps`.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The unit of CPU times in /proc: 1/100 s on every Linux that Node runs on. */
const TICK_MS = 10;

/** CPU time in ms, user and system, of all threads of all these processes. */
export function cpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0);
}

function cpuMsOf(pid: number): number {
  if (process.platform !== "linux") return parsePsTimeMs(ps("time", pid));
  // The name in parentheses may have spaces; the fields after it start with the third.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory in KB. */
export function residentKb(pid: number): number {
  if (process.platform !== "linux") return Number(ps("rss", pid));
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** `[[hours:]minutes:]seconds`, the seconds with hundredths on macOS. */
function parsePsTimeMs(text: string): number {
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1000;
}

function ps(field: string, pid: number): string {
  return execFileSync("ps", ["-o", `${field}=`, "-p", String(pid)], { encoding: "utf8" }).trim();
}
