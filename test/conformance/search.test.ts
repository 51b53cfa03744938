/** The list of schedules over HTTP: `GET /schedules`, in pages, through kill -9 and removal. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { startService, type Service } from "./service.ts";
import { MEMORY } from "../memory.ts";

interface List {
  schedules: { id: string }[];
  cursor?: string;
}

const SCHEDULE = { cron: "@daily", promiseTimeout: "1h" };
/** In the order of the list, which is that of their UTF-8 bytes. */
const IDS = ["a", "a/b", "a b", "b?c=d#e", "ü", "\uFFFD", "😀"].toSorted((a, b) =>
  Buffer.compare(Buffer.from(a), Buffer.from(b)),
);
let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(async () => {
  await service.stop();
});

const addressOf = (id: string) => `/schedules/${encodeURIComponent(id)}`;

function listOf(text: string): List {
  // SAFETY: what the body really is, is what the tests go on to assert.
  return JSON.parse(text) as List;
}

async function list(query = ""): Promise<List> {
  const answer = await service.send("GET", `/schedules${query}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  return listOf(answer.text);
}

test("the list is empty before there is anything", async () => {
  expect(await list()).toEqual({ schedules: [] });
});

test("it has every schedule as its own address shows it, in the order of ids", async () => {
  for (const id of IDS.toReversed()) {
    const made = await service.send("PUT", addressOf(id), { body: SCHEDULE });
    expect(made.status).toBe(201);
  }
  const { schedules, cursor } = await list();
  expect(cursor).toBeUndefined();
  expect(schedules.map(({ id }) => id)).toEqual(IDS);
  const alone = await Promise.all(IDS.map((id) => service.send("GET", addressOf(id))));
  expect(schedules).toEqual(alone.map(({ text }) => JSON.parse(text)));
});

test.each([1, 2, 3, 6, 7, 100])("in pages of %i it has each of them once", async (limit) => {
  const seen: string[] = [];
  let next: string | undefined;
  do {
    const cursor = next === undefined ? "" : `&cursor=${next}`;
    const page = await list(`?limit=${limit}${cursor}`);
    expect(page.schedules.length).toBeLessThanOrEqual(limit);
    seen.push(...page.schedules.map(({ id }) => id));
    next = page.cursor;
    // A cursor goes into an address as it is.
    if (next !== undefined) expect(next).toMatch(/^[\w-]+$/);
  } while (next !== undefined);
  expect(seen).toEqual(IDS);
});

test("what is removed is not in it at once", async () => {
  await service.send("DELETE", addressOf("a b"));
  expect((await list()).schedules.map(({ id }) => id)).toEqual(IDS.filter((id) => id !== "a b"));
});

test.each([
  ["limit", "limit=0"],
  ["limit", "limit=1001"],
  ["limit", "limit=ten"],
  ["limit", "limit=1e2"],
  ["limit", "limit=1&limit=2"],
  ["cursor", "cursor=!"],
  ["cursor", "cursor="],
  ["cursor", "cursor=_w"],
  ["state", "state=paused"],
])("a bad %s (%s) is a 400 that names it", async (field, query) => {
  const refused = await service.send("GET", `/schedules?${query}`);
  expect(refused.status).toBe(400);
  expect(JSON.parse(refused.text)).toMatchObject({ code: "invalid_request", field });
});

test("it takes no other method, and says which", async () => {
  const refused = await service.send("POST", "/schedules", { body: {} });
  expect(refused.status).toBe(405);
  expect(refused.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  expect((await service.send("HEAD", "/schedules")).status).toBe(200);
});

test("it survives kill -9", async () => {
  const data = mkdtempSync(join(MEMORY, "durable-promises-search-"));
  let server: Server = await startServer({ data });
  try {
    const headers = { "content-type": "application/json" };
    const made = { method: "PUT", headers, body: JSON.stringify(SCHEDULE) };
    expect((await fetch(`${server.url}/schedules/kept`, made)).status).toBe(201);
    await server.kill();
    server = await startServer({ data });
    const answer = await fetch(`${server.url}/schedules`);
    expect(listOf(await answer.text()).schedules).toMatchObject([{ id: "kept" }]);
  } finally {
    await server.stop();
    rmSync(data, { recursive: true, force: true });
  }
});
