/**
 * One address, many forms: every id has a URL that leads back to it, and what that URL answers is
 * what was asked for (issue: "Ids", "One URL by negotiation", "Strong ETag").
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HEADER, LIMITS, PING, PONG, SUBPROTOCOL } from "../../client/src/protocol.ts";
import { inTime, openSocket, openStream } from "./awaiter.ts";
import { nodeRequest } from "./raw-request.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, recordOf, startService, type Answer, type Service } from "./service.ts";

/** The runtime ends by itself what nobody has ended in 10 s. */
const SOON_MS = 8_000;

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

const etagOf = (answer: Answer): string => answer.headers.get("etag") ?? "";
const settle = (id: string, data: unknown = 1): Promise<Answer> =>
  service.settle(id, { state: "RESOLVED", value: { data } });

describe("an id is any Unicode, and its record says a url that leads back to it", () => {
  const prefix = freshId("id");
  const ids: [string, string][] = [
    ["a space", "a b"],
    ["spaces at the ends", " a "],
    ["a slash", "order/42"],
    ["a trailing slash", "order/"],
    ["double slashes", "a//b"],
    ["only slashes", "///"],
    ["a leading slash", "/a"],
    ["a percent sign", "100%"],
    ["what looks encoded", "a%2Fb%20c"],
    ["a plus", "a+b"],
    ["a question mark", "what?wait=20s"],
    ["a hash", "a#b"],
    ["a backslash", "a\\b"],
    ["dots that are no segment", "a..b/...c/.d"],
    ["a colon and a query's letters", "http://x.y/?a=b&c=d"],
    ["quotes and brackets", `"'<>{}[]|^\`~`],
    ["markup", "<script>alert(1)</script>"],
    ["an emoji", "😀👩‍👩‍👧"],
    ["letters from the right", "שלום"],
    ["a letter beyond the basic plane", "𝒳"],
    ["a no-break space", "a\u00a0b"],
    ["a line separator", "a\u2028b"],
    ["a paragraph separator", "a\u2029b"],
    ["a byte order mark", "\ufeffa"],
    ["a zero-width joiner", "a\u200db"],
    ["the last letters of a plane", "\uffff\u{10ffff}"],
    ["a Windows name", "CON"],
    ["upper and lower case", "AbC"],
    ["a word of JavaScript", "__proto__"],
    ["semicolon, comma, at, dollar", "a;b,c@d$e!*'()"],
  ];
  test.concurrent.each(ids)("%s", async (_name, letters) => {
    // The prefix goes behind, too, so that the odd letters also stand at the very beginning.
    for (const id of [`${prefix}${letters}`, `${letters}${prefix}`, `${prefix}/${letters}`]) {
      const created = await service.send("POST", "/promises", {
        body: { id, param: { data: id } },
      });
      expect([id, created.status]).toEqual([id, 201]);
      const record = recordOf(created);
      expect(record.id).toBe(id);
      expect(created.headers.get("location")).toBe(record.url);
      // The url, as it is; and the id encoded by anybody's rules.
      for (const url of [
        record.url,
        service.address(id),
        `${service.url}/promises/${id.split("/").map(encodeURIComponent).join("/")}`,
      ]) {
        const read = await service.send("GET", url);
        expect([url, read.status]).toEqual([url, 200]);
        expect(recordOf(read)).toEqual(record);
      }
      const socket = await openSocket(service, id);
      expect(await socket.next()).toMatchObject({ type: "pending", promise: { id } });
      socket.close();
      expect(
        (await service.send("PATCH", record.url, { body: { state: "RESOLVED" } })).status,
      ).toBe(201);
      const peeked = await service.send("POST", "/promise/peek", { body: { promiseId: id } });
      expect(peeked.text).toBe("{}");
    }
  });

  test("of 1,024 bytes, in one-, two-, three- and four-byte letters", async () => {
    for (const letter of ["x", "é", "€", "😀"]) {
      const bytes = Buffer.byteLength(letter);
      const tail = freshId("").slice(-8);
      const count = Math.floor((LIMITS.idBytesMax - tail.length) / bytes);
      const id =
        letter.repeat(count) + tail + "y".repeat(LIMITS.idBytesMax - count * bytes - tail.length);
      expect(Buffer.byteLength(id)).toBe(LIMITS.idBytesMax);
      const record = recordOf(await service.create(id));
      expect(record.id).toBe(id);
      expect(recordOf(await service.send("GET", record.url))).toEqual(record);
    }
  });

  test("that differ in a letter's composition, its case or a slash are different promises", async () => {
    const tail = freshId("twin");
    const twins = [
      ["\u00e9", "e\u0301"],
      ["\uac00", "\u1100\u1161"],
      ["\u212b", "\u00c5"],
      ["ﬁ", "fi"],
      ["A", "a"],
      ["ß", "ss"],
      ["x/", "x"],
      ["x//y", "x/y"],
      ["x%20y", "x y"],
      ["x+y", "x y"],
    ];
    for (const [one, other] of twins) {
      expect((await service.create(`${tail}/${one}`, { param: { data: one } })).status).toBe(201);
      expectRefusal(await service.read(`${tail}/${other}`), "not_found");
      expect(
        (await service.send("POST", "/promise/peek", { body: { promiseId: `${tail}/${other}` } }))
          .text,
      ).toBe("null");
      expect((await service.send("DELETE", service.address(`${tail}/${one}`))).status).toBe(409);
      await service.send("POST", "/promise/dispose", { body: { promiseId: `${tail}/${one}` } });
    }
  });

  test("made by the server are unique, and long enough not to be guessed", async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, () => service.send("POST", "/promises", { body: {} })),
    );
    const ids = made.map((answer) => recordOf(answer).id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id.length).toBeGreaterThanOrEqual(22);
    for (const answer of made)
      expect((await service.send("GET", answer.headers.get("location") ?? "")).text).toBe(
        answer.text,
      );
  });
});

