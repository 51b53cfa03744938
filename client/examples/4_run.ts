/**
 * Work that is done once, by however many processes, and that survives each of them. Start it in
 * several terminals; kill one: after three seconds another goes on, behind the last step that was
 * done. When all is done, every terminal prints the same sum; start one more, and it does so at once.
 *
 *     npm run example4 [job-id] [url] [parts]
 */
import { setTimeout as sleep } from "node:timers/promises";
import { DurablePromises, type Run } from "../src/index.ts";

const [
  job = "my-example-4-job",
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
  count = "6",
] = process.argv.slice(2);

/** How many parts a process works on at once. */
const LANES = 2;
/** Stands for work that takes a while. */
const STEP_MS = 1000;

const promises = new DurablePromises({ url });
const say = (text: string) => console.log(`${process.pid}: ${text}`);

async function part({ id, signal, step }: Run): Promise<number> {
  const measured = await step.run("measure", async () => {
    say(`${id} measures`);
    await sleep(STEP_MS, undefined, { signal });
    return Math.ceil(Math.random() * 100);
  });
  return step.run("double", async () => {
    say(`${id} doubles ${measured}`);
    await sleep(STEP_MS, undefined, { signal });
    return measured * 2;
  });
}

// Each process begins somewhere else, so that they meet late.
const ids = Array.from({ length: Number(count) }, (_, index) => `${job}/part-${index}`);
const start = process.pid % ids.length;
const queue = [...ids.slice(start), ...ids.slice(0, start)];

let sum = 0;
async function lane(): Promise<void> {
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    const doubled = await promises.run(id, part, { lease: "3s" });
    sum += doubled;
  }
}
await Promise.all(Array.from({ length: LANES }, lane));
say(`all ${ids.length} parts are done, sum ${sum}`);
