/**
 * A countdown that survives its process: between two numbers it sleeps on the server. Kill it with
 * Ctrl-C and start it again with the same id: it goes on where it was, and says no number again.
 *
 *     npm run example9 [workflow-id] [url] [from]
 *
 * The clock does not stop while nobody is there: a sleep that is over by then is not slept again.
 */
import { type Context, Resonate } from "@resonatehq/sdk";

const [
  id = "my-example-9-countdown",
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
  from = "10",
] = process.argv.slice(2);

const SECOND_MS = 1000;
/** How long a process that was killed in the middle of a step keeps the work, in ms. */
const LEASE_MS = 3000;

function* countdown(ctx: Context, from: number) {
  for (let number = from; number > 0; number -= 1) {
    yield* ctx.run(say, String(number));
    yield* ctx.sleep(SECOND_MS);
  }
  yield* ctx.run(say, "lift-off");
  return `${from} numbers`;
}

async function say(_ctx: Context, text: string): Promise<void> {
  console.log(`${process.pid}: ${text}`);
}

const resonate = new Resonate({ url, group: "countdowns", ttl: LEASE_MS });
const result = await resonate.register(countdown).run(id, Number(from));
console.log(`${id} is done: ${result}`);
await resonate.stop();
