/**
 * The authorisation matrix: every route of the table, every kind of Resonate's protocol and every
 * operation of the example, asked by every kind of caller about what is theirs and what is not. What
 * each needs is written down here once more, by hand; a route that is not here fails.
 */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  HEADER,
  SCOPES,
  type ErrorCode,
  type Problem,
  type Scope,
} from "../../client/src/protocol.ts";
import type { KindName } from "../../src/http/rpc-rules.ts";
import { ROUTES, type Route } from "../../src/http/routes.ts";
import { claims } from "../conformance/token.ts";
import { create, isRunning, promiseAt, resolve } from "../object/runtime.ts";
import {
  ADMIN,
  bearer,
  jwtCaller,
  keyCaller,
  keyFor,
  LOOPBACK_ENV,
  NOBODY,
  send,
  signer,
  type Asked,
  type Caller,
  type Given,
} from "./guarded.ts";

const OWN = "own/";
const FOREIGN = "foreign/";

/** One way to use a route. */
interface Use {
  ask: (id: string) => Omit<Asked, "method"> & { method?: string };
  /** All of them. */
  needs: Scope[];
  /** What is said of an id that is not theirs; nothing when no id is asked about. */
  outside?: 403 | 404 | 422;
  /** An id that must be theirs too, and is judged before, or after. */
  after?: string;
  besides?: string;
  /** Who may do everything everywhere, and nobody else. */
  full?: boolean;
  /** It would wait until the promise is settled. */
  waits?: boolean;
}

type On = Route["on"];
const schedule = { cron: "@daily", promiseTimeout: "1h" };

/** By the id of the promise that they are for. */
const webhookIds = new Map<string, string>();
const keyIds = new Map<string, string>();

function promise(needs: Scope, outside: 403 | 404, more: Partial<Asked> = {}): Use {
  return { ask: (id) => ({ path: `/promises/${id}`, ...more }), needs: [needs], outside };
}

function scheduled(needs: Scope, outside: 403 | 404, body?: unknown): Use {
  return { ask: (id) => ({ path: `/schedules/${id}`, body }), needs: [needs], outside };
}

function example(at: "/promise" | "/durablePromiseServer"): Use[] {
  const uses: [string, Scope[]][] = [
    ["peek", ["read"]],
    ["await", ["await"]],
    ["resolve", ["settle", "create"]],
    ["reject", ["settle", "create"]],
    ["dispose", ["admin"]],
  ];
  return uses.map(([operation, needs]) => ({
    ask: (id) => {
      const call = { promiseId: id, promiseName: id, errorMessage: "x", value: 1 };
      return { path: `${at}/${operation}`, body: at === "/promise" ? call : { request: call } };
    },
    needs,
    outside: 404,
    waits: operation === "await",
  }));
}

