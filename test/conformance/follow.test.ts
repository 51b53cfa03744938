/**
 * The live list: `GET /promises?…` as event stream and as WebSocket, written from the contract alone.
 * First the page, then what is added, changed and removed, also by time alone; after a dropped line
 * what was missed; nobody hears of what is not theirs, and nobody suffers from who does not read.
 * Random histories are in `follow-random.test.ts`.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  LIMITS,
  PING,
  PONG,
  SUBPROTOCOL,
  type ApiKey,
  type ListEvent,
  type PromiseSummary,
} from "../../client/src/protocol.ts";
import {
  expectFound,
  find,
  parametersOf,
  summaryOf,
  type Finder,
  type Parameters,
} from "./finding.ts";
import { Follower, LINES, NotFollowed, type Line, type ResumeBy } from "./follower.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, recordOf, startService, type Service } from "./service.ts";
import { eventually, withTime } from "../eventually.ts";

const ROOT = { authorization: "Bearer root" };
const FOLLOWERS = 100;

let service: Service;
let root: Finder;
const open: Follower[] = [];

beforeAll(async () => {
  service = await startService({ env: { API_KEYS: "root" } });
  root = { service, headers: ROOT };
});
afterEach(() => {
  for (const follower of open.splice(0)) follower.drop();
});
afterAll(() => service.stop());

async function follow(
  line: Line,
  parameters: string | Parameters,
  finder: Finder = root,
): Promise<Follower> {
  const list = typeof parameters === "string" ? parametersOf(parameters) : parameters;
  const follower = await Follower.open(finder, line, list);
  open.push(follower);
  return follower;
}

async function bear(id: string, body: object = {}): Promise<PromiseSummary> {
  const answer = await service.create(id, body, ROOT);
  expect(answer.status, `${id}: ${answer.text}`).toBe(201);
  return summaryOf(recordOf(answer));
}

/** Born, and known to the index. */
async function bearAll(ids: string[], body: object = {}): Promise<PromiseSummary[]> {
  const made = await Promise.all(ids.map((id) => bear(id, body)));
  await eventually(async () => {
    const found = await Promise.all(ids.map((id) => find(root, [["id", id]])));
    expect(found.map(({ promises }) => promises.length)).toEqual(ids.map(() => 1));
  });
  return made;
}

async function settle(id: string, state = "RESOLVED"): Promise<PromiseSummary> {
  const answer = await service.settle(id, { state }, ROOT);
  expect(answer.status, `${id}: ${answer.text}`).toBe(201);
  return summaryOf(recordOf(answer));
}

async function purge(id: string): Promise<void> {
  const answer = await service.send("DELETE", service.address(id), { headers: ROOT });
  expect(answer.status, id).toBe(204);
}

/** What an event says, without its place. */
function said(event: ListEvent): object {
  const { at, ...rest } = event;
  expect(at).toMatch(/^\S+$/);
  return rest;
}

function statesIn({ found }: Follower): Record<string, string> {
  return Object.fromEntries([...found.values()].map(({ id, state }) => [id, state]));
}

const isAbout =
  (id: string, type?: ListEvent["type"]) =>
  (event: ListEvent): boolean =>
    (type === undefined || event.type === type) &&
    (event.type === "removed" ? event.id : event.type !== "page" && event.promise.id) === id;

