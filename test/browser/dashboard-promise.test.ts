/**
 * One promise in the dashboard: what it shows, live; what is done from there, and who is told. Each
 * settlement is seen by a program that waits; each loser sees the winner.
 */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DurablePromises, RejectedError } from "../../client/src/index.ts";
import { untilFound } from "../client/indexed.ts";
import { noBrowser } from "./browser.ts";
import { PATIENCE, shot, startWorld, type World } from "./dashboard-server.ts";

interface Shown {
  state: string;
  timeout: number;
  value: { data?: unknown };
}

describe.skipIf(noBrowser)("the page of a promise", () => {
  let world: World;
  let promises: DurablePromises;

  beforeAll(async () => {
    world = await startWorld();
    promises = new DurablePromises({ url: world.url });
  });
  afterAll(() => world?.stop());

  const visit = (id: string) => world.visit(`/dashboard/promises/${id}`);
  const record = (id: string) => world.send<Shown>("GET", `/promises/${id}`);
  /** As it stands on the wire: the client would parse it. */
  const textOf = async (id: string) => (await fetch(`${world.url}/promises/${id}`)).text();

  it("follows it from nothing to its end", async () => {
    const { page, context, complaints } = await visit("follow/me");
    await page.getByText("Nobody has created this promise").waitFor();
    await world.send("PUT", "/promises/follow/me", { timeout: "1h", param: { data: { n: 1 } } });
    await page.getByText('"n"').waitFor();
    await page.getByText("Pending", { exact: true }).waitFor();
    await world.send("PATCH", "/promises/follow/me", { state: "RESOLVED", value: { data: "yes" } });
    await page.getByRole("heading", { name: "Value" }).waitFor();
    await page.getByText('"yes"').waitFor();
    await page.getByText("over the API").waitFor();
    expect(await page.getByRole("button", { name: "Resolve" }).count()).toBe(0);
    await world.send("DELETE", "/promises/follow/me");
    await page.reload();
    await page.getByText("Nobody has created this promise").waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("settles it, to the letter, for a program that waits", async () => {
    const id = "settle/resolve";
    await world.send("PUT", `/promises/${id}`, { timeout: "1h" });
    const waiting = promises.wait<{ big: number }>(id, { timeout: "30s" });
    const { page, context, complaints } = await visit(id);
    await page.locator(".fact", { hasText: /^Connected1/ }).waitFor();
    await page.getByRole("button", { name: "Resolve" }).click();
    const dialog = page.getByRole("dialog", { name: "Resolve" });
    const send = dialog.getByRole("button", { name: "Resolve" });
    await dialog.getByLabel("Value").fill('{"big": 123');
    await dialog.getByText("Not JSON yet").waitFor();
    expect(await send.isDisabled()).toBe(true);
    await dialog.getByLabel("Value").fill('{"big": 12345678901234567890, "exact": 1.0}');
    await send.click();
    await page.getByText("Resolved.", { exact: true }).waitFor();
    await page.getByText("12345678901234567890").waitFor();
    expect((await waiting).big).toBeGreaterThan(1e19);
    expect(await textOf(id)).toContain('{"big":12345678901234567890,"exact":1.0}');
    expect(complaints).toEqual([]);
    await context.close();
  });

  it.each([
    ["Reject", "not today", "REJECTED", "Rejected"],
    ["Cancel", '{"why": "no need"}', "REJECTED_CANCELED", "Canceled"],
  ])("%s says why", async (button, reason, state, word) => {
    const id = `settle/${button.toLowerCase()}`;
    await world.send("PUT", `/promises/${id}`, {});
    const waiting = promises.wait(id, { timeout: "30s" }).catch((error: unknown) => error);
    const { page, context } = await visit(id);
    await page.getByRole("button", { name: button }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Reason").fill(reason);
    await dialog.getByRole("button", { name: button }).click();
    await page.getByText(word, { exact: true }).first().waitFor();
    const error = await waiting;
    expect(error).toBeInstanceOf(RejectedError);
    expect((error as RejectedError).state).toBe(state);
    const { value } = await record(id);
    expect(value.data).toEqual(button === "Reject" ? reason : { why: "no need" });
    await context.close();
  });

  it("is settled by keys alone, and gives the focus back", async () => {
    const id = "settle/keys";
    await world.send("PUT", `/promises/${id}`, {});
    const { page, context } = await visit(id);
    await page.getByRole("button", { name: "Reject" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Reject" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const focused = page.locator(":focus");
    await page.getByRole("button", { name: "Reject" }).and(focused).waitFor();
    expect((await record(id)).state).toBe("PENDING");
    await page.keyboard.press("Enter");
    await page.getByLabel("Reason").focus();
    await page.keyboard.type("by hand");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("Rejected", { exact: true }).first().waitFor();
    expect((await record(id)).value.data).toBe("by hand");
    await context.close();
  });

  it("shows who was first to who came second", async () => {
    const id = "settle/race";
    await world.send("PUT", `/promises/${id}`, {});
    const { page, context, complaints } = await visit(id);
    await page.getByRole("button", { name: "Resolve" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Value").fill('"mine"');
    // The page hears of it, and the dialog stays: what was typed may still be wanted.
    await world.send("PATCH", `/promises/${id}`, { state: "REJECTED", value: { data: "theirs" } });
    await page.getByText("over the API: theirs").waitFor();
    await dialog.getByRole("button", { name: "Resolve" }).click();
    const lost = page.getByRole("dialog", { name: "Somebody was first" });
    await lost.getByText("Rejected").waitFor();
    await lost.getByText('"theirs"').waitFor();
    await shot(page, "lost-race");
    await lost.getByRole("button", { name: "Show it" }).click();
    expect((await record(id)).value.data).toBe("theirs");
    // The browser says that a request was refused, which it was.
    expect(complaints.filter((text) => !text.includes("403"))).toEqual([]);
    await context.close();
  });

  it("drafts a value for a form, and shows what does not fit", async () => {
    const id = "settle/form";
    const schema = {
      type: "object",
      required: ["amount"],
      properties: { amount: { type: "integer", minimum: 1, maximum: 50 } },
    };
    await world.send("PUT", `/promises/${id}`, { form: { title: "How many?", schema } });
    const { page, context } = await visit(id);
    await page.getByRole("button", { name: "Resolve" }).click();
    const dialog = page.getByRole("dialog");
    expect(JSON.parse(await dialog.getByLabel("Value").inputValue())).toEqual({ amount: 1 });
    await dialog.getByText("integer 1 to 50").waitFor();
    await dialog.getByLabel("Value").fill('{"amount": 51}');
    await dialog.getByRole("button", { name: "Resolve" }).click();
    await dialog.getByText("/amount", { exact: true }).waitFor();
    await shot(page, "does-not-fit");
    expect((await record(id)).state).toBe("PENDING");
    await dialog.getByLabel("Value").fill('{"amount": 50}');
    await dialog.getByRole("button", { name: "Resolve" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect((await record(id)).state).toBe("RESOLVED");
    await context.close();
  });

  it("counts a vote where several decide", async () => {
    const id = "settle/vote";
    await world.send("PUT", `/promises/${id}`, { quorum: { approvals: 2, of: 3 } });
    const { page, context } = await visit(id);
    await page.getByText("0 of 2").waitFor();
    await page.getByRole("button", { name: "Resolve" }).click();
    await page.getByText("It counts once").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Resolve" }).click();
    await page.getByText("Your vote was counted.").waitFor();
    await page.getByText("1 of 2").waitFor();
    await page.getByText("Vote for it").waitFor();
    await context.close();
  });

  it("moves its deadline, and tells why it may not", async () => {
    const id = "extend";
    await world.send("PUT", `/promises/${id}`, { timeout: "2h" });
    const before = (await record(id)).timeout;
    const { page, context } = await visit(id);
    await page.getByRole("button", { name: "Extend" }).click();
    const dialog = page.getByRole("dialog", { name: "Extend the deadline" });
    await dialog.getByLabel("New deadline").fill("1h");
    await dialog.getByRole("button", { name: "Extend" }).click();
    await dialog.locator(".field-fault").waitFor();
    expect((await record(id)).timeout).toBe(before);
    await dialog.getByRole("button", { name: "4 hours" }).click();
    await dialog.getByRole("button", { name: "Extend" }).click();
    await page.getByText("The deadline was moved.").waitFor();
    await page
      .getByText(/^in 5h 59m$/)
      .first()
      .waitFor();
    const moved = (await record(id)).timeout - before;
    // To the second.
    expect(Math.abs(moved - 4 * 3_600_000)).toBeLessThan(1000);
    await context.close();
  });

  it("makes links, shows them once, and revokes them", async () => {
    const id = "links";
    await world.send("PUT", `/promises/${id}`, {});
    const { page, context } = await visit(id);
    await page.getByText("Nobody has a link to it.").waitFor();
    await page.getByRole("button", { name: "New link" }).click();
    await page.getByLabel("For whom").fill("ada@example.com");
    await page.getByLabel("Note").fill("Please");
    await page.getByRole("button", { name: "Make it" }).click();
    const shown = page.getByRole("dialog", { name: "The link" });
    const url = (await shown.locator("code").textContent()) ?? "";
    expect((await fetch(url, { headers: { accept: "text/html" } })).status).toBe(200);
    await shown.getByRole("button", { name: "Done" }).click();
    const row = page.getByRole("listitem").filter({ hasText: "ada@example.com" });
    await row.getByText("Good").waitFor();
    await row.getByRole("button", { name: "Revoke" }).click();
    await row.getByText("Revoked").waitFor();
    expect((await fetch(url, { headers: { accept: "text/html" } })).status).toBe(404);
    await context.close();
  });

  it("leads through its tree", async () => {
    for (const id of ["tree", "tree/a", "tree/a/b", "tree/c"]) {
      await world.send("PUT", `/promises/${id}`, { timeout: "1h" });
    }
    await untilFound(promises, { id: "tree*" }, 4);
    const { page, context } = await visit("tree/a");
    await expect.poll(() => nodesOf(page), PATIENCE).toEqual(["tree", "a", "b", "c"]);
    await world.send("PATCH", "/promises/tree/c", { state: "RESOLVED" });
    await page.getByRole("link", { name: "Resolved c" }).waitFor();
    await page.getByRole("link", { name: "Resolved c" }).click();
    await page.getByRole("heading", { name: "tree/c" }).waitFor();
    await page.getByRole("button", { name: "Waterfall" }).click();
    await page.getByRole("region", { name: "The tree over time" }).getByText("b").waitFor();
    await context.close();
  });
});

function nodesOf(page: Page): Promise<string[]> {
  return page
    .getByRole("region", { name: "The tree as a graph" })
    .locator(".graph-name")
    .allTextContents();
}
