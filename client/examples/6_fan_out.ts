/**
 * Fan-out with Resonate's SDK: a workflow gives its parts to three worker processes, one of which is
 * killed with its hands full. What it held goes to the others as soon as its lease is over; every part
 * is done, and the sum is right.
 *
 *     npm run example6 [workflow-id] [url] [parts]
 *
 * Give an id that is done, and the sum is there at once.
 */
import { type ChildProcess, fork } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Context, Resonate } from "@resonatehq/sdk";

const [
  id = `my-example-6-${Date.now()}`,
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
  count = "12",
  role = "main",
] = process.argv.slice(2);

const WORKERS = 3;
/** Within which they are connected: those who come later find the parts given away. */
const CONNECTED_MS = 1000;
/** Stands for work that takes a while. */
const PART_MS = 1000;
/** How long a silent process keeps its work, in ms. */
const LEASE_MS = 3000;
/** Workers of a run of their own, lest those of another run take its parts. */
const group = `${id}-workers`;

if (role === "worker") work();
else await main();

function work(): void {
  const resonate = new Resonate({ url, group, ttl: LEASE_MS });
  resonate.register("square", async (_ctx: Context, part: number) => {
    console.log(`worker ${process.pid}: begins part ${part}`);
    process.send?.({ begun: part });
    await sleep(PART_MS);
    console.log(`worker ${process.pid}: ends part ${part}`);
    return part * part;
  });
  // A worker ends with the process that has started it.
  process.once("disconnect", () => process.exit());
}

/** Starts all parts before it waits for the first of them. */
function* sumOfSquares(ctx: Context, parts: number) {
  const squares = [];
  for (let part = 1; part <= parts; part += 1) {
    squares.push(yield* ctx.beginRpc<number>("square", part, ctx.options({ target: group })));
  }
  let sum = 0;
  for (const square of squares) sum += yield* square;
  return sum;
}

async function main(): Promise<void> {
  const script = fileURLToPath(import.meta.url);
  const workers = Array.from({ length: WORKERS }, () => fork(script, [id, url, count, "worker"]));
  killOne(workers);
  await sleep(CONNECTED_MS);

  const resonate = new Resonate({ url, group: `${id}-main`, ttl: LEASE_MS });
  const sum = await resonate.register(sumOfSquares).run(id, Number(count));
  console.log(`all ${count} parts are done, sum ${sum}`);
  await resonate.stop();
  for (const worker of workers) if (worker.connected) worker.disconnect();
}

/** The first that has two parts in hand. */
function killOne(workers: ChildProcess[]): void {
  let killed = false;
  for (const worker of workers) {
    const held: number[] = [];
    worker.on("message", ({ begun }: { begun: number }) => {
      held.push(begun);
      if (killed || held.length < 2) return;
      killed = true;
      console.log(`worker ${worker.pid}: killed with parts ${held.join(" and ")}`);
      worker.kill("SIGKILL");
    });
  }
}
