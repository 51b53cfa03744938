/**
 * Webhooks through the client: an endpoint's whole life against a real server, with a receiver on
 * loopback that verifies what it is sent as a reader of the documentation would.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  DurablePromises,
  isApiError,
  isConnectionError,
  verifyWebhook,
  type Webhook,
  type WebhookEvent,
} from "../../client/src/index.ts";
import { newId, startWorld, type World } from "./world.ts";
import { eventually } from "../eventually.ts";

interface Received {
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

let world: World;
let receiver: Server;
let hook: string;
let received: Received[] = [];
let status = 200;

beforeAll(async () => {
  world = await startWorld();
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (bytes: Buffer) => (body += bytes.toString()));
    request.on("end", () => {
      received.push({ headers: request.headers, body });
      response.statusCode = status;
      response.end("heard");
    });
  });
  await once(receiver.listen(0, "127.0.0.1"), "listening");
  hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
});
beforeEach(() => {
  received = [];
  status = 200;
});
afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await world[Symbol.asyncDispose]();
});

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => (isApiError(error) ? error.code : error),
  );

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("an endpoint", () => {
  test("is made with its secret, shown without, changed, listed and removed", async () => {
    const { webhooks } = world.direct;
    const filter = { prefix: "orders/", tags: { team: "a" } };
    const made = await webhooks.create(hook, {
      events: ["promise.settled"],
      filter,
      retry: ["1s", 2000],
      description: "billing",
      disabled: true,
    });
    const { secret, ...shown } = made;
    expect(secret).toMatch(/^whsec_/);
    expect(shown).toMatchObject({
      url: hook,
      events: ["promise.settled"],
      filter,
      format: "json",
      retry: [1000, 2000],
      description: "billing",
      disabled: true,
      disabledReason: "asked",
      waiting: 0,
      deadLetters: 0,
    } satisfies Partial<Webhook>);
    const { id } = made;
    expect(await webhooks.get(id)).toEqual(shown);
    const changed = await webhooks.update(id, { disabled: false, retry: ["1m"] });
    expect(changed).toMatchObject({ disabled: false, retry: [60_000], description: "billing" });
    expect((await all(webhooks.list())).map((webhook) => webhook.id)).toContain(id);
    await webhooks.delete(id);
    const calls = [
      () => webhooks.get(id),
      () => webhooks.update(id, {}),
      () => webhooks.delete(id),
      () => webhooks.test(id),
      () => webhooks.rotate(id),
      () => webhooks.deliveries(id),
      () => webhooks.redeliver(id),
      () => all(webhooks.deadLetters(id)),
    ];
    for (const call of calls) {
      expect(await codeOf(call())).toBe("webhook_not_found");
    }
  });

  test("must be one that may be called", async () => {
    for (const url of ["http://10.0.0.1/", "ftp://example.com", "no url"]) {
      expect(await codeOf(world.direct.webhooks.create(url))).toBe("invalid_request");
    }
    await expect(world.direct.webhooks.create(hook, { retry: ["soon"] })).rejects.toThrow(
      'retry[0] is not a duration: "soon"',
    );
  });

  test("is not made twice when the line breaks", async () => {
    let sent = 0;
    const broken: typeof fetch = async (input, init) => {
      sent += 1;
      await fetch(input, init);
      throw new TypeError("fetch failed");
    };
    const client = new DurablePromises({ url: world.url, fetch: broken });
    await expect(client.webhooks.create(hook, { disabled: true })).rejects.toSatisfy(
      isConnectionError,
    );
    expect(sent).toBe(1);
  });
});

describe("what is sent", () => {
  test("is verified by the secret, through a rotation by both", async () => {
    const { webhooks } = world.direct;
    const { id, secret } = await webhooks.create(hook, { filter: { prefix: "no such/" } });
    expect(await webhooks.test(id)).toMatchObject({
      delivered: true,
      type: "webhook.test",
      status: 200,
      answer: "heard",
    });
    const event: WebhookEvent = await verifyWebhook(received[0]!, secret);
    expect(event).toMatchObject({ type: "webhook.test", data: { webhook: id } });

    const rotated = await webhooks.rotate(id, { overlap: "1h" });
    expect(rotated.secret).not.toBe(secret);
    expect(rotated.previousSecretUntil).toBeGreaterThan(Date.now() + 3_500_000);
    await webhooks.test(id);
    await verifyWebhook(received[1]!, secret);
    await verifyWebhook(received[1]!, rotated.secret);
    expect(await webhooks.deliveries(id)).toMatchObject([{ attempt: 1 }, { attempt: 1 }]);
    expect(await codeOf(webhooks.redeliver(id, { event: "evt_no" }))).toBe("event_not_found");
    await webhooks.delete(id);
  });

  test("and given up is found among the dead letters, and sent again", async () => {
    const { webhooks } = world.direct;
    const promise = newId();
    status = 500;
    const events = ["promise.settled" as const];
    const { id, secret } = await webhooks.create(hook, { events, filter: { promise }, retry: [] });
    // Who makes promises hears of a new endpoint within a moment.
    await eventually(
      async () => {
        await world.direct.create(promise);
        await world.direct.resolve(promise, 1).catch(() => {});
        const [letter] = await all(webhooks.deadLetters(id));
        if (!letter) await world.direct.delete(promise);
        expect(letter).toMatchObject({ promise, type: "promise.settled", attempts: 1 });
      },
      { everyMs: 500 },
    );
    status = 200;
    received = [];
    expect(await webhooks.redeliver(id)).toBeGreaterThanOrEqual(1);
    await eventually(() => expect(received.length).toBeGreaterThanOrEqual(1));
    expect(await verifyWebhook(received[0]!, secret)).toMatchObject({
      type: "promise.settled",
      data: { id: promise, state: "RESOLVED", value: { data: 1 } },
    });
    await webhooks.delete(id);
  });
});
