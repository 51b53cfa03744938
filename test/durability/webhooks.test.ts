/**
 * Webhooks through `kill -9`, from a promise's life to the receiver, over HTTP alone: endpoints as good
 * and as bad as they come, promises made and settled under load, the server killed at drawn moments and
 * started again on its folder and port. In the end whatever an endpoint was owed has been taken with a
 * 2xx or lies in its dead-letter list; what came twice came under one `webhook-id`; and the package
 * `standardwebhooks` believes every signature (issue 3, "What must hold").
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { PromiseRecord, WebhookEvent, WebhookEventType } from "../../client/src/protocol.ts";
import { startServer, type Server } from "../../src/local/server.ts";
import { answer, startReceiver, type Behaviour, type Receiver } from "../conformance/receiver.ts";
import { createRandom } from "../model/seeded.ts";
import { eventually } from "../eventually.ts";

vi.setConfig({ testTimeout: 120_000 });

const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const random = createRandom(SEED);

/** Under load, but for the last two: those kill a server that only has old events to send. */
const KILLS = 6;
const LOADED = 4;
const CALLERS = 6;
const EVENTS = ["promise.created", "promise.settled"] as const;

const WAIT_MS = 20;
const DAY = "24h";

interface Kind {
  behave: Behaviour;
  fate: "delivered" | "dead";
  /** As it is registered, besides its URL. */
  terms: {
    retry: (string | number)[];
    filter?: { prefix?: string; tags?: Record<string, string> };
    events?: WebhookEventType[];
  };
}

const later: (ms: number, then: Behaviour) => Behaviour =
  (ms, then) =>
  (...all) =>
    void setTimeout(() => then(...all), ms);

/** Those that take their time are told of few promises, or the test would take theirs. */
const KINDS = {
  // Its answers take a moment, so that kills come between the sending and the writing down.
  good: { behave: later(15, answer(200)), fate: "delivered", terms: { retry: [WAIT_MS] } },
  "good later": {
    behave: answer(204),
    fate: "delivered",
    terms: { retry: [WAIT_MS], filter: { tags: { late: "yes" } } },
  },
  "fails twice": {
    behave: (response, received, nth) => answer(nth < 3 ? 503 : 200)(response, received, nth),
    fate: "delivered",
    // Attempts that a kill has cut off count for the receiver, not for the sender.
    terms: { retry: Array(5).fill(WAIT_MS), filter: { prefix: "some/" } },
  },
  fails: {
    behave: answer(500),
    fate: "dead",
    terms: { retry: [WAIT_MS, WAIT_MS], filter: { prefix: "some/" } },
  },
  redirects: {
    behave: answer(307, { location: "/redirected" }),
    fate: "dead",
    terms: { retry: [WAIT_MS], filter: { prefix: "some/" } },
  },
  "answers late": {
    behave: later(400, answer(200)),
    fate: "delivered",
    terms: { retry: [WAIT_MS], filter: { prefix: "few/" } },
  },
  "answers slowly": {
    behave: (response) => {
      response.writeHead(200);
      let left = 20;
      const drip = setInterval(() => ((left -= 1) > 0 ? response.write(".") : response.end()), 20);
      response.on("close", () => clearInterval(drip));
    },
    fate: "delivered",
    terms: { retry: [WAIT_MS], filter: { tags: { few: "yes" } } },
  },
  hangs: {
    behave: () => undefined,
    fate: "dead",
    terms: { retry: [], filter: { tags: { hangs: "yes" } }, events: ["promise.settled"] },
  },
} satisfies Record<string, Kind>;

type Name = keyof typeof KINDS;

interface Endpoint extends Kind {
  path: string;
  secret: string;
  receiver: Receiver;
  /** The `webhook-id`s whose answer went out whole, as a 2xx. */
  taken: Set<string>;
}

const data = mkdtempSync(join(tmpdir(), "durable-promises-webhooks-kill-"));
const endpoints = new Map<Name, Endpoint>();
let server: Server;
let port = 0;

async function start(): Promise<void> {
  server = await startServer({ data, port });
  port = Number(new URL(server.url).port);
}

beforeAll(start);
afterAll(async () => {
  await server?.kill();
  await Promise.all(Array.from(endpoints.values(), ({ receiver }) => receiver.stop()));
  rmSync(data, { recursive: true, force: true });
});

