/**
 * Bad input of every kind: refused with a stable code and the name of the field, and nothing is
 * changed by it (issue: "Errors", LIMITS and ERRORS of protocol.ts; RULES.md section 4, "settled
 * never changes").
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS, type Frame } from "../../client/src/protocol.ts";
import { inTime, openSocket, openStream } from "./awaiter.ts";
import { nodeRequest, rawRequest } from "./raw-request.ts";
import { expectRefusal } from "./refusal.ts";
import {
  freshId,
  recordOf,
  startService,
  type Answer,
  type SendOptions,
  type Service,
} from "./service.ts";
import { eventually } from "../eventually.ts";

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

/** A pending promise, and a check that it is still letter for letter what it was. */
async function pendingPromise(label: string): Promise<{ id: string; unchanged(): Promise<void> }> {
  const id = freshId(label);
  expect((await service.create(id, { param: { data: label } })).status).toBe(201);
  const before = await service.read(id);
  return {
    id,
    async unchanged() {
      const after = await service.read(id);
      expect({ text: after.text, etag: after.headers.get("etag") }).toEqual({
        text: before.text,
        etag: before.headers.get("etag"),
      });
    },
  };
}

async function expectAbsent(id: string): Promise<void> {
  expectRefusal(await service.read(id), "not_found");
}

const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, ""]));
const nest = (open: string, close: string, depth = 100_000): string =>
  `${open.repeat(depth)}1${close.repeat(depth)}`;
const timer = { "resonate:timer": "true" };