describe("an event stream", () => {
  test("is one, and is kept by nobody on the way", async () => {
    const follower = await follow("event stream", "limit=1");
    expect(follower.headers?.get("content-type")).toMatch(/^text\/event-stream\b/);
    expect(follower.headers?.get("cache-control")).toContain("no-store");
    expect(follower.headers?.get("vary")?.toLowerCase()).toContain("accept");
  });

  test("is not begun for HEAD", async () => {
    const headers = { ...ROOT, accept: "text/event-stream" };
    const answer = await service.send("HEAD", "/promises?limit=1", { headers });
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(answer.headers.get("content-type")).toMatch(/^text\/event-stream\b/);
  });

  test("is refused with the field's name", async () => {
    const headers = { ...ROOT, accept: "text/event-stream" };
    const answer = await service.send("GET", "/promises?colour=red", { headers });
    expectRefusal(answer, "invalid_request", "colour");
  });

  test("that nobody reads keeps nobody from reading theirs, and is whole when read", async () => {
    const corner = freshId("deaf");
    const asked = parametersOf(`id=${corner}/*&limit=1000`);
    const deaf = await Promise.all(Array.from({ length: 8 }, () => follow("event stream", asked)));
    for (const one of deaf) one.pause();
    const follower = await follow("event stream", asked);
    const other = await follow("WebSocket", asked);
    await Promise.all([follower.next("the page"), other.next("the page")]);
    // Some 4 KB an event, and more of them than the buffers of a connection take.
    const tags = { text: "x".repeat(4_000) };
    const ids = Array.from({ length: 400 }, (_, place) => `${corner}/${place}`);
    for (let at = 0; at < ids.length; at += 20) {
      await Promise.all(
        ids.slice(at, at + 20).map(async (id) => {
          await bear(id, { tags });
          await settle(id);
        }),
      );
    }
    const expectAll = (one: Follower): void => {
      while (one.take());
      expect(one.found.size).toBe(ids.length);
      const states = new Set([...one.found.values()].map(({ state }) => state));
      expect([...states]).toEqual(["RESOLVED"]);
    };
    await eventually(async () => [follower, other].forEach(expectAll));
    const asking = Date.now();
    expect((await find(root, parametersOf(`id=${corner}/*`))).promises.length).toBe(100);
    expect(Date.now() - asking).toBeLessThan(5_000);
    for (const one of deaf) one.resume();
    await eventually(async () => {
      for (const one of deaf) {
        while (one.take());
        if (one.hasEnded) await one.connect();
        expectAll(one);
      }
    });
  });
});