const W = `${OWN}w`;
const creation = (id: string) => ({
  id,
  timeoutAt: 2 ** 50,
  tags: { "resonate:external": "true" },
});
const held = (id: string) => ({ id, version: 1 });
type KindUse = [data: (id: string) => object, Scope[], Use["outside"]?, Partial<Use>?];
const kinds: Record<KindName, KindUse[]> = {
  "promise.get": [[(id) => ({ id }), ["read"], 404]],
  "promise.create": [[creation, ["create"], 403]],
  "promise.settle": [[(id) => ({ id, state: "resolved" }), ["settle"], 404]],
  "promise.register_callback": [
    [(id) => ({ awaited: id, awaiter: W }), ["await", "settle"], 404, { besides: W }],
    [(id) => ({ awaited: W, awaiter: id }), ["await", "settle"], 422, { after: W }],
  ],
  "promise.register_listener": [
    [(id) => ({ awaited: id, address: "poll://any@own" }), ["await"], 404],
  ],
  "promise.search": [[() => ({ limit: 2 }), ["read"]]],
  "task.get": [[(id) => ({ id }), ["read"], 404]],
  "task.create": [
    [(id) => ({ pid: "p", ttl: 1000, action: { data: creation(id) } }), ["create", "settle"], 403],
  ],
  "task.acquire": [[(id) => ({ ...held(id), pid: "p", ttl: 1000 }), ["settle"], 404]],
  "task.release": [[held, ["settle"], 404]],
  "task.fulfill": [
    [(id) => ({ ...held(id), action: { data: { id, state: "resolved" } } }), ["settle"], 404],
  ],
  "task.halt": [[held, ["settle"], 404]],
  "task.continue": [[held, ["settle"], 404]],
  "task.heartbeat": [[(id) => ({ pid: "p", tasks: [held(id)] }), ["settle"]]],
  "task.suspend": [
    [
      (id) => ({ ...held(id), actions: [{ data: { awaited: W, awaiter: id } }] }),
      ["settle", "await"],
      404,
      { besides: W },
    ],
    [
      (id) => ({
        ...held(W),
        actions: [
          { data: { awaited: `${OWN}v`, awaiter: W } },
          { data: { awaited: id, awaiter: W } },
        ],
      }),
      ["settle", "await"],
      422,
      { after: W },
    ],
  ],
  "task.fence": [
    [
      (id) => ({ ...held(id), action: { kind: "promise.create", data: creation(W) } }),
      ["settle", "create"],
      404,
      { besides: W },
    ],
    [
      (id) => ({ ...held(W), action: { kind: "promise.create", data: creation(id) } }),
      ["settle", "create"],
      403,
      { after: W },
    ],
    [
      (id) => ({
        ...held(W),
        action: { kind: "promise.settle", data: { id, state: "resolved" } },
      }),
      ["settle"],
      404,
      { after: W },
    ],
  ],
  "task.search": [[() => ({ limit: 2 }), ["read"]]],
  "schedule.get": [[(id) => ({ id }), ["read"], 404]],
  "schedule.create": [
    [
      (id) => ({ id, cron: "@daily", promiseId: `${OWN}{{.timestamp}}`, promiseTimeout: 1 }),
      ["create"],
      403,
      { besides: OWN },
    ],
    [
      (id) => ({
        id: `${OWN}s`,
        cron: "@daily",
        promiseId: `${id}{{.timestamp}}`,
        promiseTimeout: 1,
      }),
      ["create"],
      403,
      { besides: OWN },
    ],
  ],
  "schedule.delete": [[(id) => ({ id }), ["create"], 404]],
  "schedule.search": [[() => ({ limit: 2 }), ["read"]]],
  "debug.start": [[() => ({}), ["admin"]]],
  "debug.stop": [[() => ({}), ["admin"]]],
  "debug.reset": [[() => ({}), ["admin"]]],
  "debug.tick": [[() => ({ time: 0 }), ["admin"]]],
  "debug.snap": [[() => ({}), ["admin"]]],
};

function protocol(at: "/" | "/rpc"): Use[] {
  return Object.entries(kinds).flatMap(([kind, uses]) =>
    uses.map(([data, needs, outside, more]) => ({
      ...more,
      ask: (id: string) => ({ path: at, body: envelope(kind, data(id)) }),
      needs,
      ...(outside !== undefined && { outside }),
      ...(kind.startsWith("debug.") && { full: true }),
    })),
  );
}

function envelope(kind: string, data: object, auth?: string) {
  return { kind, head: { corrId: "1", version: "2026-04-01", ...(auth && { auth }) }, data };
}

const LOOKS: Partial<Asked>[] = [
  { headers: { accept: "text/event-stream" } },
  { headers: { prefer: "wait=1" } },
  { headers: { upgrade: "websocket" } },
];