describe("a create with a bad field is a 400 that names it, and creates nothing", () => {
  const json = JSON.stringify;
  const cases: [name: string, body: string | Uint8Array, field: string | RegExp][] = [
    ["an empty body", "", "body"],
    ["text that is not JSON", "{", "body"],
    ["JSON and then more", "{} {}", "body"],
    ["NaN", '{"param":{"data":NaN}}', "body"],
    ["single quotes", "{'a':1}", "body"],
    [
      "invalid UTF-8",
      Uint8Array.from([...new TextEncoder().encode('{"param":{"data":"'), 0xff, 0x22, 0x7d, 0x7d]),
      "body",
    ],
    ["null", "null", "body"],
    ["an array", "[]", "body"],
    ["an array of a body", "[{}]", "body"],
    ["a string", '"x"', "body"],
    ["a number", "1", "body"],
    ["true", "true", "body"],
    ["an unknown field", '{"colour":"red"}', "colour"],
    ["an unknown field named __proto__", '{"__proto__":{"timeout":1}}', "__proto__"],
    ["an unknown field named constructor", '{"constructor":{}}', "constructor"],
    ["an unknown field named toString", '{"toString":1}', "toString"],
    ["a numeric id", '{"id":1}', "id"],
    ["a null id", '{"id":null}', "id"],
    ["another id than the path's", '{"id":"another"}', "id"],
    ["a string param", '{"param":"x"}', "param"],
    ["a null param", '{"param":null}', "param"],
    ["an array param", '{"param":[]}', "param"],
    ["an unknown field in param", '{"param":{"body":1}}', "param.body"],
    ["__proto__ in param", '{"param":{"__proto__":{"data":1}}}', "param.__proto__"],
    ["array headers", '{"param":{"headers":[]}}', /^param\.headers/],
    ["null headers", '{"param":{"headers":null}}', /^param\.headers/],
    ["a header that is a number", '{"param":{"headers":{"a":1}}}', /^param\.headers/],
    ["a header that is null", '{"param":{"headers":{"a":null}}}', /^param\.headers/],
    [
      "65 headers",
      json({ param: { headers: many(LIMITS.payloadHeadersMax + 1) } }),
      "param.headers",
    ],
    [
      "headers of 8,193 bytes",
      json({ param: { headers: { k: "v".repeat(LIMITS.payloadHeadersBytesMax) } } }),
      "param.headers",
    ],
    [
      "headers of 8,193 bytes in two-byte letters",
      json({ param: { headers: { k: "é".repeat(LIMITS.payloadHeadersBytesMax / 2) } } }),
      "param.headers",
    ],
    ["array tags", '{"tags":[]}', /^tags/],
    ["null tags", '{"tags":null}', /^tags/],
    ["string tags", '{"tags":"a"}', /^tags/],
    ["a tag that is a number", '{"tags":{"a":1}}', /^tags/],
    ["a tag that is an object", '{"tags":{"__proto__":{}}}', /^tags/],
    ["65 tags", json({ tags: many(LIMITS.tagsMax + 1) }), "tags"],
    ["tags of 4,097 bytes", json({ tags: { k: "v".repeat(LIMITS.tagsBytesMax) } }), "tags"],
    [
      "tags of 4,097 bytes in two-byte letters",
      json({ tags: { k: "é".repeat(LIMITS.tagsBytesMax / 2) } }),
      "tags",
    ],
    [
      "tags of 4,097 bytes of key",
      json({ tags: { ["k".repeat(LIMITS.tagsBytesMax)]: "v" } }),
      "tags",
    ],
    ["a timeout with a fraction", '{"timeout":1.5}', "timeout"],
    ["a timeout of 2^53", '{"timeout":9007199254740992}', "timeout"],
    ["a timeout of -2^53", '{"timeout":-9007199254740992}', "timeout"],
    ["a timeout of 1e400", '{"timeout":1e400}', "timeout"],
    ["a timeout of a hundred digits", `{"timeout":${"9".repeat(100)}}`, "timeout"],
    ["a null timeout", '{"timeout":null}', "timeout"],
    ["a timeout of true", '{"timeout":true}', "timeout"],
    ["a timeout in an array", '{"timeout":["20s"]}', "timeout"],
    ["a timeout in an object", '{"timeout":{"ms":1}}', "timeout"],
    ["a timeout of abc", '{"timeout":"abc"}', "timeout"],
    ["an empty timeout", '{"timeout":""}', "timeout"],
    ["a timeout of digits in quotes", '{"timeout":"100"}', "timeout"],
    ["a negative duration", '{"timeout":"-20s"}', "timeout"],
    ["a duration before the space", '{"timeout":"20s "}', "timeout"],
    ["a duration of an unknown unit", '{"timeout":"20 parsecs"}', "timeout"],
    ["a duration beyond 2^53", '{"timeout":"9999999999999999h"}', "timeout"],
    ["an empty ISO duration", '{"timeout":"P"}', "timeout"],
    ["an endless timeout string", json({ timeout: "1".repeat(100_000) }), "timeout"],
    ["a 13th month", '{"timeout":"2030-13-01"}', "timeout"],
    ["a 25th hour", '{"timeout":"2030-01-01T25:00:00Z"}', "timeout"],
    // RFC 3339 section 5.7 restricts the day by the month.
    ["a 31st of February", '{"timeout":"2030-02-31T00:00:00Z"}', "timeout"],
    ["a retention below zero", '{"retention":-1}', "retention"],
    ["a retention with a fraction", '{"retention":1.5}', "retention"],
    ["a retention of 2^53", '{"retention":9007199254740992}', "retention"],
    ["a null retention", '{"retention":null}', "retention"],
    ["a retention of abc", '{"retention":"abc"}', "retention"],
    ["an empty retention", '{"retention":""}', "retention"],
    ["a negative duration of retention", '{"retention":"-1s"}', "retention"],
    ["a retention that is a date", '{"retention":"2030-01-01T00:00:00Z"}', "retention"],
    ["a retention of true", '{"retention":true}', "retention"],
    ["a null onTimeout", '{"onTimeout":null}', "onTimeout"],
    ["an array onTimeout", '{"onTimeout":[]}', /^onTimeout/],
    ["an empty onTimeout", '{"onTimeout":{}}', /^onTimeout/],
    ["onTimeout to pending", '{"onTimeout":{"state":"PENDING"}}', "onTimeout.state"],
    // RULES.md section 1: a client can never write rejected_timedout.
    ["onTimeout to timed out", '{"onTimeout":{"state":"REJECTED_TIMEDOUT"}}', "onTimeout.state"],
    ["onTimeout to a word", '{"onTimeout":{"state":"DONE"}}', "onTimeout.state"],
    ["onTimeout to a number", '{"onTimeout":{"state":1}}', "onTimeout.state"],
    [
      "an unknown field in onTimeout",
      '{"onTimeout":{"state":"RESOLVED","when":1}}',
      "onTimeout.when",
    ],
    [
      "a null value in onTimeout",
      '{"onTimeout":{"state":"RESOLVED","value":null}}',
      "onTimeout.value",
    ],
    [
      "an array value in onTimeout",
      '{"onTimeout":{"state":"RESOLVED","value":[]}}',
      "onTimeout.value",
    ],
    [
      "too many headers in onTimeout",
      json({ onTimeout: { state: "RESOLVED", value: { headers: many(65) } } }),
      "onTimeout.value.headers",
    ],
    [
      "onTimeout and a timer",
      json({ tags: timer, onTimeout: { state: "RESOLVED" }, timeout: "1h" }),
      "onTimeout",
    ],
    [
      "onTimeout and a timer of the older name",
      json({ tags: { "resonate:timeout": "true" }, onTimeout: { state: "REJECTED" } }),
      "onTimeout",
    ],
    ["100,000 opened arrays", "[".repeat(100_000), "body"],
    ["100,000 nested arrays", `{"param":{"data":${nest("[", "]")}}}`, "body"],
    ["100,000 nested objects", `{"param":{"data":${nest('{"a":', "}")}}}`, "body"],
    ["100,000 nested tags", `{"tags":${nest('{"a":', "}")}}`, /^(tags|body)/],
  ];
  test.concurrent.each(cases)("%s", async (_name, body, field) => {
    const id = freshId("bad");
    expectRefusal(await service.create(id, body), "invalid_request", field);
    await expectAbsent(id);
    // The same on a promise that is there: the 400 comes before the 409, and changes nothing.
    const { id: taken, unchanged } = await pendingPromise("taken");
    expectRefusal(await service.create(taken, body), "invalid_request", field);
    await unchanged();
  });

  test("without an id in the address too", async () => {
    for (const [, body, field] of cases.filter(([, body]) => body.length < 1000)) {
      if (field === "id") continue;
      expectRefusal(await service.send("POST", "/promises", { body }), "invalid_request", field);
    }
  });
});