describe.each(LINES)("on a %s", (line) => {
  test("the first event is the page that the search finds", async () => {
    const corner = freshId("page");
    const ids = ["a", "b", "c", "d", "e"].map((name) => `${corner}/${name}`);
    await bearAll(ids, { tags: { corner }, form: { title: "Well?" }, requestedBy: "ada" });
    for (const asked of [
      `id=${corner}/*`,
      `id=${corner}/*&sort=id&limit=2`,
      `tags[corner]=${corner}&sort=-id&limit=5`,
      `id=${corner}/*&state=pending&sort=-created`,
      `id=${corner}/*&state=settled&sort=settled`,
      `id=${corner}/none`,
    ]) {
      const follower = await follow(line, asked);
      const first = await follower.next("the page");
      const search = await find(root, parametersOf(`${asked}&view=summary&count=true`));
      expect(said(first), asked).toEqual({
        type: "page",
        promises: search.promises,
        cursor: search.cursor === null ? null : expect.any(String),
        count: search.count,
      });
    }
  });

  test("its cursor leads to the rest of what was found", async () => {
    const corner = freshId("page");
    const ids = ["a", "b", "c", "d", "e"].map((name) => `${corner}/${name}`);
    await bearAll(ids);
    const asked = parametersOf(`id=${corner}/*&sort=id&limit=2&view=summary`);
    const page = await (await follow(line, asked)).next("the page");
    const cursor = page.type === "page" ? page.cursor : null;
    const rest = await find(root, [...asked, ["cursor", cursor ?? "none"]]);
    expect(rest.promises.map(({ id }) => id)).toEqual(ids.slice(2, 4));
  });

  test("what comes, changes and goes is told as it happens", async () => {
    const corner = freshId("life");
    const id = `${corner}/one`;
    const follower = await follow(line, `id=${corner}/*`);
    expect(said(await follower.next("the page"))).toEqual({
      type: "page",
      promises: [],
      cursor: null,
      count: 0,
    });
    const born = await bear(id, { tags: { a: "b" }, timeout: "1h" });
    expect(said(await follower.next("the birth"))).toEqual({ type: "added", promise: born });
    const settled = await settle(id);
    await follower.until(isAbout(id, "changed"), "the settlement");
    expect(follower.found.get(id)).toEqual(settled);
    await purge(id);
    await follower.until(isAbout(id, "removed"), "the end");
    expect(follower.found.size).toBe(0);
    expect(follower.pages).toBe(1);
  });

  test("a settlement takes it from one list to another, and into no third", async () => {
    const corner = freshId("lists");
    const id = `${corner}/one`;
    const marker = `${corner}/marker`;
    await bearAll([id, marker], { tags: { corner } });
    const [pending, settled, rejected, tagged] = await Promise.all([
      follow(line, `id=${corner}/*&state=pending`),
      follow(line, `id=${corner}/*&state=settled&sort=settled`),
      follow(line, `id=${corner}/*&state=rejected`),
      follow(line, `tags[corner]=${corner}&q=ONE`),
    ]);
    for (const follower of [pending, settled, rejected, tagged]) await follower.next("the page");
    const now = await settle(id);
    await settle(marker, "REJECTED");
    await pending.until(isAbout(id, "removed"), "that it is settled");
    await settled.until((event) => isAbout(id)(event) && event.type !== "removed", "that it is");
    expect(settled.found.get(id)).toEqual(now);
    await tagged.until(isAbout(id, "changed"), "that it is settled");
    // The marker came later: had the other been told here, it would have been before.
    const [first] = await rejected.until(isAbout(marker), "the marker");
    expect(isAbout(id)(first!) && first?.type !== "removed").toBe(false);
    expect([...rejected.found.keys()]).toEqual([marker]);
    expect([...tagged.found.keys()]).toEqual([id]);
  });

  test("a deadline that passes is told without anybody writing it", async () => {
    const { ids, timeout, followers } = await withTime(3_000, async (ms) => {
      const corner = freshId("due");
      const timeout = Date.now() + ms;
      const [plain, timer, told] = ["plain", "timer", "told"].map((name) => `${corner}/${name}`);
      const ids = [plain!, timer!, told!] as const;
      await Promise.all([
        bear(plain!, { timeout }),
        bear(timer!, { timeout, tags: { "resonate:timer": "true" } }),
        bear(told!, { timeout, onTimeout: { state: "REJECTED_CANCELED" } }),
      ]);
      const pendingOnes = parametersOf(`id=${corner}/*&sort=id&state=pending`);
      await expectFound(root, pendingOnes, [...ids], { forMs: ms });
      const followers = await Promise.all([
        follow(line, `id=${corner}/*`),
        follow(line, `id=${corner}/*&state=pending&sort=deadline`),
        follow(line, `id=${corner}/*&state=settled`),
        follow(line, `id=${corner}/*&state=RESOLVED`),
      ]);
      for (const follower of followers) await follower.next("the page");
      expect(followers.map(({ found }) => found.size)).toEqual([3, 3, 0, 0]);
      return { ids, timeout, followers };
    });
    const [plain, timer, told] = ids;
    const [all, pending, settled, resolved] = followers;
    const ends = [
      [plain, "REJECTED_TIMEDOUT"],
      [timer, "RESOLVED"],
      [told, "REJECTED_CANCELED"],
    ] as const;
    await eventually(async () => {
      for (const follower of followers) while (follower.take());
      expect(statesIn(all)).toEqual(Object.fromEntries(ends));
      expect(statesIn(pending)).toEqual({});
      expect(statesIn(settled)).toEqual(Object.fromEntries(ends));
      expect(statesIn(resolved)).toEqual({ [timer]: "RESOLVED" });
    });
    expect(Date.now()).toBeGreaterThanOrEqual(timeout);
    for (const { completedOn } of all.found.values()) expect(completedOn).toBe(timeout);
    expect(followers.map(({ pages }) => pages)).toEqual([1, 1, 1, 1]);
  });

  test("an order by what not all have is kept by those that have it", async () => {
    const corner = freshId("orders");
    const [never, due] = ["never", "due"].map((name) => `${corner}/${name}`);
    const [byDeadline, bySettlement] = await Promise.all([
      follow(line, `id=${corner}/*&sort=deadline`),
      follow(line, `id=${corner}/*&sort=-settled`),
    ]);
    await Promise.all([byDeadline, bySettlement].map((follower) => follower.next("the page")));
    await bear(never!);
    await bearAll([due!], { timeout: "1h" });
    await settle(due!);
    await eventually(async () => {
      for (const follower of [byDeadline, bySettlement]) while (follower.take());
      expect(byDeadline.found.get(due!)?.state).toBe("RESOLVED");
      expect([...byDeadline.found.keys()]).toEqual([due]);
      expect([...bySettlement.found.keys()]).toEqual([due]);
    });
  });

  test("a deadline that moves, and a step that settles, are told", async () => {
    const corner = freshId("moves");
    const [moved, settled] = ["moved", "settled"].map((name) => `${corner}/${name}`);
    const follower = await follow(line, `id=${corner}/*&state=pending&sort=deadline`);
    await follower.next("the page");
    const before = await bear(moved!, {
      timeout: "2s",
      escalation: [{ after: "1500ms", extend: "1h" }],
    });
    await bear(settled!, {
      timeout: "1h",
      escalation: [{ after: "2s", settle: { state: "RESOLVED" } }],
    });
    await eventually(async () => {
      while (follower.take());
      expect([...follower.found.keys()]).toEqual([moved]);
      expect(follower.found.get(moved!)?.timeout).toBe(before.timeout + 3_600_000);
      expect(Date.now()).toBeGreaterThan(before.createdOn + 2_500);
    });
  });

  test("a task that is taken is told", async () => {
    const id = freshId("task");
    const follower = await follow(line, [["id", id], ...parametersOf("task=acquired")]);
    await follower.next("the page");
    await bear(id, { tags: { "resonate:target": "poll://any@followers" } });
    const data = { id, version: 0, pid: "p", ttl: 60_000 };
    const body = { kind: "task.acquire", head: { corrId: "1", version: "2026-04-01" }, data };
    await service.send("POST", "/", { body, headers: ROOT });
    await follower.until(
      (event) => isAbout(id)(event) && event.type !== "removed",
      "that it is taken",
    );
    expect(follower.found.get(id)?.task).toEqual({ state: "acquired", version: 1, pid: "p" });
  });

  const ways: ResumeBy[] = line === "WebSocket" ? ["parameter"] : ["header", "parameter"];
  test.each(ways)("who comes again is told what was missed, by %s", async (by) => {
    const corner = freshId("again");
    const [kept, settled, purged] = ["kept", "settled", "purged"].map(
      (name) => `${corner}/${name}`,
    );
    await bearAll([kept!, settled!, purged!]);
    const follower = await follow(line, `id=${corner}/*`);
    await follower.next("the page");
    follower.drop();
    const now = await settle(settled!);
    await settle(purged!);
    await purge(purged!);
    const [late] = await bearAll([`${corner}/late`]);
    await follower.connect(by);
    await eventually(async () => {
      while (follower.take());
      expect(new Set(follower.found.keys())).toEqual(new Set([kept, late!.id, settled]));
      expect(follower.found.get(settled!)).toEqual(now);
    });
    expect(follower.pages, "the list began anew after a short gap").toBe(1);
  });

  test("who comes again before it has read all that it missed, loses nothing", async () => {
    const corner = freshId("broken");
    const ids = Array.from({ length: 12 }, (_, place) => `${corner}/${place}`);
    await bearAll(ids);
    const follower = await follow(line, `id=${corner}/*&state=pending`);
    await follower.next("the page");
    expect(follower.found.size).toBe(ids.length);
    follower.drop();
    for (const id of ids) await settle(id);
    await expectFound(root, parametersOf(`id=${corner}/*&state=pending`), []);
    // Every line breaks after its first event; each has to bring the list on by at least one.
    for (let lines = 0; follower.found.size > 0; lines += 1) {
      expect(lines, `${follower.found.size} are still in the list`).toBeLessThan(40);
      await follower.connect();
      await follower.next("what was missed");
      follower.drop();
    }
  });

  test("who comes again after a deadline has passed is told that it has", async () => {
    const { id, follower } = await withTime(2_500, async (ms) => {
      const id = freshId("passed");
      await bear(id, { timeout: Date.now() + ms });
      const pending: Parameters = [["id", id], ...parametersOf("state=pending")];
      await expectFound(root, pending, [id], { forMs: ms });
      const follower = await follow(line, pending);
      await follower.next("the page");
      expect(follower.found.size).toBe(1);
      return { id, follower };
    });
    follower.drop();
    await expectFound(root, [["id", id], ...parametersOf("state=settled")], [id]);
    await follower.connect();
    await eventually(async () => {
      while (follower.take());
      expect(follower.found.size).toBe(0);
    });
  });

  test("an id that is none of ours begins the list anew", async () => {
    const corner = freshId("garbage");
    await bearAll([`${corner}/one`]);
    const none = ["garbage", "", "0", "a.b.c", "🤷", "0.0.0.0.0.0.0.0", "%00", "!".repeat(2_000)];
    for (const at of none) {
      const follower = new Follower(root, line, parametersOf(`id=${corner}/*`));
      open.push(follower);
      // As a parameter, as a header has no emojis in it.
      follower.at = at;
      await follower.connect("parameter");
      expect(said(await follower.next("a page")), at).toMatchObject({ type: "page", count: 1 });
    }
  });

  test("what cannot be searched cannot be followed", async () => {
    for (const bad of ["colour=red", "limit=0", "state=none", "sort=up", "cursor=abc", "q=a&q=b"]) {
      const refused = await Follower.open(root, line, parametersOf(bad)).catch((error) => error);
      expect(refused, bad).toBeInstanceOf(NotFollowed);
      if (line === "event stream") expect((refused as NotFollowed).status, bad).toBe(400);
    }
  });

  test("a key is told of what is its own, and of nothing else", async () => {
    const corner = freshId("scoped");
    const scoped = await keyFor([`${corner}/a_*`, `${corner}/One`]);
    const within = ["a_", "a_b", "One"].map((name) => `${corner}/${name}`);
    const beyond = ["ab", "axb", "one", "a", "Oneb"].map((name) => `${corner}/${name}`);
    const follower = await follow(line, `id=${corner}/*`, scoped);
    expect(said(await follower.next("the page"))).toMatchObject({ count: 0, promises: [] });
    await bearAll([...beyond, ...within]);
    for (const id of beyond) {
      await settle(id);
      await purge(id);
    }
    for (const id of within) await settle(id);
    await purge(within[2]!);
    const events = await follower.until(isAbout(within[2]!, "removed"), "what is its own");
    const told = JSON.stringify(events);
    for (const id of beyond) expect(told).not.toContain(`"${id}"`);
    await eventually(async () => {
      while (follower.take());
      expect(statesIn(follower)).toEqual({ [within[0]!]: "RESOLVED", [within[1]!]: "RESOLVED" });
    });
  });

  test("nobody follows without a key that may be told", async () => {
    const finders = [
      { service, headers: {} },
      await keyFor(["*"], ["create"]),
      { service, headers: { authorization: "Bearer wrong" } },
    ];
    for (const finder of finders) {
      const refused = await Follower.open(finder, line, []).catch((error) => error);
      expect(refused).toBeInstanceOf(NotFollowed);
    }
  });

  test(`${FOLLOWERS} who follow are all told`, async () => {
    const corner = freshId("many");
    const id = `${corner}/one`;
    const followers = await Promise.all(
      Array.from({ length: FOLLOWERS }, (_, place) =>
        follow(line, `id=${corner}/*${place % 2 === 0 ? "" : "&state=pending"}`),
      ),
    );
    await Promise.all(followers.map((follower) => follower.next("the page")));
    // At one instant not all shards need have missed those who left before.
    await eventually(async () => expect(await followersOf()).toBeGreaterThanOrEqual(FOLLOWERS));
    await bear(id);
    await Promise.all(followers.map((one) => one.until(isAbout(id, "added"), "the birth")));
    await settle(id);
    await Promise.all(
      followers.map((follower, place) =>
        follower.until(isAbout(id, place % 2 === 0 ? "changed" : "removed"), "the settlement"),
      ),
    );
  });
});

