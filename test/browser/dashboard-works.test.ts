/**
 * What works without anybody: endpoints that are told, schedules and workers, watched and put right in
 * the dashboard.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answer, startReceiver, type Receiver } from "../conformance/receiver.ts";
import { noBrowser } from "./browser.ts";
import { PATIENCE, startWorld, type World } from "./dashboard-server.ts";
import { eventually } from "../eventually.ts";

describe.skipIf(noBrowser)("what the clock and others are told", () => {
  let world: World;
  let receiver: Receiver;

  beforeAll(async () => {
    receiver = await startReceiver(answer(500));
    world = await startWorld();
  });
  afterAll(async () => {
    await world?.stop();
    await receiver?.stop();
  });

  it("is delivered again from the page of the promise, and of the endpoint", async () => {
    const { id } = await world.send<{ id: string }>("POST", "/webhooks", {
      url: `${receiver.url}/hook`,
      events: ["promise.settled"],
      retry: [],
    });
    let n = 0;
    // Which of them were heard of is not known beforehand.
    const dead = await eventually(
      async () => {
        const probe = `/promises/probe/${(n += 1)}`;
        await world.send("PUT", probe, {});
        await world.send("PATCH", probe, { state: "RESOLVED" });
        const { deadLetters } = await world.send<{ deadLetters: { promise: string }[] }>(
          "GET",
          `/webhooks/${id}/dead-letters`,
        );
        expect(deadLetters.length).toBeGreaterThan(1);
        return deadLetters[0]!.promise;
      },
      { everyMs: 500 },
    );
    const { page, context, complaints } = await world.visit(`/dashboard/promises/${dead}`);
    await page.getByText("Given up").waitFor();
    receiver.behave(answer(204));
    await page.getByRole("button", { name: "Redeliver" }).click();
    await page.getByText("It is being sent again.").waitFor();
    await expect
      .poll(async () => {
        await page.getByRole("button", { name: "Refresh" }).click();
        return page.getByText("Delivered", { exact: true }).count();
      }, PATIENCE)
      .toBe(1);

    await page.getByRole("link", { name: `${receiver.url}/hook` }).click();
    await page.getByRole("heading", { name: "Given up" }).waitFor();
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText("The test arrived: it answered 204.").waitFor();
    await page.getByRole("button", { name: "Redeliver all given up" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Redeliver" }).click();
    await expect
      .poll(async () => {
        const webhook = await world.send<{ deadLetters: number }>("GET", `/webhooks/${id}`);
        return webhook.deadLetters;
      }, PATIENCE)
      .toBe(0);
    await page.getByRole("button", { name: "Turn off" }).click();
    await page.getByRole("cell", { name: "Off" }).waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("is scheduled, paused, run now and ended", async () => {
    await world.send("PUT", "/schedules/reports", { cron: "0 9 * * *", promiseTimeout: "1h" });
    const { page, context, complaints } = await world.visit("/dashboard/schedules");
    await page.getByRole("link", { name: "reports" }).click();
    expect(
      await page.getByRole("region", { name: "Schedule reports" }).getByRole("listitem").count(),
    ).toBe(10);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("None while it is paused.").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await page.getByRole("button", { name: "Run now" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Run now" }).click();
    await page.getByRole("link", { name: "Show its promise" }).click();
    await page.getByRole("heading", { name: /^reports\// }).waitFor();
    await page.goBack();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("There are no schedules").waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("waits for workers, and shows who comes", async () => {
    const head = { corrId: "1", version: "2026-04-01" };
    const tags = { "resonate:target": "poll://any@kitchen" };
    const data = { id: "cook/1", timeoutAt: Date.now() + 3_600_000, param: {}, tags };
    await world.send("POST", "/", { kind: "promise.create", head, data });
    const { page, context } = await world.visit("/dashboard/groups");
    const row = page.getByRole("row", { name: "kitchen" });
    await row.getByText("Nobody, and work waits").waitFor();
    const worker = new AbortController();
    const line = await fetch(`${world.url}/poll/kitchen/cook-7`, { signal: worker.signal });
    expect(line.status).toBe(200);
    await row.getByText("cook-7").waitFor();
    worker.abort();
    await context.close();
  });
});
