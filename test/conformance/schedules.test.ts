/** Schedules over HTTP, on the real clock, and through kill -9. RULES.md, section 3. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { startReceiver } from "./receiver.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

const data = mkdtempSync(join(MEMORY, "durable-promises-schedules-"));
let server: Server;

beforeAll(async () => {
  server = await startServer({ data });
});

afterAll(async () => {
  await server.stop();
  rmSync(data, { recursive: true, force: true });
});

interface Shown {
  nextRunTime: number | null;
  lastRunTime?: number;
  nextRuns: number[];
  paused: boolean;
  createdOn: number;
}

async function send(method: string, path: string, body?: unknown, headers = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // SAFETY: what a test expects of it, it checks.
  const json = (text === "" ? {} : JSON.parse(text)) as Shown & Record<string, unknown>;
  return { status: response.status, json };
}

const DAILY = { cron: "@daily", promiseTimeout: "1h" };

test("a schedule is made, shown with its next ten runs, paused, and ended", async () => {
  const path = "/schedules/reports/daily";
  const made = await send("PUT", path, { ...DAILY, timezone: "Europe/Berlin" });
  expect(made).toMatchObject({
    status: 201,
    json: { id: "reports/daily", promiseTimeout: 3_600_000 },
  });
  const shown = await send("GET", path);
  expect(shown.json.nextRuns).toHaveLength(10);
  expect(shown.json.nextRuns[0]).toBe(shown.json.nextRunTime);
  expect(await send("PATCH", path, { paused: true })).toMatchObject({
    status: 200,
    json: { paused: true, nextRunTime: null, nextRuns: [] },
  });
  expect((await send("PATCH", path, { paused: false })).json.nextRunTime).toBeGreaterThan(
    Date.now(),
  );
  expect((await send("DELETE", path)).status).toBe(204);
  expect(await send("GET", path)).toMatchObject({
    status: 404,
    json: { code: "schedule_not_found", error: { code: 40401 } },
  });
});

test("making it again is a success with the same key, and else a conflict", async () => {
  const path = "/schedules/keyed";
  const key = { "idempotency-key": "k" };
  expect((await send("PUT", path, DAILY, key)).status).toBe(201);
  expect((await send("PUT", path, DAILY, key)).status).toBe(200);
  expect(await send("PUT", path, DAILY)).toMatchObject({
    status: 409,
    json: { code: "schedule_exists", error: { code: 40901 } },
  });
});

test.each([
  ["cron", { cron: "0 0 30 2 *" }],
  ["cron", { cron: "61 * * * *" }],
  ["cron", { cron: 5 }],
  ["timezone", { timezone: "Mars/Olympus" }],
  ["promiseTimeout", { promiseTimeout: "soon" }],
  ["promiseTimeout", { promiseTimeout: -1 }],
  ["promiseId", { promiseId: "always-the-same" }],
  ["promiseId", { promiseId: "../{{.timestamp}}" }],
  ["promiseTags", { promiseTags: [] }],
  ["promiseTags.resonate:target", { promiseTags: { "resonate:target": "http://10.0.0.1/w" } }],
  ["promiseParam.dat", { promiseParam: { dat: 1 } }],
  ["tags", { tags: {} }],
])("a bad %s is a 400 that names it, and makes nothing", async (field, bad) => {
  const refused = await send("PUT", "/schedules/bad", { ...DAILY, ...bad });
  expect(refused).toMatchObject({ status: 400, json: { code: "invalid_request", field } });
  expect((await send("GET", "/schedules/bad")).status).toBe(404);
});

test("run now makes a promise at once", async () => {
  await send("PUT", "/schedules/now", DAILY);
  const run = await send("POST", "/schedules/now");
  expect(run.status).toBe(201);
  expect(await (await fetch(String(run.json["url"]))).json()).toMatchObject({ state: "PENDING" });
});

test("a worker that is called at its own address is told where to reach us", async () => {
  const worker = await startReceiver();
  const promiseTags = { "resonate:target": `${worker.url}/work` };
  expect((await send("PUT", "/schedules/pushed", { ...DAILY, promiseTags })).status).toBe(201);
  expect(Object.keys((await send("GET", "/schedules/pushed")).json)).not.toContain("serverUrl");
  const run = await send("POST", "/schedules/pushed");
  const body = await eventually(() => worker.all[0]!.body);
  expect(JSON.parse(body)).toMatchObject({
    kind: "execute",
    head: { serverUrl: server.url },
    data: { task: { id: run.json["promiseId"] } },
  });
  await worker.stop();
});

test("every second makes its promise exactly once, also those while the server was dead", async () => {
  const path = "/schedules/seconds";
  const made = await send("PUT", path, { cron: "* * * * * *", promiseTimeout: "1h" });
  const first = made.json.nextRunTime!;
  await eventually(async () =>
    expect((await send("GET", path)).json.lastRunTime).toBeGreaterThan(first),
  );
  await server.kill();
  const deadUntil = Date.now() + 2500;
  await eventually(() => expect(Date.now()).toBeGreaterThan(deadUntil));
  server = await startServer({ data });
  await eventually(async () =>
    expect((await send("GET", path)).json.lastRunTime).toBeGreaterThan(deadUntil),
  );
  const { json } = await send("PATCH", path, { paused: true });
  const missing: number[] = [];
  for (let at = first; at <= json.lastRunTime!; at += 1000) {
    const { status } = await send("GET", `/promises/seconds/${at}`);
    if (status !== 200) missing.push(at);
  }
  expect(missing).toEqual([]);
  expect((await send("GET", `/promises/seconds/${json.lastRunTime! + 1000}`)).status).toBe(404);
});

test("the protocol's schedules are the same ones", async () => {
  const rpc = (kind: string, asked: unknown) =>
    send("POST", "/rpc", { kind, head: { corrId: "1", version: "2026-04-01" }, data: asked });
  const asked = {
    id: "shared",
    cron: "0 9 * * 1",
    promiseId: "{{.id}}.{{.timestamp}}",
    promiseTimeout: 60_000,
    promiseParam: { data: "YQ==" },
    promiseTags: { "resonate:target": "poll://any@w" },
  };
  const schedule = { ...asked, nextRunAt: expect.any(Number), createdAt: expect.any(Number) };
  expect(await rpc("schedule.create", asked)).toMatchObject({
    status: 200,
    json: { data: { schedule } },
  });
  expect(await rpc("schedule.create", { ...asked, cron: "@daily" })).toMatchObject({
    json: { data: { schedule } },
  });
  expect(await rpc("schedule.get", { id: "shared" })).toMatchObject({
    json: { data: { schedule } },
  });
  expect(await send("GET", "/schedules/shared")).toMatchObject({
    json: { cron: "0 9 * * 1", timezone: "UTC" },
  });
  expect(await rpc("schedule.create", { ...asked, id: "x", cron: "0 0 30 2 *" })).toMatchObject({
    status: 400,
  });
  expect(await rpc("schedule.delete", { id: "shared" })).toMatchObject({ status: 200 });
  expect(await rpc("schedule.delete", { id: "shared" })).toMatchObject({ status: 404 });
});