/** By route: how it is used, and by whom. */
const USES: Record<string, Use[] | "open" | "public"> = {
  "GET /health": "open",
  "GET /ready": "open",
  "GET /openapi.json": "public",
  "GET /docs": "public",
  "GET /assets/:name": "public",
  "GET /": "public",
  "GET /dashboard/promises/:id+": "public",
  "GET /dashboard/schedules": "public",
  "GET /dashboard/groups": "public",
  "GET /dashboard/webhooks": "public",
  "GET /dashboard/activity": "public",
  "GET /dashboard/sign-in": "public",
  "POST /session": "public",
  "DELETE /session": "public",
  "GET /session": [{ ask: () => ({ path: "/session" }), needs: [] }],
  "GET /promises/:id+": [
    promise("read", 404),
    promise("read", 404, { method: "HEAD" }),
    ...LOOKS.map((more) => promise("await", 404, more)),
    { ask: (id) => ({ path: `/promises/${id}?wait=1ms` }), needs: ["await"], outside: 404 },
  ],
  "PUT /promises/:id+": [promise("create", 403, { body: {} })],
  "PATCH /promises/:id+": [
    promise("settle", 404, { body: { state: "RESOLVED" } }),
    promise("settle", 404, { body: { timeout: "1h" } }),
  ],
  "DELETE /promises/:id+": [promise("admin", 404)],
  "POST /promises": [
    { ask: (id) => ({ path: "/promises", body: { id } }), needs: ["create"], outside: 403 },
  ],
  "GET /promises": [
    { ask: () => ({ path: "/promises?limit=2" }), needs: ["read"] },
    { ask: () => ({ path: "/promises?limit=2&view=summary&count=true" }), needs: ["read"] },
  ],
  "GET /stats": [{ ask: () => ({ path: "/stats" }), needs: ["read"] }],
  "GET /activity": [{ ask: () => ({ path: "/activity" }), needs: ["read"], full: true }],
  "GET /groups": [{ ask: () => ({ path: "/groups" }), needs: ["read"] }],
  "GET /groups/:group": [{ ask: () => ({ path: "/groups/none" }), needs: ["read"] }],
  "GET /index": [{ ask: () => ({ path: "/index" }), needs: ["admin"], full: true }],
  "POST /index/rebuild": [
    { ask: () => ({ path: "/index/rebuild?shard=0" }), needs: ["admin"], full: true },
  ],
  "GET /awaiters/:id+": [
    { ask: (id) => ({ path: `/awaiters/${id}` }), needs: ["read"], outside: 404 },
  ],
  "GET /schedules": [{ ask: () => ({ path: "/schedules?limit=2" }), needs: ["read"] }],
  "PUT /schedules/:id+": [
    scheduled("create", 403, schedule),
    {
      ask: (id) => ({
        path: `/schedules/${OWN}other`,
        body: { ...schedule, promiseId: `${id}/{{.timestamp}}` },
      }),
      needs: ["create"],
      outside: 403,
      besides: OWN,
    },
  ],
  "GET /schedules/:id+": [scheduled("read", 404)],
  "PATCH /schedules/:id+": [scheduled("create", 404, { paused: true })],
  "POST /schedules/:id+": [scheduled("create", 404)],
  "DELETE /schedules/:id+": [scheduled("create", 404)],
  "GET /poll/:group/:pid": [
    { ask: (id) => ({ path: `/poll/${id.split("/")[0]}/pid` }), needs: ["await"], outside: 403 },
  ],
  "POST /": protocol("/"),
  // The same as the other; one kind shows that it is.
  "POST /rpc": protocol("/rpc").slice(0, 2),
  "POST /promise/:operation": example("/promise"),
  "POST /durablePromiseServer/:operation": example("/durablePromiseServer"),
  "POST /links": [
    {
      ask: (id) => ({ path: "/links", body: { promise: id } }),
      needs: ["settle"],
      outside: 404,
    },
  ],
  "GET /links": [
    { ask: (id) => ({ path: `/links?promise=${id}` }), needs: ["settle"], outside: 404 },
  ],
  "DELETE /links/:id": [
    { ask: () => ({ path: "/links/none" }), needs: ["settle"] },
    // A link's id says which promise it belongs to.
    {
      ask: (id) => ({ path: `/links/lnk_${btoa(id).replaceAll("=", "")}.AAAA` }),
      needs: ["settle"],
      outside: 404,
    },
  ],
  "GET /l/:token": "public",
  "POST /l/:token": "public",
  "POST /c/:token": "public",
  "GET /.well-known/jwks.json": "public",
  "GET /receipts/:id+": [
    { ask: (id) => ({ path: `/receipts/${id}` }), needs: ["read"], outside: 404 },
  ],
  "POST /keys": [
    {
      ask: (id) => ({
        path: "/keys",
        body: { name: "made", scopes: ["read"], prefixes: [id], expiresIn: "1h" },
      }),
      needs: ["admin"],
      outside: 403,
    },
  ],
  "GET /export": [{ ask: () => ({ path: "/export?id=nothing/*" }), needs: ["read"] }],
  "POST /import": [
    {
      ask: () => ({
        path: "/import",
        body: "",
        headers: { "content-type": "application/x-ndjson" },
      }),
      needs: ["admin"],
    },
  ],
  "GET /metrics": [{ ask: () => ({ path: "/metrics" }), needs: ["read"], full: true }],
  "GET /audit": [{ ask: () => ({ path: "/audit?limit=2" }), needs: ["admin"], full: true }],
  "GET /keys": [{ ask: () => ({ path: "/keys" }), needs: ["admin"] }],
  "DELETE /keys/:id": [
    { ask: (id) => ({ path: `/keys/${keyIds.get(id)}` }), needs: ["admin"], outside: 404 },
  ],
  "GET /webhooks": [{ ask: () => ({ path: "/webhooks?limit=2" }), needs: ["admin"] }],
  "POST /webhooks": [
    {
      ask: (id) => ({
        path: "/webhooks",
        body: { url: "https://hook.example", filter: { promise: id }, disabled: true },
      }),
      needs: ["admin"],
      outside: 403,
    },
    {
      ask: (id) => ({
        path: "/webhooks",
        body: { url: "https://hook.example", filter: { prefix: `${id}/` }, disabled: true },
      }),
      needs: ["admin"],
      outside: 403,
    },
  ],
  "GET /webhooks/:id": [webhook()],
  "PATCH /webhooks/:id": [webhook("", { description: "changed" })],
  "DELETE /webhooks/:id": [webhook()],
  "POST /webhooks/:id/test": [webhook("/test")],
  "POST /webhooks/:id/rotate": [webhook("/rotate", {})],
  "GET /webhooks/:id/deliveries": [webhook("/deliveries")],
  "GET /webhooks/:id/dead-letters": [webhook("/dead-letters")],
  "POST /webhooks/:id/redeliver": [webhook("/redeliver", { all: true })],
};

