/**
 * An endpoint in the real runtime: every event delivered at least once or a dead letter, through
 * alarms that come early, late or twice, evictions and crashes; within its bounds; and the registry.
 */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS, NEVER } from "../../client/src/protocol.ts";
import { verifyWebhook } from "../../client/src/webhook.ts";
import type { Env } from "../../src/env.ts";
import type { PromiseRecord } from "../../src/machine/promise.ts";
import type { PromiseEvent } from "../../src/machine/webhook-event.ts";
import { REGISTRY } from "../../src/machine/webhook-filter.ts";
import type { NewWebhook } from "../../src/machine/webhook.ts";
import { forget, matching, ready } from "../../src/object/webhook-filters.ts";
import { WebhookRegistryObject } from "../../src/object/webhook-registry.ts";
import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "./runtime.ts";
import { eventually } from "../eventually.ts";

const START = Date.UTC(2030, 0, 1);
const SECOND = 1000;
// SAFETY: the bindings are those of wrangler.toml, which Env describes.
const bindings = env as unknown as Env;
const registry = () => bindings.WEBHOOK_REGISTRY.getByName(REGISTRY);
const hookAt = (id: string) => bindings.WEBHOOKS.getByName(id);
type Hook = ReturnType<typeof hookAt>;

let number = 0;

/** Half of every wait. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  const { ids } = await registry().list("", 1000);
  await Promise.all(ids.map((id) => hookAt(id).remove()));
});

async function fresh(rest: Partial<NewWebhook> = {}) {
  number += 1;
  const id = `wh_${String(number).padStart(32, "0")}`;
  const hook = hookAt(id);
  const made = await hook.create({
    id,
    url: "https://example.com/hook",
    events: ["promise.created", "promise.settled"],
    filter: {},
    format: "json",
    retryMs: [10 * SECOND, 20 * SECOND],
    description: "",
    origin: "http://localhost",
    disabled: false,
    ...rest,
  });
  if (made.outcome !== "created") throw new Error(made.outcome);
  return { id, hook, secret: made.secret };
}

function event(n: number | string, rest: Partial<PromiseRecord> = {}): PromiseEvent {
  const record = {
    id: `promise/${n}`,
    birth: `b${n}`,
    state: "pending",
    param: { data: "1.0" },
    tags: {},
    timeoutAt: NEVER,
    createdAt: START,
    ...rest,
  };
  // SAFETY: pending unless the rest says more.
  return { type: "promise.created", record: record as PromiseRecord };
}

interface Taken {
  id: string;
  url: string;
  headers: Headers;
  body: string;
}

/** What reached the receiver, in order; it answers what `answer` says to the n-th. */
function receive(answer: (taken: Taken, n: number) => Response | Promise<Response>): Taken[] {
  const all: Taken[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const headers = new Headers(init?.headers);
    // SAFETY: it is called with a string, and sends one.
    const taken = {
      id: headers.get("webhook-id")!,
      url: input as string,
      headers,
      body: init?.body as string,
    };
    all.push(taken);
    return answer(taken, all.length);
  });
  return all;
}

const isOld = (id: string) => id.startsWith("evt_bold");
const ok = () => new Response("thanks");
const broken = () => new Response("not now", { status: 500 });

function alarmOf(hook: Hook): Promise<number | null> {
  return runInDurableObject(hook, (_, { storage }) => storage.getAlarm());
}

async function ring(hook: Hook, now: number): Promise<void> {
  vi.setSystemTime(now);
  await runDurableObjectAlarm(hook);
}

