/**
 * Workers and listeners with an address of their own: the server calls them. Here they are small
 * HTTP servers without any SDK, as a function behind a URL would be.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { rpcClient } from "../conformance/rpc-client.ts";
import { freshId } from "../conformance/service.ts";
import { PATIENCE, startWorld, until, type World } from "./world.ts";

/** A message as the server sends it. */
interface Message {
  kind: string;
  head: { serverUrl?: string };
  data: {
    task?: { id: string; version: number };
    promise?: { id: string; state: string; value: { data?: string } };
  };
}

let world: World;
const servers = new Set<Server>();
beforeAll(async () => {
  world = await startWorld();
}, PATIENCE);
afterEach(() => {
  for (const server of servers) server.closeAllConnections();
  for (const server of servers) server.close();
  servers.clear();
});
afterAll(() => world?.[Symbol.asyncDispose]());

/** @param take answers a message with a status */
async function serve(take: (message: Message) => number | Promise<number>): Promise<string> {
  const server = createServer((request, response) => {
    void text(request)
      // SAFETY: what it is, the tests look at.
      .then((body) => take(JSON.parse(body) as Message))
      .then(
        (status) => response.writeHead(status).end(),
        () => response.destroy(),
      );
  });
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}/hook`;
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const decoded = (data = "") => JSON.parse(Buffer.from(data, "base64").toString()) as unknown;

/** Takes the task that the message names, multiplies its arguments, and is done with it. */
async function multiply({ head, data: { task } }: Message, pid: string): Promise<void> {
  const { send } = rpcClient(head.serverUrl!);
  const taken = await send("task.acquire", { ...task, pid, ttl: 10_000 });
  // Another message about the same task was faster.
  if (taken.status === 409) return;
  const { task: held, promise } = taken.data as {
    task: { id: string; version: number };
    promise: { id: string; param: { data: string } };
  };
  const { args } = decoded(promise.param.data) as { args: number[] };
  const product = args.reduce((product, factor) => product * factor, 1);
  await send("task.fulfill", {
    ...held,
    action: {
      kind: "promise.settle",
      head: { corrId: "0", version: "2026-04-01" },
      data: { id: held.id, state: "resolved", value: { headers: {}, data: encoded(product) } },
    },
  });
}

/** Asks for the end of a promise at that address. */
async function listen(id: string, address: string): Promise<void> {
  const { status } = await world.ask("promise.register_listener", { awaited: id, address });
  expect(status).toBe(200);
}

describe("a worker with a URL", { timeout: PATIENCE }, () => {
  test("is called, and its outcome reaches the caller", async () => {
    const messages: Message[] = [];
    const target = await serve((message) => {
      messages.push(message);
      void multiply(message, "hook");
      return 200;
    });
    const id = freshId();
    expect(await world.caller.rpc(id, "multiply", [6, 7], { target })).toBe(42);
    expect(messages[0]).toEqual({
      kind: "execute",
      head: { serverUrl: world.url },
      data: { task: { id, version: 0 } },
    });
  });

  test("is called by a workflow that a worker with the SDK executes", async () => {
    const target = await serve(async (message) => {
      await multiply(message, "hook");
      return 204;
    });
    const workers = freshId("workers");
    await world.start(workers);
    // It asks for "square" of 1 to 3, of which this worker makes 1 to 3.
    const outcome = await world.caller.rpc(freshId(), "fanOut", [3, target], { target: workers });
    expect(outcome).toBe(6);
  });
});

describe("a listener with a URL", { timeout: PATIENCE }, () => {
  test("is told how the promise ended, until it has taken it", async () => {
    const messages: Message[] = [];
    const address = await serve((message) => {
      messages.push(message);
      return messages.length < 2 ? 500 : 200;
    });
    const id = freshId();
    await world.caller.create(id);
    await listen(id, address);
    await world.caller.resolve(id, { answer: 42 });
    await until(() => expect(messages.length).toBeGreaterThanOrEqual(2));
    for (const { kind, data } of messages) {
      expect(kind).toBe("unblock");
      expect(data.promise).toMatchObject({ id, state: "resolved" });
      expect(decoded(data.promise?.value.data)).toEqual({ answer: 42 });
    }
  });

  test("is told that nobody settled it in time", async () => {
    const messages: Message[] = [];
    const address = await serve((message) => {
      messages.push(message);
      return 200;
    });
    const id = freshId();
    await world.caller.create(id, 5000);
    await listen(id, address);
    await until(() => expect(messages.length).toBeGreaterThanOrEqual(1));
    expect(messages[0]?.data.promise).toMatchObject({ id, state: "rejected_timedout" });
  });
});
