/**
 * Data for the pages of the dashboard, made over the API as anybody would: people who are asked, a
 * workflow half done, work that waits for workers, schedules, and endpoints, one of which is broken.
 */
import { expect } from "vitest";
import type { World } from "./dashboard-server.ts";
import { eventually } from "../eventually.ts";

const FORM = {
  title: "Refund order 7?",
  description: "The customer says it **never arrived**; see the [order](https://shop.example/7).",
  details: [{ label: "Customer", value: "Ada Lovelace" }],
  schema: {
    type: "object",
    required: ["amount", "method"],
    properties: {
      amount: { type: "integer", title: "Cents to refund", minimum: 1, maximum: 5000 },
      method: { enum: ["card", "voucher"] },
      note: { type: "string", title: "Remark" },
    },
  },
};
/** To the letter: no number of JavaScript holds it. */
const PARAM =
  '{"order":12345678901234567890,"total":49.90,"items":[{"sku":"A-1","n":2}],"gift":false}';

/** @returns the id of the endpoint that works */
export async function seedPages(world: World, receiverUrl: string): Promise<string> {
  const { send } = world;
  const webhook = await makeWebhooks(world, receiverUrl);
  await makeOrders(world);
  await makeWorkflow(world);
  await makeSchedules(world);
  await send(
    "PUT",
    "/promises/refunds/7",
    `{"param":{"data":${PARAM},"headers":{"content-type":"application/json"}},"timeout":"26h",
      "tags":{"team":"support","region":"eu-west"},"requestedBy":"shop@example.com",
      "form":${JSON.stringify(FORM)},
      "escalation":[{"after":"4h","notify":"https://pager.example.com/hook"},{"after":"1d","extend":"1d"}]}`,
  );
  await send("POST", "/links", {
    promise: "refunds/7",
    audience: "ada@example.com",
    note: "Before noon, please",
  });
  const { id } = await send<{ id: string }>("POST", "/links", { promise: "refunds/7" });
  await send("DELETE", `/links/${id}`);
  return webhook;
}

async function makeWebhooks(world: World, url: string): Promise<string> {
  const { send } = world;
  const filter = { prefix: "hooked/" };
  const description = "The shop's ledger";
  const good = { url: `${url}/ledger`, description, filter };
  const { id } = await send<{ id: string }>("POST", "/webhooks", good);
  const broken = { url: `${url}/broken`, events: ["promise.settled"], retry: [], filter };
  const { id: brokenId } = await send<{ id: string }>("POST", "/webhooks", broken);
  const given = async () => {
    const path = `/webhooks/${brokenId}/dead-letters`;
    const { deadLetters } = await send<{ deadLetters: { promise: string }[] }>("GET", path);
    return deadLetters.map(({ promise }) => promise);
  };
  // Endpoints are heard of everywhere within five seconds.
  let n = 0;
  await eventually(
    async () => {
      await rejected(world, `hooked/probe-${(n += 1)}`);
      expect(await given()).not.toEqual([]);
    },
    { everyMs: 500 },
  );
  await rejected(world, "hooked/2");
  await eventually(async () => expect(await given()).toContain("hooked/2"));
  return id;
}

async function rejected({ send }: World, id: string): Promise<void> {
  await send("PUT", `/promises/${id}`, {});
  await send("PATCH", `/promises/${id}`, { state: "REJECTED", value: { data: "no stock" } });
}

async function makeOrders({ send }: World): Promise<void> {
  const teams = ["shipping", "billing", "risk"];
  for (let n = 0; n < 30; n += 1) {
    const id = n % 2 === 0 ? `orders/${1000 + n}/approval` : `payments/2026/11/${5000 + n}`;
    await send("PUT", `/promises/${id}`, {
      timeout: `${1 + ((n * 7) % 90)}h`,
      param: { data: { n } },
      tags: { team: teams[n % 3]!, ...(n % 5 === 0 && { priority: "high" }) },
      ...(n % 4 === 0 && { requestedBy: "shop@example.com", form: { title: `Ship order ${n}?` } }),
    });
    if (n % 4 === 1) await send("PATCH", `/promises/${id}`, { state: "RESOLVED" });
    if (n % 12 === 6) await send("PATCH", `/promises/${id}`, { state: "REJECTED" });
  }
}

async function makeWorkflow({ send }: World): Promise<void> {
  const root = "checkout/77";
  const steps = ["", "/reserve", "/charge", "/charge/1", "/charge/2", "/ship", "/notify"];
  const parcels = [0, 1, 2, 3].map((n) => `/ship/parcel-${n}`);
  for (const step of [...steps, ...parcels]) {
    const parent = root + step.slice(0, Math.max(0, step.lastIndexOf("/")));
    const tags = { "resonate:origin": root, ...(step !== "" && { "resonate:parent": parent }) };
    await send("PUT", `/promises/${root}${step}`, { timeout: "2h", tags });
  }
  for (const [step, state] of [
    ["/reserve", "RESOLVED"],
    ["/charge/1", "REJECTED"],
    ["/charge/2", "RESOLVED"],
    ["/charge", "RESOLVED"],
    ["/ship/parcel-0", "RESOLVED"],
    ["/ship/parcel-2", "REJECTED_CANCELED"],
  ]) {
    await send("PATCH", `/promises/${root}${step}`, { state });
  }
  const data = {
    id: "flows/9",
    timeoutAt: Date.now() + 86_400_000,
    param: {},
    tags: { "resonate:target": "poll://any@shop" },
  };
  const head = { corrId: "1", version: "2026-04-01" };
  await send("POST", "/", { kind: "promise.create", head, data });
}

async function makeSchedules({ send }: World): Promise<void> {
  await send("PUT", "/schedules/reports/daily", {
    cron: "0 9 * * MON-FRI",
    timezone: "Europe/Berlin",
    promiseTimeout: "8h",
    description: "What was sold yesterday",
    promiseTags: { team: "billing" },
  });
  await send("PUT", "/schedules/backups/weekly", { cron: "@weekly", promiseTimeout: "1d" });
  await send("PATCH", "/schedules/backups/weekly", { paused: true });
}