describe("an event", () => {
  it("is delivered once, signed, and leaves nothing but a line in the log", async () => {
    const { hook, secret } = await fresh();
    const all = receive(ok);
    await hook.enqueue(event(1));
    expect(await alarmOf(hook)).toBe(START);
    await ring(hook, START);
    expect(all.map(({ id }) => id)).toEqual(["evt_b1_created"]);
    const { headers, body, url } = all[0]!;
    expect(url).toBe("https://example.com/hook");
    expect(headers.get("content-type")).toBe("application/json");
    expect(body).toContain('"param":{"data":1.0}');
    expect(await verifyWebhook({ headers, body }, secret)).toMatchObject({
      type: "promise.created",
      data: { id: "promise/1", state: "PENDING", url: "http://localhost/promises/promise/1" },
    });
    expect(await hook.get()).toMatchObject({ waiting: 0, dead: 0 });
    expect(await alarmOf(hook)).toBeNull();
    expect(await hook.deliveries()).toMatchObject([
      { event: "evt_b1_created", attempt: 1, status: 200, failure: null, answer: "thanks" },
    ]);
  });

  it("comes in once, while it waits, when it is dead, and after it was delivered", async () => {
    const { hook } = await fresh({ retryMs: [] });
    const all = receive((_, n) => (n === 1 ? broken() : ok()));
    await hook.enqueue(event(1));
    await hook.enqueue(event(1));
    await ring(hook, START);
    await hook.enqueue(event(1));
    expect(await hook.get()).toMatchObject({ waiting: 0, dead: 1 });
    await hook.redeliver("evt_b1_created");
    await ring(hook, START + 1);
    await hook.enqueue(event(1));
    expect(await hook.get()).toMatchObject({ waiting: 0, dead: 0 });
    expect(all).toHaveLength(2);
  });

  it("that fails comes again under its id, word for word, and ends as a dead letter", async () => {
    const { hook } = await fresh();
    const all = receive(broken);
    await hook.enqueue(event(1));
    await ring(hook, START);
    expect(await alarmOf(hook)).toBe(START + 5 * SECOND);
    // Early: nothing is due.
    await ring(hook, START + SECOND);
    expect(all).toHaveLength(1);
    expect(await alarmOf(hook)).toBe(START + 5 * SECOND);
    await ring(hook, START + 5 * SECOND);
    expect(await alarmOf(hook)).toBe(START + 20 * SECOND);
    await evictDurableObject(hook);
    await ring(hook, START + 20 * SECOND);
    expect(new Set(all.map(({ id, body }) => id + body)).size).toBe(1);
    expect(all.map(({ headers }) => Number(headers.get("webhook-timestamp")))).toEqual(
      [0, 5, 20].map((s) => START / 1000 + s),
    );
    expect(await alarmOf(hook)).toBeNull();
    const [letter] = (await hook.deadLetters(0, 10))!;
    expect(letter).toMatchObject({ event: "evt_b1_created", attempts: 3, why: "500" });
    expect((await hook.deliveries())!.map(({ attempt }) => attempt)).toEqual([3, 2, 1]);
    expect(await hook.redeliver()).toBe(1);
    vi.mocked(fetch).mockImplementation(async () => ok());
    await ring(hook, START + 30 * SECOND);
    expect(await hook.get()).toMatchObject({ waiting: 0, dead: 0 });
  });

  it("is sent again after a crash between the sending and the writing", async () => {
    const { id, hook } = await fresh();
    const all = receive(() => new Promise(() => undefined));
    await hook.enqueue(event(1));
    void runDurableObjectAlarm(hook).catch(() => undefined);
    await eventually(() => expect(all).toHaveLength(1));
    await abortAllDurableObjects();
    vi.mocked(fetch).mockImplementation(async (_, init) => {
      all.push({ id: new Headers(init?.headers).get("webhook-id")! } as Taken);
      return ok();
    });
    // Whichever comes first, the runtime's own second try or this one.
    await runInDurableObject(hookAt(id), (object) => object.alarm());
    expect(all.map((taken) => taken.id)).toEqual(["evt_b1_created", "evt_b1_created"]);
    expect(await hookAt(id).get()).toMatchObject({ waiting: 0, dead: 0 });
  });

  it("is sent once however many alarms come at a time", async () => {
    const { hook } = await fresh();
    const all = receive(ok);
    await hook.enqueue(event(1));
    await runInDurableObject(hook, (object) => Promise.all([object.alarm(), object.alarm()]));
    expect(all).toHaveLength(1);
  });

  it("may be as large as a promise", async () => {
    const { hook, secret } = await fresh();
    const all = receive(ok);
    const data = JSON.stringify("ü🙂".repeat(170_000));
    const value = { data };
    const settled = { state: "resolved", value, settledAt: START } as Partial<PromiseRecord>;
    const large = event(1, { param: { data }, ...settled });
    await hook.enqueue({ ...large, type: "promise.settled" });
    await evictDurableObject(hook);
    await ring(hook, START);
    const { headers, body } = all[0]!;
    expect(body).toContain(`"param":{"data":${data}},"value":{"data":${data}}`);
    await verifyWebhook({ headers, body }, secret);
  });

  it("takes the form that the endpoint asks for", async () => {
    const { hook } = await fresh({ format: "cloudevents" });
    const all = receive(ok);
    await hook.enqueue(event(1));
    await ring(hook, START);
    expect(all[0]!.headers.get("content-type")).toBe("application/cloudevents+json");
    expect(JSON.parse(all[0]!.body)).toMatchObject({
      specversion: "1.0",
      id: "evt_b1_created",
      subject: "promise/1",
    });
  });

  it("waits as long as the receiver asks", async () => {
    const { hook } = await fresh();
    receive(() => new Response(null, { status: 503, headers: { "retry-after": "3600" } }));
    await hook.enqueue(event(1));
    await ring(hook, START);
    expect(await alarmOf(hook)).toBe(START + 3600 * SECOND);
  });

  it("is not sent where we may not call, and a redirect is not followed", async () => {
    const { hook } = await fresh({ url: "https://10.0.0.1/hook", retryMs: [] });
    const all = receive(ok);
    await hook.enqueue(event(1));
    await ring(hook, START);
    expect(all).toHaveLength(0);
    expect(await hook.deadLetters(0, 1)).toMatchObject([{ why: "refused" }]);
    await hook.update({ url: "https://example.com" });
    vi.mocked(fetch).mockImplementation(async (_, init) => {
      expect(init?.redirect).toBe("manual");
      return new Response(null, { status: 302, headers: { location: "https://example.com/2" } });
    });
    await hook.enqueue(event(2));
    await ring(hook, START);
    expect((await hook.deadLetters(0, 2))![1]).toMatchObject({ why: "302" });
    expect(fetch).toHaveBeenCalledTimes(1);
  });
});