/** One that is told of the promise of that id. */
function webhook(rest = "", body?: unknown): Use {
  return {
    ask: (id) => ({ path: `/webhooks/${webhookIds.get(id)}${rest}`, body }),
    needs: ["admin"],
    outside: 404,
  };
}
let callers: Caller[];
let number = 0;
const tasks: string[] = [];
const uses = Object.entries(USES).flatMap(([on, list]) =>
  Array.isArray(list) ? list.map((use, index) => [`${on} (${index})`, on as On, use] as const) : [],
);

beforeAll(async () => {
  const all: Scope[] = ["create", "read", "await", "settle"];
  callers = [
    NOBODY,
    { ...NOBODY, name: "a wrong key", headers: bearer("wrong") },
    { ...NOBODY, name: "a key that nobody made", headers: bearer(`dp_${"0".repeat(32)}`) },
    { ...NOBODY, name: "an expired JWT", headers: bearer(await expired()) },
    {
      ...NOBODY,
      name: "an ended key",
      headers: bearer((await keyFor(["admin"], ["*"], { expiresIn: 0 })).key),
    },
    { ...NOBODY, name: "a link", headers: bearer(await linkToken()) },
    ADMIN,
    ...(await Promise.all(SCOPES.map((scope) => keyCaller([scope], [OWN])))),
    ...(await Promise.all(SCOPES.map((scope) => jwtCaller([scope], [OWN])))),
    await keyCaller(all, [OWN]),
    await keyCaller([...SCOPES], [OWN, "other/"]),
    await jwtCaller([...SCOPES], ["nothing/"]),
    await jwtCaller(all, []),
  ];
});

