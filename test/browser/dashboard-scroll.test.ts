/**
 * Ten thousand promises in the inbox: how many rows are in the document, and whether the page ever
 * stands still while somebody scrolls through all of them.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DurablePromises } from "../../client/src/index.ts";
import { noBrowser } from "./browser.ts";
import { shot, startWorld, type World } from "./dashboard-server.ts";

const COUNT = 10_000;
const AT_ONCE = 16;
/** What the W3C calls a long task; here of the processor, which others use at the same time. */
const LONG_TASK_MS = 50;
/** Those in sight, and some above and below. */
const ROWS_MAX = 90;
const SCROLL_MS_MAX = 180_000;

describe.skipIf(noBrowser)("ten thousand promises", () => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
    // The client tries again when the server has too much to do, which it has.
    const promises = new DurablePromises({ url: world.url });
    let next = 0;
    async function make(): Promise<void> {
      for (let n = (next += 1); n <= COUNT; n = next += 1) {
        const tags = { team: `team-${n % 7}`, region: `r-${n % 3}` };
        await promises.create(`orders/${n}/approval`, { deadline: "7d", tags, timeout: "2m" });
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, make));
  }, 600_000);
  afterAll(() => world?.stop());

  it(
    "scroll without standing still, a screenful of rows at a time",
    { timeout: 240_000 },
    async () => {
      const { page, context, complaints } = await world.visit("/");
      const grid = page.getByRole("grid", { name: "Promises" });
      await grid.getByRole("row").nth(20).waitFor();
      await page.getByRole("link", { name: `Waiting ${COUNT.toLocaleString("en")}` }).waitFor();
      expect(await grid.getAttribute("aria-rowcount")).toBe(String(COUNT + 1));
      await world.browser.startTracing(page, { categories: ["toplevel"] });
      // SAFETY: what the script below answers.
      const watched = (await page.evaluate(SCROLL_THROUGH)) as Watched;
      const tasks = tasksOf(await world.browser.stopTracing());
      expect(tasks.length).toBeGreaterThan(watched.framesMs.length);
      expect(watched.rowsMost).toBeLessThanOrEqual(ROWS_MAX);
      expect(watched.lastIndex).toBe(COUNT + 1);
      // A third one is no accident: what collects garbage, or compiles, is no one's doing.
      const [longest = 0, , third = 0] = tasks;
      const slowest = Math.max(...watched.framesMs);
      console.log(
        `${watched.framesMs.length} frames, the slowest ${slowest.toFixed(0)} ms; ` +
          `the longest task took ${longest.toFixed(0)} ms of the processor`,
      );
      expect(third).toBeLessThan(LONG_TASK_MS);
      await shot(page, "scrolled");
      expect(complaints).toEqual([]);
      await context.close();
    },
  );
});

interface Watched {
  framesMs: number[];
  rowsMost: number;
  lastIndex: number;
}

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** What the processor spent on it, in µs: not the time for which others had it. */
  tdur?: number;
  args?: { name?: string };
}

/** What the tasks of the page's own thread cost, in ms, the most expensive first. */
function tasksOf(trace: Buffer): number[] {
  // SAFETY: Chromium's trace event format.
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const mains = new Set<string>();
  for (const { name, args, pid, tid } of traceEvents) {
    if (name === "thread_name" && args?.name === "CrRendererMain") mains.add(`${pid} ${tid}`);
  }
  return traceEvents
    .filter(({ name, pid, tid }) => name.endsWith("RunTask") && mains.has(`${pid} ${tid}`))
    .flatMap(({ tdur }) => (tdur === undefined ? [] : [tdur / 1000]))
    .toSorted((a, b) => b - a);
}

/** To the end, as a person who flings it: a good part of a screen every frame. Runs in the page. */
const SCROLL_THROUGH = `(async () => {
  const watched = { framesMs: [], rowsMost: 0, lastIndex: 0 };
  const grid = document.querySelector("[role=grid]");
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  let before = await frame();
  // At the end of what is loaded, more is on its way.
  for (const endAt = performance.now() + ${SCROLL_MS_MAX}; performance.now() < endAt; ) {
    if (watched.lastIndex === ${COUNT + 1}) break;
    grid.scrollTop += grid.clientHeight * 0.7;
    const now = await frame();
    watched.framesMs.push(now - before);
    before = now;
    const rows = Array.from(grid.querySelectorAll("[role=rowgroup] [role=row]"));
    watched.rowsMost = Math.max(watched.rowsMost, rows.length);
    watched.lastIndex = Number(rows.at(-1)?.getAttribute("aria-rowindex"));
  }
  return watched;
})()`;
