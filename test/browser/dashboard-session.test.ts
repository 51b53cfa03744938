/**
 * Signing in and out of the dashboard, in a browser: with a key, which no script can read afterwards,
 * without a script, with a key that may do less, and with one that ends while somebody looks.
 */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findingsOf } from "./axe.ts";
import { noBrowser, PLAIN_HOST } from "./browser.ts";
import { PATIENCE, PHONE, shot, startWorld, type World } from "./dashboard-server.ts";

const SECRET = "the-first-key";

describe.skipIf(noBrowser)("a browser", () => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld({ API_KEYS: SECRET });
    await world.send("PUT", "/promises/team-a/1", { timeout: "1h", tags: { team: "a" } });
    await world.send("PUT", "/promises/team-b/1", { timeout: "1h" });
    await world.send("PUT", "/schedules/team-a/s", { cron: "@daily", promiseTimeout: "1h" });
  });
  afterAll(() => world?.stop());

  const makeKey = (scopes: string[], prefixes: string[]) =>
    world.send<{ id: string; key: string }>("POST", "/keys", {
      name: "Ada's key",
      scopes,
      prefixes,
    });

  it("is asked for a key, and led to where it wanted to go", async () => {
    const { page, context, complaints, strayRequests } = await world.visit(
      "/dashboard/promises/team-a/1",
    );
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await shot(page, "sign-in");
    expect(await findingsOf(page)).toEqual([]);
    await signIn(page, "wrong");
    await page.getByRole("alert").getByText("That key is not known here.").waitFor();
    await shot(page, "sign-in-wrong");
    expect(await findingsOf(page)).toEqual([]);
    await signIn(page, SECRET);
    await page.getByRole("heading", { name: "team-a/1" }).waitFor();
    await page.getByText("secret-1").waitFor();
    expect(strayRequests).toEqual([]);
    expect(unexpected(complaints)).toEqual([]);
    await context.close();
  });

  it("keeps a cookie that no script reads, and works with it", async () => {
    const { page, context } = await world.visit("/dashboard/sign-in");
    await signIn(page, SECRET);
    await page.getByRole("row", { name: "team-a/1" }).waitFor();
    const [cookie, ...others] = await context.cookies();
    expect(others).toEqual([]);
    expect(cookie).toMatchObject({
      name: "dp_session",
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      expires: -1,
    });
    expect(await page.evaluate("document.cookie")).toBe("");
    // Nothing that a script could read has the key, wherever it looks.
    const kept = await page.evaluate(
      "JSON.stringify([localStorage, sessionStorage, document.documentElement.outerHTML])",
    );
    expect(kept).not.toContain(SECRET);
    // Live over a socket, and settling, with the cookie alone.
    await world.send("PUT", "/promises/team-a/live", { timeout: "1h" });
    await page.getByRole("row", { name: "team-a/live" }).click();
    await page.getByRole("button", { name: "Resolve" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Resolve" }).click();
    await page.getByText("by secret-1, over the API").waitFor();
    await context.close();
  });

  it("signs in, works and signs out where there is neither TLS nor loopback", async () => {
    const context = await world.browser.newContext();
    const page = await context.newPage();
    await world.send("PUT", "/promises/team-a/plain", { timeout: "1h" });
    await page.goto(`http://${PLAIN_HOST}:${new URL(world.url).port}/dashboard/sign-in`);
    await signIn(page, SECRET);
    await page.getByRole("row", { name: "team-a/plain" }).click();
    await page.getByRole("button", { name: "Resolve" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Resolve" }).click();
    await page.getByText("by secret-1, over the API").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await context.close();
  });

  it("signs out, and is shown nothing more", async () => {
    const { page, context } = await world.visit("/dashboard/sign-in");
    await signIn(page, SECRET);
    await page.getByRole("row", { name: "team-a/1" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await context.cookies()).toEqual([]);
    await page.goto(`${world.url}/dashboard/schedules`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(page.url()).toContain("next=%2Fdashboard%2Fschedules");
    await context.close();
  });

  it("needs no script to sign in, and no mouse", async () => {
    const { page, context } = await world.visit("/dashboard/sign-in?next=/dashboard/schedules", {
      javaScriptEnabled: false,
      ...PHONE,
      colorScheme: "dark",
    });
    // The field has the focus by itself.
    await page.locator("input[name=key]:focus").waitFor();
    await page.keyboard.type(SECRET);
    await shot(page, "sign-in-phone");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${world.url}/dashboard/schedules`);
    expect(await context.cookies()).toHaveLength(1);
    await context.close();
  });

  it("with a key that may do less shows less, and does not offer the rest", async () => {
    const { key } = await makeKey(["read"], ["team-a/*"]);
    const { page, context } = await world.visit("/dashboard/sign-in");
    await signIn(page, key);
    await page.getByRole("row", { name: "team-a/1" }).waitFor();
    expect(await page.getByText("team-b").count()).toBe(0);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByText("read on team-a/*").waitFor();
    await page.getByRole("row", { name: "team-a/1" }).click();
    await page.getByRole("heading", { name: "team-a/1" }).waitFor();
    expect(await page.getByRole("button", { name: "Resolve" }).count()).toBe(0);
    expect(await page.getByRole("heading", { name: "Links" }).count()).toBe(0);
    await page.getByRole("link", { name: "Webhooks" }).click();
    await page.getByText("Your key may not see webhooks").waitFor();
    await shot(page, "may-not");
    await page.getByRole("link", { name: "Schedules" }).click();
    await page.getByRole("link", { name: "team-a/s" }).click();
    await page.getByRole("heading", { name: "Next runs" }).waitFor();
    expect(await page.getByRole("button", { name: "Pause" }).count()).toBe(0);
    await page.getByRole("link", { name: "Activity" }).click();
    await page.getByText("they need a key for all ids").waitFor();
    await context.close();
  });

  it("is asked for another key when its own has ended", async () => {
    const { id, key } = await makeKey(["admin"], ["*"]);
    const { page, context } = await world.visit("/dashboard/sign-in");
    await signIn(page, key);
    await page.getByRole("row", { name: "team-a/1" }).waitFor();
    await world.send("DELETE", `/keys/${id}`);
    // Noticed when somebody looks again: at once here, within five seconds elsewhere.
    await expect
      .poll(async () => {
        await page.evaluate("dispatchEvent(new Event('focus'))");
        return page.url();
      }, PATIENCE)
      .toContain("/dashboard/sign-in");
    await signIn(page, key);
    await page.getByRole("alert").waitFor();
    await context.close();
  });
});

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("Key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** What is refused on the way to signing in is in the console, as it should be. */
function unexpected(complaints: string[]): string[] {
  return complaints.filter((text) => !/40[13]|WebSocket/.test(text));
}
