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
/** What the W3C calls a long task: longer, and people see it. */
const LONG_TASK_MS = 50;
/** Those in sight, and some above and below. */
const ROWS_MAX = 90;
const SCROLL_MS_MAX = 60_000;

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
  }, 180_000);
  afterAll(() => world?.stop());

  it(
    "scroll without standing still, a screenful of rows at a time",
    { timeout: 240_000 },
    async () => {
      const passes: number[][] = [];
      // A machine that has other things to do stands still by itself: one of three must not.
      do passes.push(await scrolled(world));
      while (passes.length < 3 && passes.at(-1)!.length > 0);
      expect(passes.at(-1)).toEqual([]);
    },
  );
});

/** @returns the tasks that were too long */
async function scrolled(world: World): Promise<number[]> {
  const { page, context, complaints } = await world.visit("/");
  const grid = page.getByRole("grid", { name: "Promises" });
  await grid.getByRole("row").nth(20).waitFor();
  await page.getByRole("link", { name: `Waiting ${COUNT.toLocaleString("en")}` }).waitFor();
  expect(await grid.getAttribute("aria-rowcount")).toBe(String(COUNT + 1));
  // SAFETY: what the script below answers.
  const { tasks, framesMs, rowsMost, lastIndex } = (await page.evaluate(SCROLL_THROUGH)) as Watched;
  expect(rowsMost).toBeLessThanOrEqual(ROWS_MAX);
  expect(lastIndex).toBe(COUNT + 1);
  const slowest = Math.max(...framesMs).toFixed(0);
  const long = tasks.join(", ") || "none";
  console.log(`${framesMs.length} frames, the slowest ${slowest} ms; long tasks: ${long}`);
  await shot(page, "scrolled");
  expect(complaints).toEqual([]);
  await context.close();
  return tasks.filter((ms) => ms > LONG_TASK_MS);
}

interface Watched {
  /** By the browser's own measure. */
  tasks: number[];
  framesMs: number[];
  rowsMost: number;
  lastIndex: number;
}

/** To the end, as a person who flings it: a good part of a screen every frame. Runs in the page. */
const SCROLL_THROUGH = `(async () => {
  const watched = { tasks: [], framesMs: [], rowsMost: 0, lastIndex: 0 };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) watched.tasks.push(duration);
  }).observe({ type: "longtask" });
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
