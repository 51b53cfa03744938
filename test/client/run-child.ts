/**
 * A process that runs a promise, for run.test.ts: says on stdout what it does, a line each, and
 * leaves a line in a file for every side effect. `hang` stops it for ever behind its first step.
 *
 *     node run-child.ts <url> <id> <file> <lease in ms> [hang]
 */
import { appendFileSync } from "node:fs";
import { DurablePromises } from "../../client/src/index.ts";
import { LINE } from "./world.ts";

const [url = "", id = "", file = "", lease = "", role] = process.argv.slice(2);
const promises = new DurablePromises({ url, line: LINE, attemptTimeout: 1000 });

const outcome = await promises.run(
  id,
  async ({ step }) => {
    console.log("begun");
    const first = await step.run("first", () => {
      appendFileSync(file, "first\n");
      return { by: process.pid };
    });
    console.log("first done");
    if (role === "hang") await new Promise<never>(() => {});
    await step.run("second", () => appendFileSync(file, "second\n"));
    return { ...first, endedBy: process.pid };
  },
  { lease: Number(lease) },
);
console.log(`outcome ${JSON.stringify(outcome)}`);
