/**
 * `kill -9` of the real server under load, again and again on one folder: what was answered is kept,
 * what was settled never changes, and every alarm that was owed goes off, even if it fell due while
 * nothing ran.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { eventually } from "../eventually.ts";

const ROUNDS = 20;
const CALLERS = 8;
const JSON_BODY = { "content-type": "application/json" };

const data = mkdtempSync(join(tmpdir(), "durable-promises-kill-"));
let server: Server | undefined;

afterAll(async () => {
  await server?.kill();
  rmSync(data, { recursive: true, force: true });
});

/** What the server has answered for, in all rounds. */
const created = new Set<string>();
const settled = new Map<string, number>();
const owedAlarms = new Set<string>();

it(`keeps its word through ${ROUNDS} kills under load`, { timeout: 180_000 }, async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    server = await startServer({ data });
    await expectAlarmsFired(server.url);
    await expectKept(server.url, `r${round - 1}/`);
    await loadUntilKilled(server, round);
  }
  server = await startServer({ data });
  await expectAlarmsFired(server.url);
  await expectKept(server.url, "");
  expect(created.size).toBeGreaterThan(ROUNDS * 20);
  expect(settled.size).toBeGreaterThan(ROUNDS * 10);
});

/** Callers create and settle as fast as they can; the kill comes in the middle of it. */
async function loadUntilKilled({ url, kill }: Server, round: number): Promise<void> {
  const answersUntilKill = 40 + ((round * 37) % 60);
  let answers = 0;
  let killed: Promise<void> | undefined;
  function answered(): void {
    answers += 1;
    if (answers >= answersUntilKill) killed ??= kill();
  }

  async function call(caller: number): Promise<void> {
    for (let turn = 0; killed === undefined; turn += 1) {
      const id = `r${round}/c${caller}/${turn}`;
      if (turn === 1) {
        // Owed an alarm, due soon: most likely when the server is down.
        await send(url, id, "PUT", { timeout: "100ms", retention: 0 });
        owedAlarms.add(id);
        answered();
        continue;
      }
      await send(url, id, "PUT", { timeout: "1h", param: { data: { caller, turn } } });
      created.add(id);
      answered();
      if (turn % 3 === 2) continue;
      const value = round * 1_000_000 + caller * 1000 + turn;
      await send(url, id, "PATCH", { state: "RESOLVED", value: { data: value } });
      settled.set(id, value);
      answered();
    }
  }

  const calls = Array.from({ length: CALLERS }, (_, caller) => call(caller));
  // Those in flight at the kill fail; nothing was answered for them.
  await Promise.allSettled(calls);
  expect(killed, "the load ended before the kill").toBeDefined();
  await killed;
}

async function send(url: string, id: string, method: string, body: unknown): Promise<void> {
  const response = await fetch(`${url}/promises/${id}`, {
    method,
    headers: JSON_BODY,
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  if (response.status !== 201) throw new Error(`${method} ${id}: ${response.status}`);
}

interface Kept {
  state: string;
  value: { data?: number };
}

async function expectKept(url: string, prefix: string): Promise<void> {
  const wrong: string[] = [];
  for (const id of created) {
    if (!id.startsWith(prefix)) continue;
    const response = await fetch(`${url}/promises/${id}`);
    if (response.status !== 200) {
      wrong.push(`${id} is gone: ${response.status}`);
      continue;
    }
    // SAFETY: the resource of protocol.ts, of which this is a part.
    const { state, value } = (await response.json()) as Kept;
    const answer = settled.get(id);
    if (answer !== undefined && (state !== "RESOLVED" || value.data !== answer)) {
      wrong.push(`${id} was answered ${answer} and is ${state} ${value.data}`);
    }
  }
  expect(wrong).toEqual([]);
}

/** Only an alarm deletes: an id that is gone without anybody's doing shows that it went off. */
async function expectAlarmsFired(url: string): Promise<void> {
  const left = new Set(owedAlarms);
  owedAlarms.clear();
  await eventually(
    async () => {
      for (const id of left) {
        const { status } = await fetch(`${url}/promises/${id}`);
        if (status === 404) left.delete(id);
      }
      expect([...left]).toEqual([]);
    },
    { forMs: 60_000 },
  );
}
