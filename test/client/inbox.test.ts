/** The live list, on lines that break: on sockets and on streams, against a real server. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  DurablePromises,
  type DurablePromisesOptions,
  type InboxQuery,
  type LineOptions,
  type ListEvent,
  type SocketConstructor,
} from "../../client/src/index.ts";
import { eventually } from "../eventually.ts";
import { untilFound } from "./indexed.ts";
import { LINE, startWorld, type World } from "./world.ts";

const ROADS = ["socket", "stream"] as const;
type Road = (typeof ROADS)[number];

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterEach(async () => {
  world.proxy.cut();
  await world.proxy.until(({ open }) => open === 0);
  world.proxy.mend();
});
afterAll(() => world[Symbol.asyncDispose]());

/** For a line that holds: it is taken for dead by nobody whom the machine keeps waiting. */
const CALM: LineOptions = { openWithin: "20s", pongWithin: "20s" };

interface Way extends Pick<DurablePromisesOptions, "WebSocket"> {
  url?: string;
  line?: LineOptions;
}

function clientOn(road: Road, { url = world.proxy.url, line, WebSocket }: Way = {}) {
  return new DurablePromises({
    url,
    line: { ...LINE, quietFor: "20s", ...line },
    attemptTimeout: 2000,
    ...(road === "stream" ? { WebSocket: false } : WebSocket && { WebSocket }),
  });
}

/** A list whose events are asked for one after the other. */
async function opened(road: Road, query: InboxQuery, way?: Way) {
  const inbox = clientOn(road, way).inbox(query);
  const events = inbox[Symbol.asyncIterator]();
  const next = async (): Promise<ListEvent> => {
    const { value, done } = await events.next();
    if (done) throw new Error("the list has ended");
    return value;
  };
  /** Skips what comes twice, or about others. */
  const until = async (isIt: (event: ListEvent) => boolean): Promise<ListEvent> => {
    for (;;) {
      const event = await next();
      if (isIt(event)) return event;
    }
  };
  const page = await next();
  expect(page.type).toBe("page");
  return { inbox, next, until, page };
}

/** That it is found: whoever was away is told of what was added as of what has changed. */
const isFound = (id: string) => (event: ListEvent) =>
  (event.type === "added" || event.type === "changed") && event.promise.id === id;

const isGone = (id: string) => (event: ListEvent) => event.type === "removed" && event.id === id;

