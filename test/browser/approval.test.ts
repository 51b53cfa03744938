/**
 * The approval page in a real Chromium against a real server: what people do with a link, from the
 * mail to the decision, and what becomes of the promise. How the page looks in each of its states is
 * approval-page.test.ts's matter. Screenshots land in `.build/screenshots`.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { findingsOf } from "./axe.ts";
import { launch, noBrowser, open } from "./browser.ts";
import { MEMORY } from "../memory.ts";

const startedAt = Date.now();
const SHOTS = join(import.meta.dirname, "../../.build/screenshots");
const NO_SCRIPT = { javaScriptEnabled: false };
const PHONE = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};
const PATIENCE_MS = 20_000;

const FORM = {
  title: "Buy 12 laptops",
  description: "For the **design team**; see the [offer](https://shop.example/offer).",
  details: [{ label: "Supplier", value: "Müller & Söhne" }],
  schema: {
    type: "object",
    required: ["amount"],
    properties: {
      amount: { type: "integer", title: "How many?", minimum: 1, maximum: 50, default: 12 },
      express: { type: "boolean", title: "Express" },
      note: { type: "string", title: "Remark" },
    },
  },
};

if (noBrowser) console.warn(`browser tests skipped: ${noBrowser}`);

const shot = (page: Page, name: string) =>
  page.screenshot({ path: join(SHOTS, `person-${name}.png`), fullPage: true });

describe.skipIf(noBrowser)("a person with a link", () => {
  const data = mkdtempSync(join(MEMORY, "durable-promises-approval-"));
  let server: Server;
  let browser: Browser;

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    // As it is deployed: with keys, which nobody who has a link needs.
    const env = { API_KEYS: "k" };
    [server, browser] = await Promise.all([startServer({ data, env }), launch()]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  async function send(method: string, path: string, body?: unknown): Promise<string> {
    const response = await fetch(server.url + path, {
      method,
      headers: { authorization: "Bearer k", "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    expect(response.ok, text).toBe(true);
    return text;
  }

  async function mail(id: string, more: object = {}, promise: object = {}): Promise<string> {
    await send("PUT", `/promises/${id}`, {
      form: FORM,
      requestedBy: "bob@example.com",
      timeout: "2d",
      ...promise,
    });
    return linkTo(id, { audience: "Ada", note: "Before noon, please", ...more });
  }

  async function linkTo(id: string, more: object): Promise<string> {
    const { url } = JSON.parse(await send("POST", "/links", { promise: id, ...more })) as {
      url: string;
    };
    return url;
  }

  async function recordOf(id: string): Promise<Record<string, unknown>> {
    return JSON.parse(await send("GET", `/promises/${id}`)) as Record<string, unknown>;
  }

  async function visit(url: string, options: Parameters<typeof open>[2] = {}) {
    const opened = await open(browser, url, { locale: "en", ...options });
    opened.page.setDefaultTimeout(PATIENCE_MS);
    return opened;
  }

  /** The page follows the promise, so that what happens next is news to it. */
  async function openFollowing(url: string) {
    const opened = await open(browser, `${server.url}/health`, { locale: "en" });
    opened.page.setDefaultTimeout(PATIENCE_MS);
    const following = opened.page.waitForResponse((response) =>
      (response.headers()["content-type"] ?? "").startsWith("text/event-stream"),
    );
    await opened.page.goto(url);
    await following;
    return opened;
  }

  it.each([
    ["without a script", NO_SCRIPT],
    ["with a script", {}],
  ])("approves, %s", async (name, options) => {
    const id = `approve/${name.replaceAll(" ", "-")}`;
    const url = await mail(id);
    const opened = await visit(url, options);
    const { page, context, strayRequests, complaints } = opened;
    await shot(page, `open-${name.replaceAll(" ", "-")}`);
    await page.getByText("bob@example.com").waitFor();
    await page.getByText("Müller & Söhne").waitFor();
    await page.getByLabel("How many?").fill("7");
    await page.getByLabel("Express").check();
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("You decided on").waitFor();
    expect(page.url()).toBe(url);
    expect(await recordOf(id)).toMatchObject({
      state: "RESOLVED",
      value: { data: { amount: 7, express: true } },
      settledBy: { how: "link", who: "Ada" },
    });
    await shot(page, `approved-${name.replaceAll(" ", "-")}`);
    // A reload shows it again and sends nothing again.
    await page.reload();
    await page.getByText("You decided on").waitFor();
    expect(strayRequests).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it.each([
    ["without a script", NO_SCRIPT],
    ["with a script", {}],
  ])("rejects with a reason, %s", async (name, options) => {
    const id = `reject/${name.replaceAll(" ", "-")}`;
    const { page, context } = await visit(await mail(id), options);
    await page.getByLabel("Reason, if you reject").fill("Too expensive");
    await page.getByRole("button", { name: "Reject" }).click();
    await page.getByText("You decided on").waitFor();
    await page.getByText("Too expensive").waitFor();
    expect(await recordOf(id)).toMatchObject({
      state: "REJECTED",
      value: { data: "Too expensive" },
    });
    await context.close();
  });

  it("gets a mistake back with what was typed, and then approves", async () => {
    const url = await mail("mistake");
    const { page, context } = await visit(url, NO_SCRIPT);
    await page.evaluate("document.querySelector('form').noValidate = true");
    await page.getByLabel("How many?").fill("99");
    await page.getByLabel("Remark").fill("soon <b>");
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByRole("alert").waitFor();
    expect(await page.getByLabel("Remark").inputValue()).toBe("soon <b>");
    expect((await recordOf("mistake"))["state"]).toBe("PENDING");
    await shot(page, "mistake");
    await page.getByLabel("How many?").fill("50");
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("You decided on").waitFor();
    expect(await recordOf("mistake")).toMatchObject({
      value: { data: { amount: 50, note: "soon <b>" } },
    });
    await context.close();
  });

  it("clicks twice, and has decided once", async () => {
    const { page, context, complaints } = await visit(await mail("double"), {
      locale: "en",
    });
    await page.getByRole("button", { name: "Approve" }).dblclick();
    await page.getByText("You decided on").waitFor();
    expect(await send("GET", "/links?promise=double")).toContain('"uses":1,');
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("decides with one click, by a link of one outcome", async () => {
    const outcome = { state: "REJECTED", value: { data: "no budget" } };
    const url = await mail("fixed", { allow: "fixed", outcome });
    const { page, context } = await visit(url);
    expect(await page.getByRole("button").filter({ visible: true }).count()).toBe(1);
    expect((await recordOf("fixed"))["state"]).toBe("PENDING");
    await page.getByRole("button", { name: "Reject" }).click();
    await page.getByText("You decided on").waitFor();
    expect(await recordOf("fixed")).toMatchObject(outcome);
    await context.close();
  });

  describe("while somebody else decides", () => {
    it("sees the page change by itself", async () => {
      const url = await mail("live");
      const bob = await linkTo("live", { audience: "Bob" });
      const { page, context, complaints, strayRequests } = await openFollowing(url);
      await send("POST", new URL(bob).pathname, { state: "REJECTED", value: { data: "No." } });
      await page.getByText("Decided by Bob").waitFor();
      await page.getByText("No.", { exact: true }).waitFor();
      expect(await page.locator("form").count()).toBe(0);
      await shot(page, "decided-by-other");
      expect(complaints).toEqual([]);
      expect(strayRequests).toEqual([]);
      await context.close();
    });

    it("keeps what was typed, and is told that it is too late", async () => {
      const { page, context } = await openFollowing(await mail("typed"));
      await page.getByLabel("Remark").fill("Half a sentence");
      await send("PATCH", "/promises/typed", { state: "REJECTED", value: { data: "elsewhere" } });
      await page.getByText("Somebody has decided in the meantime").waitFor();
      expect(await page.getByLabel("Remark").inputValue()).toBe("Half a sentence");
      expect(await page.getByRole("button", { name: "Approve" }).isDisabled()).toBe(true);
      await shot(page, "meanwhile");
      await page.getByRole("link", { name: "Show the decision" }).click();
      await page.getByText("elsewhere").waitFor();
      await context.close();
    });

    it("is told by the deadline, too", async () => {
      const { page, context } = await visit(`${server.url}/health`);
      // Told, and not by looking again: that it does 3 s after the deadline, where the line was cut.
      await page.addInitScript(`{
        const later = setTimeout;
        setTimeout = (...args) => args[1] === 3000 ? 0 : later(...args);
      }`);
      await page.goto(await mail("deadline", {}, { timeout: "6s" }));
      await page.getByText("The deadline has passed").waitFor({ timeout: 30_000 });
      await context.close();
    });

    it("without a script, learns it with the click", async () => {
      const { page, context } = await visit(await mail("late"), NO_SCRIPT);
      await send("POST", new URL(await linkTo("late", { audience: "Bob" })).pathname, {
        state: "REJECTED",
      });
      await page.getByRole("button", { name: "Approve" }).click();
      await page.getByText("Decided by Bob").waitFor();
      expect((await recordOf("late"))["state"]).toBe("REJECTED");
      await context.close();
    });

    it("only looks, and sees the end", async () => {
      const { page, context } = await openFollowing(await mail("watched", { allow: "await" }));
      await page.getByText("Waiting for a decision").waitFor();
      await shot(page, "waiting");
      await send("PATCH", "/promises/watched", {
        state: "RESOLVED",
        value: { data: { amount: 3 } },
      });
      await page.getByText(/^Decided (by|on) /).waitFor();
      await context.close();
    });
  });

  describe("as one of several", () => {
    it("sees the votes of the others, and their own", async () => {
      const promise = { quorum: { approvals: 2, of: 3 }, form: { title: "Let her in?" } };
      const ada = await visit(await mail("several", {}, promise));
      await ada.page.getByText("0 of 2 approvals").waitFor();
      await ada.page.getByRole("button", { name: "Approve" }).click();
      await ada.page.getByText("Your vote is recorded").waitFor();
      await shot(ada.page, "voted");
      const bob = await visit(await linkTo("several", { audience: "Bob" }), {
        locale: "en",
      });
      await bob.page.getByText("1 of 2 approvals").waitFor();
      await shot(bob.page, "second-voter");
      await bob.page.getByRole("button", { name: "Approve" }).click();
      await bob.page.getByText("You decided on").waitFor();
      // Ada's page, still open, learns of the end by itself.
      await ada.page.getByText("Decided by Bob").waitFor();
      expect(await recordOf("several")).toMatchObject({ state: "RESOLVED" });
      for (const { context, complaints } of [ada, bob]) {
        expect(complaints).toEqual([]);
        await context.close();
      }
    });

    it("sees a vote of somebody else at once", async () => {
      const promise = { quorum: { approvals: 3, of: 3 }, form: { title: "Let her in?" } };
      const { page, context } = await openFollowing(await mail("votes-live", {}, promise));
      const bob = await linkTo("votes-live", { audience: "Bob" });
      await send("POST", new URL(bob).pathname, { state: "RESOLVED" });
      await page.getByText("1 of 3 approvals").waitFor();
      await context.close();
    });
  });

  describe("whose vote does not count", () => {
    it.each([
      ["with a script", {}],
      [
        "without a script, on a phone, in the dark",
        { ...NO_SCRIPT, ...PHONE, colorScheme: "dark" },
      ],
    ] as const)("has voted already, and learns which vote stays, %s", async (name, options) => {
      const id = `voted-before/${name.replaceAll(/\W+/g, "-")}`;
      const promise = { quorum: { approvals: 2, of: 3 }, form: { title: "Let her in?" } };
      const url = await mail(id, {}, promise);
      const opened = await visit(`${server.url}/health`, options);
      const { page, context, strayRequests, complaints } = opened;
      // As if it had slept meanwhile: it is told of nothing.
      await page.route(url, (route) =>
        route.request().headers()["accept"] === "text/event-stream"
          ? route.fulfill({ status: 204 })
          : route.continue(),
      );
      await page.goto(url);
      await page.getByRole("button", { name: "Reject" }).waitFor();
      const other = await linkTo(id, { audience: "Ada" });
      await send("POST", new URL(other).pathname, { state: "RESOLVED" });
      const answered = page.waitForResponse((response) => response.request().method() === "POST");
      await page.getByRole("button", { name: "Reject" }).click();
      expect((await answered).status()).toBe(409);
      await page.getByText("You have voted already").waitFor();
      await page.getByText("1 of 2 approvals").waitFor();
      expect(await page.locator("form").count()).toBe(0);
      expect(page.url()).toBe(url);
      await shot(page, `voted-before-${name.replaceAll(/\W+/g, "-")}`);
      expect(await page.evaluate("document.documentElement.scrollWidth > innerWidth")).toBe(false);
      if (!("javaScriptEnabled" in options)) expect(await findingsOf(page)).toEqual([]);
      expect(await recordOf(id)).toMatchObject({ votes: [{ by: "Ada", approves: true }] });
      expect(strayRequests).toEqual([]);
      expect(complaints.filter((text) => !text.includes("409"))).toEqual([]);
      await context.close();
    });

    it("asked for it, and sees how others vote, as they do", async () => {
      const quorum = { approvals: 2, of: 3, excludeRequester: true };
      const promise = { quorum, form: { title: "Let her in?" } };
      const url = await mail("excluded", { audience: "bob@example.com", note: "" }, promise);
      const { page, context, complaints } = await openFollowing(url);
      await page.getByText("You may not vote on this").waitFor();
      await page.getByText("You asked for this decision").waitFor();
      expect(await page.getByRole("button").count()).toBe(0);
      await shot(page, "excluded");
      expect(await findingsOf(page)).toEqual([]);
      const ada = await linkTo("excluded", { audience: "Ada" });
      await send("POST", new URL(ada).pathname, { state: "RESOLVED" });
      await page.getByText("1 of 2 approvals").waitFor();
      expect(complaints).toEqual([]);
      await context.close();
    });
  });

  describe("wherever they are", () => {
    it("on a phone: nothing beyond its edges, and fingers find the buttons", async () => {
      const { page, context } = await visit(await mail("phone"), {
        locale: "en",
        ...PHONE,
      });
      expect(await page.evaluate("document.documentElement.scrollWidth > innerWidth")).toBe(false);
      for (const name of ["Approve", "Reject"]) {
        const box = await page.getByRole("button", { name }).boundingBox();
        // WCAG 2.2, 2.5.5: 44 CSS pixels.
        expect(box?.height).toBeGreaterThanOrEqual(44);
      }
      await shot(page, "phone");
      await page.getByRole("button", { name: "Approve" }).tap();
      await page.getByText("You decided on").waitFor();
      await shot(page, "phone-decided");
      await context.close();
    });

    it("with the keyboard alone", async () => {
      const { page, context } = await visit(await mail("keyboard"));
      const focused = () =>
        page.evaluate("document.activeElement.textContent || document.activeElement.name");
      const seen: unknown[] = [];
      for (let step = 0; step < 20; step += 1) {
        await page.keyboard.press("Tab");
        const at = await focused();
        seen.push(at);
        if (at === "value/note") {
          await page.keyboard.type("By keyboard");
          // Enter in a field decides nothing.
          await page.keyboard.press("Enter");
          expect((await recordOf("keyboard"))["state"]).toBe("PENDING");
        }
        if (at === "Approve") break;
      }
      expect(seen).toEqual([
        "offer",
        "value/amount",
        "value/express",
        "value/note",
        "reason",
        "Approve",
      ]);
      await shot(page, "keyboard");
      await page.keyboard.press("Enter");
      await page.getByText("You decided on").waitFor();
      expect(await recordOf("keyboard")).toMatchObject({
        value: { data: { amount: 12, note: "By keyboard" } },
      });
      await context.close();
    });

    it.each(["light", "dark"] as const)(
      "in the %s, and with a screen reader",
      async (colorScheme) => {
        const url = await mail(`scheme-${colorScheme}`);
        const { page, context } = await visit(url, { colorScheme });
        const [red = 0] = JSON.parse(
          String(
            await page.evaluate(
              "JSON.stringify(getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number))",
            ),
          ),
        ) as number[];
        if (colorScheme === "dark") expect(red).toBeLessThan(100);
        else expect(red).toBeGreaterThan(200);
        await shot(page, colorScheme);
        expect(await findingsOf(page)).toEqual([]);
        await page.getByRole("button", { name: "Approve" }).click();
        await page.getByText("You decided on").waitFor();
        expect(await findingsOf(page)).toEqual([]);
        await context.close();
      },
    );

    it("in German", async () => {
      const { page, context } = await visit(await mail("german"), { locale: "de-AT" });
      expect(await page.locator("html").getAttribute("lang")).toBe("de");
      await page.getByText("Angefragt von").waitFor();
      await page.getByText(/^noch \d/).waitFor();
      await shot(page, "german");
      await page.getByRole("button", { name: "Zustimmen" }).click();
      await page.getByText("Sie haben am").waitFor();
      await context.close();
    });

    it("and nothing is asked of anybody else, nothing is kept, nothing is told", async () => {
      const url = await mail("quiet");
      const { page, context, strayRequests } = await visit(`${server.url}/health`);
      const referrers: (string | undefined)[] = [];
      const asked: string[] = [];
      page.on("request", (request) => {
        asked.push(new URL(request.url()).origin);
        referrers.push(request.headers()["referer"]);
      });
      await page.goto(url);
      await page.getByRole("button", { name: "Approve" }).click();
      await page.getByText("You decided on").waitFor();
      expect(new Set(asked)).toEqual(new Set([server.url]));
      expect(referrers.filter(Boolean)).toEqual([]);
      expect(strayRequests).toEqual(
        asked.map(() => expect.anything()).slice(0, strayRequests.length),
      );
      expect(await context.cookies()).toEqual([]);
      expect(await page.evaluate("localStorage.length + sessionStorage.length")).toBe(0);
      await context.close();
    });
  });

  it.each([
    ["without a script", NO_SCRIPT],
    ["with a script", {}],
  ])("decides at a server for this machine, which has no keys, %s", async (_name, options) => {
    const own = mkdtempSync(join(MEMORY, "durable-promises-approval-"));
    const local = await startServer({ data: own });
    try {
      const headers = { "content-type": "application/json" };
      const made = async (method: string, path: string, body: object) => {
        const response = await fetch(local.url + path, {
          method,
          headers,
          body: JSON.stringify(body),
        });
        expect(response.status).toBe(201);
        return (await response.json()) as { url: string };
      };
      const promise = await made("PUT", "/promises/local", { form: FORM });
      const { url } = await made("POST", "/links", { promise: "local" });
      const { page, context } = await visit(url, options);
      await page.getByRole("button", { name: "Approve" }).click();
      // It comes with `Origin: null`, for no site may learn the page's address, not even its own.
      await page.getByText("You decided on").waitFor();
      expect(await (await fetch(promise.url)).json()).toMatchObject({ state: "RESOLVED" });
      await context.close();
    } finally {
      await local.stop();
      rmSync(own, { recursive: true, force: true });
    }
  });

  it("whose link is gone is told so, and where to turn", async () => {
    const url = await mail("gone");
    const { id } = (
      JSON.parse(await send("GET", "/links?promise=gone")) as { links: { id: string }[] }
    ).links[0]!;
    const { page, context } = await visit(url);
    await send("DELETE", `/links/${id}`);
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("This link does not work").waitFor();
    await shot(page, "gone");
    expect((await recordOf("gone"))["state"]).toBe("PENDING");
    await context.close();
  });

  it("leaves a picture of each way to decide", () => {
    const ways = ["open-without-a-script", "open-with-a-script", "phone", "keyboard", "dark"];
    for (const name of ways) {
      const { size, mtimeMs } = statSync(join(SHOTS, `person-${name}.png`));
      expect(size, name).toBeGreaterThan(5000);
      expect(mtimeMs, name).toBeGreaterThan(startedAt);
    }
  });
});
