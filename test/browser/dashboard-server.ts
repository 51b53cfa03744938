/**
 * The dashboard's tests' own server and browser: a real one each, calls as any client makes them, and
 * pages that complain of what leaves the origin. It judges nothing; the tests do.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { startServer } from "../../src/local/server.ts";
import { launch, open, type Opened } from "./browser.ts";
import { MEMORY } from "../memory.ts";

const SHOTS = join(import.meta.dirname, "../../.build/screenshots");
const PATIENCE_MS = 30_000;
/** For what is asked again and again until it is so. */
export const PATIENCE = { timeout: PATIENCE_MS };

export const WIDE = { viewport: { width: 1440, height: 900 } };
export const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

export interface World {
  url: string;
  browser: Browser;
  /** The body, parsed where it is JSON; a refusal is thrown. */
  send: <T = Record<string, unknown>>(method: string, path: string, body?: unknown) => Promise<T>;
  visit: (path: string, options?: Parameters<typeof open>[2]) => Promise<Opened>;
  stop: () => Promise<void>;
}

export async function startWorld(env: Record<string, string> = {}): Promise<World> {
  mkdirSync(SHOTS, { recursive: true });
  const data = mkdtempSync(join(MEMORY, "durable-promises-dashboard-"));
  const [server, browser] = await Promise.all([startServer({ data, env }), launch()]);
  const key = env["API_KEYS"];
  return {
    url: server.url,
    browser,
    async send<T>(method: string, path: string, body?: unknown): Promise<T> {
      const response = await fetch(server.url + path, {
        method,
        headers: {
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      // SAFETY: what it is, is what the caller goes on to assert.
      return (text === "" ? undefined : JSON.parse(text)) as T;
    },
    async visit(path, options = {}) {
      const opened = await open(browser, server.url + path, { locale: "en", ...WIDE, ...options });
      opened.page.setDefaultTimeout(PATIENCE_MS);
      return opened;
    },
    async stop() {
      await browser.close();
      await server.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

export function shot(page: Page, name: string): Promise<Buffer> {
  return page.screenshot({ path: join(SHOTS, `dashboard-${name}.png`) });
}
