/**
 * The client in whatever runs this file: Node, Deno, Bun or a page. No test framework, no imports but
 * the client. The server's url is the first argument, or `?server=` of the page.
 *
 *     node suite.ts http://127.0.0.1:8787
 */
import {
  DurablePromises,
  durablePromise,
  type Frame,
  isAlreadySettledError,
  isNotFoundError,
  isRejectedError,
  isTimeoutError,
  isReceiptError,
  isValidationError,
  newSecret,
  signWebhook,
  type StandardSchema,
  verifyReceipt,
  verifyWebhook,
} from "../../../client/src/index.ts";

const runtime = globalThis as {
  process?: { argv: string[]; exitCode?: number };
  location?: { search: string };
  suiteResult?: string;
};
const url =
  runtime.process?.argv[2] ?? new URLSearchParams(runtime.location?.search).get("server") ?? "";

const promises = new DurablePromises({ url });
const polling = new DurablePromises({ url, WebSocket: false });
const newId = () => `suite/${Array.from(crypto.getRandomValues(new Uint8Array(12))).join(".")}`;

function same(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`expected ${b}, got ${a}`);
}

function holds(condition: boolean, sentence: string): void {
  if (!condition) throw new Error(`not so: ${sentence}`);
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol();
  const error = await work.then(
    () => nothing,
    (caught: unknown) => caught,
  );
  holds(error !== nothing, "an error is thrown");
  return error;
}

/** A promise, an await of it that has begun, and how to read on. */
async function awaited(client: DurablePromises, id: string) {
  const watch = client.watch<string>(id);
  const frames = watch[Symbol.asyncIterator]();
  const next = async (): Promise<Frame<string> | undefined> =>
    (await frames.next()).value ?? undefined;
  return { watch, first: await next(), next };
}