describe("limits are inclusive: what just fits is kept", () => {
  const json = JSON.stringify;
  test.concurrent.each<[string, string]>([
    ["64 tags", json({ tags: many(LIMITS.tagsMax) })],
    ["4,096 bytes of tags", json({ tags: { k: "v".repeat(LIMITS.tagsBytesMax - 1) } })],
    ["64 headers", json({ param: { headers: many(LIMITS.payloadHeadersMax) } })],
    [
      "8,192 bytes of headers",
      json({ param: { headers: { k: "v".repeat(LIMITS.payloadHeadersBytesMax - 1) } } }),
    ],
    ["a timeout of 2^53 - 1", json({ timeout: Number.MAX_SAFE_INTEGER })],
    ["a timeout of -(2^53 - 1)", json({ timeout: Number.MIN_SAFE_INTEGER })],
    ["a retention of 2^53 - 1", json({ retention: Number.MAX_SAFE_INTEGER })],
    [
      "tags and headers named like the insides of an object",
      '{"tags":{"__proto__":"a","constructor":"b","toString":"c","":"d"},"param":{"headers":{"__proto__":"a","constructor":"b"},"data":{"__proto__":1,"constructor":{"prototype":2}}}}',
    ],
  ])("%s", async (_name, body) => {
    const id = freshId("fits");
    const created = await service.create(id, body);
    expect(created.status).toBe(201);
    const read = await service.read(id);
    const sent: Record<string, unknown> = JSON.parse(body);
    for (const [name, value] of Object.entries(sent)) {
      // As text, because toEqual does not look at a key named __proto__.
      expect(json(Reflect.get(recordOf(read), name))).toBe(json(value));
    }
  });

  test("a body of exactly 1 MiB, and it comes back whole", async () => {
    const id = freshId("mebibyte");
    const empty = JSON.stringify({ param: { data: "" } });
    const data = "x".repeat(LIMITS.bodyBytesMax - empty.length);
    expect((await service.create(id, { param: { data } })).status).toBe(201);
    expect(recordOf(await service.read(id)).param.data === data).toBe(true);
    // "A stored value may have 2 MB; param and value together must fit."
    const filler =
      LIMITS.bodyBytesMax - JSON.stringify({ state: "RESOLVED", value: { data: "" } }).length;
    const value = { data: "y".repeat(filler) };
    expect((await service.settle(id, { state: "RESOLVED", value })).status).toBe(201);
    const settled = recordOf(await service.read(id));
    expect(settled.value.data === value.data && settled.param.data === data).toBe(true);
  });

  test("what is nested deep is either refused or readable in every form", async () => {
    for (const depth of [100, 1000, 2000, 4000, 8000, 16_000, 50_000]) {
      const id = freshId(`deep-${depth}`);
      const data = nest("[", "]", depth);
      const created = await service.create(id, `{"param":{"data":${data}}}`);
      if (created.status !== 201) {
        expectRefusal(created, "invalid_request", "body");
        await expectAbsent(id);
        continue;
      }
      const settled = await service.settle(id, `{"state":"RESOLVED","value":{"data":${data}}}`);
      expect([depth, settled.status]).toEqual([depth, 201]);
      const read = await service.read(id);
      expect([depth, read.status, read.text.split(data).length]).toEqual([depth, 200, 3]);
      const page = await service.read(id, { accept: "text/html" });
      expect([depth, page.status]).toEqual([depth, 200]);
      const stream = await openStream(service, id);
      expect([depth, (await stream.next())?.type]).toEqual([depth, "settled"]);
      stream.close();
      const peeked = await service.send("POST", "/promise/peek", { body: { promiseId: id } });
      expect([depth, peeked.status, peeked.text === `{"value":${data}}`]).toEqual([
        depth,
        200,
        true,
      ]);
    }
  });
});

const filled = (before: string, after: string): string =>
  before + "x".repeat(LIMITS.bodyBytesMax + 1 - before.length - after.length) + after;

