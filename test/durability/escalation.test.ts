/**
 * Steps of an escalation through `kill -9`: those that fell due while nothing ran have happened at
 * their own instants, and who comes afterwards is told no lie.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";

interface Shown {
  state: string;
  value: { data?: unknown };
  timeout: number;
  createdOn: number;
  completedOn?: number;
  settledBy?: { how: string };
  votes?: unknown[];
  escalation: { done: boolean }[];
}

let data: string;
let server: Server;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), "durable-promises-escalation-"));
  server = await startServer({ data });
});
afterEach(async () => {
  await server.kill();
  rmSync(data, { recursive: true, force: true });
});

async function send(method: string, path: string, body?: unknown): Promise<string> {
  const response = await fetch(server.url + path, {
    method,
    ...(body !== undefined && {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  return response.text();
}

// SAFETY: the tests assert what it really is.
const show = async (id: string, query = ""): Promise<Shown> =>
  JSON.parse(await send("GET", `/promises/${id}${query}`)) as Shown;

const SETTLE = { state: "REJECTED", value: { data: "nobody" } };

/** Dies at once, and comes back when that instant has passed. */
async function deadUntil(instant: number): Promise<void> {
  await server.kill();
  await vi.waitUntil(() => Date.now() > instant, { timeout: 30_000, interval: 10 });
  server = await startServer({ data });
}

test("steps that were due while it was down have happened, each at its instant", async () => {
  const settle = [{ after: "2s", settle: SETTLE }];
  const extend = [{ after: "2s", extend: "1h" }];
  const twice = [...extend, { after: "7s", settle: SETTLE }];
  await send("PUT", "/promises/settles", { escalation: settle });
  const made = await send("PUT", "/promises/extends", { timeout: "6s", escalation: extend });
  // SAFETY: as above.
  const { timeout: movedFrom } = JSON.parse(made) as Shown;
  await send("PUT", "/promises/both", { timeout: "6s", escalation: twice });
  const extendLate = [{ after: "6s", extend: "1h" }];
  await send("PUT", "/promises/late", { timeout: "2s", escalation: extendLate });
  const { createdOn, timeout } = await show("late");
  await deadUntil(createdOn + 8000);

  const settles = await show("settles");
  expect(settles).toMatchObject({ ...SETTLE, settledBy: { how: "escalation" } });
  expect(settles.completedOn).toBe(settles.createdOn + 2000);
  const moved = await show("extends");
  expect(moved).toMatchObject({ state: "PENDING", escalation: [{ done: true }] });
  expect(moved.timeout).toBe(movedFrom + 3_600_000);
  const both = await show("both");
  expect(both).toMatchObject(SETTLE);
  expect(both.completedOn).toBe(both.createdOn + 7000);
  const late = await show("late");
  expect(late).toMatchObject({ state: "REJECTED_TIMEDOUT", escalation: [{ done: false }] });
  expect(late.completedOn).toBe(timeout);

  // It is written as it was told, and stays so.
  await server.kill();
  server = await startServer({ data });
  for (const [id, shown] of Object.entries({ settles, both, late })) {
    // Only the port is another one.
    expect({ ...(await show(id)), url: "" }).toEqual({ ...shown, url: "" });
  }
});

test("a settle that comes after a step that was due while it was down has lost", async () => {
  await send("PUT", "/promises/p", { escalation: [{ after: "2s", settle: SETTLE }] });
  const { createdOn } = await show("p");
  await deadUntil(createdOn + 2050);
  const lost = JSON.parse(await send("PATCH", "/promises/p", { state: "RESOLVED" })) as {
    code: string;
  };
  expect(lost.code).toBe("already_rejected");
  expect(await show("p")).toMatchObject({ ...SETTLE, completedOn: createdOn + 2000 });
});

test("a step that is still to come comes after a crash, and wakes who waits", async () => {
  await send("PUT", "/promises/p", {
    escalation: [{ after: "15s", settle: SETTLE }],
    quorum: { approvals: 2, of: 3 },
  });
  const { createdOn } = await show("p");
  const link = JSON.parse(await send("POST", "/links", { promise: "p", audience: "Ada" })) as {
    url: string;
  };
  await send("POST", new URL(link.url).pathname, { state: "RESOLVED" });
  await server.kill();
  server = await startServer({ data });
  expect(await show("p")).toMatchObject({ state: "PENDING", votes: [{ by: "Ada" }] });
  const record = await show("p", "?wait=25s");
  expect(record).toMatchObject({ ...SETTLE, votes: [{ by: "Ada" }] });
  expect(record.completedOn).toBe(createdOn + 15_000);
});
