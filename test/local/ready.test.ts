/** `GET /ready` of real servers: sound ones, and ones of which a part does not answer. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Problem } from "../../client/src/protocol.ts";
import { startServer, type Server } from "../../src/local/server.ts";
import { temporaryData } from "./command.ts";
import { eventually } from "../eventually.ts";

let data: string;
let cleanups: (() => unknown)[];

beforeEach(() => {
  const temporary = temporaryData();
  data = temporary.data;
  cleanups = [temporary.remove];
});

afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

async function start(env: Record<string, string> = {}, host = "127.0.0.1"): Promise<Server> {
  const server = await startServer({ data, env, host });
  cleanups.push(() => server.kill());
  return server;
}

async function readyOf({ url }: Server): Promise<[number, string]> {
  const { port } = new URL(url);
  const answer = await fetch(`http://127.0.0.1:${port}/ready`);
  const body = (await answer.json()) as Partial<Problem> & { status: unknown };
  return [answer.status, String(answer.status === 200 ? body.status : body.detail)];
}

/** Parts that wake up for the first time may be late. */
async function expectReady(server: Server, expected: [number, string]): Promise<void> {
  await eventually(async () => expect(await readyOf(server)).toEqual(expected));
}

describe("ready", () => {
  it("is a server of this machine, and one with keys, to everybody", async () => {
    await expectReady(await start(), [200, "ready"]);
    await cleanups.pop()!();
    await expectReady(await start({ API_KEYS: "a" }), [200, "ready"]);
  });

  it("is healthy and not ready without a key that anybody could have", async () => {
    const server = await start({}, "0.0.0.0");
    expect(server.access).toBe("closed");
    await expectReady(server, [503, "Not ready: settings"]);
    const { port } = new URL(server.url);
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  });

  it("is not ready with another number of shards than the index has, and says no more than that", async () => {
    const first = await start({ INDEX_SHARDS: "2" });
    const body = '{"cron":"@daily","promiseTimeout":"1h"}';
    for (const id of ["a", "b", "c", "d", "e", "f"]) {
      const headers = { "content-type": "application/json" };
      await fetch(`${first.url}/schedules/${id}`, { method: "PUT", headers, body });
    }
    await first.stop();
    const second = await start({ INDEX_SHARDS: "3" });
    // One shard is asked at a time, and what was found is believed for a second.
    await expectReady(second, [503, "Not ready: index"]);
    await second.stop();
    await expectReady(await start({ INDEX_SHARDS: "2" }), [200, "ready"]);
  });

  it("takes no parameters", async () => {
    const server = await start();
    expect((await fetch(`${server.url}/ready?deep=1`)).status).toBe(400);
  });
});