describe("many events", () => {
  it("are sent six at a time", async () => {
    const { hook } = await fresh();
    let open = 0;
    let most = 0;
    const all = receive(async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 1));
      open -= 1;
      return ok();
    });
    for (let n = 0; n < 40; n += 1) await hook.enqueue(event(n));
    await ring(hook, START);
    expect(all).toHaveLength(40);
    expect(most).toBe(6);
  });

  it("that come while others hang are sent with them; a backlog that hangs does not stop them", async () => {
    const { hook } = await fresh({ retryMs: [SECOND, SECOND, SECOND] });
    const hanging = { lines: 0, let: 0 };
    const hang = async () => {
      hanging.lines += 1;
      const line = hanging.lines;
      // In the object's own context: what another one resolves does not wake it.
      while (line > hanging.let) await scheduler.wait(1);
      return broken();
    };
    const all = receive(({ id }, n) => (isOld(id) ? (n <= 20 ? broken() : hang()) : ok()));
    for (let n = 0; n < 20; n += 1) await hook.enqueue(event(`old${n}`));
    await ring(hook, START);
    expect(all).toHaveLength(20);
    vi.setSystemTime(START + SECOND);
    const run = runDurableObjectAlarm(hook);
    await eventually(() => expect(all).toHaveLength(23));
    // Three old ones hang, seventeen are due; the new ones are sent meanwhile.
    for (let n = 0; n < 13; n += 1) await hook.enqueue(event(`new${n}`));
    await eventually(async () => expect((await hook.get())!.waiting).toBe(20));
    expect(all.slice(20).filter(({ id }) => isOld(id))).toHaveLength(3);
    hanging.let = Infinity;
    await run;
    expect(new Set(all.slice(20).map(({ id }) => id)).size).toBe(33);
  });

  it("give way, the oldest first, to dead letters, and these to nothing", async () => {
    const { hook } = await fresh();
    receive(broken);
    const { webhookWaitingMax, webhookDeadLettersMax } = LIMITS;
    await runInDurableObject(hook, async (object) => {
      for (let n = 0; n < webhookWaitingMax + 2; n += 1) object.enqueue(event(n));
    });
    expect(await hook.get()).toMatchObject({ waiting: webhookWaitingMax, dead: 2 });
    expect(await hook.deadLetters(0, 5)).toMatchObject([
      { event: "evt_b0_created", why: "full", attempts: 0 },
      { event: "evt_b1_created", why: "full" },
    ]);
    await hook.update({ disabled: true });
    expect(await hook.get()).toMatchObject({ waiting: 0, dead: webhookDeadLettersMax });
    expect(await hook.deadLetters(0, 1)).toMatchObject([{ event: "evt_b2_created" }]);
  });

  it("are remembered in the log, the last hundred", async () => {
    const { hook } = await fresh();
    receive(ok);
    for (let n = 0; n < LIMITS.webhookLogMax + 5; n += 1) await hook.enqueue(event(n));
    await ring(hook, START);
    await evictDurableObject(hook);
    const log = (await hook.deliveries())!;
    expect(log).toHaveLength(LIMITS.webhookLogMax);
    await hook.enqueue(event("last"));
    await ring(hook, START + 1);
    expect((await hook.deliveries())![0]).toMatchObject({ event: "evt_blast_created" });
    expect(await hook.deliveries()).toHaveLength(LIMITS.webhookLogMax);
  });

  it("that a minute does not suffice for have the next alarm", async () => {
    const { hook } = await fresh();
    const all = receive(() => {
      vi.setSystemTime(Date.now() + 30 * SECOND);
      return ok();
    });
    for (let n = 0; n < 20; n += 1) await hook.enqueue(event(n));
    await ring(hook, START);
    expect(all.length).toBeLessThan(20);
    expect(await alarmOf(hook)).toBe(START);
    while (await runDurableObjectAlarm(hook)) expect(all.length).toBeLessThanOrEqual(20);
    expect(all).toHaveLength(20);
  });
});