describe("who may see a part", () => {
  test.each(LINES)("hears nothing of the others when it resumes, on a %s", async (line) => {
    const [mine, theirs] = [freshId("mine"), freshId("theirs")];
    const finder = await keyFor([`${mine}/*`]);
    const follower = await Follower.open(finder, line, parametersOf("state=pending"));
    open.push(follower);
    await follower.next("the page");
    const before = follower.at;
    follower.drop();
    for (const corner of [theirs, mine]) {
      const ids = [`${corner}/settled`, `${corner}/purged`, `${corner}/kept`];
      await bearAll(ids);
      await settle(ids[0]!);
      await settle(ids[1]!);
      await purge(ids[1]!);
      await bear(`${corner}/over`, { timeout: "1ms" });
    }

    follower.at = before;
    await follower.connect();
    // One of every shard at least: each has told of what was before it tells of what is new.
    const news = Array.from({ length: 40 }, (_, place) => `${mine}/new/${place}`);
    await bearAll(news);
    const awaited = new Set([...news, `${mine}/kept`, `${mine}/purged`]);
    const told: ListEvent[] = [];
    while (awaited.size > 0) {
      const event = await follower.next("all of them");
      told.push(event);
      if (event.type !== "page")
        awaited.delete(event.type === "removed" ? event.id : event.promise.id);
    }
    expect(JSON.stringify(told)).not.toContain(theirs);
  });
});

