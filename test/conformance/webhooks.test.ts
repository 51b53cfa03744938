/**
 * Webhooks over HTTP, with a real receiver on loopback that is as bad as receivers are: every event
 * delivered or in the dead-letter list, and signatures that others verify (issue 3, section 5). Through
 * `kill -9`: test/durability/webhooks.test.ts.
 */
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { verifyWebhook } from "../../client/src/webhook.ts";
import { answer, startReceiver, type Behaviour, type Receiver } from "./receiver.ts";
import { eventId, startWebhookServer, type Body, type WebhookServer } from "./webhook-server.ts";
import { MEMORY } from "../memory.ts";

const data = mkdtempSync(join(MEMORY, "durable-promises-webhooks-"));
let server: WebhookServer;
let receiver: Receiver;

beforeAll(async () => {
  [server, receiver] = await Promise.all([startWebhookServer(data), startReceiver()]);
});
beforeEach(() => {
  receiver.all.length = 0;
  receiver.behave(answer(200));
});
afterAll(async () => {
  await server.kill();
  await receiver.stop();
  rmSync(data, { recursive: true, force: true });
});

async function make(body: Body = {}): Promise<{ id: string; path: string; secret: string }> {
  const url = `${receiver.url}/hook`;
  const { status, json } = await server.send("POST", "/webhooks", { url, ...body });
  expect([status, json]).toMatchObject([201, { secret: expect.stringMatching(/^whsec_/) }]);
  return {
    id: String(json["id"]),
    path: `/webhooks/${String(json["id"])}`,
    secret: String(json["secret"]),
  };
}

/** When nothing waits at the endpoint any more. */
async function drained(path: string, timeout = 40_000): Promise<Body> {
  return vi.waitFor(
    async () => {
      const { json } = await server.send("GET", path);
      expect(json).toMatchObject({ waiting: 0 });
      return json;
    },
    { timeout, interval: 50 },
  );
}

async function deadIn(path: string): Promise<string[]> {
  const { json } = await server.send("GET", `${path}/dead-letters?limit=1000`);
  return (json["deadLetters"] as { event: string }[]).map(({ event }) => event);
}

interface Attempt {
  event: string;
  attempt: number;
  status: number | null;
  failure: string | null;
  answer: string;
  ms: number;
}

async function logOf(path: string): Promise<Attempt[]> {
  const { json } = await server.send("GET", `${path}/deliveries`);
  return json["deliveries"] as Attempt[];
}