describe.each(ROADS)("on a %s", (road) => {
  test("a list begins with its page, and goes on with what happens", async () => {
    const base = `inbox/${randomUUID()}`;
    const [first, second] = [`${base}/1`, `${base}/2`];
    await world.direct.create(first, { tags: { a: "b" }, form: { title: "Pay?" } });
    await untilFound(world.direct, { id: `${base}/*` }, 1);
    const query = { id: `${base}/*`, state: "pending" } as const;
    const { inbox, page, until } = await opened(road, query);
    await using _ = inbox;
    expect(page).toMatchObject({
      type: "page",
      count: 1,
      cursor: null,
      promises: [{ id: first, state: "PENDING", tags: { a: "b" }, title: "Pay?" }],
    });
    await world.direct.create(second);
    expect(await until(isFound(second))).toMatchObject({ promise: { state: "PENDING" } });
    await world.direct.resolve(first);
    expect(await until(isGone(first))).toMatchObject({ type: "removed", id: first });
  });

  test("a cut line is mended, and what happened meanwhile is told without a new page", async () => {
    const base = `inbox/${randomUUID()}`;
    await world.direct.create(`${base}/1`);
    await untilFound(world.direct, { id: `${base}/*` }, 1);
    const { inbox, next } = await opened(road, { id: `${base}/*`, state: "pending" });
    await using _ = inbox;
    world.proxy.cut();
    await world.direct.create(`${base}/2`);
    await world.direct.resolve(`${base}/1`);
    await untilFound(world.direct, { id: `${base}/*` }, 2);
    world.proxy.mend();
    const told = new Set<string>();
    while (told.size < 2) {
      const event = await next();
      expect(event.type).not.toBe("page");
      if ("promise" in event && event.promise.id === `${base}/2`) told.add("2 is found");
      if (event.type === "removed" && event.id === `${base}/1`) told.add("1 is gone");
    }
  });

  test("kill -9 and a restart of the server are survived", async () => {
    const base = `inbox/${randomUUID()}`;
    const { inbox, until } = await opened(road, { id: `${base}/*` });
    await using _ = inbox;
    await world.kill();
    await world.restart();
    await world.direct.create(`${base}/1`);
    const isThere = (event: ListEvent) =>
      isFound(`${base}/1`)(event) ||
      (event.type === "page" && event.promises.some(({ id }) => id === `${base}/1`));
    await until(isThere);
  });

  test("a line that goes silent is noticed and replaced", async () => {
    const base = `inbox/${randomUUID()}`;
    const { inbox, until } = await opened(road, { id: `${base}/*` }, { line: { quietFor: "1s" } });
    await using _ = inbox;
    const before = world.proxy.total;
    world.proxy.stall();
    await world.direct.create(`${base}/1`);
    // Only the silence itself can have told the client to try anew; a line reads on while it waits.
    const event = until((one) => isFound(`${base}/1`)(one) || one.type === "page");
    await world.proxy.until(({ total }) => total > before);
    world.proxy.mend();
    await event;
  });

  test("a list in which nothing happens stays open", async () => {
    let pings = 0;
    class Counted extends WebSocket {
      override send(...data: Parameters<WebSocket["send"]>) {
        pings += 1;
        super.send(...data);
      }
    }
    const way = { line: CALM, WebSocket: Counted as unknown as SocketConstructor };
    const { inbox } = await opened(road, { id: `inbox/${randomUUID()}` }, way);
    await using _ = inbox;
    const before = world.proxy.total;
    const reading = inbox[Symbol.asyncIterator]().next();
    // Several pings of a socket go by, on the same line, with nothing but pongs to hear.
    if (road === "socket") await eventually(() => expect(pings).toBeGreaterThan(5));
    // A stream has no such thing to wait for: whatever ends it too early does so while nothing comes.
    else await new Promise((done) => setTimeout(done, 5 * LINE.pingEvery));
    expect(world.proxy.total).toBe(before);
    expect(world.proxy.open).toBeGreaterThan(0);
    await inbox.close();
    expect(await reading).toMatchObject({ done: true });
  });

  test("closing a list closes its line; so does leaving the loop, and an abort throws its reason", async () => {
    const query = { id: `inbox/${randomUUID()}` };
    const client = clientOn(road);
    for await (const _ of client.inbox(query)) break;
    await world.proxy.until(({ open }) => open === 0);
    const stop = new AbortController();
    const inbox = client.inbox(query, { signal: stop.signal });
    const read = async () => {
      for await (const _ of inbox) stop.abort(new Error("enough"));
    };
    await expect(read()).rejects.toThrow("enough");
    await world.proxy.until(({ open }) => open === 0);
    const timed = async () => {
      for await (const _ of client.inbox(query, { timeout: 300 }));
    };
    await expect(timed()).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("what the server refuses is thrown", async () => {
    const client = clientOn(road, { url: world.url });
    const read = (query: InboxQuery, promises = client) =>
      promises.inbox(query)[Symbol.asyncIterator]().next();
    await expect(read({ createdAfter: "soon" })).rejects.toMatchObject({
      code: "invalid_request",
      field: "createdAfter",
    });
    const nowhere = clientOn(road, { url: `${world.url}/nowhere` });
    await expect(read({}, nowhere)).rejects.toMatchObject({ status: 404 });
  });

  test("a reader that is slower than what happens misses nothing", async () => {
    const base = `inbox/${randomUUID()}`;
    const { inbox, next } = await opened(road, { id: `${base}/*` });
    await using _ = inbox;
    const ids = Array.from({ length: 20 }, (_, n) => `${base}/${n}`);
    await Promise.all(ids.map((id) => world.direct.create(id)));
    await untilFound(world.direct, { id: `${base}/*` }, ids.length);
    const told = new Set<string>();
    while (told.size < ids.length) {
      const event = await next();
      if ("promise" in event) told.add(event.promise.id);
    }
    expect(told).toEqual(new Set(ids));
  });
});

test("where something on the way takes no sockets, the list comes as a stream", async () => {
  const id = `inbox/${randomUUID()}`;
  let upgrades = 0;
  const proxy = createServer((request, response) => {
    void (async () => {
      const accept = request.headers.accept ?? "";
      const lastEventId = request.headers["last-event-id"];
      const headers = {
        accept,
        ...(typeof lastEventId === "string" && { "last-event-id": lastEventId }),
      };
      const answer = await fetch(world.url + (request.url ?? ""), { headers });
      response.writeHead(answer.status, {
        "content-type": answer.headers.get("content-type") ?? "",
      });
      for await (const bytes of answer.body ?? []) response.write(bytes);
      response.end();
    })().catch(() => response.destroy());
  });
  proxy.on("upgrade", (_, socket) => {
    upgrades += 1;
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const { inbox, until } = await opened("socket", { id }, { url, line: CALM });
  await world.direct.create(id);
  await until(isFound(id));
  expect(upgrades).toBe(1);
  await inbox.close();
  proxy.closeAllConnections();
  proxy.close();
});

const gone = (n: number) => `id: ${n}\nevent: removed\ndata: {"id":"${n}"}\n\n`;

test("a reader that is far behind is told the rest later, on another line", async () => {
  const asked: (string | undefined)[] = [];
  const ended: Promise<unknown>[] = [];
  // More events at once than any real server has: 2,500 behind the one that was heard last.
  const server = createServer((request, response) => {
    const last = request.headers["last-event-id"];
    asked.push(typeof last === "string" ? last : undefined);
    ended.push(once(response, "close"));
    response.writeHead(200, { "content-type": "text/event-stream" });
    const first = Number(last ?? 0) + 1;
    for (let n = first; n < first + 2500; n += 1) response.write(gone(n));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const inbox = clientOn("stream", { url, line: CALM }).inbox();
  let read = 0;
  for await (const event of inbox) {
    read += 1;
    expect(event).toEqual({ type: "removed", at: String(read), id: String(read) });
    // While nobody reads, the line is let go of as soon as enough is unread.
    if (read === 1) await ended[0];
    if (read === 3000) break;
  }
  expect(asked[0]).toBeUndefined();
  expect(Number(asked[1])).toBeGreaterThanOrEqual(1000);
  expect(Number(asked[1])).toBeLessThan(2500);
  server.closeAllConnections();
  server.close();
});
