/**
 * The approval page as people meet it: with and without JavaScript, on a phone, with the keyboard
 * alone, in the dark, in four languages. Screenshots land in `.build/screenshots`.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ApprovalModel } from "../../src/http/pages/approval.tsx";
import { readForm, textsOfValue } from "../../src/http/pages/form-data.ts";
import { WORDS } from "../../src/http/pages/texts.ts";
import * as cases from "../pages/approval-cases.ts";
import { anyCase } from "../pages/form-arbitrary.ts";
import { startPages, type PageServer } from "./approval-server.ts";
import { findingsOf } from "./axe.ts";
import { eventually } from "../eventually.ts";
import { launch, noBrowser, open } from "./browser.ts";

// Two noisy cores: every state in one test, and a browser that shares them.
vi.setConfig({ testTimeout: 90_000 });

const SHOTS = join(import.meta.dirname, "../../.build/screenshots");
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true };
const NO_SCRIPT = { javaScriptEnabled: false };
const { OPEN, NOW } = cases;

if (noBrowser) console.warn(`browser tests skipped: ${noBrowser}`);

const STATES: [string, ApprovalModel | undefined][] = [
  ["open", OPEN],
  ["simple", cases.SIMPLE],
  ["fixed", cases.FIXED],
  ["waiting", cases.WAITING],
  ["decided-by-you", cases.DECIDED_BY_YOU],
  ["rejected-by-other", cases.REJECTED_BY_OTHER],
  ["expired", cases.EXPIRED],
  ["voted", cases.VOTED],
  ["voted-before", cases.VOTED_BEFORE],
  ["excluded", cases.EXCLUDED],
  ["stranger", cases.STRANGER],
  ["gone", undefined],
];

describe.skipIf(noBrowser)("the approval page", () => {
  let server: PageServer;
  let browser: Browser;

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    [server, browser] = await Promise.all([startPages(), launch()]);
    for (const [name, model] of STATES) server.models.set(name, model);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** A page of its own for each test: its name is the test's. */
  function offer(name: string, model: ApprovalModel = OPEN): string {
    server.models.set(name, model);
    return `${server.url}/l/${name}`;
  }

  describe("in each state", () => {
    it.each<[string, Parameters<Browser["newContext"]>[0]]>([
      ["light", { viewport: { width: 1024, height: 800 } }],
      ["phone", PHONE],
      ["phone-dark", { ...PHONE, colorScheme: "dark" }],
      ["no-script-dark", { ...NO_SCRIPT, colorScheme: "dark" }],
    ])("%s: nothing from elsewhere, no complaint, nothing too wide", async (look, options) => {
      const opened = await open(browser, `${server.url}/l/open`, { ...options, locale: "en" });
      const { page, context, strayRequests, complaints } = opened;
      for (const [name] of STATES) {
        await page.goto(`${server.url}/l/${name}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        expect(await page.evaluate("document.documentElement.scrollWidth > innerWidth")).toBe(
          false,
        );
        await shot(page, `${name}-${look}`);
        expect(strayRequests).toEqual([]);
        expect(complaints).toEqual([]);
      }
      await context.close();
    });

    it.each(["light", "dark"] as const)("axe finds nothing: %s", async (colorScheme) => {
      const { page, context } = await open(browser, `${server.url}/l/open`, { colorScheme });
      for (const [name] of STATES) {
        await page.goto(`${server.url}/l/${name}`);
        await page.getByRole("heading", { level: 1 }).waitFor();
        expect(await findingsOf(page), name).toEqual([]);
      }
      await context.close();
    });
  });

  describe("the form", () => {
    it.each([
      ["with a script", {}],
      ["without", NO_SCRIPT],
    ])("approves with what was answered, %s", async (name, options) => {
      const url = offer(`approve-${name.replaceAll(" ", "-")}`);
      const { page, context, complaints } = await open(browser, url, options);
      await answer(page);
      await page.getByRole("button", { name: "Approve purchase" }).click();
      await page.getByText("You decided on").waitFor();
      expect(page.url()).toBe(url);
      const { body, headers, answer: read } = server.sent.at(-1)!;
      expect(read?.value).toEqual({
        amount: 12,
        delivery: "express",
        costCenter: "Design",
        notBefore: "2026-09-01",
        services: ["Docking station"],
        serials: ["A-1", "A-2"],
        address: { name: "Ada <Byron>", city: "Kiel" },
        confirmed: true,
      });
      expect(body.get("csrf")).toBe("a-token");
      // What a server may go by: with `no-referrer` the origin is withheld even from itself.
      expect(headers).toMatchObject({ origin: "null", "sec-fetch-site": "same-origin" });
      expect(headers.referer).toBeUndefined();
      await page.getByText("Ada <Byron>").waitFor();
      expect(complaints).toEqual([]);
      await context.close();
    });

    it("rejects with a reason and without an answer", async () => {
      const { page, context } = await open(browser, offer("reject"), NO_SCRIPT);
      await page.getByLabel("Reason, if you reject").fill("Too\nexpensive");
      await page.getByRole("button", { name: "Reject" }).click();
      await page.getByText("expensive").waitFor();
      expect(server.sent.at(-1)?.body.get("reason")).toBe("Too\r\nexpensive");
      await context.close();
    });

    it.each([
      ["with a script", {}],
      ["without", NO_SCRIPT],
    ])("comes back with every mistake and everything typed, %s", async (name, options) => {
      const { page, context } = await open(browser, offer("mistakes"), options);
      // What no browser's own check lets through, a program or an old browser sends.
      await page.evaluate("document.querySelector('form').noValidate = true");
      await page.getByLabel("How many laptops?").fill("99");
      await page.getByLabel("City").fill("Kiel & <b>");
      await page.getByLabel("Email for the carrier").fill("nobody");
      await page.getByRole("button", { name: "Approve purchase" }).click();
      const summary = page.getByRole("alert");
      await summary.waitFor();
      expect(await page.title()).toMatch(/^Error: /);
      await page.locator(".faults:focus").waitFor();
      expect(await page.getByLabel("City").inputValue()).toBe("Kiel & <b>");
      await shot(page, "mistakes");
      await summary.getByRole("link", { name: /How many laptops/ }).click();
      await page.locator('[name="value/amount"]:focus').waitFor();
      expect(await page.getByLabel("How many laptops?").getAttribute("aria-invalid")).toBe("true");
      // Without scripts there are no timers either, and axe waits for one.
      if (name !== "without") expect(await findingsOf(page)).toEqual([]);
      await page.setViewportSize(PHONE.viewport);
      await shot(page, "mistakes-phone");
      await context.close();
    });

    it("is answered with the keyboard alone, and Enter in a field decides nothing", async () => {
      const { page, context } = await open(browser, offer("keyboard"));
      const before = server.sent.length;
      const press = (...keys: string[]) =>
        keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());
      await page.getByRole("link", { name: "offer" }).focus();
      await press("Tab", "Control+A");
      await page.keyboard.type("7");
      await press("Enter", "Tab", "Space", "ArrowDown", "Tab", "E", "Tab");
      await shot(page, "keyboard");
      // The parts of a date are its browser's own; then boxes, lines, the address.
      await page.getByLabel("Docking station").focus();
      await press("Space", "Tab", "Tab", "Tab");
      await page.keyboard.type("A-1");
      await press("Enter");
      await page.keyboard.type("A-2");
      await press("Tab");
      await page.keyboard.type("Ada");
      await press("Tab");
      await page.keyboard.type("Kiel");
      await press("Enter", "Tab", "Tab", "Space", "Tab", "Tab");
      expect(server.sent.length).toBe(before);
      expect(await page.evaluate("document.activeElement.textContent")).toBe("Approve purchase");
      await press("Enter");
      await page.getByText("You decided on").waitFor();
      expect(server.sent.at(-1)?.answer?.value).toEqual({
        amount: 7,
        delivery: "express",
        costCenter: "Engineering",
        services: ["Docking station"],
        serials: ["A-1", "A-2"],
        address: { name: "Ada", city: "Kiel" },
        confirmed: true,
      });
      await context.close();
    });
  });

  describe("with a script", () => {
    it("counts down by the server's clock", async () => {
      const hour = 60 * 60 * 1000;
      const deadlineAt = NOW + 2 * 24 * hour + 3 * hour + 90_000;
      const promise = { ...OPEN.promise, deadlineAt };
      const { page, context } = await open(browser, offer("countdown", { ...OPEN, promise }), {
        locale: "de",
      });
      const timer = page.getByRole("timer");
      await timer.filter({ hasText: /^noch 2 Tage 3 Stunden$/ }).waitFor();
      await context.close();

      const soon = { ...OPEN, promise: { ...OPEN.promise, deadlineAt: NOW + 3000 } };
      const second = await open(browser, offer("soon", soon), { locale: "en" });
      await second.page.getByText(/^[12] seconds? left$/).waitFor();
      await second.page.getByText("The time is up.").waitFor();
      await second.context.close();
    });

    it("changes by itself when somebody else decides", async () => {
      const { page, context, complaints } = await open(browser, offer("live"));
      await eventually(() => expect(server.followers("live")).toBe(1));
      server.models.set("live", cases.REJECTED_BY_OTHER);
      server.tell("settled");
      await page.getByText("Decided by").waitFor();
      expect(await page.title()).toBe("Rejected: Buy 12 laptops for the design team");
      expect(complaints).toEqual([]);
      await context.close();
    });

    it("keeps what was typed, and says that it is too late", async () => {
      const { page, context } = await open(browser, offer("typed"));
      await eventually(() => expect(server.followers("typed")).toBe(1));
      await page.getByLabel("City").fill("Kiel");
      server.models.set("typed", cases.REJECTED_BY_OTHER);
      server.tell("settled");
      await page.getByText("Somebody has decided in the meantime").waitFor();
      expect(await page.getByLabel("City").inputValue()).toBe("Kiel");
      expect(await page.getByRole("button", { name: "Approve purchase" }).isDisabled()).toBe(true);
      await page.locator("#notice").scrollIntoViewIfNeeded();
      await shot(page, "meanwhile");
      expect(await findingsOf(page)).toEqual([]);
      await page.getByRole("link", { name: "Show the decision" }).click();
      await page.getByText("Decided by").waitFor();
      await context.close();
    });

    it("never sends a form again by itself", async () => {
      const { page, context } = await open(browser, offer("again"));
      await eventually(() => expect(server.followers("again")).toBe(1));
      const followed = server.followed("again");
      await page.evaluate("document.querySelector('form').noValidate = true");
      await page.getByRole("button", { name: "Approve purchase" }).click();
      await page.getByRole("alert").waitFor();
      // The line of the answer, and not still that of the page before it.
      await eventually(() => expect(server.followed("again")).toBeGreaterThan(followed));
      const before = server.sent.length;
      server.models.set("again", cases.REJECTED_BY_OTHER);
      server.tell("settled");
      await page.getByRole("link", { name: "Show the decision" }).click();
      await page.getByText("Decided by").waitFor();
      expect(server.sent.length).toBe(before);
      await context.close();
    });
  });

  it.each(["de", "fr", "es"] as const)("speaks %s to who asks for it", async (language) => {
    const { page, context } = await open(browser, `${server.url}/l/simple`, { locale: language });
    await page.getByRole("button", { name: WORDS[language].approve }).waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe(language);
    const { context: second, page: large } = await open(browser, `${server.url}/l/open`, {
      locale: language,
    });
    await shot(large, `open-${language}`);
    await second.close();
    await context.close();
  });

  it("sends back what a form was filled with, for every schema and value", async () => {
    const { page, context } = await open(browser, offer("random"));
    await fc.assert(
      fc.asyncProperty(anyCase, async ({ schema, value }) => {
        const values = textsOfValue(schema, value!);
        server.models.set("random", { ...OPEN, choice: { kind: "choose", schema }, values });
        await page.goto(`${server.url}/l/random`);
        const sent = await page.evaluate(
          "new URLSearchParams(new FormData(document.querySelector('form'))).toString()",
        );
        expect(readForm(schema, new URLSearchParams(String(sent))).value).toEqual(value);
      }),
      { numRuns: 40 },
    );
    await context.close();
  });

  it("shows what strangers wrote as text", async () => {
    const bad = `"><img src=x onerror=alert(1)></textarea></script><script>alert(2)</script>`;
    const schema = {
      type: "object",
      properties: { [bad]: { type: "string", title: bad, default: bad } },
    } as const;
    const url = offer("hostile", {
      ...OPEN,
      promise: {
        id: bad,
        state: "pending",
        title: bad,
        description: bad,
        details: [{ label: bad, value: bad }],
      },
      choice: { kind: "choose", schema, approveLabel: bad },
      note: bad,
    });
    const { page, context, complaints, strayRequests } = await open(browser, url);
    await page.getByRole("heading", { name: bad }).waitFor();
    expect(await page.locator("img, main script").count()).toBe(0);
    expect(await page.getByRole("textbox", { name: bad }).inputValue()).toBe(bad);
    await page.getByRole("button", { name: bad }).click();
    await page.getByText("You decided on").waitFor();
    expect(server.sent.at(-1)?.answer?.value).toEqual({ [bad]: bad });
    expect(complaints).toEqual([]);
    expect(strayRequests).toEqual([]);
    await context.close();
  });
});

async function answer(page: Page): Promise<void> {
  await page.getByLabel("How many laptops?").fill("12");
  await page.getByLabel("Express, within three days").check();
  await page.getByLabel("Cost center").selectOption("Design");
  await page.getByLabel("Not before").fill("2026-09-01");
  await page.getByLabel("Docking station").check();
  await page.getByLabel("Devices to be replaced").fill("A-1\n A-2 \n\n");
  await page.getByLabel("Name of the recipient").fill("Ada <Byron>");
  await page.getByLabel("City").fill("Kiel");
  await page.getByLabel("The budget is still available").check();
}

function shot(page: Page, name: string): Promise<unknown> {
  return page.screenshot({ path: join(SHOTS, `approval-${name}.png`), fullPage: true });
}
