/**
 * The React entry with React itself: rendered on a server, and in StrictMode in a real Chromium
 * against a real server. Looks at what is shown, and counts what is sent.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch, noBrowser } from "../../browser/browser.ts";
import { newId, startWorld, type World } from "../world.ts";
import { eventually } from "../../eventually.ts";
import { MEMORY } from "../../memory.ts";

const folder = mkdtempSync(join(MEMORY, "durable-promises-react-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function bundle(name: string, platform: "browser" | "node"): Promise<string> {
  const outfile = join(folder, `${name}.cjs`);
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile,
    platform,
    bundle: true,
    format: platform === "node" ? "cjs" : "iife",
    define: { "process.env.NODE_ENV": '"development"' },
    logLevel: "error",
  });
  return outfile;
}

/** What both components show, once it is this. */
async function shows(page: Page, text: string): Promise<void> {
  for (const name of ["ada", "bob"]) {
    await page.getByTestId(name).getByRole("status").getByText(text, { exact: true }).waitFor();
  }
}

function seen(page: Page): Promise<{ renders: number; unhandled: string[] }> {
  return page.evaluate(
    () => (globalThis as unknown as { seen: { renders: number; unhandled: string[] } }).seen,
  );
}

/** Both that show it: a locator that waits insists on one. */
async function settledDown(page: Page): Promise<void> {
  await page.waitForFunction(`!document.querySelector('[data-settling="true"]')`);
}

describe("rendered on a server", () => {
  test("it is connecting, and the process ends", async () => {
    const script = await bundle("server", "node");
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 30_000 });
    expect(stdout.trim()).toBe("<p>connecting|no record|false</p>");
  });
});