describe("data passes to the letter: nobody in between reads or rewrites it (RULES.md section 1)", () => {
  test.concurrent.each([
    ['{"n":12345678901234567890,"x":1.0,"e":1e400}'],
    ["0.1000000000000000055511151231257827"],
    ["-0"],
    ["1E5"],
    ["1e-400"],
    ['"\\ud800"'],
    ["null"],
    ["false"],
    ['""'],
    ['{"__proto__":{"a":1},"constructor":null}'],
    ['{"":{"":[]}}'],
    ['"\u2028\u2029\ufeff\ufffe"'],
    ['"\\u0000\\u001f"'],
    // What a parser and a printer would change on the way.
    ['{"b":1,"1":2,"0":3}'],
    ['{"a":1,"a":2}'],
    ['"\\u0041\\/"'],
    ['{ "a" : [ 1 , 2 ] }'],
  ])("%s", async (data) => {
    const id = freshId("letter");
    const socket = await openSocket(service, id);
    const stream = await openStream(service, id);
    await service.create(
      id,
      `{"param":{"data":${data}},"onTimeout":{"state":"RESOLVED","value":{"data":${data}}}}`,
    );
    const settled = await service.settle(id, `{"state":"REJECTED","value":{"data":${data}}}`);
    expect(settled.status).toBe(201);
    const read = await service.read(id);
    const peeked = await service.send("POST", "/promise/resolve", {
      body: `{"promiseId":"${id}/other","value":${data}}`,
    });
    const texts = [
      settled.text,
      read.text,
      peeked.text,
      await socket.nextText(),
      await socket.nextText(),
      await socket.nextText(),
    ];
    texts[3] = texts[5];
    await stream.next();
    await stream.next();
    texts.push((await stream.next())?.data);
    for (const [n, text] of texts.entries()) {
      expect([
        n,
        text?.includes(n === 2 ? `{"value":${data}}` : `"value":{"data":${data}}`),
        text,
      ]).toEqual([n, true, text]);
    }
    expect(read.text).toContain(`"param":{"data":${data}}`);
    expect(read.text).toContain(`"onTimeout":{"state":"RESOLVED","value":{"data":${data}}}`);
  });
});