/** It lets who has it decide one promise, at its own address. It is no key. */
async function linkToken(): Promise<string> {
  const id = `${OWN}linked`;
  await promiseAt(id).apply(create(id));
  const { text } = await send(ADMIN, { method: "POST", path: "/links", body: { promise: id } });
  return new URL(JSON.parse(text).url).pathname.slice("/l/".length);
}

function expired(): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) - 1;
  return signer.sign(claims({ role: "admin", exp }));
}

/** A promise, with a task or a schedule where one is asked for, of an id that nobody has used. */
async function freshFor(use: Use, on: On, prefix: string): Promise<string> {
  const id = `${prefix}${(number += 1)}`;
  const asked = `${on}${JSON.stringify(use.ask(id))}`;
  const tags = asked.includes('"task.') ? { "resonate:target": "poll://any@nobody" } : {};
  await promiseAt(id).apply(create(id, { tags }));
  if (asked.includes('"task.')) tasks.push(id);
  if (use.waits) await promiseAt(id).apply(resolve("1"));
  if (asked.includes("schedule")) {
    await send(ADMIN, { method: "PUT", path: `/schedules/${id}`, body: schedule });
  }
  if (asked.includes("/webhooks/")) await webhookFor(id);
  if (asked.includes("/keys/")) keyIds.set(id, (await keyFor(["read"], [`${id}/*`])).id);
  return id;
}

/** Switched off, and where nobody listens: it is not told of what happens here. */
async function webhookFor(id: string): Promise<void> {
  const body = { url: "http://127.0.0.1:1/", filter: { promise: id }, disabled: true };
  const { text } = await send(NOBODY, { method: "POST", path: "/webhooks", body }, LOOPBACK_ENV);
  webhookIds.set(id, JSON.parse(text).id);
}

/** A task that nobody takes is offered again and again. */
afterEach(async () => {
  await Promise.all(tasks.splice(0).map((id) => promiseAt(id).apply({ kind: "dispose" })));
});

function freshIn(prefix: string): Promise<string> {
  const both: Use = { ask: () => ({ path: "/schedules", body: { kind: "task." } }), needs: [] };
  return freshFor(both, "GET /schedules", prefix);
}

function mayChange({ needs, outside }: Use): boolean {
  return outside !== undefined && needs.some((scope) => scope !== "read" && scope !== "await");
}

async function expectVerdict(use: Use, on: On, caller: Caller, id: string): Promise<void> {
  const asked = { method: on.split(" ")[0]!, ...use.ask(id) };
  const { is, given } = verdictOf(await send(caller, asked));
  const what = `${caller.name}: ${JSON.stringify(asked)}: ${given.status} ${given.text}`;
  const expected = expectedOf(use, caller, id);
  // What is theirs but not as the call would have it is no matter of rights.
  const served = is === "not there" || is === "unawaitable" ? "served" : is;
  expect(expected === "served" ? served : is, what).toBe(expected);
  expect(given.status, what).toBeLessThan(500);
  if (is === "unauthorized") expect(given.headers.get("www-authenticate")).toMatch(/^Bearer /);
}

interface Verdict {
  /** The status and code of a refusal; nothing when it was served. */
  is: "served" | "unauthorized" | "forbidden" | "not there" | "unawaitable";
  given: Given;
}

const NOT_THERE = new Set<ErrorCode>([
  "not_found",
  "schedule_not_found",
  "webhook_not_found",
  "key_not_found",
]);