describe("a WebSocket", () => {
  test("has the subprotocol that was offered, and never the key", async () => {
    const follower = await follow("WebSocket", "limit=1");
    expect(follower.protocol).toBe(SUBPROTOCOL);
  });

  test("answers who asks whether the line is alive", async () => {
    const key = `bearer.${ROOT.authorization.replace("Bearer ", "")}`;
    const address = `${service.url.replace(/^http/, "ws")}/promises?id=nobody`;
    const socket = new WebSocket(address, [SUBPROTOCOL, key]);
    const messages: string[] = [];
    socket.addEventListener("message", ({ data }) => messages.push(String(data)));
    socket.addEventListener("open", () => socket.send(PING));
    await eventually(async () => expect(messages).toContain(PONG));
    socket.close();
  });
});

test(
  "a deadline is told of also to who comes after nobody has followed",
  { timeout: 120_000 },
  async () => {
    await eventually(async () => expect(await followersOf()).toBe(0), { forMs: 40_000 });
    const { follower, ms } = await withTime(4_000, async (ms) => {
      // Who followed in an attempt before.
      for (const one of open.splice(0)) one.drop();
      const corner = freshId("again");
      const pending = `id=${corner}/*&state=pending`;
      const first = await follow("WebSocket", pending);
      await first.next("the page");
      first.drop();
      await eventually(async () => expect(await followersOf()).toBe(0));
      const ids = Array.from({ length: 16 }, (_, place) => `${corner}/${place}`);
      await bearAll(ids, { timeout: `${ms}ms` });

      const follower = await follow("WebSocket", pending);
      await follower.next("the page");
      expect([...follower.found.keys()].toSorted()).toEqual(ids.toSorted());
      return { follower, ms };
    });
    while (follower.found.size > 0) await follower.next("the deadlines", ms + 10_000);
  },
);