describe("a body above 1 MiB is a 413, however it is framed, and changes nothing", () => {
  const big = filled('{"param":{"data":"', '"}}');
  const cases: [string, string, (id: string) => string, (id: string) => string][] = [
    ["PUT", "create", (id) => `/promises/${id}`, () => big],
    ["POST", "create without an id", () => "/promises", () => big],
    [
      "PATCH",
      "settle",
      (id) => `/promises/${id}`,
      () => filled('{"state":"RESOLVED","value":{"data":"', '"}}'),
    ],
    [
      "POST",
      "bare resolve",
      () => "/promise/resolve",
      (id) => filled(`{"promiseId":"${id}","value":"`, '"}'),
    ],
    [
      "POST",
      "wrapped resolve",
      () => "/durablePromiseServer/resolve",
      (id) => filled(`{"request":{"promiseName":"${id}","value":"`, '"}}'),
    ],
  ];
  for (const chunked of [false, true]) {
    test.each(cases)(
      `%s (%s), ${chunked ? "in chunks" : "with its length"}`,
      async (method, _name, path, body) => {
        const { id, unchanged } = await pendingPromise("big");
        const absent = freshId("big-absent");
        const target = method === "PUT" ? absent : id;
        const answer = await nodeRequest(service, method, path(target), {
          body: body(target),
          chunked,
        });
        expectRefusal(answer, "too_large", "body");
        await unchanged();
        await expectAbsent(absent);
      },
    );
  }

  test("who sends much more hears why, every time, whatever it is refused for", async () => {
    const body = JSON.stringify({ param: { data: "x".repeat(5 * LIMITS.bodyBytesMax) } });
    const json = { "content-type": "application/json" };
    const unheard: number[] = [];
    for (let round = 0; round < 15; round += 1) {
      for (const [path, headers, status] of [
        ["/promises", json, 413],
        ["/promises", { "content-type": "text/plain" }, 415],
        ["/c/nobodys", json, 404],
        ["/nowhere", json, 404],
      ] as const) {
        const askedAt = Date.now();
        const answer = await fetch(service.url + path, { method: "POST", headers, body }).catch(
          () => undefined,
        );
        if (answer === undefined) unheard.push(Date.now() - askedAt);
        else expect(answer.status).toBe(status);
        await answer?.arrayBuffer();
      }
    }
    // Nobody is heard out for longer than a second, and then the line is cut.
    expect(unheard.filter((ms) => ms < 990)).toEqual([]);
    expect(unheard.length).toBeLessThan(20);
  });

  test("the limit counts bytes, not letters", async () => {
    const id = freshId("bytes");
    const body = JSON.stringify({ param: { data: "é".repeat(LIMITS.bodyBytesMax / 2) } });
    expect(body.length).toBeLessThan(LIMITS.bodyBytesMax);
    expectRefusal(
      await nodeRequest(service, "PUT", `/promises/${id}`, { body }),
      "too_large",
      "body",
    );
    await expectAbsent(id);
  });

  test("a length announced above the limit is refused without the body being read", async () => {
    const id = freshId("announced");
    const answer = await rawRequest(service, "PUT", `/promises/${id}`, "", {
      "content-type": "application/json",
      "content-length": String(10 * LIMITS.bodyBytesMax),
    });
    expectRefusal(answer, "too_large", "body");
    await expectAbsent(id);
  });
});

describe("a settle with a bad field is a 400 that names it, and settles nothing", () => {
  const json = JSON.stringify;
  const cases: [name: string, body: string | Uint8Array, field: string | RegExp][] = [
    ["an empty body", "", "body"],
    ["not JSON", "state=RESOLVED", "body"],
    ["null", "null", "body"],
    ["an array", '[{"state":"RESOLVED"}]', "body"],
    ["invalid UTF-8", Uint8Array.from([0x22, 0xff, 0x22]), "body"],
    ["no state", "{}", "state"],
    ["no state but a value", '{"value":{"data":1}}', "state"],
    ["a null state", '{"state":null}', "state"],
    ["a state in an array", '{"state":["RESOLVED"]}', "state"],
    ["an unknown state", '{"state":"DONE"}', "state"],
    ["pending", '{"state":"PENDING"}', "state"],
    // RULES.md section 1: a client can never write rejected_timedout.
    ["timed out", '{"state":"REJECTED_TIMEDOUT"}', "state"],
    ["an unknown field", '{"state":"RESOLVED","colour":"red"}', "colour"],
    ["another id than the path's", '{"state":"RESOLVED","id":"another"}', "id"],
    ["a string value", '{"state":"RESOLVED","value":"x"}', "value"],
    ["a null value", '{"state":"RESOLVED","value":null}', "value"],
    ["an array value", '{"state":"RESOLVED","value":[]}', "value"],
    ["an unknown field in value", '{"state":"RESOLVED","value":{"body":1}}', "value.body"],
    [
      "headers that are a string",
      '{"state":"RESOLVED","value":{"headers":"x"}}',
      /^value\.headers/,
    ],
    ["65 headers", json({ state: "RESOLVED", value: { headers: many(65) } }), "value.headers"],
    [
      "8,193 bytes of headers",
      json({ state: "RESOLVED", value: { headers: { k: "v".repeat(8192) } } }),
      "value.headers",
    ],
    ["100,000 nested arrays", `{"state":"RESOLVED","value":{"data":${nest("[", "]")}}}`, "body"],
  ];
  test.concurrent.each(cases)("%s", async (_name, body, field) => {
    const { id, unchanged } = await pendingPromise("unsettled");
    expectRefusal(await service.settle(id, body), "invalid_request", field);
    await unchanged();
    const absent = freshId("never");
    expectRefusal(await service.settle(absent, body), "invalid_request", field);
    await expectAbsent(absent);
  });
});

