/**
 * Workers that take their messages by Server-Sent Events, as Resonate's SDK does: who is let in, what
 * the stream looks like, and that a group hands its tasks to who is there.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { createParser } from "eventsource-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../client/src/protocol.ts";
import { inTime } from "./awaiter.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, startService, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

interface Execute {
  kind: "execute";
  head: { serverUrl: string };
  data: { task: { id: string; version: number } };
}

/** A worker that is connected, and what it was told so far. */
class Worker {
  readonly headers: Headers;
  readonly messages: string[] = [];
  readonly comments: string[] = [];
  readonly ended: Promise<void>;
  readonly #controller: AbortController;

  constructor(response: Response, controller: AbortController) {
    this.headers = response.headers;
    this.#controller = controller;
    this.ended = this.#read(response);
  }

  static async at(path: string, on = service): Promise<Worker> {
    const controller = new AbortController();
    const opening = fetch(`${on.url}/poll/${path}`, { signal: controller.signal });
    const response = await inTime(opening, `the opening of ${path}`);
    if (response.status !== 200) throw new Error(`refused with ${response.status}`);
    const worker = new Worker(response, controller);
    await eventually(async () => worker.#heard(worker.comments, 0));
    return worker;
  }

  async message(index: number): Promise<Execute> {
    // SAFETY: what it really is, is what the caller goes on to assert.
    return eventually(async () => JSON.parse(this.#heard(this.messages, index)) as Execute);
  }

  leave(): void {
    this.#controller.abort();
  }

  #heard(told: string[], index: number): string {
    const text = told[index];
    if (text === undefined) throw new Error(`heard ${told.length} so far`);
    return text;
  }

  async #read(response: Response): Promise<void> {
    const parser = createParser({
      onComment: (comment) => this.comments.push(comment.trim()),
      onEvent: ({ event, id, data }) => {
        // The SDK listens to events without a name only.
        if (event === undefined && id === undefined) this.messages.push(data);
      },
    });
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body!)
        parser.feed(decoder.decode(chunk, { stream: true }));
    } catch {
      // It left; that is an end too.
    }
  }
}

/** A worker that opens its connection and reads nothing of it until it is told to. */
async function stalledWorker(path: string): Promise<{ readAll(): Promise<string> }> {
  const socket = connect(service.port, "127.0.0.1");
  socket.pause();
  socket.write(`GET /poll/${path} HTTP/1.1\r\nhost: 127.0.0.1:${service.port}\r\n\r\n`);
  await once(socket, "readable");
  return {
    async readAll() {
      let text = "";
      socket.setEncoding("latin1");
      socket.on("data", (chunk: string) => (text += chunk));
      socket.resume();
      // However it ends.
      await new Promise((resolve) => socket.on("error", resolve).on("close", resolve));
      return text;
    },
  };
}

async function call(kind: string, data: unknown) {
  const head = { corrId: "c", version: "2026-04-01" };
  const answer = await service.send("POST", "/", { body: { kind, head, data } });
  // SAFETY: as above.
  return (JSON.parse(answer.text) as { data: Record<string, unknown> }).data;
}

/** A promise with a task for that address. */
async function createTask(address: string): Promise<string> {
  const id = freshId("task");
  const tags = { "resonate:target": address };
  await call("promise.create", { id, timeoutAt: Date.now() + 600_000, param: {}, tags });
  return id;
}

/** With a line break in the data, which must not end an event. */
function settleBroken(id: string) {
  return service.send("POST", "/", {
    headers: { "content-type": "application/json" },
    body:
      '{"kind": "promise.settle", "head": {"corrId": "1", "version": "2026-04-01"}, "data": ' +
      `{"id": "${id}", "state": "resolved", "value": {"data": {"n":\r\n 12345678901234567890\n}}}}`,
  });
}

describe("a worker", () => {
  test("is given a task as one event, with the server's address in it", async () => {
    const group = freshId("group");
    const worker = await Worker.at(`${group}/w1`);
    expect(worker.headers.get("content-type")).toBe("text/event-stream");
    expect(worker.headers.get("cache-control")).toBe("no-store");
    const id = await createTask(`poll://any@${group}`);
    expect(await worker.message(0)).toEqual({
      kind: "execute",
      head: { serverUrl: service.url },
      data: { task: { id, version: expect.any(Number) } },
    });
    worker.leave();
  });

  test("is given what was parked before it came", async () => {
    const group = freshId("group");
    const ids = [
      await createTask(`poll://any@${group}`),
      await createTask(`poll://uni@${group}/w`),
    ];
    const worker = await Worker.at(`${group}/w`);
    await worker.message(1);
    const given = worker.messages.map((text) => (JSON.parse(text) as Execute).data.task.id);
    expect(new Set(given)).toEqual(new Set(ids));
    worker.leave();
  });

  test("has a group and a pid of any Unicode, percent-encoded in its URL", async () => {
    const [group, pid] = [`día@ 🙂 ${freshId()}`, "host/1?#%"];
    const other = await Worker.at(`${encodeURIComponent(group)}/other`);
    const worker = await Worker.at(`${encodeURIComponent(group)}/${encodeURIComponent(pid)}`);
    const id = await createTask(`poll://uni@${group}/${pid}`);
    expect((await worker.message(0)).data.task.id).toBe(id);
    expect(other.messages).toEqual([]);
    for (const one of [worker, other]) one.leave();
  });

  test("leaves when it hangs up: the next task goes to who is there", async () => {
    const group = freshId("group");
    const [leaving, staying] = [await Worker.at(`${group}/a`), await Worker.at(`${group}/b`)];
    leaving.leave();
    await leaving.ended;
    // Until the inbox has noticed, a task may still be sent after it.
    const ids: string[] = [];
    await eventually(async () => {
      ids.push(await createTask(`poll://any@${group}/a`));
      const isThere = (): boolean => ids.some((id) => staying.messages.join().includes(id));
      await eventually(() => expect(isThere()).toBe(true), { forMs: 1_000 });
    });
    staying.leave();
  });

  test("takes the place of its older connection, which ends and does not come again", async () => {
    const group = freshId("group");
    const older = await Worker.at(`${group}/w`);
    const newer = await Worker.at(`${group}/w`);
    await inTime(older.ended, "the end of the older connection");
    const id = await createTask(`poll://uni@${group}/w`);
    expect((await newer.message(0)).data.task.id).toBe(id);
    newer.leave();
  });
});

