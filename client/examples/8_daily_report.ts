/**
 * A schedule: a report on every workday at seven in Berlin, summer and winter. Each occurrence makes a
 * promise exactly once, and a worker of Resonate's SDK does the work behind it. So as not to wait for
 * the morning, it also runs at once.
 *
 *     npm run example8 [schedule-id] [url]
 *
 * The schedule stays on the server, and what falls due while no worker runs is done by the next one.
 */
import { type Context, Resonate } from "@resonatehq/sdk";

const [
  id = "my-example-8-report",
  url = process.env["DURABLE_PROMISES_URL"] || "http://127.0.0.1:8787",
] = process.argv.slice(2);

const GROUP = "reports";
const TIME_ZONE = "Europe/Berlin";
const schedule = `${url}/schedules/${encodeURIComponent(id)}`;

function* report(ctx: Context, title: string) {
  const at = yield* ctx.date.now();
  const rows = yield* ctx.run(readRows);
  const sum = yield* ctx.run(add, rows);
  return `${title} of ${dateOf(at)}: ${rows.length} sales, ${sum} euros`;
}

async function readRows(): Promise<number[]> {
  console.log("worker: reads the sales");
  return [19, 5, 12];
}

async function add(_ctx: Context, rows: number[]): Promise<number> {
  console.log("worker: adds them up");
  return rows.reduce((sum, row) => sum + row, 0);
}

/** The call that each occurrence makes, as the SDK writes it: JSON in base64. */
const call = { func: "report", args: ["Daily report"], version: 1 };

interface Schedule {
  cron: string;
  timezone: string;
  nextRuns: number[];
}

async function ask<T>(method: string, body?: object): Promise<T> {
  const response = await fetch(schedule, {
    method,
    // The key makes a second start a repetition; without it, a schedule that exists is a conflict.
    headers: { "content-type": "application/json", "idempotency-key": id },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${schedule}: ${await response.text()}`);
  return (await response.json()) as T;
}

function dateOf(at: number): string {
  const style = { dateStyle: "full", timeStyle: "short", timeZone: TIME_ZONE } as const;
  return new Date(at).toLocaleString("en-GB", style);
}

const { cron, timezone, nextRuns } = await ask<Schedule>("PUT", {
  cron: "0 7 * * MON-FRI",
  timezone: TIME_ZONE,
  promiseTimeout: "12h",
  promiseParam: { data: Buffer.from(JSON.stringify(call)).toString("base64") },
  promiseTags: { "resonate:target": `poll://any@${GROUP}` },
});
console.log(`Schedule ${id}: ${cron} ${timezone}, next runs:`);
for (const at of nextRuns.slice(0, 3)) console.log(`  ${dateOf(at)}`);

const resonate = new Resonate({ url, group: GROUP });
resonate.register(report);

const occurrence = await ask<{ promiseId: string; url: string }>("POST");
console.log(`Runs now: ${occurrence.url}`);
const handle = await resonate.get<string>(occurrence.promiseId);
console.log(await handle.result());
console.log(`To end it: curl -X DELETE '${schedule}'`);
await resonate.stop();