describe("an endpoint", () => {
  it("that answers 410 is told nothing more; what waited is to be found, and sent when it is back", async () => {
    const { id, hook } = await fresh();
    receive((_, n) => (n === 1 ? new Response(null, { status: 410 }) : ok()));
    const { version } = (await registry().snapshot())!;
    await hook.enqueue(event(1));
    await ring(hook, START);
    expect(await hook.get()).toMatchObject({ disabled: { why: "gone" }, waiting: 0, dead: 1 });
    await eventually(async () => {
      const snapshot = (await registry().snapshot(version))!;
      expect(snapshot.endpoints.map((endpoint) => endpoint.id)).not.toContain(id);
    });
    // From who has not heard of it yet.
    await hook.enqueue(event(2));
    expect(await hook.get()).toMatchObject({ waiting: 0, dead: 2 });
    await hook.update({ disabled: false });
    expect(await hook.redeliver()).toBe(2);
    await ring(hook, START);
    expect(await hook.get()).toMatchObject({ waiting: 0, dead: 0 });
  });

  it("signs with both secrets while one replaces the other", async () => {
    const { hook, secret } = await fresh();
    const all = receive(ok);
    const rotated = (await hook.rotate(60 * SECOND))!;
    expect(rotated.webhook).toMatchObject({ previousUntil: START + 60 * SECOND });
    await hook.enqueue(event(1));
    await ring(hook, START + 59 * SECOND);
    await verifyWebhook(all[0]!, secret);
    await verifyWebhook(all[0]!, rotated.secret);
    await hook.enqueue(event(2));
    await ring(hook, START + 60 * SECOND);
    await verifyWebhook(all[1]!, rotated.secret);
    await expect(verifyWebhook(all[1]!, secret)).rejects.toMatchObject({ code: "webhook_forged" });
    expect(JSON.stringify(await hook.get())).not.toContain("whsec_");
  });

  it("is tested at once, and the answer says what came of it", async () => {
    const { hook, secret } = await fresh({ disabled: true });
    const all = receive(() => new Response("x".repeat(5000), { status: 418 }));
    expect(await hook.sendTest()).toMatchObject({
      outcome: "done",
      delivered: false,
      attempt: { status: 418, failure: null, answer: "x".repeat(1024), type: "webhook.test" },
    });
    expect(await verifyWebhook(all[0]!, secret)).toMatchObject({ type: "webhook.test" });
    vi.mocked(fetch).mockRejectedValue(new Error("refused"));
    expect(await hook.sendTest()).toMatchObject({ attempt: { status: null, failure: "network" } });
    expect(await hook.deliveries()).toHaveLength(2);
    expect(await hook.get()).toMatchObject({ waiting: 0, dead: 0 });
    vi.mocked(fetch).mockImplementation(() => new Promise(() => undefined));
    const tests = Array.from({ length: 7 }, () => hook.sendTest());
    expect(await Promise.race(tests)).toEqual({ outcome: "busy" });
  });

  it("leaves nothing behind when it is removed, and takes nothing more", async () => {
    const { id, hook } = await fresh();
    const removal = { isOver: false };
    receive(async () => {
      while (!removal.isOver) await scheduler.wait(1);
      return broken();
    });
    await hook.enqueue(event(1));
    await hook.enqueue(event(2));
    const run = runDurableObjectAlarm(hook);
    await eventually(() => expect(fetch).toHaveBeenCalledTimes(2));
    expect(await hook.remove()).toBe(true);
    removal.isOver = true;
    await run;
    await hook.enqueue(event(3));
    expect(await hook.get()).toBeNull();
    expect(await hook.remove()).toBe(false);
    expect([await hook.rotate(0), await hook.deliveries(), await hook.redeliver()]).toEqual([
      null,
      null,
      null,
    ]);
    expect(await hook.sendTest()).toEqual({ outcome: "absent" });
    await runInDurableObject(hook, (_, { storage }) => {
      expect([...storage.kv.list()]).toEqual([]);
      const tables = storage.sql.exec(
        "SELECT name FROM sqlite_master WHERE name IN ('delivery', 'body', 'attempt')",
      );
      expect(tables.toArray()).toEqual([]);
    });
    expect((await registry().list("", 10)).ids).not.toContain(id);
  });
});