const checks: Record<string, () => Promise<void>> = {
  async "creates, repeats and reads"() {
    const id = newId();
    const record = await promises.create(id, { deadline: "1h", tags: { a: "ü" } });
    same(record.state, "PENDING");
    same(await promises.create(id), record);
    same(await promises.get(id), record);
  },
  async "awaits on its best transport"() {
    const id = newId();
    const { first, next } = await awaited(promises, id);
    same(first, { type: "absent", id });
    await promises.create(id);
    await promises.resolve(id, "ü 日本");
    let frame = await next();
    if (frame?.type === "pending") frame = await next();
    holds(
      frame?.type === "settled" && frame.promise.value.data === "ü 日本",
      "it is told the value",
    );
    same(await next(), undefined);
  },
  async "awaits by long poll"() {
    const id = newId();
    await promises.create(id);
    const { first, next } = await awaited(polling, id);
    same(first?.type, "pending");
    const settled = next();
    await promises.resolve(id, 1);
    same((await settled)?.type, "settled");
    same(await polling.wait(id), 1);
  },
  async "throws rejections with their message"() {
    const id = newId();
    await promises.create(id);
    await promises.reject(id, new Error("help!"));
    const error = await errorOf(promises.wait(id));
    holds(isRejectedError(error) && error.message === "help!", "it says help!");
  },
  async "tells who lost, and to whom"() {
    const id = newId();
    await promises.create(id);
    const settlers = [1, 2, 3, 4, 5].map((value) => promises.resolve(id, value));
    const results = await Promise.allSettled(settlers);
    same(results.filter(({ status }) => status === "fulfilled").length, 1);
    const winner = await promises.wait(id);
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      const { reason } = result as { reason: unknown };
      holds(
        isAlreadySettledError(reason) && reason.record.value.data === winner,
        "it has the winner",
      );
    }
  },
  async "tells that the deadline won, even where it resolved"() {
    const id = newId();
    const onTimeout = { state: "RESOLVED", value: { data: 0 } } as const;
    await promises.create(id, { deadline: new Date(Date.now() - 1), onTimeout });
    holds(isAlreadySettledError(await errorOf(promises.resolve(id, 1))), "the deadline won");
  },
  async "ends a wait at a deadline"() {
    const id = newId();
    await promises.create(id, { deadline: "200ms" });
    const error = await errorOf(promises.wait(id));
    holds(isRejectedError(error) && error.state === "REJECTED_TIMEDOUT", "it timed out");
  },
  async "ends a wait at its time limit"() {
    for (const client of [promises, polling]) {
      // First a line that is known to work: a time that is over says nothing of the server.
      const { watch } = await awaited(client, newId());
      holds(isTimeoutError(await errorOf(client.wait(watch.id, { timeout: 100 }))), "no answer");
      await watch.close();
    }
  },
  async "ends a wait at its signal"() {
    for (const client of [promises, polling]) {
      const controller = new AbortController();
      const { watch } = await awaited(client, newId());
      const error = errorOf(client.wait(watch.id, { signal: controller.signal }));
      const reason = new Error("enough");
      controller.abort(reason);
      holds((await error) === reason, "the reason is thrown");
      await watch.close();
    }
  },
  async "knows what is not there"() {
    const id = newId();
    for (const call of ["get", "resolve", "delete"] as const) {
      holds(isNotFoundError(await errorOf(promises[call](id))), "it is not found");
    }
  },
  async deletes() {
    const id = newId();
    await promises.create(id);
    await promises.cancel(id, "why");
    holds(isRejectedError(await errorOf(promises.wait(id))), "it was cancelled");
    await promises.delete(id);
    holds(isNotFoundError(await errorOf(promises.get(id))), "it is gone");
  },
  async "closes a watch while it is being read"() {
    for (const client of [promises, polling]) {
      const { watch, next } = await awaited(client, newId());
      const pending = next();
      await watch.close();
      same(await pending, undefined);
    }
  },
  async "checks values with a schema"() {
    const schema: StandardSchema<string> = {
      "~standard": {
        version: 1,
        vendor: "suite",
        validate: (value) =>
          typeof value === "string"
            ? { value: `${value}!` }
            : { issues: [{ message: "no string" }] },
      },
    };
    const [good, bad] = [newId(), newId()];
    await Promise.all([promises.create(good), promises.create(bad)]);
    await Promise.all([promises.resolve(good, "yes"), promises.resolve(bad, 1)]);
    same(await promises.wait(good, { schema }), "yes!");
    holds(isValidationError(await errorOf(promises.wait(bad, { schema }))), "1 is no string");
  },
  async "makes links, and verifies receipts and webhooks with the runtime's own keys"() {
    const id = newId();
    await promises.create(id);
    const link = await promises.links.create(id, { audience: "ada", allow: "await" });
    same(
      (await promises.links.list(id)).map(({ audience }) => audience),
      ["ada"],
    );
    await promises.links.revoke(link.id);
    await promises.resolve(id, "ü");
    const { jws } = await promises.receipts.get(id);
    const { promise } = await verifyReceipt(jws, { url });
    same([promise.id, promise.state], [id, "RESOLVED"]);
    const forged = jws.replace(/[^.]*$/, "A".repeat(86));
    const error = await errorOf(verifyReceipt(forged, { url }));
    holds(isReceiptError(error) && error.code === "receipt_forged", "it is forged");

    const secret = newSecret();
    const body = '{"type": "ü"}';
    const message = { id: "evt_1", timestamp: Date.now(), body, secrets: [secret] };
    const headers = { ...(await signWebhook(message)) };
    const request = new Request(url, { method: "POST", headers, body });
    same(await verifyWebhook(request, secret), { type: "ü" });
  },
  async "follows what is searched for, on its best transport and on a stream"() {
    for (const client of [promises, polling]) {
      const id = `${newId()}/ü`;
      const inbox = client.inbox({ id, state: "pending" });
      const seen: string[] = [];
      for await (const event of inbox) {
        if (event.type === "page") {
          same(event.promises, []);
          await promises.create(id, { tags: { a: "b" } });
        }
        if (event.type === "added" && !seen.includes("added")) await promises.resolve(id);
        seen.push(event.type);
        if (event.type === "removed") break;
      }
      same([seen[0], seen[1], seen.at(-1)], ["page", "added", "removed"]);
      const found: string[] = [];
      for await (const promise of promises.search({ tags: { a: "b" }, id, limit: 1 })) {
        found.push(`${promise.id} ${promise.state}`);
      }
      same(found, [`${id} RESOLVED`]);
    }
  },
  async "behaves as the example's client"() {
    const promise = durablePromise<string>(url, `${newId()}/sp ace/ü?`);
    same(await promise.peek(), null);
    const value = promise.get();
    same(await promise.resolve("first"), "first");
    same(await promise.reject("late"), "first");
    same(await value, "first");
    const rejected = durablePromise<string>(url, newId());
    const error = await errorOf(rejected.reject("no"));
    holds(error instanceof Error && error.message === "no", "the message is that of the rejection");
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
  } catch (error) {
    failed += 1;
    console.log(
      `FAILED ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
}
const socket = typeof (globalThis as { WebSocket?: unknown }).WebSocket === "function";
console.log(`on ${socket ? "sockets" : "long polls, for want of a WebSocket"}`);
runtime.suiteResult = `${Object.keys(checks).length - failed} passed, ${failed} failed`;
console.log(runtime.suiteResult);
if (failed > 0 && runtime.process) runtime.process.exitCode = 1;
