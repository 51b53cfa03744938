/**
 * The audit log through `kill -9`, again and again in the middle of acts: whatever has happened has an
 * entry. It is written before the act is done, so it may be there for one that never happened; then
 * it has no status.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { ApiKey, AuditEntry, AuditPage, PromiseRecord } from "../../client/src/protocol.ts";
import { startServer, type Server } from "../../src/local/server.ts";

const ROUNDS = 12;
const CALLERS = 6;

const data = mkdtempSync(join(tmpdir(), "durable-promises-audit-"));
let server: Server | undefined;

afterAll(async () => {
  await server?.kill();
  rmSync(data, { recursive: true, force: true });
});

async function send(url: string, method: string, path: string, body?: object): Promise<Response> {
  const headers = { "content-type": "application/json", "x-client": "cli/1.0" };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return fetch(`${url}${path}`, { method, headers, ...init });
}

/** Promises that somebody has answered for, each settled by hand or about to be. */
const promises: string[] = [];
const answered = new Set<string>();

async function act(url: string, id: string): Promise<void> {
  await send(url, "PUT", `/promises/${id}`, { timeout: "1h" });
  promises.push(id);
  const settled = await send(url, "PATCH", `/promises/${id}`, { state: "RESOLVED" });
  expect(settled.status).toBe(201);
  answered.add(`promise.settle ${id}`);
  const key = await send(url, "POST", "/keys", { name: id, scopes: ["read"], prefixes: [id] });
  expect(key.status).toBe(201);
  answered.add(`key.create ${((await key.json()) as ApiKey).id}`);
}

async function loadUntilKilled({ url, kill }: Server, round: number): Promise<void> {
  const actsUntilKill = 6 + ((round * 7) % 11);
  let acts = 0;
  let killed: Promise<void> | undefined;
  async function call(caller: number): Promise<void> {
    for (let turn = 0; killed === undefined; turn += 1) {
      await act(url, `r${round}/c${caller}/${turn}`);
      acts += 1;
      if (acts >= actsUntilKill) killed ??= kill();
    }
  }
  await Promise.allSettled(Array.from({ length: CALLERS }, (_, caller) => call(caller)));
  expect(killed, "the load ended before the kill").toBeDefined();
  await killed;
}

async function allEntries(url: string): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  let cursor: string | undefined;
  do {
    const next: string = cursor === undefined ? "" : `&cursor=${cursor}`;
    const page = (await (await send(url, "GET", `/audit?limit=100${next}`)).json()) as AuditPage;
    entries.push(...page.entries);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return entries;
}

it(`has an entry of all that happened, through ${ROUNDS} kills`, { timeout: 180_000 }, async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    server = await startServer({ data, env: { LOG: "off" } });
    await loadUntilKilled(server, round);
  }
  server = await startServer({ data });
  const { url } = server;
  const entries = await allEntries(url);
  const noted = new Set(entries.map(({ did, on }) => `${did} ${on}`));
  expect(noted.size).toBe(entries.length);
  // Answered or not: what is there was noted before it was there.
  const happened = new Set(answered);
  const { keys } = (await (await send(url, "GET", "/keys")).json()) as { keys: ApiKey[] };
  for (const { id } of keys) happened.add(`key.create ${id}`);
  for (const id of promises) {
    const record = (await (await send(url, "GET", `/promises/${id}`)).json()) as PromiseRecord;
    if (record.state === "RESOLVED") happened.add(`promise.settle ${id}`);
  }
  expect([...happened].filter((one) => !noted.has(one))).toEqual([]);
  expect(happened.size).toBeGreaterThan(ROUNDS * 8);
  // A status is that of an answer; without one it may have happened, or not.
  for (const { status } of entries) expect([201, undefined]).toContain(status);
  const unanswered = entries.filter(({ status }) => status === undefined);
  expect(unanswered.length).toBeLessThan(entries.length);
});