function verdictOf(given: Given): Verdict {
  const code = codeOf(given);
  if (given.status === 401) return { is: "unauthorized", given };
  if (code === "forbidden") return { is: "forbidden", given };
  if (code && NOT_THERE.has(code)) return { is: "not there", given };
  if (code === undefined && given.status === 403) return { is: "forbidden", given };
  if (code === undefined && given.status === 404) return { is: "not there", given };
  if (code === undefined && given.status === 422) return { is: "unawaitable", given };
  return { is: "served", given };
}

function codeOf({ headers, text }: Given): ErrorCode | undefined {
  const isProblem = headers.get("content-type") === "application/problem+json" && text !== "";
  // SAFETY: by its type.
  return isProblem ? (JSON.parse(text) as Problem).code : undefined;
}

function expectedOf(use: Use, caller: Caller, id: string): Verdict["is"] {
  const has = (scope: Scope) => caller.scopes.includes(scope) || caller.scopes.includes("admin");
  if (!caller.isLetIn) return "unauthorized";
  if (!use.needs.every(has)) return "forbidden";
  if (use.full) return caller.reach.includes("") ? "served" : "forbidden";
  const reaches = (one: string) => caller.reach.some((prefix) => one.startsWith(prefix));
  if (use.outside === undefined) return "served";
  if (use.after && !reaches(use.after)) return "not there";
  if (reaches(id) && (!use.besides || reaches(use.besides))) return "served";
  if (use.outside === 403) return "forbidden";
  return use.outside === 404 ? "not there" : "unawaitable";
}

describe("the table", () => {
  it("has every route, and no other, in this test", () => {
    expect(Object.keys(USES).toSorted()).toEqual(ROUTES.map(({ on }) => on).toSorted());
  });

  it("says who may use each as this test does", () => {
    for (const { on, rule } of ROUTES) {
      const uses = USES[on]!;
      if (typeof uses === "string") expect(rule, on).toBe(uses);
      else if (typeof rule === "object" && typeof rule.scope === "string") {
        for (const { needs } of uses) expect(needs, on).toEqual([rule.scope]);
      } else if (typeof rule === "string") expect(rule, on).toBe("any");
    }
  });
});

describe("every route, asked by every kind of caller", () => {
  it.each(uses)("%s", { timeout: 120_000 }, async (_, on, use) => {
    for (const prefix of [OWN, FOREIGN]) {
      // Those who get nothing change nothing, so they may all ask about the same.
      const kept = await freshFor(use, on, prefix);
      for (const caller of callers) {
        const changes = mayChange(use) && expectedOf(use, caller, kept) === "served";
        await expectVerdict(use, on, caller, changes ? await freshFor(use, on, prefix) : kept);
      }
      const state = use.waits ? "resolved" : "pending";
      expect(await promiseAt(kept).get()).toMatchObject({ id: kept, state });
    }
  });

  // Thousands of objects that the tests above have used go to sleep in one of these.
  it.each(uses)("%s, without keys, from this machine", { timeout: 60_000 }, async (_, on, use) => {
    const id = await freshFor(use, on, FOREIGN);
    const asked = { method: on.split(" ")[0]!, ...use.ask(id) };
    const { is } = verdictOf(await send(NOBODY, asked, LOOPBACK_ENV));
    expect(["served", "not there", "unawaitable"]).toContain(is);
  });

  it.each(Object.entries(USES).filter(([, list]) => list === "open" || list === "public"))(
    "%s is open to all",
    async (on) => {
      const [method = "", at = ""] = on.replace(":name", "status.css").split(" ");
      const body = method === "POST" ? {} : undefined;
      for (const caller of callers) {
        const { status, text } = await send(caller, { method, path: at, body });
        // What has a right of its own in its URL judges that, and so does who has no keys.
        const judged = at.includes(":token") ? [400, 404, 410, 503] : [200, 503];
        // To sign in is to bring a key; to sign out needs none.
        if (at === "/session") judged.push(method === "POST" ? 400 : 204);
        expect(judged, `${caller.name} ${text}`).toContain(status);
      }
    },
  );

  it("an address where nothing is asks for a key all the same", async () => {
    for (const path of ["/nowhere", "/keys/a/b", "/promisesx"]) {
      expect((await send(NOBODY, { method: "GET", path })).status).toBe(401);
      expect((await send(ADMIN, { method: "GET", path })).status).toBe(404);
    }
  });
});

