/** `GET /awaiters/:id`: who waits for a promise, of every kind, and that the look changes nothing. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS, type Awaiters } from "../../client/src/protocol.ts";
import { openSocket, openStream } from "./awaiter.ts";
import { expectRefusal } from "./refusal.ts";
import { rpcClient } from "./rpc-client.ts";
import { freshId, startService, type Answer, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

const ROOT = "the-first-key";
const EXTERNAL = { "resonate:external": "true" };

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

const look = (id: string): Promise<Answer> =>
  service.send("GET", `/awaiters/${encodeURIComponent(id)}`);
async function awaitersOf(id: string): Promise<Awaiters> {
  const answer = await look(id);
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  return JSON.parse(answer.text) as Awaiters;
}
const rpc = async (kind: string, data: object): Promise<unknown> => {
  const reply = await rpcClient(service.url).send(kind, data);
  expect(reply.status, `${kind} ${JSON.stringify(reply.data)}`).toBe(200);
  return reply.data;
};

describe("who waits", () => {
  test("is nobody at first, and nobody again once it is settled", async () => {
    const id = freshId("awaited");
    await service.create(id);
    const nobody = { sockets: 0, listeners: [], tasks: [] };
    expect(await awaitersOf(id)).toEqual(nobody);
    const socket = await openSocket(service, id);
    await socket.next();
    expect(await awaitersOf(id)).toEqual({ ...nobody, sockets: 1 });
    await service.settle(id, { state: "RESOLVED" });
    expect((await socket.next())?.type).toBe("settled");
    expect(await awaitersOf(id)).toEqual(nobody);
    socket.close();
  });

  test("is every line that is held open: a socket, an event stream, a long poll", async () => {
    const id = freshId("awaited");
    await service.create(id);
    const socket = await openSocket(service, id);
    const stream = await openStream(service, id);
    const polled = service.send("GET", `${service.address(id)}?wait=20s`);
    await eventually(async () => expect((await awaitersOf(id)).sockets).toBe(3));
    socket.close();
    await eventually(async () => expect((await awaitersOf(id)).sockets).toBe(2));
    await service.settle(id, { state: "RESOLVED" });
    expect((await polled).status).toBe(200);
    expect((await awaitersOf(id)).sockets).toBe(0);
    stream.close();
  });

  test("is a listener, by its address, of a URL without its query", async () => {
    const id = freshId("awaited");
    await service.create(id, { tags: EXTERNAL });
    const addresses = ["poll://any@warehouse", "http://127.0.0.1:9/hook?key=secret"];
    for (const address of addresses) {
      await rpc("promise.register_listener", { awaited: id, address });
    }
    const { listeners } = await awaitersOf(id);
    expect(listeners.toSorted()).toEqual([
      "http://127.0.0.1:9/hook?<query>",
      "poll://any@warehouse",
    ]);
  });

  test("is a task of another promise, by its id", async () => {
    const [id, awaiter] = [freshId("awaited"), freshId("awaiter")];
    await service.create(id, { tags: EXTERNAL });
    const tags = { "resonate:target": "poll://any@nobody" };
    await service.create(awaiter, { tags });
    await rpc("promise.register_callback", { awaited: id, awaiter });
    expect((await awaitersOf(id)).tasks).toEqual([awaiter]);
    await service.settle(awaiter, { state: "REJECTED_CANCELED" });
  });

  test("is a thousand of each at most, and then it says that there are more", async () => {
    const id = freshId("awaited");
    await service.create(id, { tags: EXTERNAL });
    for (let n = 0; n <= LIMITS.awaitersListedMax; n += 1) {
      await rpc("promise.register_listener", { awaited: id, address: `poll://any@group-${n}` });
      if (n === LIMITS.awaitersListedMax - 1) expect((await awaitersOf(id)).more).toBeUndefined();
    }
    const { listeners, more } = await awaitersOf(id);
    expect([listeners.length, more]).toEqual([LIMITS.awaitersListedMax, true]);
  });
});

describe("an id that nobody has created", () => {
  test("is not there, unless somebody waits for it", async () => {
    const id = freshId("nobody");
    expectRefusal(await look(id), "not_found", "id");
    const socket = await openSocket(service, id);
    expect((await socket.next())?.type).toBe("absent");
    expect(await awaitersOf(id)).toEqual({ sockets: 1, listeners: [], tasks: [] });
    socket.close();
    await eventually(async () => expectRefusal(await look(id), "not_found"));
    // The look has made nothing.
    expect((await service.read(id)).status).toBe(404);
  });

  test.each([
    ["a query", "/awaiters/a?limit=1", "limit"],
    ["an id that is none", "/awaiters/%00", "id"],
  ])("%s is refused", async (_, path, field) => {
    expectRefusal(await service.send("GET", path), "invalid_request", field);
  });
});

test("a task beyond the caller's prefixes is not named", async () => {
  const guarded = await startService({ env: { API_KEYS: ROOT } });
  try {
    const root = { authorization: `Bearer ${ROOT}` };
    const send = (method: string, path: string, body?: unknown, headers = root) =>
      guarded.send(method, path, { headers, ...(body !== undefined && { body }) });
    const tags = { "resonate:target": "poll://any@nobody" };
    await send("PUT", "/promises/own/awaited", { tags: EXTERNAL });
    for (const awaiter of ["own/task", "others/task"]) {
      await send("PUT", `/promises/${awaiter}`, { tags });
      const data = { awaited: "own/awaited", awaiter };
      const head = { corrId: "1", version: "2026-04-01" };
      const body = { kind: "promise.register_callback", head, data };
      expect((await send("POST", "/", body)).status).toBe(200);
    }
    const asked = { name: "reader", scopes: ["read"], prefixes: ["own/*"] };
    const { key } = JSON.parse((await send("POST", "/keys", asked)).text) as { key: string };
    const seen = async (headers: { authorization: string }): Promise<string[]> => {
      const { text } = await send("GET", "/awaiters/own/awaited", undefined, headers);
      return (JSON.parse(text) as Awaiters).tasks.toSorted();
    };
    expect(await seen(root)).toEqual(["others/task", "own/task"]);
    expect(await seen({ authorization: `Bearer ${key}` })).toEqual(["own/task"]);
  } finally {
    await guarded.stop();
  }
});
