/** Waiting, on lines that break: each case on sockets and on long polls. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { AlreadySettledError, DurablePromises, type Frame } from "../../client/src/index.ts";
import { clientOn, LINE, newId, startWorld, TRANSPORTS, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterEach(async () => {
  // Each test begins with no line open, not even one kept alive.
  world.proxy.cut();
  await world.proxy.until(({ open }) => open === 0);
  world.proxy.mend();
});
afterAll(() => world[Symbol.asyncDispose]());

/** A client that reports each standing as soon as it is told, so that tests need not guess. */
async function waiting(transport: (typeof TRANSPORTS)[number], id: string, url = world.proxy.url) {
  const watch = clientOn(transport, url).watch(id);
  const frames = watch[Symbol.asyncIterator]();
  const next = async (): Promise<Frame | undefined> => {
    const { value, done } = await frames.next();
    return done ? undefined : value;
  };
  return { watch, next, first: await next() };
}

describe.each(TRANSPORTS)("on a %s", (transport) => {
  test("an await that begins before the promise exists gets its value", async () => {
    const id = newId();
    const { first, next } = await waiting(transport, id);
    expect(first).toEqual({ type: "absent", id });
    await world.direct.create(id);
    await world.direct.resolve(id, "v");
    let frame = await next();
    if (frame?.type === "pending") frame = await next();
    expect(frame).toMatchObject({ type: "settled", promise: { value: { data: "v" } } });
    expect(await next()).toBeUndefined();
  });

  test("an await that begins after the settlement gets its value at once", async () => {
    const id = newId();
    await world.direct.create(id);
    await world.direct.resolve(id, 1);
    expect(await clientOn(transport, world.proxy.url).wait(id, { timeout: "20s" })).toBe(1);
  });

  test("a rejection in the middle of an await is thrown", async () => {
    const id = newId();
    await world.direct.create(id);
    const outcome = clientOn(transport, world.proxy.url).wait(id);
    await world.direct.reject(id, "no");
    await expect(outcome).rejects.toMatchObject({ name: "RejectedError", message: "no" });
  });

  test("a deadline ends an await", async () => {
    const id = newId();
    await world.direct.create(id, { deadline: "300ms" });
    const outcome = clientOn(transport, world.proxy.url).wait(id);
    await expect(outcome).rejects.toMatchObject({ state: "REJECTED_TIMEDOUT" });
  });

  test("a promise that is disposed of ends an await", async () => {
    const id = newId();
    await world.direct.create(id);
    const { first, next } = await waiting(transport, id);
    expect(first).toMatchObject({ type: "pending" });
    await dispose(id);
    expect(await next()).toEqual({ type: "disposed", id });
    expect(await next()).toBeUndefined();
  });

  test("a promise disposed of while the line was down ends an await, even if reborn", async () => {
    const id = newId();
    await world.direct.create(id);
    const { next } = await waiting(transport, id);
    world.proxy.cut();
    await dispose(id);
    await world.direct.create(id);
    world.proxy.mend();
    expect(await next()).toEqual({ type: "disposed", id });
  });

  test("an outcome that falls into a cut of the line is not missed", async () => {
    const id = newId();
    await world.direct.create(id);
    const { next } = await waiting(transport, id);
    world.proxy.cut();
    await world.direct.resolve(id, "while away");
    world.proxy.mend();
    expect(await next()).toMatchObject({
      type: "settled",
      promise: { value: { data: "while away" } },
    });
  });

  test("a server that was refused for a while is found again", async () => {
    const id = newId();
    await world.direct.create(id);
    const { next } = await waiting(transport, id);
    const attempts = world.proxy.total;
    world.proxy.cut();
    await world.proxy.until(({ total }) => total > attempts + 6);
    world.proxy.mend();
    const settled = next();
    await world.direct.resolve(id, "v");
    expect(await settled).toMatchObject({ type: "settled" });
  });

  test("a line that goes silent without a word is noticed and replaced", async () => {
    const id = newId();
    await world.direct.create(id);
    const { next } = await waiting(transport, id);
    const before = world.proxy.total;
    world.proxy.stall();
    await world.direct.resolve(id, "v");
    // Only the silence itself can have told the client to try anew.
    await world.proxy.until(({ total }) => total > before);
    world.proxy.mend();
    expect(await next()).toMatchObject({ type: "settled" });
  });

  test("kill -9 and a restart of the server are survived", async () => {
    const id = newId();
    await world.direct.create(id);
    const { next } = await waiting(transport, id);
    await world.kill();
    await world.restart();
    const settled = next();
    await world.direct.resolve(id, "v");
    expect(await settled).toMatchObject({ type: "settled", promise: { value: { data: "v" } } });
  });

  test("an abort ends the wait with its reason and closes the line", async () => {
    const id = newId();
    await world.direct.create(id);
    const controller = new AbortController();
    const outcome = clientOn(transport, world.proxy.url).wait(id, { signal: controller.signal });
    outcome.catch(() => {});
    await world.proxy.until(({ open }) => open > 0);
    const reason = new Error("no longer needed");
    controller.abort(reason);
    await expect(outcome).rejects.toBe(reason);
    await world.proxy.until(({ open }) => open === 0);
  });

  test("a signal that has aborted before lets nothing out", async () => {
    const before = world.proxy.total;
    const outcome = clientOn(transport, world.proxy.url).wait(newId(), {
      signal: AbortSignal.abort("why"),
    });
    await expect(outcome).rejects.toBe("why");
    expect(world.proxy.total).toBe(before);
  });

  test("a time limit ends the wait, not the promise, and closes the line", async () => {
    const id = newId();
    await world.direct.create(id);
    const outcome = clientOn(transport, world.proxy.url).wait(id, { timeout: "150ms" });
    await expect(outcome).rejects.toMatchObject({ name: "TimeoutError", timeoutMs: 150 });
    await world.proxy.until(({ open }) => open === 0);
    expect((await world.direct.get(id)).state).toBe("PENDING");
  });

  test("one hundred awaiters and ten settlers agree on one outcome", async () => {
    const id = newId();
    await world.direct.create(id);
    const client = clientOn(transport, world.proxy.url);
    const values = Array.from({ length: 100 }, () => client.wait<string>(id));
    const settlers = Array.from({ length: 10 }, (_, index) =>
      world.direct.resolve(id, `by ${index}`),
    );
    const results = await Promise.allSettled(settlers);
    const winners = results.filter(({ status }) => status === "fulfilled");
    const losers = results.filter((result) => result.status === "rejected");
    expect(winners).toHaveLength(1);
    const seen = new Set(await Promise.all(values));
    expect(seen.size).toBe(1);
    for (const { reason } of losers) {
      expect(reason).toBeInstanceOf(AlreadySettledError);
      expect(seen).toContain((reason as AlreadySettledError).record.value.data);
    }
  });

  test("a stranger at the address is an error at once, not a wait for ever", async () => {
    const stranger = createServer((_, response) => response.writeHead(404).end("<h1>hello</h1>"));
    await once(stranger.listen(0, "127.0.0.1"), "listening");
    const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    const outcome = clientOn(transport, url).wait("a", { timeout: "20s" });
    await expect(outcome).rejects.toMatchObject({ code: "unexpected_answer", status: 404 });
    stranger.closeAllConnections();
    stranger.close();
  });

  test("leaving the loop of a watch closes its line", async () => {
    const id = newId();
    for await (const frame of clientOn(transport, world.proxy.url).watch(id)) {
      expect(frame).toEqual({ type: "absent", id });
      break;
    }
    // What is left after a long poll is the pool's: one idle line, which keeps nobody alive.
    if (transport === "socket") await world.proxy.until(({ open }) => open === 0);
  });

  test("closing a watch ends a read that is under way", async () => {
    const { watch, next } = await waiting(transport, newId());
    const pending = next();
    await watch.close();
    expect(await pending).toBeUndefined();
    expect(await next()).toBeUndefined();
    await watch.close();
    if (transport === "socket") await world.proxy.until(({ open }) => open === 0);
  });

  test.each(["", "after its line went dead"])(
    "a process exits by itself after get() %s",
    async (how) => {
      const id = newId();
      const child = spawn(process.execPath, ["--input-type=module", "--eval", CHILD], {
        env: { ...process.env, PROMISE_ID: id, PROMISE_URL: world.proxy.url, TRANSPORT: transport },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(child, "exit");
      const closed = once(child.stdout, "close");
      let printed = "";
      let toldAt = Number.NaN;
      await new Promise<void>((resolve) => {
        child.stdout.on("data", (bytes: Buffer) => {
          printed += bytes.toString();
          if (printed.includes("waiting")) resolve();
          if (printed.includes('"v"')) toldAt = performance.now();
        });
      });
      if (how) {
        const before = world.proxy.total;
        world.proxy.stall();
        await world.proxy.until(({ total }) => total > before);
        world.proxy.mend();
      }
      await world.direct.create(id);
      await world.direct.resolve(id, "v");
      expect(await exited).toEqual([0, null]);
      await closed;
      expect(printed).toBe('waiting\n"v"\n');
      // Left to TCP, a dead line would keep it for a quarter of an hour; a keep-alive, for seconds.
      expect(performance.now() - toldAt).toBeLessThan(8000);
    },
  );
});

const CHILD = `
  const { durablePromise } = await import(${JSON.stringify(new URL("../../client/src/index.ts", import.meta.url).href)});
  const { PROMISE_ID, PROMISE_URL, TRANSPORT } = process.env;
  const options = { line: ${JSON.stringify(LINE)}, attemptTimeout: 1000 };
  if (TRANSPORT === "poll") options.WebSocket = false;
  const promise = durablePromise(PROMISE_URL, PROMISE_ID, options);
  if (await promise.peek() !== null) throw new Error("not pending");
  const value = promise.get();
  console.log("waiting");
  console.log(JSON.stringify(await value));
`;

describe("where no socket gets through", () => {
  test("waiting goes on by long poll, after three tries", async () => {
    let opened = 0;
    // The platform's own, led to a port where nobody listens: what a blocking proxy amounts to.
    class Blocked extends WebSocket {
      constructor() {
        super("ws://127.0.0.1:1/");
        opened += 1;
      }
    }
    let onLongPoll: (() => void) | undefined;
    const longPoll = new Promise<void>((resolve) => (onLongPoll = resolve));
    const watching: typeof fetch = (input, init) => {
      if (new Headers(init?.headers).has("prefer")) onLongPoll?.();
      return fetch(input, init);
    };
    const id = newId();
    // An answer that comes late would be one more try.
    const options = { WebSocket: Blocked, fetch: watching, attemptTimeout: "20s" };
    const watch = clientOn("socket", world.proxy.url, options).watch(id);
    const seen: string[] = [];
    for await (const frame of watch) {
      seen.push(frame.type);
      if (frame.type === "absent") await world.direct.create(id);
      if (frame.type === "pending") {
        void longPoll.then(() => world.direct.resolve(id, "v"));
      }
    }
    expect(seen).toEqual(["absent", "pending", "settled"]);
    expect(opened).toBe(3);
  });
});

describe("a request on a bad line", () => {
  test("a settle whose answer was cut off is repeated and does not lose to itself", async () => {
    const id = newId();
    await world.direct.create(id);
    const cut = world.proxy.cutNextAnswer();
    const record = await new DurablePromises({ url: world.proxy.url }).resolve(id, "mine");
    await cut;
    expect(record).toMatchObject({ state: "RESOLVED", value: { data: "mine" } });
  });

  test("a create whose answer was cut off is repeated and made once", async () => {
    const id = newId();
    const cut = world.proxy.cutNextAnswer();
    const record = await new DurablePromises({ url: world.proxy.url }).create(id);
    await cut;
    expect(await world.direct.get(id)).toEqual({ ...record, url: expect.stringContaining(id) });
  });

  test("a delete whose answer was cut off has deleted", async () => {
    const id = newId();
    await world.direct.create(id);
    await world.direct.resolve(id);
    const cut = world.proxy.cutNextAnswer();
    await new DurablePromises({ url: world.proxy.url }).delete(id);
    await cut;
    await expect(world.direct.get(id)).rejects.toMatchObject({ name: "NotFoundError" });
  });

  test("with retry: false is tried once and says what broke", async () => {
    world.proxy.cut();
    let sent = 0;
    const counting: typeof fetch = (input, init) => {
      sent += 1;
      return fetch(input, init);
    };
    const client = new DurablePromises({ url: world.proxy.url, retry: false, fetch: counting });
    await expect(client.get("a")).rejects.toMatchObject({
      name: "ConnectionError",
      retryable: true,
    });
    expect(sent).toBe(1);
  });

  test("ends with its total time, and names the last thing that went wrong", async () => {
    world.proxy.cut();
    const retry = { firstDelay: "1h", longestDelay: "1h" };
    const client = new DurablePromises({ url: world.proxy.url, retry });
    const call = client.get("a", { timeout: 2000 });
    await expect(call).rejects.toMatchObject({
      name: "TimeoutError",
      cause: { name: "ConnectionError" },
    });
  });

  test("that nobody answers is given up after the time of an attempt, and tried again", async () => {
    const id = newId();
    const record = await world.direct.create(id);
    world.proxy.stall();
    const before = world.proxy.total;
    const client = new DurablePromises({ url: world.proxy.url, attemptTimeout: 200 });
    const call = client.get(id);
    await world.proxy.until(({ total }) => total > before + 1);
    world.proxy.mend();
    expect((await call).createdOn).toBe(record.createdOn);
  });

  test("survives kill -9 and a restart of the server", async () => {
    const id = newId();
    await world.direct.create(id);
    await world.kill();
    const before = world.proxy.total;
    const settling = new DurablePromises({
      url: world.proxy.url,
      retry: { retries: Number.POSITIVE_INFINITY, longestDelay: 200 },
      timeout: Number.POSITIVE_INFINITY,
    });
    const call = settling.resolve(id, "v");
    await world.proxy.until(({ total }) => total > before + 1);
    await world.restart();
    expect(await call).toMatchObject({ state: "RESOLVED" });
  });

  test("ends when its signal aborts", async () => {
    world.proxy.stall();
    const before = world.proxy.total;
    const controller = new AbortController();
    const call = new DurablePromises({ url: world.proxy.url }).create(newId(), {
      signal: controller.signal,
    });
    call.catch(() => {});
    await world.proxy.until(({ total }) => total > before);
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
    await world.proxy.until(({ open }) => open === 0);
  });
});

async function dispose(id: string): Promise<void> {
  const response = await fetch(`${world.url}/promise/dispose`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ promiseId: id }),
  });
  expect(response.status).toBe(200);
}
