/**
 * The same race as in `test/conformance/linearizable.test.ts`, and in the middle of it kill -9, twice.
 * Whoever was waiting for an answer then knows nothing; everybody else's answers must still fit into
 * one order with what is found afterwards.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { Overlapping } from "../conformance/overlapping.ts";
import { rpcClient } from "../conformance/rpc-client.ts";

const OPERATIONS = 150;
/** After so many requests, counted from the start. */
const KILLS = [50, 110];
const given = process.env["SEED"];
const SEEDS = given === undefined ? [1, Date.now() >>> 0] : [Number(given)];

const data = mkdtempSync(join(tmpdir(), "durable-promises-race-"));
let server: Server;

beforeAll(async () => {
  server = await startServer({ data });
});

afterAll(async () => {
  await server.stop();
  rmSync(data, { recursive: true, force: true });
});

test.each(SEEDS)(
  "seed %i: what was told before and after kill -9 is one story",
  async (seed) => {
    const { port } = new URL(server.url);
    const history = new Overlapping(rpcClient(server.url), seed, `kill${seed}`);
    const race = history.race(OPERATIONS);
    for (const count of KILLS) {
      await vi.waitUntil(() => history.calls.length >= count, { timeout: 30_000, interval: 1 });
      await server.kill();
      server = await startServer({ data, port: Number(port) });
    }
    await race;
    await history.wakeUp();
    expect(history.objection(), `SEED=${seed}`).toBeUndefined();
  },
  90_000,
);
