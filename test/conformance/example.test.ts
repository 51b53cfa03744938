/**
 * The durable promises example of Restate, both generations of its wire (RULES.md section 1,
 * "Example surface"; RESTATE.md 1.1 and 1.2).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inTime, openSocket, openStream } from "./awaiter.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, recordOf, startService, type Answer, type Service } from "./service.ts";

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

type Operation = "peek" | "await" | "resolve" | "reject" | "dispose";

interface Generation {
  name: string;
  /** Calls with a body that JSON makes of `more` and the id. */
  call(operation: Operation, id: string, more?: object): Promise<Answer>;
  /** The text of an answer that carries X, given as JSON. */
  says(outcome: string): string;
  idField: RegExp;
}

const generations: Generation[] = [
  {
    name: "v0.8: /durablePromiseServer",
    call: (operation, id, more = {}) =>
      service.send("POST", `/durablePromiseServer/${operation}`, {
        body: { request: { promiseName: id, ...more } },
      }),
    // "answers {"response": X}, and {} where X is null"
    says: (outcome) => (outcome === "null" ? "{}" : `{"response":${outcome}}`),
    idField: /(^|\.)promiseName$/,
  },
  {
    name: "today: /promise",
    call: (operation, id, more = {}) =>
      service.send("POST", `/promise/${operation}`, { body: { promiseId: id, ...more } }),
    says: (outcome) => outcome,
    idField: /(^|\.)promiseId$/,
  },
];

