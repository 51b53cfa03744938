/**
 * Every page of the dashboard, against a real server with real data, as it looks: light and dark, on a
 * phone and on a wide screen. Each is checked for what it does to people with disabilities, for what
 * leaves the origin, and for what does not fit. Screenshots land in `.build/screenshots`.
 */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answer, startReceiver, type Receiver } from "../conformance/receiver.ts";
import { findingsOf } from "./axe.ts";
import { noBrowser } from "./browser.ts";
import { PHONE, shot, startWorld, WIDE, type World } from "./dashboard-server.ts";
import { seedPages } from "./dashboard-seed.ts";

const LOOKS = [
  ["wide", { ...WIDE }],
  ["dark", { ...WIDE, colorScheme: "dark" }],
  ["phone", { ...PHONE }],
  ["phone-dark", { ...PHONE, colorScheme: "dark" }],
] as const;

interface Shown {
  name: string;
  path: () => string;
  /** What shows that it is there. */
  ready: (page: Page) => Promise<unknown>;
}

if (noBrowser) console.warn(`browser tests skipped: ${noBrowser}`);

describe.skipIf(noBrowser)("every page of the dashboard", () => {
  let world: World;
  let receiver: Receiver;
  let webhook: string;

  beforeAll(async () => {
    receiver = await startReceiver((response, { path }) =>
      answer(path === "/broken" ? 500 : 204)(response, undefined as never, 1),
    );
    world = await startWorld();
    webhook = await seedPages(world, receiver.url);
  });
  afterAll(async () => {
    await world?.stop();
    await receiver?.stop();
  });

  const pages: Shown[] = [
    {
      name: "inbox",
      path: () => "/",
      ready: (page) => page.getByRole("row", { name: "refunds/7" }).waitFor(),
    },
    {
      name: "inbox-all",
      path: () => "/?filter=all&q=tag:team=shipping",
      ready: (page) => page.getByRole("row", { name: "Resolved" }).first().waitFor(),
    },
    {
      name: "inbox-nothing",
      path: () => "/?filter=all&q=nowhere",
      ready: (page) => page.getByText("Nothing found").waitFor(),
    },
    {
      name: "promise-pending",
      path: () => "/dashboard/promises/refunds/7",
      ready: async (page) => {
        await page.getByText("12345678901234567890").waitFor();
        await page.getByText("Before noon, please").waitFor();
      },
    },
    {
      name: "promise-rejected",
      path: () => "/dashboard/promises/hooked/2",
      ready: async (page) => {
        await page.getByText("Given up").waitFor();
        await page.getByRole("heading", { name: "Receipt" }).waitFor();
      },
    },
    {
      name: "promise-absent",
      path: () => "/dashboard/promises/nobody/has/made/this",
      ready: (page) => page.getByText("Nobody has created this promise").waitFor(),
    },
    {
      name: "tree",
      path: () => "/dashboard/promises/checkout/77/ship",
      ready: (page) => page.getByRole("link", { name: "parcel-3" }).waitFor(),
    },
    {
      name: "schedules",
      path: () => "/dashboard/schedules?id=reports%2Fdaily",
      ready: (page) => page.getByRole("heading", { name: "Next runs" }).waitFor(),
    },
    {
      name: "workers",
      path: () => "/dashboard/groups",
      ready: (page) => page.getByRole("rowheader", { name: "shop" }).waitFor(),
    },
    {
      name: "webhooks",
      path: () => `/dashboard/webhooks?id=${webhook}`,
      ready: (page) => page.getByRole("heading", { name: "Last attempts" }).waitFor(),
    },
    {
      name: "activity",
      path: () => "/dashboard/activity",
      ready: (page) => page.getByRole("heading", { name: "Throughput" }).waitFor(),
    },
  ];

  describe.each(LOOKS)("%s", (look, options) => {
    it.each(pages)("$name", { timeout: 60_000 }, async ({ name, path, ready }) => {
      const { page, context, strayRequests, complaints } = await world.visit(path(), options);
      await ready(page);
      await shot(page, `${name}-${look}`);
      expect(await overflowOf(page)).toBe(0);
      expect(await findingsOf(page)).toEqual([]);
      expect(strayRequests).toEqual([]);
      expect(complaints).toEqual([]);
      await context.close();
    });
  });

  it("has its waterfall, its dialogs and its help in order, too", { timeout: 60_000 }, async () => {
    const { page, context, complaints } = await world.visit("/dashboard/promises/refunds/7");
    for (const [button, title] of [
      ["Resolve", "Resolve"],
      ["Reject", "Reject"],
      ["Extend", "Extend the deadline"],
      ["New link", "New link"],
    ] as const) {
      await page.getByRole("button", { name: button, exact: true }).click();
      await page.getByRole("dialog", { name: title }).waitFor();
      await shot(page, `dialog-${button.toLowerCase().replace(" ", "-")}`);
      expect(await findingsOf(page), title).toEqual([]);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await shot(page, "help");
    expect(await findingsOf(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.goto(`${world.url}/dashboard/promises/checkout/77/ship`);
    await page.getByRole("button", { name: "Waterfall" }).click();
    await page.getByRole("region", { name: "The tree over time" }).waitFor();
    await shot(page, "waterfall");
    expect(await findingsOf(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("has a word for who has no script", async () => {
    const { page, context } = await world.visit("/", { javaScriptEnabled: false });
    await page.locator("noscript p").waitFor();
    await page.getByRole("link", { name: "Schedules" }).waitFor();
    await context.close();
  });

  it("is none where there is nothing to see yet", { timeout: 60_000 }, async () => {
    const empty = await startWorld();
    try {
      for (const [path, words] of [
        ["/?filter=all", "There are no promises yet"],
        ["/dashboard/schedules", "There are no schedules"],
        ["/dashboard/groups", "No workers yet"],
        ["/dashboard/webhooks", "Nobody is told"],
        ["/dashboard/activity", "Nothing was settled in the last hour."],
      ] as const) {
        const { page, context, complaints } = await empty.visit(path);
        await page.getByText(words).waitFor();
        await shot(page, `empty${path.replaceAll(/\W+/g, "-")}`);
        expect(await findingsOf(page), path).toEqual([]);
        expect(complaints).toEqual([]);
        await context.close();
      }
    } finally {
      await empty.stop();
    }
  });
});

/** By how many pixels the page is wider than the screen. */
async function overflowOf(page: Page): Promise<number> {
  return (await page.evaluate(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  )) as number;
}