test("when all have left, nobody is left to be told", { timeout: 60_000 }, async () => {
  // Who leaves an event stream without a word is missed when the next line to them fails.
  await eventually(async () => expect(await followersOf()).toBe(0), { forMs: 40_000 });
  const socket = await follow("WebSocket", "limit=1");
  await socket.next("the page");
  await eventually(async () => expect(await followersOf()).toBe(1));
  socket.drop();
  await eventually(async () => expect(await followersOf()).toBe(0));
});

test("a key that may not do everything has its share, and leaves room for others", async () => {
  const one = await keyFor(["share/*"], ["read"], "one");
  const other = await keyFor(["share/*"], ["read"], "other");
  const asked = "id=share/*&limit=1";
  for (let at = 0; at < LIMITS.listFollowersOfOneMax; at += 50) {
    const some = await Promise.all(
      Array.from({ length: 50 }, () => follow("WebSocket", asked, one)),
    );
    await Promise.all(some.map((follower) => follower.next("the page", 20_000)));
  }
  await expect(follow("event stream", asked, one)).rejects.toMatchObject({ status: 429 });
  for (const finder of [other, root]) {
    await (await follow("WebSocket", asked, finder)).next("the page");
  }
});

test("no more follow than may, and who leaves makes room", { timeout: 60_000 }, async () => {
  await eventually(async () => expect(await followersOf()).toBe(0), { forMs: 40_000 });
  for (let at = 0; at < LIMITS.listFollowersMax; at += 50) {
    const some = await Promise.all(
      Array.from({ length: 50 }, () => follow("WebSocket", "id=nobody&limit=1")),
    );
    await Promise.all(some.map((follower) => follower.next("the page", 20_000)));
  }
  for (const line of LINES) {
    await expect(follow(line, "id=nobody"), line).rejects.toThrow(NotFollowed);
  }
  const headers = { ...ROOT, accept: "text/event-stream" };
  expectRefusal(await service.send("GET", "/promises?id=nobody", { headers }), "too_many_awaiters");
  // Searches are not held up by them.
  expect((await find(root, parametersOf("id=nobody"))).promises).toEqual([]);
  open[0]?.drop();
  await eventually(async () => {
    const follower = await follow("WebSocket", "id=nobody");
    await follower.next("the page");
  });
});

/** How many follow, as each shard has it; all shards have the same, as all are asked. */
async function followersOf(): Promise<number> {
  const answer = await service.send("GET", "/index", { headers: ROOT });
  expect(answer.status, answer.text).toBe(200);
  // SAFETY: what it really is, the next lines assert.
  const { shards } = JSON.parse(answer.text) as { shards: { followers: number }[] };
  const followers = new Set(shards.map((shard) => shard.followers));
  expect(shards.length).toBe(8);
  expect([...followers], answer.text).toHaveLength(1);
  return [...followers][0] ?? Number.NaN;
}

async function keyFor(
  prefixes: string[],
  scopes = ["read", "await"],
  name = "test",
): Promise<Finder> {
  const body = { name, scopes, prefixes };
  const answer = await service.send("POST", "/keys", { body, headers: ROOT });
  expect(answer.status, answer.text).toBe(201);
  // SAFETY: as the contract has it, and the key beside it.
  const { key } = JSON.parse(answer.text) as ApiKey & { key: string };
  return { service, headers: { authorization: `Bearer ${key}` } };
}