describe("an endpoint", () => {
  test("is made, shown without its secret, changed, and removed", async () => {
    const filter = { prefix: "orders/", tags: { team: "a" } };
    const { id, path } = await make({ filter, retry: ["1s", 2000], description: "billing" });
    const { status, json } = await server.send("GET", path);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      id,
      url: `${receiver.url}/hook`,
      events: ["promise.created", "promise.settled"],
      filter,
      format: "json",
      retry: [1000, 2000],
      description: "billing",
      disabled: false,
      waiting: 0,
      deadLetters: 0,
    });
    expect(JSON.stringify(json)).not.toContain("whsec_");
    const change = { events: ["promise.settled"], filter: { promise: "orders/42" } };
    expect(await server.send("PATCH", path, change)).toMatchObject({ status: 200, json: change });
    const listed = await server.send("GET", "/webhooks");
    expect(listed.json["webhooks"]).toContainEqual(
      expect.objectContaining({ id, ...change, description: "billing" }),
    );
    expect(JSON.stringify(listed.json)).not.toContain("whsec_");
    expect((await server.send("DELETE", path)).status).toBe(204);
    for (const [method, rest, body] of [
      ["GET", ""],
      ["PATCH", "", {}],
      ["DELETE", ""],
      ["POST", "/test"],
      ["POST", "/rotate"],
      ["GET", "/deliveries"],
      ["GET", "/dead-letters"],
      ["POST", "/redeliver", { all: true }],
    ] as const) {
      expect(await server.send(method, path + rest, body)).toMatchObject({
        status: 404,
        json: { code: "webhook_not_found", field: "id" },
      });
    }
  });

  test("is listed in pages", async () => {
    const made = await Promise.all([make(), make(), make()]);
    const seen: string[] = [];
    let query = "?limit=2";
    for (;;) {
      const { json } = await server.send("GET", `/webhooks${query}`);
      const { webhooks: page, cursor } = json as { webhooks: { id: string }[]; cursor?: string };
      expect(page.length).toBeLessThanOrEqual(2);
      seen.push(...page.map(({ id }) => id));
      if (cursor === undefined) break;
      query = `?limit=2&cursor=${cursor}`;
    }
    expect(seen).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
    expect(new Set(seen).size).toBe(seen.length);
  });

  const good = { url: "https://example.com/hook" };
  test.each<[string, unknown]>([
    ["url", {}],
    ["url", { url: 1 }],
    ["url", { url: "example.com" }],
    ["url", { url: "http://example.com" }],
    ["url", { url: "https://10.0.0.1" }],
    ["url", { url: "https://169.254.169.254/latest" }],
    ["url", { url: "https://[::ffff:10.0.0.1]" }],
    ["url", { url: "https://user:secret@example.com" }],
    ["url", { url: `https://example.com/${"x".repeat(2048)}` }],
    ["events", { ...good, events: [] }],
    ["events.0", { ...good, events: ["promise.deleted"] }],
    ["filter.promise", { ...good, filter: { promise: "" } }],
    ["filter", { ...good, filter: { promise: "a", prefix: "b" } }],
    ["filter", { ...good, filter: { promise: "a", tags: {} } }],
    ["filter.prefix", { ...good, filter: { prefix: "x".repeat(1025) } }],
    ["filter.tags", { ...good, filter: { tags: { a: 1 } } }],
    ["filter.tags", { ...good, filter: { tags: { a: "x".repeat(600) } } }],
    ["filter.ids", { ...good, filter: { ids: [] } }],
    ["format", { ...good, format: "xml" }],
    ["retry.0", { ...good, retry: ["soon"] }],
    ["retry.1", { ...good, retry: [1, "30d"] }],
    ["retry", { ...good, retry: Array(31).fill(1) }],
    ["disabled", { ...good, disabled: "yes" }],
    ["secret", { ...good, secret: "mine" }],
  ])("is refused for its %s: %j", async (field, body) => {
    expect(await server.send("POST", "/webhooks", body)).toMatchObject({
      status: 400,
      json: { code: "invalid_request", field, detail: expect.stringContaining("") },
    });
    if (!("url" in (body as object))) return;
    const { path } = await make();
    const before = await server.send("GET", path);
    expect(await server.send("PATCH", path, body)).toMatchObject({ status: 400, json: { field } });
    expect((await server.send("GET", path)).json).toEqual(before.json);
  });

  test("of an id that is none is not found, and a wrong body is refused by name", async () => {
    expect((await server.send("GET", "/webhooks/nope")).status).toBe(404);
    const { path } = await make();
    for (const [rest, field, body] of [
      ["/redeliver", "body", {}],
      ["/redeliver", "body", { event: "a", all: true }],
      ["/rotate", "overlap", { overlap: "8d" }],
      ["/rotate", "overlap", { overlap: "x" }],
    ] as const) {
      expect(await server.send("POST", path + rest, body)).toMatchObject({
        status: 400,
        json: { field },
      });
    }
    expect(await server.send("POST", `${path}/redeliver`, { event: "evt_none" })).toMatchObject({
      status: 404,
      json: { code: "event_not_found", field: "event" },
    });
    expect((await server.send("PUT", path)).status).toBe(405);
  });
});