test("fields that the server owns are ignored on create", async () => {
  const id = freshId("owned");
  const created = await service.create(id, {
    state: "RESOLVED",
    value: { data: "forged" },
    createdOn: 1,
    completedOn: 2,
    url: "https://example.com/",
    idempotencyKeyForCreate: "forged",
    idempotencyKeyForComplete: "forged",
  });
  expect(created.status).toBe(201);
  const record = recordOf(await service.read(id));
  expect(record).toMatchObject({ id, state: "PENDING", value: {} });
  expect(record.url).toBe(`${service.url}/promises/${id}`);
  expect(record.createdOn).toBeGreaterThan(2);
  expect(Object.keys(record)).not.toContain("completedOn");
  expect(Object.keys(record)).not.toContain("idempotencyKeyForCreate");
  expect(Object.keys(record)).not.toContain("idempotencyKeyForComplete");
});

describe("a bad id is a 400 that names it, in a body and in an address (ids have 1 to 1,024 bytes)", () => {
  const long = "x".repeat(LIMITS.idBytesMax + 1);
  const longInBytes = "é".repeat(LIMITS.idBytesMax / 2) + "x";
  const bodies: [string, string][] = [
    ["empty", '""'],
    ["1,025 bytes", JSON.stringify(long)],
    ["1,025 bytes in 513 letters", JSON.stringify(longInBytes)],
    ["a lone high surrogate", '"a\\ud800b"'],
    ["a lone low surrogate", '"\\udc00"'],
    ["swapped surrogates", '"\\udc00\\ud800"'],
    ["NUL", '"a\\u0000b"'],
    ["a tab", '"a\\tb"'],
    ["a newline", '"a\\nb"'],
    ["a carriage return at the end", '"a\\r"'],
    ["DEL", '"a\\u007fb"'],
    ["a C1 control", '"a\\u0085b"'],
    ["dot", '"."'],
    ["dot dot", '".."'],
    ["a dot segment", '"a/./b"'],
    ["a dot dot segment", '"a/../b"'],
    ["a trailing dot dot", '"a/.."'],
    ["a leading dot dot", '"../b"'],
    ["a leading slash and dot dot", '"/../b"'],
  ];
  test.concurrent.each(bodies)("in a body: %s", async (_name, id) => {
    const create = await service.send("POST", "/promises", { body: `{"id":${id}}` });
    expectRefusal(create, "invalid_request", "id");
    for (const operation of ["peek", "await", "resolve", "reject", "dispose"]) {
      const rest = operation === "reject" ? ',"errorMessage":"x"' : "";
      const bare = await service.send("POST", `/promise/${operation}`, {
        body: `{"promiseId":${id}${rest}}`,
      });
      expectRefusal(bare, "invalid_request", /(^|\.)promiseId$/);
      const wrapped = await service.send("POST", `/durablePromiseServer/${operation}`, {
        body: `{"request":{"promiseName":${id}${rest}}}`,
      });
      expectRefusal(wrapped, "invalid_request", /(^|\.)promiseName$/);
    }
  });

  const paths: [string, string][] = [
    ["1,025 bytes", long],
    ["1,025 bytes in 513 letters", encodeURIComponent(longInBytes)],
    ["NUL", "a%00b"],
    ["a tab", "a%09b"],
    ["a newline", "%0A"],
    ["a newline inside", "a%0Ab"],
    ["a carriage return", "a%0Db"],
    ["DEL", "a%7F"],
    ["a C1 control", "a%C2%85b"],
    ["a percent sign alone", "%"],
    ["half an escape", "a%2"],
    ["an escape that is not hexadecimal", "%zz"],
    ["a byte that no UTF-8 has", "%FF"],
    ["half a letter", "a%C3"],
    ["an overlong slash", "a%C0%AFb"],
    ["a surrogate in UTF-8", "%ED%A0%80"],
    ["an encoded dot dot between encoded slashes", "a%2F..%2Fb"],
    ["an encoded dot dot, encoded slashes and all", "a%2F%2E%2E%2Fb"],
    ["a dot between encoded slashes", "a%2F.%2Fb"],
  ];
  test.concurrent.each(paths)("in an address: %s", async (_name, path) => {
    const requests: [string, string?][] = [
      ["PUT", "{}"],
      ["GET"],
      ["PATCH", '{"state":"RESOLVED"}'],
      ["DELETE"],
    ];
    for (const [method, body] of requests) {
      const given = body === undefined ? {} : { body };
      expectRefusal(
        await nodeRequest(service, method, `/promises/${path}`, given),
        "invalid_request",
        "id",
      );
    }
    for (const accept of ["text/event-stream", "text/html"]) {
      const answer = await nodeRequest(service, "GET", `/promises/${path}`, {
        headers: { accept },
      });
      expect(answer.status, accept).toBe(400);
    }
  });

  test("in an address: nothing at all", async () => {
    for (const [method, body] of [
      ["PUT", "{}"],
      ["GET"],
      ["PATCH", '{"state":"RESOLVED"}'],
      ["DELETE"],
    ] as const) {
      const given = body === undefined ? {} : { body };
      const answer = await nodeRequest(service, method, "/promises/", given);
      if (answer.status === 404) expectRefusal(answer, "no_route");
      else expectRefusal(answer, "invalid_request", "id");
    }
  });

  test("a dot dot segment in an address reaches the promise that every URL parser makes of it, or none", async () => {
    for (const up of ["/../", "/%2e%2e/", "/.%2E/", "/%2E./", "/./../"]) {
      const [outer, inner] = [freshId("outer"), freshId("inner")];
      const target = `/promises/${outer}${up}${inner}`;
      const parsed = new URL(target, service.url).pathname;
      expect(parsed).toBe(`/promises/${inner}`);
      const answer = await rawRequest(service, "PUT", target, "{}");
      if (answer.status === 201) expect(recordOf(answer)).toMatchObject({ id: inner });
      else expect(answer.status).toBe(400);
      await expectAbsent(outer);
      expect((await service.read(inner)).status).toBe(answer.status === 201 ? 200 : 404);
    }
    for (const target of [
      "/promises/..",
      "/promises/%2e%2e",
      "/promises/.",
      "/promises/%2e",
      "/promises/x/%2e%2e",
    ]) {
      const answer = await rawRequest(service, "PUT", target, "{}");
      expect([400, 404, 405], `${target}: ${answer.text}`).toContain(answer.status);
    }
  });
});