describe("what is outside", () => {
  let own: Caller;
  beforeAll(async () => {
    own = await keyCaller([...SCOPES], [OWN]);
  });

  const ways: [string, (id: string) => Asked][] = [
    ["GET", (id) => ({ method: "GET", path: `/promises/${id}` })],
    ["HEAD", (id) => ({ method: "HEAD", path: `/promises/${id}` })],
    ["PATCH", (id) => ({ method: "PATCH", path: `/promises/${id}`, body: { state: "RESOLVED" } })],
    ["DELETE", (id) => ({ method: "DELETE", path: `/promises/${id}` })],
    ["schedule", (id) => ({ method: "GET", path: `/schedules/${id}` })],
    ["pause", (id) => ({ method: "PATCH", path: `/schedules/${id}`, body: { paused: true } })],
    ["promise.get", (id) => ({ method: "POST", path: "/", body: envelope("promise.get", { id }) })],
    ["task.get", (id) => ({ method: "POST", path: "/", body: envelope("task.get", { id }) })],
    [
      "promise.settle",
      (id) => ({
        method: "POST",
        path: "/",
        body: envelope("promise.settle", { id, state: "resolved" }),
      }),
    ],
    [
      "schedule.get",
      (id) => ({ method: "POST", path: "/", body: envelope("schedule.get", { id }) }),
    ],
  ];

  it.each(ways)(
    "%s: is answered as what is not there, to the letter but for its id",
    async (_, ask) => {
      const taken = await freshIn(FOREIGN);
      const [unknown, free] = [`${OWN}never-${number}`, `${FOREIGN}never-${number}`];
      const shapes = [];
      for (const id of [unknown, free, taken]) {
        const { status, headers, text } = await send(own, ask(id));
        // Drawn for every request.
        headers.delete(HEADER.requestId);
        const shown = [...headers].map(([name, value]) =>
          name === "content-length" ? [name, Number(value) - 2 * id.length] : [name, value],
        );
        shapes.push({ status, shown, text: text.replaceAll(id, "<id>") });
      }
      expect(shapes[0]?.status).toBe(404);
      expect(shapes[1]?.text).toEqual(shapes[0]?.text);
      expect(shapes[1]?.status).toEqual(shapes[0]?.status);
      expect(shapes[1]?.shown.map(([name]) => name)).toEqual(
        shapes[0]?.shown.map(([name]) => name),
      );
      expect(shapes[2]).toEqual(shapes[1]);
    },
  );

  it.each([
    ["PUT", (id: string) => ({ method: "PUT", path: `/promises/${id}`, body: {} })],
    ["POST", (id: string) => ({ method: "POST", path: "/promises", body: { id } })],
  ])("%s: a create is refused alike, whatever is there", async (_, ask) => {
    const taken = await freshIn(FOREIGN);
    const given = await Promise.all(
      [taken, `${FOREIGN}never-${number}`].map(async (id) => {
        const { status, text } = await send(own, ask(id));
        return { status, text: text.replaceAll(id, "<id>") };
      }),
    );
    expect(given[0]?.status).toBe(403);
    expect(given[1]).toEqual(given[0]);
  });

  it("is not asked: its object stays as it was", async () => {
    const ids = ways.map(([way]) => `${FOREIGN}asleep/${way}`);
    for (const [n, [, ask]] of ways.entries()) await send(own, ask(ids[n]!));
    for (const id of ids) expect(await isRunning(promiseAt(id)), id).toBe(false);
  });

  it("is found by no search, and no page ends in it", { timeout: 60_000 }, async () => {
    const tags = { search: `s${number}` };
    const ids = ["m/b", "mn", "m/a", "n/1", "q/z", "mother", "p"].map((id) => `search/${id}`);
    for (const id of ids) {
      await send(ADMIN, { method: "PUT", path: `/promises/${id}`, body: { tags } });
      await send(ADMIN, { method: "PUT", path: `/schedules/${id}`, body: schedule });
    }
    const caller = await jwtCaller(["read"], ["search/q", "search/m/", "search/n/"]);
    const reached = ["m/a", "m/b", "n/1", "q/z"].map((id) => `search/${id}`);
    for (const kind of ["promise.search", "schedule.search"]) {
      await expect.poll(() => allFound(caller, kind), { timeout: 20_000 }).toEqual(reached);
    }
    const { text } = await send(caller, { method: "GET", path: "/schedules" });
    expect(JSON.parse(text).schedules.map(({ id }: { id: string }) => id)).toEqual(reached);
  });

  it("is in no list of webhooks", async () => {
    const [mine, theirs] = [await freshIn(OWN), await freshIn(FOREIGN)];
    await Promise.all([webhookFor(mine), webhookFor(theirs)]);
    const seen: string[] = [];
    let query = "?limit=50";
    for (;;) {
      const { text } = await send(own, { method: "GET", path: `/webhooks${query}` });
      const { webhooks, cursor } = JSON.parse(text);
      seen.push(...webhooks.map(({ id }: { id: string }) => id));
      if (cursor === undefined) break;
      query = `?limit=50&cursor=${cursor}`;
    }
    expect(seen).toContain(webhookIds.get(mine));
    expect(seen).not.toContain(webhookIds.get(theirs));
  });

  it("keeps its lease when another's heartbeat names it, or means all", async () => {
    const id = await freshIn(FOREIGN);
    const acquire = { id, version: 0, pid: "p", ttl: 600_000 };
    expect((await rpc(ADMIN, "task.acquire", acquire)).status).toBe(200);
    const before = await promiseAt(id).get();
    for (const tasks of [[{ id, version: 1 }], []]) {
      expect((await rpc(own, "task.heartbeat", { pid: "p", tasks })).status).toBe(200);
    }
    expect(await promiseAt(id).get()).toEqual(before);
  });
});