describe.skipIf(noBrowser)("in StrictMode in a browser", () => {
  let world: World;
  let browser: Browser;
  let pages: Server;

  beforeAll(async () => {
    [world, browser] = await Promise.all([startWorld(), launch()]);
    const script = await readFile(await bundle("app", "browser"), "utf8");
    pages = createServer((request, response) => {
      const isScript = request.url === "/app.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      response.end(
        isScript ? script : '<!doctype html><div id="root"></div><script src="/app.js"></script>',
      );
    });
    await once(pages.listen(0, "127.0.0.1"), "listening");
  });
  afterAll(async () => {
    await browser?.close();
    pages?.closeAllConnections();
    pages?.close();
    await world?.[Symbol.asyncDispose]();
  });

  async function open(id: string, more: Record<string, string> = {}) {
    const page = await browser.newPage();
    const sockets: { closed: boolean }[] = [];
    const requests: string[] = [];
    page.on("websocket", (socket) => {
      const one = { closed: false };
      sockets.push(one);
      socket.on("close", () => (one.closed = true));
    });
    page.on("request", (request) => {
      if (request.url().startsWith(world.url)) requests.push(request.method());
    });
    const { port } = pages.address() as AddressInfo;
    const query = new URLSearchParams({ server: world.url, id, ...more });
    await page.goto(`http://127.0.0.1:${port}/?${query.toString()}`);
    return { page, sockets, requests };
  }

  test("two components follow one promise over one line, which closes with them", async () => {
    const id = newId();
    const { page, sockets, requests } = await open(id);
    await shows(page, "absent|||");
    await world.direct.create(id);
    await shows(page, `pending|${id}||`);
    // Mounted twice in StrictMode, and still one line.
    expect(sockets).toEqual([{ closed: false }]);
    await page.getByText("toggle").click();
    await eventually(() => expect(sockets).toEqual([{ closed: true }]));
    await page.getByText("toggle").click();
    await shows(page, `pending|${id}||`);
    expect(sockets).toEqual([{ closed: true }, { closed: false }]);
    await world.direct.resolve(id, { by: "cy" });
    await shows(page, `resolved|${id}|cy|`);
    await eventually(() => expect(sockets[1]).toEqual({ closed: true }));
    // It will not change any more: who comes back need not ask.
    await page.getByText("toggle").click();
    await page.getByText("toggle").click();
    await shows(page, `resolved|${id}|cy|`);
    expect(sockets).toHaveLength(2);
    expect(requests).toEqual([]);
    await page.close();
  });

  test("a double click settles once, and both are told", async () => {
    const id = newId();
    await world.direct.create(id);
    const { page, requests } = await open(id);
    await shows(page, `pending|${id}||`);
    // All in one turn: two clicks, and one of somebody who changed their mind.
    await page.evaluate(() => {
      type Button = { textContent: string; click(): void };
      const { document } = globalThis as unknown as {
        document: { querySelectorAll(selector: string): Iterable<Button> };
      };
      const click = (text: string) =>
        Array.from(document.querySelectorAll("button"))
          .find((button) => button.textContent === text)!
          .click();
      for (const text of ["approve ada", "approve ada", "approve bob", "refuse bob"]) click(text);
    });
    await shows(page, `resolved|${id}|ada|`);
    expect(requests.filter((method) => method === "PATCH")).toEqual(["PATCH"]);
    expect(await world.direct.wait(id)).toEqual({ by: "ada" });
    await settledDown(page);
    // Too late: what is shown stays, and what nobody catches is no unhandled rejection.
    await page.getByText("refuse bob").click();
    await eventually(() => expect(requests.filter((one) => one === "PATCH")).toHaveLength(2));
    await settledDown(page);
    await shows(page, `resolved|${id}|ada|`);
    expect((await seen(page)).unhandled).toEqual([]);
    await page.close();
  });

  test("a value that does not fit is an error beside what is pending", async () => {
    const id = newId();
    const schema = {
      type: "object",
      required: ["amount"],
      properties: { amount: { type: "integer" } },
    };
    await world.direct.create(id, { form: { schema } });
    const { page } = await open(id);
    await shows(page, `pending|${id}||`);
    await page.getByText("approve ada").click();
    await page
      .getByText(/pending\|.*amount/)
      .first()
      .waitFor();
    await page.getByText("refuse bob").click();
    await shows(page, `rejected|${id}||bob says no`);
    expect((await seen(page)).unhandled).toEqual([]);
    await page.close();
  });

  test("a rejection that is thrown to a boundary is not asked for again and again", async () => {
    const id = newId();
    await world.direct.create(id);
    await world.direct.reject(id, new Error("no"));
    const { page, sockets, requests } = await open(id, { throwing: "" });
    await page.getByText("caught no").first().waitFor();
    // Trying again meets the same failure, at once.
    for (const _ of [1, 2, 3]) await page.getByText("caught no").first().click();
    await page.getByText("caught no").first().waitFor();
    const { renders } = await seen(page);
    await page.waitForTimeout(500);
    expect((await seen(page)).renders).toBe(renders);
    expect(renders).toBeLessThan(60);
    expect(sockets.length).toBeLessThanOrEqual(1);
    expect(requests).toEqual([]);
    await page.close();
  });

  test("by long poll it asks once at a time, and no more when it is gone", async () => {
    const id = newId();
    await world.direct.create(id);
    const { page, requests } = await open(id, { polling: "" });
    await shows(page, `pending|${id}||`);
    await eventually(() => expect(requests).toHaveLength(2));
    await page.waitForTimeout(300);
    expect(requests).toHaveLength(2);
    await page.getByText("toggle").click();
    await page.waitForTimeout(300);
    expect(requests).toHaveLength(2);
    await page.close();
  });

  test("a server that does not let us look says so, once", async () => {
    const { page, requests } = await open(newId(), { server: `${world.url}/nowhere` });
    await page
      .getByText(/^refused\|/)
      .first()
      .waitFor();
    const asked = requests.length;
    await page.waitForTimeout(500);
    expect(requests).toHaveLength(asked);
    await page.close();
  });
});