const header = (name: string, value: string | string[]) => ({ [name]: value });

describe("the headers of a create and a settle", () => {
  const cases: [string, Record<string, string | string[]>, string][] = [
    ["strict: maybe", header("strict", "maybe"), "strict"],
    ["strict: 1", header("strict", "1"), "strict"],
    ["an empty strict", header("strict", ""), "strict"],
    ["strict twice, in agreement", header("strict", ["true", "true"]), "strict"],
    ["strict twice, in disagreement", header("strict", ["true", "false"]), "strict"],
    ["an empty idempotency-key", header("idempotency-key", ""), "idempotency-key"],
    [
      "an idempotency-key of 513 bytes",
      header("idempotency-key", "k".repeat(LIMITS.idempotencyKeyBytesMax + 1)),
      "idempotency-key",
    ],
    ["two idempotency-keys", header("idempotency-key", ["one", "two"]), "idempotency-key"],
  ];
  test.each(cases)(
    "%s is a 400 that names the header, and changes nothing",
    async (_name, headers, field) => {
      const absent = freshId("header");
      const create = await nodeRequest(service, "PUT", `/promises/${absent}`, {
        headers,
        body: "{}",
      });
      expectRefusal(create, "invalid_request", field);
      await expectAbsent(absent);
      const { id, unchanged } = await pendingPromise("header");
      const settle = await nodeRequest(service, "PATCH", `/promises/${id}`, {
        headers,
        body: '{"state":"RESOLVED"}',
      });
      expectRefusal(settle, "invalid_request", field);
      await unchanged();
    },
  );

  test("an idempotency-key of 512 bytes is kept", async () => {
    const id = freshId("key");
    const key = "k".repeat(LIMITS.idempotencyKeyBytesMax);
    expect((await service.create(id, {}, { "idempotency-key": key })).status).toBe(201);
    expect(recordOf(await service.read(id)).idempotencyKeyForCreate).toBe(key);
  });

  test.each([
    ["text/plain"],
    ["application/x-www-form-urlencoded"],
    ["multipart/form-data; boundary=x"],
    ["application/jsonp"],
    ["text/json-not"],
    ["nonsense"],
  ])(
    "a body of the type %s is a 415 (a form on a foreign page can send it), and changes nothing",
    async (type) => {
      const absent = freshId("media");
      const { id, unchanged } = await pendingPromise("media");
      const headers = { "content-type": type };
      const requests: [string, string, SendOptions][] = [
        ["PUT", service.address(absent), { headers, body: "{}" }],
        ["POST", "/promises", { headers, body: JSON.stringify({ id: absent }) }],
        ["PATCH", service.address(id), { headers, body: '{"state":"RESOLVED"}' }],
        [
          "POST",
          "/promise/resolve",
          { headers, body: JSON.stringify({ promiseId: absent, value: 1 }) },
        ],
        [
          "POST",
          "/promise/resolve",
          { headers, body: JSON.stringify({ promiseId: id, value: 1 }) },
        ],
        ["POST", "/promise/dispose", { headers, body: JSON.stringify({ promiseId: id }) }],
        [
          "POST",
          "/durablePromiseServer/reject",
          { headers, body: JSON.stringify({ request: { promiseName: id, errorMessage: "x" } }) },
        ],
      ];
      for (const [method, target, options] of requests) {
        expectRefusal(
          await service.send(method, target, options),
          "unsupported_media_type",
          "content-type",
        );
      }
      await expectAbsent(absent);
      await unchanged();
    },
  );
});