/** As anybody's library would: by the specification alone. */
function signatureOf(secret: string, id: string, timestamp: string, body: string): string {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

describe("a test", () => {
  test("arrives, signed, and its answer is told", async () => {
    const { id, path, secret } = await make();
    const told = await server.send("POST", `${path}/test`);
    expect(told).toMatchObject({
      status: 200,
      json: { delivered: true, status: 200, failure: null, answer: "thanks", type: "webhook.test" },
    });
    const [received] = receiver.all;
    const { headers, body } = received!;
    expect(received).toMatchObject({ method: "POST", path: "/hook", id: told.json["event"] });
    expect(headers["content-type"]).toBe("application/json");
    expect(headers["webhook-signature"]).toBe(
      signatureOf(secret, received!.id, String(headers["webhook-timestamp"]), body),
    );
    expect(await verifyWebhook({ headers, body }, secret)).toMatchObject({
      type: "webhook.test",
      data: { webhook: id },
    });
    receiver.behave(answer(503));
    expect(await server.send("POST", `${path}/test`)).toMatchObject({
      status: 200,
      json: { delivered: false, status: 503 },
    });
    expect(await logOf(path)).toMatchObject([{ status: 503 }, { status: 200 }]);
  });

  test("is signed with both secrets while they are exchanged", async () => {
    const { path, secret } = await make();
    const rotated = await server.send("POST", `${path}/rotate`);
    const next = String(rotated.json["secret"]);
    expect(next).not.toBe(secret);
    const day = Number(rotated.json["previousSecretUntil"]) - Date.now();
    expect(day / 3_600_000).toBeCloseTo(24, 1);
    await server.send("POST", `${path}/test`);
    await verifyWebhook(receiver.all[0]!, secret);
    await verifyWebhook(receiver.all[0]!, next);
    const last = await server.send("POST", `${path}/rotate`, { overlap: 0 });
    await server.send("POST", `${path}/test`);
    await verifyWebhook(receiver.all[1]!, String(last.json["secret"]));
    for (const old of [secret, next]) {
      await expect(verifyWebhook(receiver.all[1]!, old)).rejects.toMatchObject({
        code: "webhook_forged",
      });
    }
  });

  test("takes the form of a CloudEvent where that is asked for", async () => {
    const { id, path } = await make({ format: "cloudevents" });
    await server.send("POST", `${path}/test`);
    const { headers, body } = receiver.all[0]!;
    expect(headers["content-type"]).toBe("application/cloudevents+json");
    expect(JSON.parse(body)).toMatchObject({
      specversion: "1.0",
      id: headers["webhook-id"],
      source: server.url,
      subject: id,
      data: { webhook: id },
    });
  });
});

/** Sends for ever, or until it is cut off; counts what went out. */
function flood(bytesMax: number, count: (bytes: number) => void): Behaviour {
  return (response) => {
    const chunk = Buffer.alloc(64 * 1024, "x");
    let sent = 0;
    response.writeHead(200, { "content-type": "text/plain" });
    const more = (): void => {
      while (sent < bytesMax && !response.destroyed) {
        sent += chunk.length;
        count(chunk.length);
        if (!response.write(chunk)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  };
}

const RETRY = ["50ms", "100ms", "200ms"];

/** What a receiver does, what has become of its events, and what the log must show. */
interface Trouble {
  behave: Behaviour;
  fate: "delivered" | "dead";
  retry?: string[];
  log?: Partial<Attempt>;
}

let flooded = 0;
const TROUBLES: Record<string, Trouble> = {
  "fails twice": {
    behave: (response, received, nth) => answer(nth < 3 ? 500 : 200)(response, received, nth),
    fate: "delivered",
    log: { status: 500 },
  },
  "always fails": { behave: answer(500), fate: "dead", log: { status: 500, attempt: 4 } },
  redirects: {
    behave: answer(307, { location: "/redirected" }),
    fate: "dead",
    log: { status: 307, attempt: 4 },
  },
  "answers late": {
    behave: (response) => void setTimeout(() => response.end("at last"), 700),
    fate: "delivered",
    log: { answer: "at last" },
  },
  "answers slowly, for ever": {
    behave: (response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write("."), 50);
      response.on("close", () => clearInterval(drip));
    },
    fate: "delivered",
    log: { status: 200, answer: expect.stringMatching(/^\.{50,}$/) as string },
  },
  "hangs the first time": {
    behave: (response, _, nth) => void (nth > 1 && response.end("sorry")),
    fate: "delivered",
    log: { status: null, failure: "timeout" },
  },
  "sends 64 MB": {
    behave: flood(64 * 1024 * 1024, (bytes) => {
      flooded += bytes;
    }),
    fate: "delivered",
    log: { status: 200, answer: "x".repeat(1024) },
  },
  "closes in the middle of its answer": {
    behave: (response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("half", () => response.destroy());
    },
    fate: "delivered",
    log: { status: 200 },
  },
  "closes before its answer": {
    behave: (response, _, nth) => (nth < 3 ? response.destroy() : response.end()),
    fate: "delivered",
    log: { status: null, failure: "network" },
  },
  "is gone": { behave: answer(410), fate: "dead", log: { status: 410, attempt: 1 } },
  "asks to wait": {
    behave: (response, received, nth) =>
      answer(nth === 1 ? 429 : 200, { "retry-after": "1" })(response, received, nth),
    fate: "delivered",
    log: { status: 429 },
  },
  "is not there": { behave: answer(200), fate: "dead", log: { status: null, failure: "network" } },
};

const EVENTS = 6;
const slug = (name: string) => `/${name.replaceAll(/\W+/g, "-")}`;

describe("a receiver", () => {
  interface Case extends Trouble {
    path: string;
    secret: string;
    ids: string[];
    shown: Body;
  }
  const cases = new Map<string, Case>();

  beforeAll(async () => {
    receiver.all.length = 0;
    const nobody = await startReceiver();
    await nobody.stop();
    const behaviours = new Map(
      Object.entries(TROUBLES).map(([name, { behave }]) => [slug(name), behave]),
    );
    receiver.behave((response, received, nth) =>
      (behaviours.get(received.path) ?? answer(200))(response, received, nth),
    );
    await Promise.all(
      Object.entries(TROUBLES).map(async ([name, trouble]) => {
        const origin = name === "is not there" ? nobody.url : receiver.url;
        const { id, path, secret } = await make({ url: origin + slug(name), retry: RETRY });
        const promises = Array.from({ length: EVENTS }, (_, n) => `${slug(name).slice(1)}-${n}`);
        for (const promise of promises) await server.enqueue(id, promise);
        const shown = await drained(path);
        cases.set(name, { ...trouble, path, secret, ids: promises.map(eventId), shown });
      }),
    );
    received = [...receiver.all];
  });
  let received: Receiver["all"];

  test.each(Object.keys(TROUBLES))(
    "that %s: each event is delivered or a dead letter",
    async (name) => {
      const { path, secret, ids, fate, log, shown } = cases.get(name)!;
      expect((await deadIn(path)).toSorted()).toEqual(fate === "dead" ? ids.toSorted() : []);
      const attempts = await logOf(path);
      expect(attempts).toContainEqual(expect.objectContaining(log ?? {}));
      const taken = attempts.filter(({ status }) => status === 200).map(({ event }) => event);
      expect(taken.toSorted()).toEqual(fate === "delivered" ? ids.toSorted() : []);
      expect(shown["disabled"]).toBe(name === "is gone");
      const mine = received.filter(({ id }) => ids.includes(id));
      for (const { headers, body } of mine) await verifyWebhook({ headers, body }, secret);
      for (const id of ids) {
        expect(
          new Set(mine.filter((one) => one.id === id).map(({ body }) => body)).size,
        ).toBeLessThan(2);
      }
    },
  );

  test("is not followed where it redirects to, nor heard longer than need be", () => {
    expect(received.map(({ path }) => path)).not.toContain("/redirected");
    // What is between us in buffers, and no more.
    expect(flooded / EVENTS).toBeLessThan(16 * 1024 * 1024);
  });

  test("that asks to wait a second is left alone for that long", () => {
    const [id] = cases.get("asks to wait")!.ids;
    const [first, second] = received.filter((one) => one.id === id);
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(999);
  });

  test("that is back gets its dead letters, one or all", async () => {
    const { path, ids } = cases.get("is gone")!;
    receiver.all.length = 0;
    receiver.behave(answer(200));
    await server.send("PATCH", path, { disabled: false });
    const one = await server.send("POST", `${path}/redeliver`, { event: ids[2] });
    expect(one).toMatchObject({ status: 202, json: { redelivered: 1 } });
    await drained(path);
    expect(receiver.all.map(({ id }) => id)).toEqual([ids[2]]);
    const all = await server.send("POST", `${path}/redeliver`, { all: true });
    expect(all.json).toEqual({ redelivered: EVENTS - 1 });
    await drained(path);
    expect(receiver.all.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(await deadIn(path)).toEqual([]);
  });
});