describe("one address, as the caller wants it", () => {
  const BROWSER =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
  const wishes: [string | undefined, string][] = [
    [undefined, "application/json"],
    ["*/*", "application/json"],
    ["application/json", "application/json"],
    ["application/*", "application/json"],
    ["APPLICATION/JSON", "application/json"],
    ["text/html", "text/html"],
    [BROWSER, "text/html"],
    ["text/event-stream", "text/event-stream"],
    ["text/event-stream, */*", "text/event-stream"],
    ["application/json;q=0.1, text/html", "text/html"],
    ["application/json, text/html;q=0.1", "application/json"],
    ["text/event-stream;q=0, application/json", "application/json"],
    ["text/html;q=0, */*", "application/json"],
    ["application/json, text/event-stream;q=0.5", "application/json"],
  ];
  test.each(wishes)(
    "Accept: %s is answered %s, and says that it depends on Accept",
    async (accept, type) => {
      const id = freshId("accept");
      await service.create(id, { timeout: 1 });
      const headers: Record<string, string> = accept === undefined ? {} : { accept };
      const answer = await nodeRequest(service, "GET", `/promises/${id}`, { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")?.split(";")[0]).toBe(type);
      expect(answer.headers.get("vary")?.toLowerCase()).toContain("accept");
    },
  );

  test("what nobody makes is not a failure of ours", async () => {
    const id = freshId("accept");
    await service.create(id);
    for (const accept of [
      "image/png",
      "application/xml",
      ";;;",
      "text/html;q=banana",
      "a".repeat(5000),
    ]) {
      const answer = await service.read(id, { accept });
      expect([200, 400, 406], `${accept.slice(0, 30)}: ${answer.status}`).toContain(answer.status);
    }
  });

  test("a page shows an absent, a pending and a settled promise, and nothing on it runs", async () => {
    const id = `${freshId("page")}<script>alert(1)</script>"'&`;
    const data = { evil: "</script><script>alert(2)</script><img src=x onerror=alert(3)>" };
    const absent = await service.read(id, { accept: "text/html" });
    expect([200, 404]).toContain(absent.status);
    await service.create(id, { param: { data }, tags: { "<b>": "<i>" } });
    const pending = await service.read(id, { accept: "text/html" });
    await service.settle(id, { state: "REJECTED", value: { data, headers: { "<u>": "<s>" } } });
    const settled = await service.read(id, { accept: "text/html" });
    for (const page of [absent, pending, settled]) {
      expect(page.headers.get("content-type")).toMatch(/^text\/html; *charset=utf-8$/i);
      for (const markup of ["<script>alert", "<img src=x", "<b>", "<i>", "<u>", "<s>"]) {
        expect(page.text).not.toContain(markup);
      }
      const policy = page.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/script-src[^;]*'unsafe-inline'/);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(page.headers.get("referrer-policy")).toBe("no-referrer");
      expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    }
    expect([pending.status, settled.status]).toEqual([200, 200]);
    // What happens to the promise must reach the page: no copy of it may outlive the state.
    expect(pending.headers.get("cache-control") ?? "").not.toMatch(/immutable|max-age=[1-9]/);
  });

  test("Prefer: wait is acknowledged, and other preferences are left alone (RFC 7240)", async () => {
    const id = freshId("prefer");
    await service.create(id);
    const waiting = service.read(id, {
      [HEADER.prefer]: "respond-async, wait=20; foo=bar, return=minimal",
    });
    await settle(id);
    const answer = await inTime(waiting, "the long poll");
    expect(answer.status).toBe(200);
    expect(answer.headers.get(HEADER.preferenceApplied)).toMatch(/^wait(=\d+)?$/);
    const plain = await service.read(id, { [HEADER.prefer]: "return=minimal" });
    expect(plain.status).toBe(200);
    expect(plain.headers.get(HEADER.preferenceApplied)).toBeNull();
  });
});

describe("an event stream", () => {
  test("tells absent, pending and settled in order, then ends", async () => {
    const id = freshId("stream");
    const stream = await openStream(service, id);
    expect(stream.status).toBe(200);
    expect(stream.headers.get("content-type")).toContain("text/event-stream");
    expect(stream.headers.get("cache-control")).toMatch(/no-store|no-cache/);
    expect(await stream.next()).toMatchObject({ type: "absent", data: JSON.stringify({ id }) });
    const created = await service.create(id, { param: { data: "two\nlines" } });
    expect(await stream.next()).toMatchObject({ type: "pending", data: created.text });
    const settled = await settle(id, "three\r\nmore\u2028lines\n");
    const last = await stream.next();
    expect(last).toMatchObject({ type: "settled", data: settled.text });
    expect(await stream.next()).toBeUndefined();
    // The event's id is the entity tag of the resource.
    const etag = etagOf(await service.read(id));
    expect([etag, etag.slice(1, -1)]).toContain(last?.id);

    // EventSource comes back with the last id it saw: 204 tells it to stop.
    const again = await openStream(service, id, { "last-event-id": last?.id ?? "" });
    expect(again.status).toBe(204);
    expect(await again.next()).toBeUndefined();
    // One who has heard only of the pending promise hears the end.
    for (const seen of ["something-else", "", etag.replace("settled", "pending")]) {
      const back = await openStream(service, id, { "last-event-id": seen });
      expect(await back.next()).toMatchObject({ type: "settled", data: settled.text });
      expect(await back.next()).toBeUndefined();
    }
  });

  test("of a second life is not stopped by the id of the first", async () => {
    const id = freshId("stream-lives");
    await service.create(id, { timeout: 1 });
    const first = await openStream(service, id);
    const end = await first.next();
    await service.send("DELETE", service.address(id));
    const absent = await openStream(service, id, { "last-event-id": end?.id ?? "" });
    expect(await absent.next()).toMatchObject({ type: "absent" });
    absent.close();
    await service.create(id, { timeout: 1 });
    const second = await openStream(service, id, { "last-event-id": end?.id ?? "" });
    expect(second.status).toBe(200);
    expect(await second.next()).toMatchObject({ type: "settled" });
  });
});

describe("a WebSocket", () => {
  test("says how things stand first: absent, pending or settled; its tag is the resource's", async () => {
    const id = freshId("frames");
    const early = await openSocket(service, id);
    expect(early.protocol).toBe(SUBPROTOCOL);
    expect(await early.next()).toEqual({ type: "absent", id });
    await service.create(id, { param: { data: 1 } });
    const pending = await service.read(id);
    const pendingFrame = {
      type: "pending",
      etag: etagOf(pending).slice(1, -1),
      promise: recordOf(pending),
    };
    expect(await early.next()).toEqual(pendingFrame);
    const middle = await openSocket(service, id);
    expect(await middle.next()).toEqual(pendingFrame);
    await settle(id);
    const settled = await service.read(id);
    const settledFrame = {
      type: "settled",
      etag: etagOf(settled).slice(1, -1),
      promise: recordOf(settled),
    };
    expect(await early.next()).toEqual(settledFrame);
    expect(await middle.next()).toEqual(settledFrame);
    const late = await openSocket(service, id);
    expect(await late.next()).toEqual(settledFrame);
  });

  test("without a subprotocol is accepted, and none is made up", async () => {
    const socket = await openSocket(service, freshId("plain"), []);
    expect(socket.protocol).toBe("");
    expect((await socket.next())?.type).toBe("absent");
    socket.close();
  });

  test("answers ping with pong, in every standing", async () => {
    const id = freshId("ping");
    const socket = await openSocket(service, id);
    await socket.next();
    socket.send(PING);
    expect(await socket.nextText()).toBe(PONG);
    await service.create(id);
    expect((await socket.next())?.type).toBe("pending");
    socket.send(PING);
    expect(await socket.nextText()).toBe(PONG);
    socket.close();
  });

  // One that never said anything gets its last frame and its Close as soon, but the runtime keeps the
  // TCP connection for 10 s more (workerd 2026-08-15): the settled message is the end, not the closing.
  test("that has said ping is closed by the server, cleanly and soon, after the end", async () => {
    const id = freshId("end");
    const socket = await openSocket(service, id);
    await socket.next();
    socket.send(PING);
    expect(await socket.nextText()).toBe(PONG);
    await settle((await service.create(id), id));
    for (let frame; (frame = await socket.next())?.type !== "settled";) expect(frame).toBeDefined();
    expect(await socket.closed(SOON_MS)).toEqual({ code: 1000, wasClean: true });
  });

  // RFC 6455 section 5.5.1: a Close frame is answered by a Close frame.
  test("that says goodbye is answered, and so closes cleanly and soon", async () => {
    const socket = await openSocket(service, freshId("goodbye"));
    expect((await socket.next())?.type).toBe("absent");
    socket.close();
    expect(await socket.closed(SOON_MS)).toMatchObject({ wasClean: true });
  });

  test("survives purges and lives: pending again after a purge and a create", async () => {
    const id = freshId("socket-lives");
    await service.create(id, { timeout: 1 });
    await service.send("DELETE", service.address(id));
    const socket = await openSocket(service, id);
    expect(await socket.next()).toEqual({ type: "absent", id });
    await service.create(id);
    expect(await socket.next()).toMatchObject({ type: "pending" });
    await settle(id, "second");
    expect(await socket.next()).toMatchObject({
      type: "settled",
      promise: { value: { data: "second" } },
    });
  });
});

describe("a long poll", () => {
  test.each<[string, (id: string) => Promise<Answer>]>([
    ["?wait=20s", (id) => service.send("GET", `${service.address(id)}?wait=20s`)],
    ["?wait=PT20S", (id) => service.send("GET", `${service.address(id)}?wait=PT20S`)],
    ["Prefer: wait=20", (id) => service.read(id, { [HEADER.prefer]: "wait=20" })],
    ["Prefer: WAIT=20", (id) => service.read(id, { [HEADER.prefer]: "WAIT=20" })],
  ])("by %s returns when an absent promise is created and settled", async (_way, poll) => {
    const id = freshId("poll");
    const waiting = poll(id);
    // A witness of the same transport that came later proves nothing; the socket's frames order us.
    const socket = await openSocket(service, id);
    await socket.next();
    await service.create(id);
    expect((await socket.next())?.type).toBe("pending");
    let returned = false;
    void waiting.then(() => (returned = true));
    await service.read(id);
    expect(returned).toBe(false);
    await settle(id, "done");
    const answer = await inTime(waiting, "the long poll");
    expect(answer.status).toBe(200);
    expect(recordOf(answer)).toEqual(recordOf(await service.read(id)));
    expect(etagOf(answer)).toBe(etagOf(await service.read(id)));
  });

  test("of a settled promise returns at once", async () => {
    const id = freshId("poll");
    await service.create(id, { timeout: 1 });
    const answer = await inTime(
      service.read(id, { [HEADER.prefer]: "wait=20" }),
      "a settled promise",
    );
    expect([answer.status, recordOf(answer).state]).toEqual([200, "REJECTED_TIMEDOUT"]);
  });

  test("for no time at all is a read", async () => {
    const id = freshId("poll");
    await service.create(id);
    for (const send of [
      service.send("GET", `${service.address(id)}?wait=0s`),
      service.read(id, { [HEADER.prefer]: "wait=0" }),
    ]) {
      expect([200, 202]).toContain((await inTime(send, "a wait of nothing")).status);
    }
  });
});

describe("entity tags and caches", () => {
  test("a tag is strong, changes with the state, and spares the body (304)", async () => {
    const id = freshId("etag");
    const created = await service.create(id);
    const pending = await service.read(id);
    expect(etagOf(pending)).toMatch(/^"[\x21\x23-\x7e]+"$/);
    expect(etagOf(created)).toBe(etagOf(pending));
    for (const tag of [
      etagOf(pending),
      `W/${etagOf(pending)}`,
      `"other", ${etagOf(pending)}`,
      "*",
    ]) {
      const same = await service.read(id, { "if-none-match": tag });
      expect([tag, same.status, same.text]).toEqual([tag, 304, ""]);
      expect(etagOf(same)).toBe(etagOf(pending));
      expect(same.headers.get("cache-control")).toBe(pending.headers.get("cache-control"));
      expect(same.headers.get("vary")).toBe(pending.headers.get("vary"));
    }
    for (const tag of ['"other"', etagOf(pending).slice(1, -1), '""', "nonsense"]) {
      expect((await service.read(id, { "if-none-match": tag })).status, tag).toBe(200);
    }
    const settled = await settle(id);
    expect(etagOf(settled)).not.toBe(etagOf(pending));
    const news = await service.read(id, { "if-none-match": etagOf(pending) });
    expect([news.status, etagOf(news)]).toEqual([200, etagOf(settled)]);
    expect((await service.read(id, { "if-none-match": etagOf(settled) })).status).toBe(304);
  });

  test("a tag is of one form: the page and the record do not share it", async () => {
    const id = freshId("etag-form");
    await service.create(id, { timeout: 1 });
    const record = await service.read(id);
    const page = await service.read(id, { accept: "text/html" });
    if (etagOf(page) !== "") expect(etagOf(page)).not.toBe(etagOf(record));
  });

  test("nothing of an absent promise is kept, and it has no tag", async () => {
    const absent = await service.read(freshId("nobody"), { "if-none-match": "*" });
    expectRefusal(absent, "not_found");
    expect(absent.headers.get("cache-control")).toContain("no-store");
    expect(absent.headers.get("etag")).toBeNull();
  });

  test("a pending promise must be asked again; a settled one never changes", async () => {
    const id = freshId("cache");
    await service.create(id);
    const pending = (await service.read(id)).headers.get("cache-control") ?? "";
    expect(pending).toMatch(/no-cache|no-store|max-age=0/);
    expect(pending).not.toMatch(/immutable|max-age=[1-9]/);
    const settled = await settle(id);
    const kept = (await service.read(id)).headers.get("cache-control") ?? "";
    expect(kept).toContain("immutable");
    expect(kept).toMatch(/max-age=[1-9]/);
    // The answer to a write is nobody's copy.
    expect(settled.headers.get("cache-control")).toContain("no-store");
  });

  test("the time left of its retention bounds how long a copy lives", async () => {
    const id = freshId("retained");
    await service.create(id, { retention: "1m" });
    await settle(id);
    const header = (await service.read(id)).headers.get("cache-control") ?? "";
    const seconds = Number(/max-age=(\d+)/.exec(header)?.[1] ?? 0);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(seconds).toBeGreaterThan(50);
    const brief = freshId("retained");
    await service.create(brief, { retention: 0, timeout: "1h" });
    const settledBrief = await settle(brief);
    expect(settledBrief.status).toBe(201);
  });

  test("a second life under the same id has other tags, and the first's do not match it", async () => {
    const id = freshId("lives");
    const tags: string[] = [];
    for (let life = 0; life < 3; life += 1) {
      expect((await service.create(id, { timeout: "1h", param: { data: "same" } })).status).toBe(
        201,
      );
      const pending = await service.read(id);
      expectRefusal(await service.send("DELETE", service.address(id)), "pending");
      await settle(id, "same");
      const settled = await service.read(id);
      tags.push(etagOf(pending), etagOf(settled));
      for (const tag of tags.slice(0, -2)) {
        expect((await service.read(id, { "if-none-match": tag })).status).toBe(200);
      }
      const purged = await service.send("DELETE", service.address(id));
      expect([purged.status, purged.text]).toEqual([204, ""]);
      expectRefusal(await service.read(id), "not_found");
      expectRefusal(await service.send("DELETE", service.address(id)), "not_found");
      expectRefusal(await settle(id), "not_found");
    }
    expect(new Set(tags).size).toBe(tags.length);
  });
});
