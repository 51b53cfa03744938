/**
 * Nobody is kept waiting by who is quicker: a connection that always has its next request ready, as
 * every caller in a tight loop nearly has, would keep the runtime from ever looking at the others.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startServer, type Server } from "../../src/local/server.ts";
import { temporaryData } from "./command.ts";
import { eventually } from "../eventually.ts";

const GREEDY = 4000;

let server: Server;
let cleanups: (() => unknown)[];

beforeEach(async () => {
  const { data, remove } = temporaryData();
  cleanups = [remove];
  server = await startServer({ data });
  cleanups.push(() => server.kill());
});

afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

async function open(): Promise<Socket> {
  const socket = connect({ port: Number(new URL(server.url).port), host: "127.0.0.1" });
  cleanups.push(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** How much of the greedy one's is answered before the other is, as the test hears it. */
async function answeredBefore(url: string): Promise<number> {
  const [greedy, other] = [await open(), await open()];
  const request = `GET /promises/a HTTP/1.1\r\nhost: ${new URL(url).host}\r\n\r\n`;
  let answered = 0;
  greedy.setEncoding("latin1").on("data", (text: string) => {
    answered += text.split("HTTP/1.1 200").length - 1;
  });
  greedy.write(request.repeat(GREEDY));
  await eventually(async () => expect(answered).toBeGreaterThan(0));

  other.write(request);
  await once(other, "data");
  const before = answered;
  await eventually(async () => expect(answered).toBe(GREEDY));
  return before;
}

it("answers a second caller while the first has thousands of requests ready", async () => {
  const url = `${server.url}/promises/a`;
  const headers = { "content-type": "application/json" };
  expect((await fetch(url, { method: "PUT", headers, body: "{}" })).status).toBe(201);
  let before = GREEDY;
  // A test that itself was not let in for a while hears everything at once.
  for (let tries = 0; tries < 5 && before >= GREEDY / 2; tries += 1) {
    before = await answeredBefore(url);
  }
  expect(before).toBeLessThan(GREEDY / 2);
});