describe.each(generations)("$name", ({ call, says, idField }) => {
  function expectSays(answer: Answer, outcome: string): void {
    expect([answer.status, answer.text]).toEqual([200, says(outcome)]);
    expect(answer.headers.get("content-type")).toContain("application/json");
  }

  test("the README's lines: peek is null, await waits, resolve tells it, reject loses with 200", async () => {
    const id = freshId("readme");
    expectSays(await call("peek", id), "null");
    const awaited = call("await", id);
    expectSays(
      await call("resolve", id, { value: "This promise will notify everyone" }),
      '{"value":"This promise will notify everyone"}',
    );
    expectSays(
      await inTime(awaited, "the await that came first"),
      '{"value":"This promise will notify everyone"}',
    );
    // "The loser of a race gets the winner's outcome with 200."
    expectSays(
      await call("reject", id, { errorMessage: "Oh dear, rejected" }),
      '{"value":"This promise will notify everyone"}',
    );
    expectSays(
      await call("resolve", id, { value: "too late" }),
      '{"value":"This promise will notify everyone"}',
    );
    // The second run of the example peeks the value at once.
    expectSays(await call("peek", id), '{"value":"This promise will notify everyone"}');
    expectSays(await call("await", id), '{"value":"This promise will notify everyone"}');
  });

  test("reject: the await of a rejected promise is a 200 too, before and after", async () => {
    const id = freshId("rejected");
    const awaited = call("await", id);
    expectSays(await call("reject", id, { errorMessage: "nope" }), '{"error":"nope"}');
    expectSays(await inTime(awaited, "the await that came first"), '{"error":"nope"}');
    expectSays(await call("await", id), '{"error":"nope"}');
    expectSays(await call("peek", id), '{"error":"nope"}');
    expectSays(await call("resolve", id, { value: 1 }), '{"error":"nope"}');
    expectSays(await call("reject", id, { errorMessage: "again" }), '{"error":"nope"}');
  });

  test("a peek creates nothing: the id stays absent", async () => {
    const id = freshId("peeked");
    expectSays(await call("peek", id), "null");
    expectRefusal(await service.read(id), "not_found");
  });

  test("resolve without a value is {}, and settled all the same", async () => {
    const id = freshId("void");
    const awaited = call("await", id);
    expectSays(await call("resolve", id), "{}");
    expectSays(await inTime(awaited, "the await that came first"), "{}");
    expectSays(await call("peek", id), "{}");
    expectSays(await call("resolve", id, { value: 1 }), "{}");
    expect(recordOf(await service.read(id))).toMatchObject({ state: "RESOLVED", value: {} });
  });

  // RESTATE.md 1.2: "null -> {"value":null}; 0, false preserved"; data passes to the letter.
  test.each([
    "null",
    "0",
    "false",
    '""',
    "[]",
    "{}",
    '{"n":12345678901234567890,"x":1.0,"e":1e400}',
    '"😀"',
    '{"error":"not one"}',
    '{"value":{"value":1}}',
  ])("the value %s comes back to the letter", async (value) => {
    const id = freshId("value");
    const body =
      says("x") === "x"
        ? `{"promiseId":"${id}","value":${value}}`
        : `{"request":{"promiseName":"${id}","value":${value}}}`;
    const path = says("x") === "x" ? "/promise/resolve" : "/durablePromiseServer/resolve";
    const awaited = call("await", id);
    expectSays(await service.send("POST", path, { body }), `{"value":${value}}`);
    expectSays(await call("peek", id), `{"value":${value}}`);
    expectSays(await inTime(awaited, "the await that came first"), `{"value":${value}}`);
    expect((await service.read(id)).text).toContain(`"value":{"data":${value}}`);
  });

  test("an id goes in the body: spaces, slashes, question marks, letters of every kind", async () => {
    for (const name of ["sp ace/ü?", "a//b/", "😀#%25+", "..."]) {
      const id = `${freshId("odd")}/${name}`;
      expectSays(await call("resolve", id, { value: id }), `{"value":${JSON.stringify(id)}}`);
      expect(recordOf(await service.read(id)).id).toBe(id);
    }
  });

  test("dispose fails those who wait, with words, and frees the id for a second life", async () => {
    const id = freshId("disposed");
    const awaited = call("await", id);
    const socket = await openSocket(service, id);
    expect(await socket.next()).toEqual({ type: "absent", id });
    const stream = await openStream(service, id);
    expect(await stream.next()).toMatchObject({ type: "absent", data: JSON.stringify({ id }) });
    const poll = service.send("GET", `${service.address(id)}?wait=20s`);
    await service.create(id);
    expect((await socket.next())?.type).toBe("pending");
    expect((await stream.next())?.type).toBe("pending");

    expectSays(await call("dispose", id), "null");
    for (const answer of [
      await inTime(awaited, "the await of a disposed promise"),
      await inTime(poll, "the long poll of a disposed promise"),
    ]) {
      expect(expectRefusal(answer, "disposed").detail).toContain("disposed");
    }
    expect(await socket.next()).toEqual({ type: "disposed", id });
    expect(await stream.next()).toMatchObject({ type: "disposed", data: JSON.stringify({ id }) });
    expect(await stream.next()).toBeUndefined();
    expectRefusal(await service.read(id), "not_found");

    expectSays(await call("peek", id), "null");
    const second = call("await", id);
    expectSays(await call("resolve", id, { value: "second life" }), '{"value":"second life"}');
    expectSays(await inTime(second, "the await in the second life"), '{"value":"second life"}');
    // A settled promise can be disposed too.
    expectSays(await call("dispose", id), "null");
    expectSays(await call("peek", id), "null");
    // And what is not there.
    expectSays(await call("dispose", id), "null");
  });

  test("a missing name or message is a 400 that names the field, and changes nothing", async () => {
    const id = freshId("incomplete");
    expectRefusal(await call("reject", id), "invalid_request", /(^|\.)errorMessage$/);
    for (const errorMessage of [null, 1, {}, ["x"]]) {
      expectRefusal(
        await call("reject", id, { errorMessage }),
        "invalid_request",
        /(^|\.)errorMessage$/,
      );
    }
    expectSays(await call("peek", id), "null");
    const operations: Operation[] = ["peek", "await", "resolve", "reject", "dispose"];
    for (const operation of operations) {
      // `undefined` leaves the id out of the JSON.
      for (const wrong of [undefined, null, 1, {}, ["x"], ""]) {
        const answer = await inTime(
          call(operation, wrong as string, { errorMessage: "x" }),
          `${operation} without a name, to be refused`,
        );
        expectRefusal(answer, "invalid_request", idField);
      }
    }
  });

  test("an empty message is a message", async () => {
    const id = freshId("silent");
    expectSays(await call("reject", id, { errorMessage: "" }), '{"error":""}');
    expectSays(await call("peek", id), '{"error":""}');
  });

  describe("mixed with the REST resource", () => {
    test("what is settled over REST is awaited here", async () => {
      const cases: [object, string][] = [
        [{ state: "RESOLVED", value: { data: { a: 1 } } }, '{"value":{"a":1}}'],
        [{ state: "RESOLVED" }, "{}"],
        // `rejectionMessage` of the contract says how a reason becomes words.
        [{ state: "REJECTED", value: { data: "words" } }, '{"error":"words"}'],
        [
          { state: "REJECTED", value: { data: { message: "like an error" } } },
          '{"error":"like an error"}',
        ],
        [{ state: "REJECTED", value: { data: { n: 1 } } }, '{"error":"{\\"n\\":1}"}'],
        [{ state: "REJECTED" }, '{"error":"promise was rejected"}'],
        [{ state: "REJECTED", value: { data: null } }, '{"error":"promise was rejected"}'],
        [{ state: "REJECTED_CANCELED" }, '{"error":"promise was canceled"}'],
        [{ state: "REJECTED_CANCELED", value: { data: "not needed" } }, '{"error":"not needed"}'],
      ];
      for (const [settlement, outcome] of cases) {
        const id = freshId("mixed");
        await service.create(id);
        const awaited = call("await", id);
        expect((await service.settle(id, settlement)).status).toBe(201);
        expectSays(await inTime(awaited, "an await that was told over REST"), outcome);
        expectSays(await call("peek", id), outcome);
        expectSays(await call("await", id), outcome);
      }
    });

    test("a promise that times out is a rejection here; a timer resolves", async () => {
      const late = freshId("late");
      await service.create(late, { timeout: Date.now() + 300 });
      expectSays(
        await inTime(call("await", late), "the deadline"),
        '{"error":"promise timed out"}',
      );
      expectSays(await call("resolve", late, { value: 1 }), '{"error":"promise timed out"}');
      const timer = freshId("timer");
      await service.create(timer, {
        timeout: Date.now() + 300,
        tags: { "resonate:timer": "true" },
      });
      expectSays(await inTime(call("await", timer), "the timer"), "{}");
    });

    test("what is settled here is a record there: no deadline, and lost to a later PATCH", async () => {
      const id = freshId("there");
      await call("reject", id, { errorMessage: "help!" });
      const record = recordOf(await service.read(id));
      expect(record).toMatchObject({
        id,
        state: "REJECTED",
        param: {},
        value: { data: "help!" },
        timeout: Number.MAX_SAFE_INTEGER,
        tags: {},
      });
      expect(record.completedOn).toBeGreaterThanOrEqual(record.createdOn);
      expectRefusal(await service.settle(id, { state: "RESOLVED" }), "already_rejected");
      expectRefusal(await service.create(id), "exists");
    });
  });
});

test("the two generations are one promise", async () => {
  const [old, today] = generations;
  const id = freshId("both");
  const awaited = old!.call("await", id);
  await today!.call("resolve", id, { value: 1 });
  expect((await inTime(awaited, "the other generation")).text).toBe('{"response":{"value":1}}');
});

test("an operation that does not exist is a 404", async () => {
  for (const base of ["/promise", "/durablePromiseServer"]) {
    for (const operation of [
      "nope",
      "PEEK",
      "constructor",
      "__proto__",
      "toString",
      "peek/",
      "peek%2F",
    ]) {
      const body = { promiseId: "x", request: { promiseName: "x" } };
      expectRefusal(await service.send("POST", `${base}/${operation}`, { body }), "no_route");
    }
  }
});
