/**
 * A human in a workflow of Resonate's SDK: it asks, and waits for as long as a person takes, while
 * nothing runs. The answer comes by plain HTTP, from anybody who has the URL: curl, a link, a webhook.
 *
 *     npm run example7 -- [workflow-id] [url] [--auto]
 *
 * Kill it while it waits, settle the promise, start it again with the same id: it goes on. With
 * `--auto`, or away from a terminal, it approves itself after a moment.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Context, Resonate } from "@resonatehq/sdk";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: { auto: { type: "boolean", default: !process.stdin.isTTY } },
});
const [
  id = `my-example-7-${Date.now()}`,
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
] = positionals;

interface Decision {
  approved: boolean;
  by: string;
}

const AUTO_MS = 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

function* expense(ctx: Context, amount: number) {
  const decision = yield* ctx.promise<Decision>({ timeout: 7 * DAY_MS, data: { amount } });
  // A step, so that nobody is asked twice when the workflow is replayed.
  yield* ctx.run(ask, amount, decision.id);
  const { approved, by } = yield* decision;
  if (!approved) return `${by} refused the ${amount} euros`;
  yield* ctx.run(pay, amount);
  return `${by} approved, ${amount} euros are paid`;
}

async function ask(_ctx: Context, amount: number, promiseId: string): Promise<void> {
  const page = pageOf(promiseId);
  const approval = settlement({ approved: true, by: "ada" });
  const refusal = settlement({ approved: false, by: "ada" });
  console.log(`May ${amount} euros be spent? See ${page}, and answer with one of
  curl -X PATCH '${page}' -H 'content-type: application/json' -d '${approval}'
  curl -X PATCH '${page}' -H 'content-type: application/json' -d '${refusal}'`);
}

async function pay(_ctx: Context, amount: number): Promise<void> {
  console.log(`Pays ${amount} euros`);
}

function pageOf(promiseId: string): string {
  return `${url}/promises/${encodeURIComponent(promiseId)}`;
}

/** The SDK reads and writes data as JSON in base64. */
function settlement(decision: Decision): string {
  const data = Buffer.from(JSON.stringify(decision)).toString("base64");
  return JSON.stringify({ state: "RESOLVED", value: { data } });
}

/** The human: knows the URL, and nothing of workflows. A 403 would say that somebody was faster. */
async function approve(promiseId: string): Promise<void> {
  let response: Response;
  do {
    await sleep(AUTO_MS);
    response = await fetch(pageOf(promiseId), {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: settlement({ approved: true, by: "a timer" }),
    });
  } while (response.status === 404); // It has not been asked yet.
  console.log(`Approved by itself: ${response.status}`);
}

// A short lease: who starts it again after a crash need not wait a minute.
const resonate = new Resonate({ url, group: "expenses", ttl: 3000 });
const workflow = await resonate.register(expense).beginRun(id, 1200);
console.log(`Workflow ${id}`);
// The first promise of a workflow: its id follows from the workflow's.
if (flags.auto && !(await workflow.done())) await approve(`${id}:0`);
console.log(await workflow.result());
await resonate.stop();
