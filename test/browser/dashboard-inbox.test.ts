/**
 * The inbox as somebody works in it: what happens elsewhere shows by itself, filters count, searches
 * find, and everything is done without a mouse.
 */
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../eventually.ts";
import { noBrowser } from "./browser.ts";
import { PATIENCE, startWorld, type World } from "./dashboard-server.ts";

const rowOf = (page: Page, name: string | RegExp) => page.getByRole("row", { name });

/** By `g` and a letter, which comes too late where the machine stands still between the two. */
const goBy = (page: Page, letter: string, there: Locator) =>
  eventually(async () => {
    await page.keyboard.press("g");
    await page.keyboard.press(letter);
    await there.waitFor({ timeout: 2000 });
  });

describe.skipIf(noBrowser)("the inbox", () => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld();
    for (let n = 1; n <= 9; n += 1) {
      await world.send("PUT", `/promises/list/${n}`, {
        timeout: `${n}h`,
        tags: { parity: n % 2 === 0 ? "even" : "odd", "full name": "Ada Lovelace" },
      });
    }
    await world.send("PATCH", "/promises/list/9", { state: "REJECTED", value: { data: "no" } });
  });
  afterAll(() => world?.stop());

  it("shows what happens as it happens, and counts it", async () => {
    const { page, context, complaints } = await world.visit("/");
    await page.getByRole("link", { name: /^Waiting 8$/ }).waitFor();
    await page.getByRole("link", { name: /^Failed 1$/ }).waitFor();
    await page.getByText("Live", { exact: true }).waitFor();

    await world.send("PUT", "/promises/live/new", { timeout: "1h", form: { title: "Ship it?" } });
    await rowOf(page, "live/new").getByText("Ship it?").waitFor();
    await page.getByRole("link", { name: /^Waiting 9$/ }).waitFor();

    await world.send("PATCH", "/promises/live/new", { state: "RESOLVED" });
    await rowOf(page, "live/new").waitFor({ state: "detached" });
    await page.getByRole("link", { name: /^Waiting 8$/ }).waitFor();
    await page.getByRole("link", { name: /^Recently settled 2$/ }).waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("tells the time until a deadline, second by second, and the end of it", async () => {
    await world.send("PUT", "/promises/timer/soon", { timeout: "12s" });
    const { page, context } = await world.visit("/?filter=all&q=id:timer/*");
    const row = rowOf(page, "timer/soon");
    const left = row.getByText(/^in \d+s$/);
    const first = await left.textContent();
    await expect.poll(() => left.textContent(), PATIENCE).not.toBe(first);
    await row.getByText("Timed out").waitFor({ state: "attached" });
    await row.getByText(/ ago$|^now$/).waitFor();
    await context.close();
  });

  it("is worked in by keys alone", async () => {
    const { page, context, complaints } = await world.visit("/?q=id:list/*");
    const grid = page.getByRole("grid", { name: "Promises" });
    const active = page.locator('[role=row][aria-selected="true"]');
    await rowOf(page, "list/8").waitFor();
    expect(await grid.getAttribute("aria-rowcount")).toBe("9");

    await page.keyboard.press("j");
    await active.filter({ hasText: "list/8" }).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("k");
    await active.filter({ hasText: "list/7" }).waitFor();
    // What the screen reader is told is what is seen.
    const told = await grid.getAttribute("aria-activedescendant");
    expect(await active.getAttribute("id")).toBe(told);
    expect(await active.getAttribute("aria-rowindex")).toBe("3");
    await page.keyboard.press("End");
    await active.filter({ hasText: "list/1" }).waitFor();
    await page.keyboard.press("Home");

    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "list/8" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/dashboard/promises/list/8");
    expect(await page.title()).toContain("list/8");
    // Who comes back finds everything as it was.
    await page.goBack();
    await rowOf(page, "list/8").waitFor();
    await active.filter({ hasText: "list/8" }).waitFor();

    await page.keyboard.press("/");
    await page.locator("input[type=search]:focus").waitFor();
    await page.keyboard.type("tag:parity=even");
    await page.keyboard.press("Escape");
    await rowOf(page, "list/7").waitFor({ state: "detached" });
    // For a moment there is no list at all.
    await rowOf(page, "list/8").waitFor();
    await page.keyboard.press("j");
    await active.filter({ hasText: "list/8" }).waitFor();

    await goBy(page, "s", page.getByRole("heading", { name: "Schedules" }));
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    await goBy(page, "i", rowOf(page, "list/8"));
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("keeps the place of a row that leaves while somebody is at it", async () => {
    for (const n of [1, 2, 3]) await world.send("PUT", `/promises/place/${n}`, {});
    const { page, context } = await world.visit("/?q=id:place/*&sort=id");
    const active = page.locator('[role=row][aria-selected="true"]');
    await rowOf(page, "place/3").waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await active.filter({ hasText: "place/2" }).waitFor();
    await world.send("PATCH", "/promises/place/2", { state: "RESOLVED" });
    await rowOf(page, "place/2").waitFor({ state: "detached" });
    await page.keyboard.press("j");
    await active.filter({ hasText: "place/3" }).waitFor();
    await context.close();
  });

  it("holds still for who reads in the middle of it", async () => {
    const make = (n: number) => world.send("PUT", `/promises/still/${n}`, {});
    for (let n = 0; n < 60; n += 1) await make(n);
    const { page, context } = await world.visit("/?q=id:still/*");
    await page.getByRole("row", { name: "still/59" }).waitFor();
    const grid = page.getByRole("grid");
    await page.evaluate("document.querySelector('[role=grid]').scrollTop = 1000");
    const row = page.getByRole("row", { name: "still/30" });
    await row.waitFor();
    const before = (await row.boundingBox())?.y;
    for (let n = 60; n < 63; n += 1) await make(n);
    await expect.poll(() => grid.getAttribute("aria-rowcount"), PATIENCE).toBe("64");
    expect((await row.boundingBox())?.y).toBe(before);
    await context.close();
  });

  it.each([
    ["refused", "is:nothing", "is: takes pending"],
    ["incomplete", "due:tomorrow", "due: takes a date"],
  ])("says what of a search is %s", async (_, text, words) => {
    const { page, context } = await world.visit("/");
    await page.getByRole("searchbox").fill(text);
    await page.getByText(words).waitFor();
    await context.close();
  });

  it("searches by state, id, tag and words, at an address that can be passed on", async () => {
    const { page, context, complaints } = await world.visit("/?filter=all");
    const box = page.getByRole("searchbox");
    await box.fill('is:rejected id:list/* tag:parity=odd tag:"full name=Ada Lovelace" 9');
    await rowOf(page, "list/9").waitFor();
    await rowOf(page, "list/1").waitFor({ state: "detached" });
    await expect
      .poll(() => new URL(page.url()).searchParams.get("q"), PATIENCE)
      .toContain("is:rejected");
    await page.reload();
    await rowOf(page, "list/9").waitFor();
    expect(await rowOf(page, /list/).count()).toBe(1);
    // The help beside the box writes for who does not know the words.
    await box.fill("");
    await page.getByRole("button", { name: "is:rejected" }).click();
    await expect.poll(() => box.inputValue(), PATIENCE).toBe("is:");
    await page.locator("input[type=search]:focus").waitFor();
    await page.keyboard.type("pending id:list/*");
    await rowOf(page, "list/1").waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("is put in another order", async () => {
    const { page, context } = await world.visit("/?filter=all&q=id:list/*");
    await rowOf(page, "list/8").waitFor();
    const first = page.locator("[role=rowgroup] [role=row]").first();
    await page.getByLabel("Order").selectOption("deadline");
    await expect.poll(() => first.textContent(), PATIENCE).toContain("list/1");
    await page.getByLabel("Order").selectOption("-created");
    await expect.poll(() => first.textContent(), PATIENCE).toContain("list/9");
    await context.close();
  });

  it("keeps filters of one's own in this browser, and counts them", async () => {
    const { page, context, complaints } = await world.visit("/?q=tag:parity=even");
    await page.getByRole("button", { name: "Keep filter" }).click();
    await page.getByLabel("Name").fill("Even ones");
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.getByRole("link", { name: /^Even ones 4$/ }).waitFor();
    await page.goto(world.url);
    await page.getByRole("link", { name: /^Even ones 4$/ }).click();
    await rowOf(page, "list/8").waitFor();
    await page.getByRole("button", { name: "Remove the filter Even ones" }).click();
    await page.getByRole("link", { name: /^Even ones/ }).waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("shows a name as text, whatever it is", async () => {
    const id = '<img src=x onerror="document.title=1">';
    await world.send("PUT", `/promises/${encodeURIComponent(id)}`, {
      tags: { "<b>": "<i>" },
      form: { title: "<script>alert(1)</script>" },
    });
    const { page, context, complaints } = await world.visit("/?q=onerror");
    const row = page.getByRole("row").filter({ hasText: "onerror" });
    await row.getByText("<script>alert(1)</script>").waitFor();
    await row.click();
    await page.getByRole("heading", { name: "<script>alert(1)</script>" }).waitFor();
    expect(await page.locator("img, main script, main b, main i").count()).toBe(0);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("says when the server is away, and goes on when it is back", async () => {
    const { page, context } = await world.visit("/?q=id:list/*");
    await rowOf(page, "list/8").waitFor();
    await context.setOffline(true);
    await page.getByText("The server cannot be reached").waitFor({ timeout: 40_000 });
    await context.setOffline(false);
    await page.getByText("The server cannot be reached").waitFor({
      state: "detached",
      timeout: 40_000,
    });
    await context.close();
  }, 90_000);
});