const announce = (n: number) => ({
  subscription: { id: `wh_${n}`, events: ["promise.settled" as const], filter: {} },
  revision: 1,
  active: true,
});

describe("the registry", () => {
  it("hears of changes that it could not be told at once, by the endpoint's alarm", async () => {
    const { id, hook } = await fresh({ filter: { prefix: "a/" } });
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const failing = vi.spyOn(WebhookRegistryObject.prototype, "register");
    failing.mockImplementationOnce(() => {
      throw new Error("planted");
    });
    expect(await hook.update({ filter: { prefix: "b/" } })).toMatchObject({
      filter: { prefix: "b/" },
    });
    expect(log).toHaveBeenCalledOnce();
    expect(await alarmOf(hook)).toBe(START + 5 * SECOND);
    const filterOf = async () =>
      (await registry().snapshot())!.endpoints.find((endpoint) => endpoint.id === id)?.filter;
    expect(await filterOf()).toEqual({ prefix: "a/" });
    await abortAllDurableObjects();
    await ring(hookAt(id), START + 5 * SECOND);
    expect(await filterOf()).toEqual({ prefix: "b/" });
    expect(await alarmOf(hookAt(id))).toBeNull();
    vi.spyOn(WebhookRegistryObject.prototype, "unregister").mockImplementationOnce(() => {
      throw new Error("planted");
    });
    await hookAt(id).remove();
    expect(await filterOf()).toBeDefined();
    await abortAllDurableObjects();
    await ring(hookAt(id), START + 10 * SECOND);
    expect(await filterOf()).toBeUndefined();
    expect(await alarmOf(hookAt(id))).toBeNull();
  });

  it("has room for so many and no more, and lists them in pages", async () => {
    const stub = bindings.WEBHOOK_REGISTRY.getByName("full");
    await runInDurableObject(stub, (object, { storage }) => {
      object.register(announce(0));
      storage.sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO endpoint SELECT 'wh_' || i, 1, 1, '{"events":[],"filter":{}}' FROM n`,
        LIMITS.webhooksMax - 1,
      );
    });
    expect(await stub.register(announce(10_000))).toBe("full");
    expect(await stub.register({ ...announce(7), revision: 2 })).toBe("done");
    const page = await stub.list("wh_0", 2);
    expect(page).toEqual({ ids: ["wh_1", "wh_10"], cursor: "wh_10" });
    expect(await stub.list("wh_9998", 2)).toEqual({ ids: ["wh_9999"] });
    await stub.unregister("wh_7");
    expect(await stub.register(announce(10_000))).toBe("done");
  });

  it("refuses one too many at its making, and nothing is left of it", async () => {
    vi.spyOn(WebhookRegistryObject.prototype, "register").mockReturnValueOnce("full");
    const hook = hookAt("wh_none");
    const terms = { events: [], filter: {}, format: "json", retryMs: [], description: "" } as const;
    const rest = { id: "wh_none", url: "https://example.com", origin: "", disabled: false };
    expect(await hook.create({ ...terms, ...rest, events: ["promise.settled"] })).toEqual({
      outcome: "full",
    });
    expect(await hook.get()).toBeNull();
  });
});

describe("a promise's object", () => {
  const about = { id: "orders/42", tags: { team: "a" } };

  it("knows at once, in the registry's isolate, who wants to hear", async () => {
    forget();
    await ready(bindings);
    expect(matching(about, "promise.settled")).toEqual([]);
    const all = await fresh();
    const one = await fresh({ filter: { promise: "orders/42" }, events: ["promise.settled"] });
    const team = await fresh({ filter: { prefix: "orders/", tags: { team: "a" } } });
    const off = await fresh({ disabled: true });
    expect(matching(about, "promise.settled").toSorted()).toEqual(
      [all.id, one.id, team.id].toSorted(),
    );
    expect(matching(about, "promise.created").toSorted()).toEqual([all.id, team.id].toSorted());
    expect(matching({ id: "orders/43", tags: {} }, "promise.settled")).toEqual([all.id]);
    await off.hook.update({ disabled: false });
    await all.hook.remove();
    expect(matching({ id: "x", tags: {} }, "promise.settled")).toEqual([off.id]);
  });

  it("waits for the registry when what it knows is five seconds old, and asks beside its work before", async () => {
    forget();
    const asked = vi.spyOn(WebhookRegistryObject.prototype, "snapshot");
    expect(() => matching(about, "promise.settled")).toThrow("not known");
    await ready(bindings);
    expect(ready(bindings)).toBeUndefined();
    expect(asked).toHaveBeenCalledTimes(1);
    vi.setSystemTime(START + 2500);
    expect(ready(bindings)).toBeUndefined();
    expect(ready(bindings)).toBeUndefined();
    await eventually(() => expect(asked).toHaveBeenCalledTimes(2));
    // Nothing had changed: the answer was short.
    expect(await asked.mock.results[1]!.value).toBeNull();
    await eventually(() => {
      vi.setSystemTime(START + 4999);
      expect(ready(bindings)).toBeUndefined();
    });
    vi.setSystemTime(START + 20_000);
    expect(ready(bindings)).toBeInstanceOf(Promise);
    await ready(bindings);
    expect(ready(bindings)).toBeUndefined();
  });

  it("goes by what it last heard when the registry fails, and by nothing when it never heard", async () => {
    const { id } = await fresh();
    forget();
    const failing = vi.spyOn(WebhookRegistryObject.prototype, "snapshot");
    failing.mockImplementationOnce(() => {
      throw new Error("planted");
    });
    await expect(ready(bindings)).rejects.toThrow("planted");
    await ready(bindings);
    vi.setSystemTime(START + 60_000);
    failing.mockImplementationOnce(() => {
      throw new Error("planted");
    });
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await ready(bindings);
    expect(log).toHaveBeenCalledOnce();
    expect(matching(about, "promise.created")).toEqual([id]);
  });
});