describe("the end of a promise", () => {
  test("reaches who listens, there or not, as it was written", async () => {
    const group = freshId("group");
    const ids = [freshId("promise"), freshId("promise")];
    for (const id of ids) {
      await service.create(id);
      await call("promise.register_listener", { awaited: id, address: `poll://uni@${group}/w` });
    }
    // A line break in the data must not end the event.
    await settleBroken(ids[0]!);
    const worker = await Worker.at(`${group}/w`);
    await worker.message(0);
    await settleBroken(ids[1]!);
    await worker.message(1);
    for (const [n, id] of ids.entries()) {
      expect(worker.messages[n]).toContain('"data":{"n":\n 12345678901234567890\n}');
      const promise: unknown = expect.objectContaining({ id, state: "resolved" });
      expect(JSON.parse(worker.messages[n]!)).toEqual({
        kind: "unblock",
        head: {},
        data: { promise },
      });
    }
    worker.leave();
  });

  test("is not lost by a worker that does not read, nor is its backlog kept in memory", async () => {
    const group = freshId("group");
    const ids = Array.from({ length: 24 }, (_, n) => `${group}/${n}`);
    const stalled = await stalledWorker(`${group}/w`);
    const value = { data: "x".repeat(1_000_000) };
    for (const id of ids) {
      await service.create(id);
      await call("promise.register_listener", { awaited: id, address: `poll://uni@${group}/w` });
    }
    for (const id of ids) await service.settle(id, { state: "RESOLVED", value });
    const first = await inTime(stalled.readAll(), "the end of the stalled connection");
    expect(first.length).toBeLessThan(ids.length * value.data.length);
    const worker = await Worker.at(`${group}/w`);
    await eventually(async () => {
      const told = `${first}${worker.messages.join("")}`;
      expect(ids.filter((id) => !told.includes(`"id":"${id}"`))).toEqual([]);
    });
    expect(worker.messages.length).toBeGreaterThan(0);
    worker.leave();
  });
});

describe("the address", () => {
  const long = "x".repeat(LIMITS.groupBytesMax + 1);
  test.each([
    ["a group that is too long", `/poll/${long}/w`, "group"],
    ["a group with a slash", "/poll/a%2Fb/w", "group"],
    ["a group that is no UTF-8", "/poll/%ff/w", "group"],
    ["a pid that is too long", `/poll/g/${encodeURIComponent("ü".repeat(257))}`, "pid"],
    ["a pid that is no UTF-8", "/poll/g/%ff", "pid"],
    ["a parameter", "/poll/g/w?since=1", "since"],
  ])("with %s is refused by name", async (_, path, field) => {
    expectRefusal(await service.send("GET", path), "invalid_request", field);
  });

  test.each(["/poll", "/poll/g", "/poll/g/", "/poll//w", "/poll/g/a/b"])(
    "is not %s",
    async (path) => {
      expectRefusal(await service.send("GET", path), "no_route");
    },
  );

  test("takes GET only, and a HEAD does not make a worker of who asks", async () => {
    const answer = await service.send("POST", "/poll/g/w");
    expectRefusal(answer, "method_not_allowed");
    expect(answer.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
    const group = freshId("group");
    const worker = await Worker.at(`${group}/w`);
    const head = await service.send("HEAD", `/poll/${group}/w`);
    expect(head.headers.get("content-type")).toBe("text/event-stream");
    const id = await createTask(`poll://uni@${group}/w`);
    expect((await worker.message(0)).data.task.id).toBe(id);
    worker.leave();
  });
});

test("a worker needs a key where there are keys", async () => {
  const keyed = await startService({ env: { API_KEYS: "secret" } });
  try {
    expectRefusal(await keyed.send("GET", "/poll/g/w"), "unauthorized");
  } finally {
    await keyed.stop();
  }
});

test("a group is full at its limit, and says when to come again", async () => {
  const group = freshId("group");
  const workers: Worker[] = [];
  for (let first = 0; first < LIMITS.pollersMax; first += 50) {
    const slice = Array.from({ length: 50 }, (_, n) => Worker.at(`${group}/w${first + n}`));
    workers.push(...(await Promise.all(slice)));
  }
  const refused = await service.send("GET", `/poll/${group}/one-more`);
  expectRefusal(refused, "too_many_workers");
  expect(refused.headers.get("retry-after")).toBe("5");
  // One that comes again needs no room.
  workers.push(await Worker.at(`${group}/w7`));
  await inTime(workers[7]!.ended, "the end of the older connection");
  for (const worker of workers) worker.leave();
});
