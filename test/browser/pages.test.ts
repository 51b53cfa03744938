/**
 * The pages as a person meets them: a promise's own page, live and without JavaScript, and the page
 * of the API. Screenshots land in `.build/screenshots`.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { launch, noBrowser, open } from "./browser.ts";
import { MEMORY } from "../memory.ts";

const SHOTS = join(import.meta.dirname, "../../.build/screenshots");
const DATA = mkdtempSync(join(MEMORY, "durable-promises-pages-"));

if (noBrowser) console.warn(`browser tests skipped: ${noBrowser}`);

describe.skipIf(noBrowser)("in a browser", () => {
  let server: Server;
  let browser: Browser;

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    [server, browser] = await Promise.all([startServer({ data: DATA }), launch()]);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(DATA, { recursive: true, force: true });
  });

  async function send(method: string, id: string, body: unknown): Promise<void> {
    const response = await fetch(`${server.url}/promises/${id}`, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(201);
  }

  it("a promise's page follows it from nothing to its value", async () => {
    const id = "orders/2026/42";
    const { context, page, strayRequests, complaints } = await open(
      browser,
      `${server.url}/promises/${id}`,
    );
    const status = page.getByRole("status");
    await status.getByText("Not created yet").waitFor();

    await send("PUT", id, {
      param: { data: { question: "Ship it?", amount: 12_345.5 } },
      timeout: "24h",
      tags: { team: "shipping", "resonate:scope": "global" },
    });
    await status.getByText("Pending").waitFor();
    await page.getByText("Ship it?").waitFor();
    await page.screenshot({ path: join(SHOTS, "status-pending.png") });

    const extended = await fetch(`${server.url}/promises/${id}`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: '{"timeout":"2100-01-01"}',
    });
    expect(extended.status).toBe(200);
    await page.getByText("2100-01-01 00:00:00 UTC").waitFor();

    await send("PATCH", id, { state: "RESOLVED", value: { data: { by: "Ada", ok: true } } });
    await status.getByText("Resolved").waitFor();
    await page.getByText('"by": "Ada"').waitFor();
    expect(await page.title()).toBe(`Resolved: ${id}`);
    await page.screenshot({ path: join(SHOTS, "status-resolved.png") });

    expect(strayRequests).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("shows what anybody wrote as text, never as markup", async () => {
    const id = "<script>alert(1)</script>";
    const path = encodeURIComponent(id);
    await send("PUT", path, { param: { data: "</pre><img src=x onerror=alert(2)>" } });
    await send("PATCH", path, { state: "REJECTED", value: { data: "<b>no</b>" } });
    const { context, page, complaints } = await open(browser, `${server.url}/promises/${path}`);
    await page.getByRole("heading", { name: id }).waitFor();
    await page.getByText("<b>no</b>").waitFor();
    expect(await page.locator("img, main script, b").count()).toBe(0);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("is right without JavaScript, on a phone, in the dark", async () => {
    const id = "a-phone";
    await send("PUT", id, { timeout: "24h", param: { data: "x".repeat(300) } });
    const { context, page } = await open(browser, `${server.url}/promises/${id}`, {
      javaScriptEnabled: false,
      colorScheme: "dark",
      viewport: { width: 360, height: 640 },
    });
    await page.getByText("Pending").waitFor();
    expect(await page.locator("meta[http-equiv=refresh]").count()).toBe(1);
    const width = await page.locator("main").evaluate((main) => main.getBoundingClientRect().right);
    expect(width).toBeLessThanOrEqual(360);
    await page.screenshot({ path: join(SHOTS, "status-phone-dark.png") });
    await context.close();
  });

  it("the API page shows every operation and asks nobody else", async () => {
    const { context, page, strayRequests, complaints } = await open(browser, `${server.url}/docs`);
    await page.getByText("Create a promise under this id").waitFor();
    expect(await page.locator(".opblock").count()).toBeGreaterThanOrEqual(8);
    await page.screenshot({ path: join(SHOTS, "docs.png") });
    expect(strayRequests).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });
});
