/**
 * Who may name a group of workers to be sent something: in every place where an address is taken, and
 * for every kind of caller whose ids are limited. Refused, nothing is made, and the field is named.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { SCOPES, type Problem } from "../../client/src/protocol.ts";
import {
  ADMIN,
  jwtCaller,
  keyCaller,
  send,
  type Asked,
  type Caller,
  type Given,
} from "./guarded.ts";

const OWN = "team-a/";
const TARGET = "resonate:target";
const schedule = { cron: "@daily", promiseTimeout: "1h" };
const later = { timeoutAt: 2 ** 50 };

/** One way to name an address, and where what it makes would be. */
interface Way {
  ask: (id: string, address: string) => Asked;
  /** Of a problem document; of the protocol its refusal begins with it. */
  field: string;
  made?: (id: string) => string;
}

function rpc(kind: string, data: object): Asked {
  return {
    method: "POST",
    path: "/",
    body: { kind, head: { corrId: "1", version: "2026-04-01" }, data },
  };
}

const promise = (id: string): string => `/promises/${id}`;
/** Whoever it is for is not called during the test. */
const tags = (address: string) => ({ [TARGET]: address, "resonate:delay": String(2 ** 50) });

const WAYS: Record<string, Way> = {
  "PUT /promises": {
    ask: (id, address) => ({ method: "PUT", path: promise(id), body: { tags: tags(address) } }),
    field: `tags.${TARGET}`,
    made: promise,
  },
  "POST /promises": {
    ask: (id, address) => ({
      method: "POST",
      path: "/promises",
      body: { id, tags: tags(address) },
    }),
    field: `tags.${TARGET}`,
    made: promise,
  },
  "a step of an escalation": {
    ask: (id, notify) => ({
      method: "PUT",
      path: promise(id),
      body: {
        escalation: [
          { after: "1d", extend: "1d" },
          { after: "2d", notify },
        ],
      },
    }),
    field: "escalation.1.notify",
    made: promise,
  },
  "PUT /schedules": {
    ask: (id, address) => ({
      method: "PUT",
      path: `/schedules/${id}`,
      body: { ...schedule, promiseTags: tags(address) },
    }),
    field: `promiseTags.${TARGET}`,
    made: (id) => `/schedules/${id}`,
  },
  "schedule.create": {
    ask: (id, address) =>
      rpc("schedule.create", {
        id,
        cron: "@daily",
        promiseId: `${id}/{{.timestamp}}`,
        promiseTimeout: 1000,
        promiseTags: tags(address),
      }),
    field: `promiseTags.${TARGET}`,
    made: (id) => `/schedules/${id}`,
  },
  "promise.create": {
    ask: (id, address) => rpc("promise.create", { id, ...later, tags: tags(address) }),
    field: `data.tags.${TARGET}`,
    made: promise,
  },
  "task.create": {
    ask: (id, address) =>
      rpc("task.create", {
        pid: "p",
        ttl: 60_000,
        action: { data: { id, ...later, tags: tags(address) } },
      }),
    field: `data.action.data.tags.${TARGET}`,
    made: promise,
  },
  "task.fence": {
    ask: (id, address) =>
      rpc("task.fence", {
        id: fencing,
        version: 1,
        action: { kind: "promise.create", data: { id, ...later, tags: tags(address) } },
      }),
    field: `data.action.data.tags.${TARGET}`,
    made: promise,
  },
  "promise.register_listener": {
    ask: (_, address) => rpc("promise.register_listener", { awaited: listened, address }),
    field: "data.address",
  },
};

const fencing = `${OWN}fencing`;
const listened = `${OWN}listened`;
let number = 0;

/** What is sent there by a key of others, in their own words. */
const FOREIGN = [
  "poll://any@team-b",
  "poll://uni@team-b/worker",
  "poll://any@team-b/worker",
  // Neither what begins like a group of theirs, nor what theirs begins with.
  "poll://any@team-a-staging",
  "poll://any@team",
  "poll://any@default",
];
const OPEN = [
  "poll://any@team-a",
  "poll://any@team-a/pid",
  "poll://uni@team-a/team-b",
  "https://team-b.example/work",
];

let limited: Caller[];
beforeAll(async () => {
  const all = SCOPES.filter((scope) => scope !== "admin");
  limited = [
    await keyCaller(all, [OWN]),
    await keyCaller(["admin"], [OWN]),
    await jwtCaller(all, [OWN]),
    await jwtCaller(["admin"], [OWN, "other/"]),
  ];
  await send(ADMIN, rpc("promise.create", { id: listened, ...later, tags: external }));
  const action = { data: { id: fencing, ...later, tags: tags("https://a.example") } };
  await send(ADMIN, rpc("task.create", { pid: "p", ttl: 3_600_000, action }));
});
const external = { "resonate:external": "true" };

/** Where each caller tries, of its own. */
const freshId = () => `${OWN}${(number += 1)}`;

function isThere(path: string): Promise<boolean> {
  return send(ADMIN, { method: "GET", path }).then(({ status }) => status === 200);
}

function refusalOf({ headers, text }: Given): { field: string | undefined; detail: string } {
  const body = JSON.parse(text);
  if (headers.get("content-type") !== "application/problem+json") {
    return { field: String(body.data).split(": ")[0], detail: body.data };
  }
  // SAFETY: by its type.
  const { field, detail, code } = body as Problem;
  expect(code).toBe("forbidden");
  return { field, detail };
}

describe.each(Object.entries(WAYS))("%s", (_, { ask, field, made }) => {
  it.each(FOREIGN)("names %s for who has a part in it only", async (address) => {
    for (const caller of limited) {
      const id = freshId();
      const given = await send(caller, ask(id, address));
      expect(given.status, `${caller.name}: ${given.text}`).toBe(403);
      const [, group] = /@([^/]+)/.exec(address)!;
      expect(refusalOf(given)).toEqual({
        field,
        detail: `${field}: your key has no part in the group "${group}"`,
      });
      if (made) expect(await isThere(made(id))).toBe(false);
    }
    const id = freshId();
    const given = await send(ADMIN, ask(id, address));
    expect(given.status, given.text).toBeLessThan(300);
    if (made) expect(await isThere(made(id))).toBe(true);
    if (made) await dispose(id);
  });

  it.each(OPEN)("names %s for all", async (address) => {
    for (const caller of limited) {
      const id = freshId();
      const given = await send(caller, ask(id, address));
      expect(given.status, `${caller.name}: ${given.text}`).toBeLessThan(300);
      if (made) expect(await isThere(made(id))).toBe(true);
      if (made) await dispose(id);
    }
  });
});

/** A task that nobody takes is offered again and again. */
async function dispose(id: string): Promise<void> {
  await send(ADMIN, { method: "PATCH", path: promise(id), body: { state: "RESOLVED" } });
}