async function send(method: string, path: string, body?: unknown) {
  const response = await fetch(server.url + path, {
    method,
    ...(body !== undefined && {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  // SAFETY: the tests assert what it really is.
  const json = JSON.parse((await response.text()) || "{}") as Record<string, unknown>;
  return { status: response.status, json };
}

async function register(name: Name): Promise<void> {
  const kind: Kind = KINDS[name];
  const taken = new Set<string>();
  const receiver = await startReceiver((response, received, nth) => {
    response.on("finish", () => {
      if (response.statusCode < 300) taken.add(received.id);
    });
    kind.behave(response, received, nth);
  });
  const { status, json } = await send("POST", "/webhooks", {
    url: `${receiver.url}/hook`,
    ...kind.terms,
  });
  expect(status, JSON.stringify(json)).toBe(201);
  const { id, secret } = json as { id: string; secret: string };
  const path = `/webhooks/${id}`;
  endpoints.set(name, { ...kind, path, secret, receiver, taken });
}

/** What was asked of the server, and what it has answered for. */
const asked = new Set<string>();
const created = new Set<string>();
const settled = new Set<string>();

/** Makes promises and settles them as fast as it can, until the server is gone. */
async function load(round: number, answered: () => void): Promise<void> {
  async function call(caller: number): Promise<void> {
    for (let turn = 0; ; turn += 1) {
      const beginning = turn % 7 === 3 ? "few" : turn % 3 === 0 ? "some" : "plain";
      const id = `${beginning}/r${round}-c${caller}-${turn}`;
      const isFew = turn % 6 === 1;
      const tags = {
        ...(isFew && { few: "yes" }),
        ...(round > 1 && turn % 2 === 0 && { late: "yes" }),
        ...(caller === 0 && turn === 0 && { hangs: "yes" }),
      };
      // Owed the end by its deadline: perhaps while nothing runs.
      const expires = turn % 5 === 4;
      asked.add(id);
      const made = await send("PUT", `/promises/${id}`, { tags, timeout: expires ? "250ms" : DAY });
      expect(made.status).toBe(201);
      created.add(id);
      answered();
      if (expires || turn % 4 === 2) continue;
      const value = { data: { round, caller, turn } };
      const end = await send("PATCH", `/promises/${id}`, { state: "RESOLVED", value });
      expect(end.status).toBe(201);
      settled.add(id);
      answered();
    }
  }
  const calls = Array.from({ length: CALLERS }, (_, caller) => call(caller));
  // What is under way at the kill has no answer, and nothing was answered for it.
  for (const call of await Promise.allSettled(calls)) {
    if (call.status === "rejected" && !(call.reason instanceof TypeError)) throw call.reason;
  }
}

async function loadUntilKilled(round: number): Promise<void> {
  let left = random.pick([35, 45, 55, 70]);
  const delayMs = random.pick([0, 3, 10, 30]);
  let killed: Promise<void> | undefined;
  const { kill } = server;
  await load(round, () => {
    left -= 1;
    if (left <= 0) killed ??= new Promise((resolve) => setTimeout(resolve, delayMs)).then(kill);
  });
  await killed;
}

/** It has just come back and sends what it owes. */
async function killWhileSending(): Promise<void> {
  const { receiver } = endpoints.get("good")!;
  const seen = receiver.all.length;
  await vi
    .waitUntil(() => receiver.all.length > seen, { timeout: random.pick([30, 80]), interval: 2 })
    // Nothing of the good one's was left, perhaps; then it is killed with nothing on its lines.
    .catch(() => undefined);
  await server.kill();
}

/** When nothing waits there any more. */
async function drained({ path }: Endpoint): Promise<void> {
  await eventually(
    async () => expect((await send("GET", path)).json).toMatchObject({ waiting: 0 }),
    { forMs: 60_000 },
  );
}

async function deadIn({ path }: Endpoint): Promise<Map<string, string>> {
  const dead = new Map<string, string>();
  let query = "?limit=100";
  for (;;) {
    const { json } = await send("GET", `${path}/dead-letters${query}`);
    const { deadLetters, cursor } = json as {
      deadLetters: { event: string; type: string; promise: string; reason: string }[];
      cursor?: string;
    };
    for (const { event, type, promise, reason } of deadLetters) {
      dead.set(`${type} of ${promise}`, event);
      reasons.add(reason);
    }
    if (cursor === undefined) return dead;
    query = `?limit=100&cursor=${cursor}`;
  }
}
const reasons = new Set<string>();

function isWanted({ terms }: Endpoint, type: WebhookEventType, id: string): boolean {
  const { filter = {}, events = EVENTS } = terms;
  const { tags } = records.get(id)!;
  return (
    id.startsWith(filter.prefix ?? "") &&
    Object.entries(filter.tags ?? {}).every(([name, value]) => tags[name] === value) &&
    (events as readonly string[]).includes(type)
  );
}

const records = new Map<string, PromiseRecord>();

/** Every promise there is, those included whose answer a kill has swallowed. */
async function readAll(): Promise<void> {
  for (const id of asked) {
    const { status, json } = await send("GET", `/promises/${id}`);
    // SAFETY: a 200 has the resource.
    if (status === 200) records.set(id, json as unknown as PromiseRecord);
  }
  const lost = [...created].filter((id) => !records.has(id));
  expect(lost).toEqual([]);
  const unsettled = [...settled].filter((id) => records.get(id)?.state !== "RESOLVED");
  expect(unsettled).toEqual([]);
}

/** `promise.settled of some/r1-c2-3`: what an endpoint is to hear, in the words of this test. */
function owedTo(endpoint: Endpoint): string[] {
  return [...records].flatMap(([id, { state }]) =>
    EVENTS.filter((type) => type === "promise.created" || state !== "PENDING")
      .filter((type) => isWanted(endpoint, type, id))
      .map((type) => `${type} of ${id}`),
  );
}

/** By what it is about, the `webhook-id`s under which it came. */
function heardBy({ receiver, secret }: Endpoint): Map<string, Set<string>> {
  const verifier = new Webhook(secret);
  const heard = new Map<string, Set<string>>();
  const bodies = new Map<string, string>();
  for (const { id, headers, body, path } of receiver.all) {
    expect(path).toBe("/hook");
    // SAFETY: all of them came once, and as text.
    const event = verifier.verify(body, headers as Record<string, string>) as WebhookEvent;
    if (event.type === "webhook.test") throw new Error("nobody asked for a test");
    const what = `${event.type} of ${event.data.id}`;
    heard.set(what, (heard.get(what) ?? new Set()).add(id));
    expect(bodies.get(id) ?? body).toBe(body);
    bodies.set(id, body);
  }
  return heard;
}

test(`${KILLS} kills: what is owed is delivered or a dead letter (SEED=${SEED})`, async () => {
  const [, , ...rest] = Object.keys(KINDS) as Name[];
  for (const name of ["good", ...rest] as const) await register(name);
  for (let round = 0; round < KILLS; round += 1) {
    // One that comes in the middle of it, for promises that begin after that.
    if (round === 2) await register("good later");
    await (round < LOADED ? loadUntilKilled(round) : killWhileSending());
    await start();
  }
  // What expired while nothing ran is settled by an alarm that is late, and told then.
  await eventually(
    async () => {
      await readAll();
      for (const [name, endpoint] of endpoints) {
        const heard = heardBy(endpoint);
        const unheard = owedTo(endpoint).filter((what) => !heard.has(what));
        expect(unheard, `${name} has heard of all`).toEqual([]);
      }
    },
    { forMs: 60_000, everyMs: 250 },
  );
  await Promise.all(Array.from(endpoints.values(), drained));

  let twice = 0;
  for (const [name, endpoint] of endpoints) {
    const heard = heardBy(endpoint);
    const dead = await deadIn(endpoint);
    const owed = owedTo(endpoint);
    expect(owed.length, `${name} is put to the test`).toBeGreaterThan(1);
    const renamed = [...heard].filter(([, ids]) => ids.size > 1);
    expect(renamed, `${name} knows each event by one id`).toEqual([]);
    const taken = owed.filter((what) => endpoint.taken.has([...heard.get(what)!][0]!));
    const given = owed.filter((what) => dead.get(what) === [...heard.get(what)!][0]);
    expect((endpoint.fate === "dead" ? given : taken).toSorted(), name).toEqual(owed.toSorted());
    expect(endpoint.fate === "dead" ? taken : [...dead.keys()], name).toEqual([]);
    if (endpoint.fate === "delivered") twice += endpoint.receiver.all.length - heard.size;
  }
  expect([...reasons].toSorted()).toEqual(["307", "500", "timeout"]);
  expect(created.size).toBeGreaterThan(LOADED * 10);
  // The kills did come between a sending and its writing down.
  expect(twice).toBeGreaterThan(0);
});

test("a receiver that is well again is told of every dead letter, by its old name", async () => {
  const endpoint = endpoints.get("fails")!;
  const dead = await deadIn(endpoint);
  const { receiver, path } = endpoint;
  receiver.all.length = 0;
  receiver.behave(answer(200));
  const { json } = await send("POST", `${path}/redeliver`, { all: true });
  expect(json).toEqual({ redelivered: dead.size });
  await server.kill();
  await start();
  await drained(endpoint);
  expect(await deadIn(endpoint)).toEqual(new Map());
  const heard = heardBy(endpoint);
  expect(new Map([...heard].map(([what, [id]]) => [what, id]))).toEqual(dead);
});