/** Page by page, none of which may end in an id that the caller does not reach. */
async function allFound(caller: Caller, kind: string): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const data = { limit: 1, ...(cursor !== undefined && { cursor }) };
    const { text } = await send(caller, {
      method: "POST",
      path: "/",
      body: envelope(kind, data),
    });
    const page = JSON.parse(text).data;
    found.push(...(page.promises ?? page.schedules).map(({ id }: { id: string }) => id));
    ({ cursor } = page);
    if (cursor !== undefined) expect(cursor).toMatch(/^search\/(?:m\/|n\/|q)/);
  } while (cursor !== undefined);
  return found;
}

function rpc(caller: Caller, kind: string, data: object): Promise<Given> {
  return send(caller, { method: "POST", path: "/", body: envelope(kind, data) });
}

describe("a token in the envelope", () => {
  it("is who asks, where the headers say nothing; else the headers are", async () => {
    const { key } = await keyFor(["read"], [`${OWN}*`]);
    const id = await freshIn(OWN);
    const ask = (headers: Record<string, string>, auth?: string) =>
      send({ headers }, { method: "POST", path: "/", body: envelope("promise.get", { id }, auth) });
    expect((await ask({}, key)).status).toBe(200);
    expect((await ask({}, "wrong")).status).toBe(401);
    expect((await ask({})).status).toBe(401);
    expect((await ask(bearer("wrong"), key)).status).toBe(401);
    expect((await ask(bearer(key), "wrong")).status).toBe(200);
    const body = { kind: 1, head: { auth: [key] } };
    for (const bad of [body, "{", "[]", "null", ""]) {
      expect((await send(NOBODY, { method: "POST", path: "/rpc", body: bad })).status).toBe(401);
    }
  });
});