describe("query parameters", () => {
  const bad: [string, string][] = [
    ["?wait=abc", "wait"],
    ["?wait=", "wait"],
    ["?wait", "wait"],
    ["?wait=-1s", "wait"],
    ["?wait=1s&wait=2s", "wait"],
    ["?colour=red", "colour"],
    ["?wait=1s&colour=red", "colour"],
  ];
  test.each(bad)("GET with %s is a 400 that names the parameter", async (query, field) => {
    const { id, unchanged } = await pendingPromise("query");
    expectRefusal(await service.send("GET", service.address(id) + query), "invalid_request", field);
    await unchanged();
  });

  test.each<[string, string | undefined]>([
    ["PUT", "{}"],
    ["POST", "{}"],
    ["PATCH", '{"state":"RESOLVED"}'],
    ["DELETE", undefined],
  ])(
    "%s with an unknown parameter is a 400 that names it, and changes nothing",
    async (method, body) => {
      const { id, unchanged } = await pendingPromise("query");
      const absent = freshId("query");
      const base =
        method === "POST" ? "/promises" : service.address(method === "PUT" ? absent : id);
      const answer = await service.send(
        method,
        `${base}?strict=true`,
        body === undefined ? {} : { body },
      );
      expectRefusal(answer, "invalid_request", "strict");
      await unchanged();
      await expectAbsent(absent);
    },
  );
});

