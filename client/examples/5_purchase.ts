/**
 * The purchase of a song, once, however often somebody clicks. The promise `purchase/user/7/song/9`
 * *is* the purchase: its id says which, so that two clicks, two tabs and a retry all mean the same one.
 * Then the same as a workflow of Resonate's SDK, where the server sees to it that the work is done too.
 *
 *     npm run example5 [promise-id] [url]
 *
 * Run it twice: the second time nobody pays.
 */
import { type Context, Resonate } from "@resonatehq/sdk";
import { DurablePromises, isAlreadySettledError } from "../src/index.ts";

const [
  id = "purchase/user/7/song/9",
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
] = process.argv.slice(2);

interface Receipt {
  song: string;
  cents: number;
}

const promises = new DurablePromises({ url });

/** Creates the purchase, or finds the one that is there. */
async function click(tab: string): Promise<void> {
  const purchase = await promises.create(id, { deadline: "1h", param: { data: { song: "9" } } });
  console.log(`${tab}: ${purchase.state}, created ${new Date(purchase.createdOn).toISOString()}`);
}

async function receive(tab: string): Promise<void> {
  const { cents } = await promises.wait<Receipt>(id);
  console.log(`${tab}: paid ${cents} cents`);
}

/** What the payment provider calls when it is done; it may well call twice. */
async function paid(receipt: Receipt): Promise<void> {
  try {
    await promises.resolve(id, receipt);
    console.log("provider: settled");
  } catch (error) {
    if (!isAlreadySettledError(error)) throw error;
    console.log("provider: it was settled before, and stays", error.record.value.data);
  }
}

console.log(`${id}, also at ${promises.url}/promises/${id}`);
const tabs = ["tab 1", "tab 2", "tab 3"];
await Promise.all(tabs.map(click));
const received = tabs.map(receive);
await paid({ song: "9", cents: 129 });
await paid({ song: "9", cents: 999 });
await Promise.all(received);

/** The workflow: its steps are promises too, and a step that has a value is not run again. */
function* purchase(ctx: Context, song: string) {
  const cents = yield* ctx.run(priceOf, song);
  return yield* ctx.run(charge, song, cents);
}

async function priceOf(_ctx: Context, song: string): Promise<number> {
  console.log(`workflow: looks up the price of song ${song}`);
  return 129;
}

async function charge(_ctx: Context, song: string, cents: number): Promise<Receipt> {
  console.log(`workflow: charges ${cents} cents`);
  return { song, cents };
}

const resonate = new Resonate({ url, group: "purchases" });
const buy = resonate.register(purchase);
const receipts = await Promise.all(tabs.map(() => buy.run(`${id}/workflow`, "9")));
for (const { cents } of receipts) console.log(`workflow: paid ${cents} cents`);
await resonate.stop();
