/**
 * Whether this machine may be called because somebody said so: by a server for this machine yes, by
 * one with keys no, wherever an address is taken, unless ALLOW_LOOPBACK asks for it (issue 3, "SSRF
 * policy at registration and at every send").
 */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer } from "../../src/local/server.ts";
import { answer, startReceiver, type Receiver } from "./receiver.ts";
import { freshId, startService, type Answer, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";
import { MEMORY } from "../memory.ts";

const KEY = { authorization: "Bearer k" };
const TARGET = "resonate:target";
const daily = { cron: "@daily", promiseTimeout: "1h" };

let keyed: Service;
let allowed: Service;
let open: Service;
let receiver: Receiver;

beforeAll(async () => {
  const env = { API_KEYS: "k" };
  [keyed, allowed, open, receiver] = await Promise.all([
    startService({ env }),
    startService({ env: { ...env, ALLOW_LOOPBACK: "true" } }),
    startService(),
    startReceiver(),
  ]);
});
afterAll(() => Promise.all([keyed, allowed, open, receiver].map((one) => one?.stop())));

function rpc(service: Service, kind: string, data: object): Promise<Answer> {
  const body = { kind, head: { corrId: "1", version: "2026-04-01" }, data };
  return service.send("POST", "/", { body, headers: KEY });
}

const send = (service: Service, method: string, path: string, body: unknown) =>
  service.send(method, path, { body, headers: KEY });

/** Every place that takes an address, and the field that is named when it is refused. */
const PLACES: [string, (service: Service, url: string) => Promise<Answer>][] = [
  ["url", (service, url) => send(service, "POST", "/webhooks", { url, filter: NOTHING })],
  [
    "url",
    async (service, url) => {
      const made = await send(service, "POST", "/webhooks", {
        url: "https://hook.example",
        filter: NOTHING,
      });
      const { id } = JSON.parse(made.text) as { id: string };
      return send(service, "PATCH", `/webhooks/${id}`, { url });
    },
  ],
  [
    `tags.${TARGET}`,
    (service, url) =>
      send(service, "PUT", `/promises/${freshId()}`, { tags: { [TARGET]: url, ...LATER } }),
  ],
  [
    "escalation.0.notify",
    (service, notify) =>
      send(service, "PUT", `/promises/${freshId()}`, { escalation: [{ after: "1d", notify }] }),
  ],
  [
    `promiseTags.${TARGET}`,
    (service, url) =>
      send(service, "PUT", `/schedules/${freshId()}`, { ...daily, promiseTags: { [TARGET]: url } }),
  ],
  [
    `promiseTags.${TARGET}`,
    (service, url) =>
      rpc(service, "schedule.create", {
        id: freshId(),
        cron: "@daily",
        promiseId: "{{.id}}/{{.timestamp}}",
        promiseTimeout: 1000,
        promiseTags: { [TARGET]: url },
      }),
  ],
  [
    `data.tags.${TARGET}`,
    (service, url) =>
      rpc(service, "promise.create", {
        id: freshId(),
        timeoutAt: 2 ** 50,
        tags: { [TARGET]: url, ...LATER },
      }),
  ],
  [
    `data.action.data.tags.${TARGET}`,
    (service, url) =>
      rpc(service, "task.create", {
        pid: "p",
        ttl: 60_000,
        action: { data: { id: freshId(), timeoutAt: 2 ** 50, tags: { [TARGET]: url } } },
      }),
  ],
  [
    "data.address",
    async (service, address) => {
      const awaited = freshId();
      const tags = { "resonate:external": "true" };
      await rpc(service, "promise.create", { id: awaited, timeoutAt: 2 ** 50, tags });
      return rpc(service, "promise.register_listener", { awaited, address });
    },
  ],
];
/** Nobody is to be called during the test. */
const NOTHING = { promise: "nothing" };
const LATER = { "resonate:delay": String(2 ** 50) };

function nearby(): string[] {
  const { port } = new URL(receiver.url);
  return [
    receiver.url,
    `http://localhost:${port}/`,
    `https://127.0.0.1:${port}/`,
    `http://[::1]:${port}/`,
    "http://2130706433/",
    "https://app.localhost/",
  ];
}

describe.each(PLACES)("as %s", (field, place) => {
  test("is refused by a server with keys", async () => {
    for (const url of nearby()) {
      const { status, text } = await place(keyed, url);
      expect(status, `${url}: ${text}`).toBe(400);
      // Of a problem document the field, of the protocol how its refusal begins.
      const { field: named, data } = JSON.parse(text) as { field?: string; data?: string };
      expect(`${named ?? data}:`.startsWith(`${field}:`), text).toBe(true);
    }
    expect((await place(keyed, "https://elsewhere.example/")).status).toBeLessThan(300);
  });

  test.each([
    ["by a server for this machine", () => open],
    ["with ALLOW_LOOPBACK", () => allowed],
  ])("is taken %s, the network around it is not", async (_, at) => {
    for (const url of nearby()) {
      const { status, text } = await place(at(), url);
      expect(status, `${url}: ${text}`).toBeLessThan(300);
    }
    for (const url of [
      "http://10.0.0.1/",
      "https://169.254.169.254/",
      "http://elsewhere.example",
    ]) {
      expect((await place(at(), url)).status, url).toBe(400);
    }
  });
});

test("with ALLOW_LOOPBACK it is called, too", async () => {
  const id = freshId("told");
  const url = `${receiver.url}/told`;
  await send(allowed, "POST", "/webhooks", { url, filter: { promise: id } });
  await send(allowed, "PUT", `/promises/${id}`, {});
  await eventually(() => expect(receiver.all.map(({ path }) => path)).toContain("/told"));
});

test("whoever is called and redirects is not followed: no worker, no listener, nobody notified", async () => {
  const elsewhere = await startReceiver(answer(307, { location: "/redirected" }));
  const at = (path: string) => `${elsewhere.url}${path}`;
  const asked = (path: string) => elsewhere.all.filter((one) => one.path === path).length;
  const awaited = freshId();
  const promise = { id: awaited, timeoutAt: 2 ** 50, tags: { "resonate:external": "true" } };
  await rpc(open, "promise.create", promise);
  await rpc(open, "promise.register_listener", { awaited, address: at("/listener") });
  const escalation = [{ after: "1ms", notify: at("/notified") }];
  await send(open, "PUT", `/promises/${freshId()}`, { escalation });
  await send(open, "PUT", `/promises/${freshId()}`, { tags: { [TARGET]: at("/worker") } });
  await rpc(open, "promise.settle", { id: awaited, state: "resolved" });
  // Those who must be told are told again: by then the first answer is long digested.
  await eventually(() => {
    expect(asked("/worker")).toBeGreaterThan(0);
    expect(asked("/listener")).toBeGreaterThan(1);
    expect(asked("/notified")).toBeGreaterThan(1);
  });
  expect(asked("/redirected")).toBe(0);
  await elsewhere.stop();
});

test("a server that has keys since calls it no more, whatever was registered before", async () => {
  const data = await mkdtemp(join(MEMORY, "durable-promises-loopback-"));
  const url = `${receiver.url}/before`;
  let server = await startServer({ data });
  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(server.url + path, {
      method,
      headers: { ...KEY, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return (await response.json()) as { id: string; deliveries: { failure: string }[] };
  };
  try {
    const { id } = await ask("POST", "/webhooks", { url, retry: [] });
    await ask("PUT", "/promises/before", {});
    await eventually(() => expect(receiver.all.map(({ path }) => path)).toContain("/before"));
    await server.stop();
    server = await startServer({ data, env: { API_KEYS: "k" } });
    await ask("PUT", "/promises/told-of", {});
    await eventually(async () => {
      const { deliveries } = await ask("GET", `/webhooks/${id}/deliveries`);
      expect(deliveries[0]).toMatchObject({ failure: "refused" });
    });
    expect(receiver.all.filter(({ path }) => path === "/before")).toHaveLength(1);
  } finally {
    await server.stop();
    await rm(data, { recursive: true, force: true });
  }
});