describe("every address says which methods it takes (405 with Allow)", () => {
  const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
  test("and takes no other", async () => {
    const docs = await service.send("GET", "/docs");
    const assets = [...docs.text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(
      (found) => found[1] ?? "",
    );
    expect(assets.length).toBeGreaterThan(0);
    const expected: [string, string[]][] = [
      ["/promises", ["GET", "HEAD", "POST"]],
      ["/promises/method-absent", ["GET", "HEAD", "PUT", "PATCH", "DELETE"]],
      ["/promises/method/absent", ["GET", "HEAD", "PUT", "PATCH", "DELETE"]],
      ...["peek", "await", "resolve", "reject", "dispose"].flatMap(
        (operation): [string, string[]][] => [
          [`/promise/${operation}`, ["POST"]],
          [`/durablePromiseServer/${operation}`, ["POST"]],
        ],
      ),
      ...["/health", "/docs", "/openapi.json", ...assets].map((path): [string, string[]] => [
        path,
        ["GET", "HEAD"],
      ]),
    ];
    for (const [path, methods] of expected) {
      for (const method of METHODS) {
        if (method === "OPTIONS" || methods.includes(method)) continue;
        const answer = await nodeRequest(service, method, path);
        const what = `${method} ${path}: ${answer.text.slice(0, 200)}`;
        expect(answer.status, what).toBe(405);
        const allowed = (answer.headers.get("allow") ?? "")
          .split(/, */)
          .filter((name) => name !== "OPTIONS");
        expect(allowed.toSorted(), what).toEqual(methods.toSorted());
        if (method !== "HEAD") expectRefusal(answer, "method_not_allowed");
      }
    }
  });

  test("an address where nothing is, is a 404 whatever the method", async () => {
    for (const path of [
      "/nowhere",
      "/promisesx",
      "/promise",
      "/promise/",
      "/promise/nope",
      "/durablePromiseServer/",
      "/promise/peek/x",
      "/assets/nothing.js",
      "/assets/../package.json",
      "/assets/%2e%2e/package.json",
      "/assets/",
    ]) {
      for (const method of ["GET", "POST"]) {
        const answer = await nodeRequest(
          service,
          method,
          path,
          method === "POST" ? { body: "{}" } : {},
        );
        expect([404, 405], `${method} ${path}: ${answer.status}`).toContain(answer.status);
        if (method === "POST" && !path.startsWith("/assets")) expectRefusal(answer, "no_route");
      }
    }
  });
});

describe("what a socket may say", () => {
  const nonsense: [string, string | Uint8Array<ArrayBuffer>][] = [
    ["a word", "hello"],
    ["an empty message", ""],
    ["ping in JSON", '"ping"'],
    ["PING", "PING"],
    ["a settle", '{"state":"RESOLVED","value":{"data":1}}'],
    ["bytes", new Uint8Array([1, 2, 3])],
    ["the bytes of ping", new Uint8Array(new TextEncoder().encode("ping"))],
    ["1,024 bytes", "x".repeat(LIMITS.frameBytesMax)],
  ];
  test.each(nonsense)(
    "%s makes no sense: an error frame, then closed with 1003, and nothing is changed",
    async (_name, message) => {
      const { id, unchanged } = await pendingPromise("socket");
      const socket = await openSocket(service, id);
      expect((await socket.next())?.type).toBe("pending");
      socket.send(message);
      const error: Frame | undefined = await socket.next();
      expect(error).toEqual({
        type: "error",
        code: "invalid_request",
        message: expect.stringMatching(/./),
      });
      expect((await socket.closed()).code).toBe(1003);
      await unchanged();
    },
  );

  test.each<[string, string | Uint8Array<ArrayBuffer>]>([
    ["1,025 bytes of text", "x".repeat(LIMITS.frameBytesMax + 1)],
    ["1,025 bytes in 513 letters", "é".repeat(LIMITS.frameBytesMax / 2) + "x"],
    ["1,025 bytes", new Uint8Array(LIMITS.frameBytesMax + 1)],
    ["a megabyte", "x".repeat(1024 * 1024)],
  ])("%s are too large: closed with 1009, and nothing is changed", async (_name, message) => {
    const { id, unchanged } = await pendingPromise("socket");
    const socket = await openSocket(service, id);
    expect((await socket.next())?.type).toBe("pending");
    socket.send(message);
    const error = await socket.next();
    if (error !== undefined) expect(error).toMatchObject({ type: "error", code: "too_large" });
    expect((await socket.closed()).code).toBe(1009);
    await unchanged();
  });

  test("a thousand pings are answered in order", async () => {
    const { id, unchanged } = await pendingPromise("socket");
    const socket = await openSocket(service, id);
    await socket.next();
    for (let n = 0; n < 1000; n += 1) socket.send("ping");
    for (let n = 0; n < 1000; n += 1) expect(await socket.nextText()).toBe("pong");
    socket.close();
    await unchanged();
  });
});

describe("more awaiters than the limit", () => {
  const AWAITERS_MAX = 3;
  let limited: Service;
  beforeAll(async () => {
    limited = await startService({ env: { AWAITERS_MAX: String(AWAITERS_MAX) } });
  });
  afterAll(() => limited.stop());

  const upgrade = {
    connection: "upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  /** Every way to wait for a promise, as one request that answers when it is refused. */
  const ways: [string, (id: string) => Promise<Answer>][] = [
    ["a WebSocket", (id) => nodeRequest(limited, "GET", `/promises/${id}`, { headers: upgrade })],
    [
      "an event stream",
      (id) =>
        nodeRequest(limited, "GET", `/promises/${id}`, {
          headers: { accept: "text/event-stream" },
        }),
    ],
    ["a long poll", (id) => limited.send("GET", `/promises/${id}?wait=20s`)],
    [
      "a long poll by Prefer",
      (id) => limited.send("GET", `/promises/${id}`, { headers: { prefer: "wait=20" } }),
    ],
    ["a bare await", (id) => limited.send("POST", "/promise/await", { body: { promiseId: id } })],
    [
      "a wrapped await",
      (id) =>
        limited.send("POST", "/durablePromiseServer/await", {
          body: { request: { promiseName: id } },
        }),
    ],
  ];

  test.each([true, false])(
    "are refused with 429 on every transport (promise created: %s)",
    async (created) => {
      const id = freshId("crowd");
      if (created) await limited.create(id);
      const sockets = await Promise.all(
        Array.from({ length: AWAITERS_MAX }, () => openSocket(limited, id)),
      );
      for (const socket of sockets)
        expect((await socket.next())?.type).toBe(created ? "pending" : "absent");
      for (const [name, wait] of ways) {
        const answer = await inTime(wait(id), `${name} above the limit, to be refused`);
        expectRefusal(answer, "too_many_awaiters");
      }
      // A plain read is no wait.
      expect((await limited.read(id)).status).toBe(created ? 200 : 404);

      // One leaves, one may come.
      sockets[0]?.close();
      const late = await eventually(() => openSocket(limited, id));
      expect((await late.next())?.type).toBe(created ? "pending" : "absent");

      // And those within the limit are told.
      if (!created) await limited.create(id);
      await limited.settle(id, { state: "RESOLVED", value: { data: 7 } });
      for (const socket of [...sockets.slice(1), late]) {
        let frame = await socket.next();
        while (frame !== undefined && frame.type !== "settled") frame = await socket.next();
        expect(frame).toMatchObject({ type: "settled", promise: { value: { data: 7 } } });
      }
      // A settled promise takes no new subscription, so nobody is too many.
      for (const [name, wait] of ways.slice(1)) {
        expect((await inTime(wait(id), name)).status, name).toBe(200);
      }
    },
  );
});
