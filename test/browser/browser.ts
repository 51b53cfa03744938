/**
 * A real Chromium against a real server. Finds the browser that the machine has; where there is none
 * the tests are skipped by name, but never in CI. Every request that leaves the origin is blocked and
 * kept, so that a test can say there was none.
 */
import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

const CANDIDATES = [
  process.env["CHROMIUM_PATH"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

const executablePath = CANDIDATES.find((path) => path !== undefined && existsSync(path));

/** Why browser tests cannot run here; `undefined` when they can. */
export const noBrowser =
  executablePath === undefined && !process.env["CI"]
    ? "no Chromium found: install one or set CHROMIUM_PATH"
    : undefined;

/** A host by which browsers find this machine and take it for another: no TLS, and no loopback. */
export const PLAIN_HOST = "plain.test";

export function launch(): Promise<Browser> {
  if (executablePath === undefined) throw new Error("CI needs a Chromium");
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--host-resolver-rules=MAP ${PLAIN_HOST} 127.0.0.1`,
    ],
  });
}

export interface Opened {
  context: BrowserContext;
  page: Page;
  /** URLs that the page asked for beyond its origin, errors it met, words it wrote to the console. */
  strayRequests: string[];
  complaints: string[];
}

export async function open(
  browser: Browser,
  url: string,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<Opened> {
  const { origin } = new URL(url);
  const context = await browser.newContext(options);
  const strayRequests: string[] = [];
  const complaints: string[] = [];
  await context.route(
    (target) => target.origin !== origin && target.protocol.startsWith("http"),
    (route) => {
      strayRequests.push(route.request().url());
      return route.abort();
    },
  );
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A 404 page is what an id is answered with that nobody has created.
    if (message.type() === "error" && !message.text().includes("404")) {
      complaints.push(message.text());
    }
  });
  await page.goto(url);
  return { context, page, strayRequests, complaints };
}
