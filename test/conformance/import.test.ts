/** `POST /import`: promises with their history, line by line, idempotent, each refused by its number. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS, NEVER } from "../../client/src/protocol.ts";
import { openSocket } from "./awaiter.ts";
import { importOf, NDJSON, sendImport } from "./lines.ts";
import { startReceiver } from "./receiver.ts";
import { expectRefusal } from "./refusal.ts";
import { rpcClient } from "./rpc-client.ts";
import { freshId, recordOf, startService, type Service } from "./service.ts";
import { eventually, withTime } from "../eventually.ts";

const BEFORE = Date.UTC(2024, 0, 1);

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

function pending(id: string, more: object = {}): { id: string } & Record<string, unknown> {
  return { id, state: "PENDING", timeout: NEVER, createdOn: BEFORE, ...more };
}

function settled(id: string, more: object = {}): ReturnType<typeof pending> {
  return pending(id, { state: "RESOLVED", value: { data: 1 }, completedOn: BEFORE + 5, ...more });
}

const read = async (id: string) => recordOf(await service.read(id));

describe("an imported promise", () => {
  test("is what its line says, with its instants", async () => {
    const id = freshId("import");
    const line = settled(id, {
      param: { headers: { a: "b" }, data: { ask: [1, 2] } },
      tags: { team: "x" },
      timeout: BEFORE + 1000,
      idempotencyKeyForCreate: "made",
      idempotencyKeyForComplete: "done",
      retention: 9_000_000_000_000,
      requestedBy: "ada",
      settledBy: { how: "link", who: "ben@example.com", link: "lnk_x" },
    });
    const { results, summary } = await importOf(service, [line]);
    expect(results).toEqual([{ line: 1, id, result: "imported", done: 1 }]);
    const none = { same: 0, conflict: 0, refused: 0, failed: 0 };
    expect(summary).toEqual({ done: 1, imported: 1, ...none, next: null });
    expect(await read(id)).toEqual({ ...line, url: service.url + `/promises/${id}` });
    // Its keys are good: who has settled it there may say so again here.
    const again = await service.settle(id, { state: "RESOLVED" }, { "idempotency-key": "done" });
    expect(again.status).toBe(200);
    expect((await service.settle(id, { state: "REJECTED" })).status).toBe(403);
  });

  test("keeps its data to the letter", async () => {
    const id = freshId("letter");
    const data = '{"n": 12345678901234567890.10, "n":"\\u00e4"}';
    const line = `{"id":"${id}","state":"RESOLVED","timeout":${NEVER},"createdOn":1,"completedOn":2,"param":{"data":${data}},"value":{"data":${data}}}`;
    await importOf(service, [line]);
    expect((await service.read(id)).text.split(`"data":${data}`)).toHaveLength(3);
  });

  test("ends at its deadline, and who waits is told", async () => {
    const { socket, timeout } = await withTime(400, async (ms) => {
      const id = freshId("deadline");
      const socket = await openSocket(service, id);
      expect((await socket.next())?.type).toBe("absent");
      const timeout = Date.now() + ms;
      await importOf(service, [pending(id, { timeout })]);
      expect(await socket.next()).toMatchObject({ type: "pending", promise: { timeout } });
      return { socket, timeout };
    });
    expect(await socket.next()).toMatchObject({
      type: "settled",
      promise: { state: "REJECTED_TIMEDOUT", completedOn: timeout, createdOn: BEFORE },
    });
    socket.close();
  });

  test("that is settled is the end for who waits", async () => {
    const id = freshId("settled");
    const socket = await openSocket(service, id);
    expect((await socket.next())?.type).toBe("absent");
    await importOf(service, [settled(id)]);
    expect(await socket.next()).toMatchObject({ type: "settled", promise: { value: { data: 1 } } });
    socket.close();
  });

  test("past its deadline has timed out at it", async () => {
    const id = freshId("late");
    await importOf(service, [pending(id, { timeout: BEFORE + 7 })]);
    expect(await read(id)).toMatchObject({ state: "REJECTED_TIMEDOUT", completedOn: BEFORE + 7 });
  });

  test("goes when its retention is over, also at once", async () => {
    const [gone, soon] = [freshId("gone"), freshId("soon")];
    const retention = Date.now() - BEFORE + 500;
    await importOf(service, [settled(gone, { retention: 1 }), settled(soon, { retention })]);
    await eventually(async () => expect((await service.read(gone)).status).toBe(404));
    await eventually(async () => expect((await service.read(soon)).status).toBe(404));
  });

  test("goes on with its escalation: what is due happens, what has happened does not again", async () => {
    const receiver = await startReceiver();
    try {
      const id = freshId("escalation");
      const createdOn = Date.now() - 1000;
      const escalation = [
        { after: 100, done: true, notify: `${receiver.url}/before` },
        { after: 200, done: false, notify: `${receiver.url}/due` },
        { after: 1500, done: false, settle: { state: "REJECTED", value: { data: "late" } } },
      ];
      await importOf(service, [pending(id, { createdOn, escalation })]);
      await eventually(async () => expect(receiver.all.map(({ path }) => path)).toEqual(["/due"]));
      const end = recordOf(await service.send("GET", `${service.address(id)}?wait=10s`));
      expect(end).toMatchObject({ state: "REJECTED", completedOn: createdOn + 1500 });
      expect(receiver.all).toHaveLength(1);
    } finally {
      await receiver.stop();
    }
  });

  test("is voted on where the votes were", async () => {
    const id = freshId("votes");
    const quorum = { approvals: 2, of: 3, veto: false, excludeRequester: false };
    const votes = [{ by: "ada", approves: true, at: BEFORE, key: "k" }];
    await importOf(service, [pending(id, { quorum, votes })]);
    expect((await read(id)).votes).toEqual([{ by: "ada", approves: true, at: BEFORE }]);
    const voted = await service.settle(id, { state: "RESOLVED" });
    expect([voted.status, recordOf(voted).state]).toEqual([201, "RESOLVED"]);
  });

  test("has its task offered, and its worker takes it", async () => {
    const id = freshId("task");
    const group = freshId("group");
    const tags = { "resonate:target": `poll://any@${group}` };
    await importOf(service, [pending(id, { tags, protocol: true })]);
    const { send } = rpcClient(service.url);
    const acquired = await send("task.acquire", { id, version: 0, pid: "p", ttl: 60_000 });
    expect(acquired.status).toBe(200);
    await send("task.halt", { id });
  });

  test("is found by a search", async () => {
    const prefix = freshId("found");
    await importOf(service, [pending(`${prefix}/a`), settled(`${prefix}/b`)]);
    await eventually(async () => {
      const { text } = await service.send("GET", `/promises?id=${prefix}/*&sort=id`);
      const { promises } = JSON.parse(text) as { promises: { id: string }[] };
      expect(promises.map(({ id }) => id)).toEqual([`${prefix}/a`, `${prefix}/b`]);
    });
  });

  test("is told to no webhook: what happened elsewhere was told there", async () => {
    const receiver = await startReceiver();
    try {
      const prefix = freshId("hook");
      const body = { url: `${receiver.url}/hook`, filter: { prefix } };
      expect((await service.send("POST", "/webhooks", { body })).status).toBe(201);
      await importOf(service, [settled(`${prefix}/old`), pending(`${prefix}/goes-on`)]);
      await service.settle(`${prefix}/goes-on`, { state: "RESOLVED" });
      await eventually(async () => expect(receiver.all.length).toBeGreaterThan(0));
      const told = receiver.all.map(({ body: text }) => JSON.parse(text) as { type: string });
      expect(told.map(({ type }) => type)).toEqual(["promise.settled"]);
      expect(receiver.all[0]?.body).toContain("goes-on");
    } finally {
      await receiver.stop();
    }
  });
});

describe("again", () => {
  test("it is the same, and nothing happens", async () => {
    const lines = [pending(freshId("again")), settled(freshId("again"))];
    await importOf(service, lines);
    const before = await Promise.all(lines.map(({ id }) => service.read(id)));
    const { results, summary } = await importOf(service, lines);
    expect(results.map(({ result }) => result)).toEqual(["same", "same"]);
    expect(summary).toMatchObject({ imported: 0, same: 2, done: 2 });
    const after = await Promise.all(lines.map(({ id }) => service.read(id)));
    expect(after.map(({ headers }) => headers.get("etag"))).toEqual(
      before.map(({ headers }) => headers.get("etag")),
    );
  });

  test("what is there otherwise is left as it is, and what differs is named", async () => {
    const id = freshId("conflict");
    await service.create(id, { tags: { a: "b" } });
    const before = await service.read(id);
    const { results, summary } = await importOf(service, [settled(id)]);
    expect(results).toMatchObject([{ line: 1, id, result: "conflict" }]);
    expect(results[0]?.fields).toEqual(
      expect.arrayContaining(["state", "value", "tags", "createdOn", "completedOn"]),
    );
    expect(summary).toMatchObject({ conflict: 1, imported: 0 });
    expect((await service.read(id)).text).toBe(before.text);
  });

  test("of two lines for one id the first counts", async () => {
    const id = freshId("twice");
    const { results } = await importOf(service, [
      settled(id),
      settled(id, { value: { data: 2 } }),
      settled(id),
    ]);
    expect(results.map(({ result }) => result)).toEqual(["imported", "conflict", "same"]);
    expect((await read(id)).value.data).toBe(1);
  });

  test("by twenty at once, every promise is there once, as it should be", async () => {
    const lines = Array.from({ length: 10 }, () => settled(freshId("race")));
    const all = await Promise.all(Array.from({ length: 20 }, () => importOf(service, lines)));
    const imported = all.reduce((sum, { summary }) => sum + summary.imported, 0);
    expect(imported).toBe(lines.length);
    for (const { summary } of all) expect(summary.imported + summary.same).toBe(lines.length);
  });
});

describe("a line that is none", () => {
  const id = freshId("bad");
  const bad: [string, string | object, string | undefined][] = [
    ["no JSON", "{", "body"],
    ["a list", "[]", undefined],
    ["null", "null", undefined],
    ["a string", '"x"', undefined],
    ["nothing", "{}", "id"],
    ["a bad id", pending("a/../b"), "id"],
    ["no state", { ...pending(id), state: undefined }, "state"],
    ["a state of the machine", pending(id, { state: "pending" }), "state"],
    ["no createdOn", { ...pending(id), createdOn: undefined }, "createdOn"],
    ["half a millisecond", pending(id, { createdOn: 1.5 }), "createdOn"],
    ["no deadline", { ...pending(id), timeout: undefined }, "timeout"],
    ["settled at no instant", { ...settled(id), completedOn: undefined }, "completedOn"],
    ["settled before it was created", settled(id, { completedOn: BEFORE - 1 }), "completedOn"],
    ["pending with a value", pending(id, { value: { data: 1 } }), "value"],
    ["pending and settled", pending(id, { completedOn: BEFORE }), "completedOn"],
    ["pending with who settled it", pending(id, { settledBy: { how: "api" } }), "settledBy"],
    ["settled in an unknown way", settled(id, { settledBy: { how: "magic" } }), "settledBy.how"],
    ["a tag that is no text", pending(id, { tags: { a: 1 } }), "tags"],
    ["too many tags", pending(id, { tags: manyTags() }), "tags"],
    ["a param that no body brings", pending(id, { param: { data: large() } }), "param"],
    ["an unknown field", pending(id, { lease: 1 }), "lease"],
    ["a vote without a quorum", pending(id, { votes: [] }), "votes"],
    [
      "steps out of order",
      pending(id, {
        escalation: [
          { after: 1, done: false, extend: 1 },
          { after: 2, done: true, extend: 1 },
        ],
      }),
      "escalation.0.done",
    ],
    ["a target that may not be called", pending(id, { tags: target("https://10.0.0.1") }), /^tags/],
    ["a schema that is none", pending(id, { form: { schema: { type: "x" } } }), /^form\.schema/],
  ].map(([name, line, field]) => [name, line, field] as never);

  test.each(bad)("%s: is refused, and the others go on", async (_, line, field) => {
    const good = freshId("good");
    const { results, summary } = await importOf(service, [
      pending(`${good}/1`),
      line,
      settled(good),
    ]);
    expect(results.map(({ result }) => result)).toEqual(["imported", "refused", "imported"]);
    expect(results.map((result) => result.line)).toEqual([1, 2, 3]);
    expect(results[1]?.detail).toBeTruthy();
    if (field !== undefined) {
      expect(results[1]?.fields?.[0]).toEqual(
        typeof field === "string" ? field : expect.stringMatching(field),
      );
    }
    expect(summary).toMatchObject({ imported: 2, refused: 1, done: 3, next: null });
    expect((await service.read(id)).status).toBe(404);
  });

  test("too long, or not UTF-8, is passed over by its number", async () => {
    const good = freshId("good");
    const long = `{"id":"x","data":"${"x".repeat(LIMITS.importLineBytesMax)}"}`;
    const { results } = await importOf(service, [long, pending(good)]);
    expect(results.map(({ result }) => result)).toEqual(["refused", "imported"]);
    const bytes = new Uint8Array([0x22, 0xff, 0x22, 0x0a, ...new TextEncoder().encode("\n{}")]);
    const answer = await service.send("POST", "/import", { body: bytes, headers: NDJSON });
    const lines = answer.text.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { line?: number }).line)).toEqual([
      1,
      3,
      undefined,
    ]);
  });

  test("that is empty counts and is passed over; the last needs no line feed", async () => {
    const good = freshId("good");
    const body = `\n  \r\n${JSON.stringify(pending(good))}`;
    const answer = await service.send("POST", "/import", { body, headers: NDJSON });
    const [result, summary] = answer.text.trimEnd().split("\n");
    expect(JSON.parse(result ?? "")).toMatchObject({ line: 3, result: "imported" });
    expect(JSON.parse(summary ?? "")).toMatchObject({ done: 1 });
  });
});

describe("the request", () => {
  test.each([
    ["of another type", { "content-type": "application/json" }],
    ["of no type", { "content-type": "" }],
    ["compressed", { ...NDJSON, "content-encoding": "gzip" }],
  ])("%s is refused", async (_, headers) => {
    const answer = await service.send("POST", "/import", { body: "{}\n", headers });
    expectRefusal(answer, "unsupported_media_type");
  });

  test("takes no parameters", async () => {
    const answer = await service.send("POST", "/import?dry=1", { body: "", headers: NDJSON });
    expectRefusal(answer, "invalid_request", "dry");
  });

  test("without a line is done at once", async () => {
    const { results, summary } = await importOf(service, []);
    expect([results, summary.done, summary.next]).toEqual([[], 0, null]);
  });

  test("takes so many lines, and says with which to go on", { timeout: 120_000 }, async () => {
    const id = freshId("many");
    // One promise, that the test is about lines and not about a disk.
    const lines = Array.from({ length: LIMITS.importLinesMax + 3 }, () => settled(id));
    const { results, summary } = await importOf(service, lines);
    expect(results).toHaveLength(LIMITS.importLinesMax);
    expect(summary).toMatchObject({
      imported: 1,
      same: LIMITS.importLinesMax - 1,
      next: LIMITS.importLinesMax + 1,
    });
    const rest = await importOf(service, lines.slice(summary.next! - 1));
    expect(rest.summary).toMatchObject({ same: 3, next: null });
  });

  test("is answered while it is sent", async () => {
    const [first, second] = [freshId("stream"), freshId("stream")];
    const go = Promise.withResolvers<void>();
    const filler = Array.from({ length: 20 }, () => bytesOf(settled(freshId("filler"))));
    async function* body(): AsyncGenerator<Uint8Array> {
      yield bytesOf(settled(first));
      yield* filler;
      await go.promise;
      yield bytesOf(settled(second));
    }
    const sent = nodeStream(`${service.url}/import`, body());
    await eventually(async () => expect((await service.read(first)).status).toBe(200));
    expect((await service.read(second)).status).toBe(404);
    go.resolve();
    const text = await sent;
    expect(JSON.parse(text.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ imported: 22 });
  });

  test("that is cut off has imported whole promises and nothing else", async () => {
    const lines = Array.from({ length: 40 }, () => settled(freshId("cut")));
    const text = new TextEncoder().encode(
      lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
    );
    async function* body(): AsyncGenerator<Uint8Array> {
      yield text.subarray(0, Math.floor(text.length * 0.6));
      // What was sent has arrived; then the line breaks in the middle of another.
      await eventually(async () => expect((await service.read(lines[0]!.id)).status).toBe(200));
      throw new Error("cut off");
    }
    await expect(nodeStream(`${service.url}/import`, body())).rejects.toThrow(/./);
    const { summary } = await importOf(service, lines);
    expect(summary.conflict + summary.refused + summary.failed).toBe(0);
    expect(summary.imported + summary.same).toBe(lines.length);
    expect(summary.same).toBeGreaterThan(0);
  });
});

describe("a key with prefixes", () => {
  const ROOT = { authorization: "Bearer the-first-key" };
  let guarded: Service;
  beforeAll(async () => {
    guarded = await startService({ env: { API_KEYS: "the-first-key" } });
  });
  afterAll(() => guarded.stop());

  async function keyFor(scopes: string[], prefixes: string[]): Promise<Record<string, string>> {
    const body = { name: "n", scopes, prefixes };
    const { text } = await guarded.send("POST", "/keys", { headers: ROOT, body });
    return { authorization: `Bearer ${(JSON.parse(text) as { key: string }).key}` };
  }

  test("imports below them, and nothing else", async () => {
    const headers = await keyFor(["admin"], ["own/*"]);
    const lines = [pending("own/a"), pending("others/a"), settled("own/b")];
    const { results } = await importOf(guarded, lines, headers);
    expect(results.map(({ result }) => result)).toEqual(["imported", "refused", "imported"]);
    expect((await guarded.send("GET", "/promises/others/a", { headers: ROOT })).status).toBe(404);
    const there = await importOf(guarded, [pending("others/a")], ROOT);
    expect(there.results[0]?.result).toBe("imported");
    // Nor does it learn what is there.
    const again = await importOf(guarded, [pending("others/a")], headers);
    expect(again.results[0]).toMatchObject({ result: "refused", fields: ["id"] });
  });

  test("needs admin", async () => {
    const headers = await keyFor(["create", "settle", "read", "await"], ["*"]);
    expectRefusal(await sendImport(guarded, [pending("x")], headers), "forbidden");
  });
});

function bytesOf(line: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(line)}\n`);
}

function target(address: string): Record<string, string> {
  return { "resonate:target": address };
}

function large(): string {
  return "\u00FC".repeat(LIMITS.bodyBytesMax / 2);
}

function manyTags(): Record<string, string> {
  return Object.fromEntries(Array.from({ length: LIMITS.tagsMax + 1 }, (_, n) => [`t${n}`, "x"]));
}

async function nodeStream(url: string, body: AsyncGenerator<Uint8Array>): Promise<string> {
  const init = { method: "POST", headers: NDJSON, body, duplex: "half" };
  // SAFETY: Node's own fetch takes a generator; the types of the runtime know nothing of it.
  const response = await fetch(url, init as unknown as RequestInit);
  return response.text();
}
