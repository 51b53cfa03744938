/**
 * `PATCH /promises/:id` with a timeout and no state: the deadline of a pending promise moves later.
 * Who waits is told, what was due at the old deadline does not happen, and nothing moves earlier.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER } from "../../client/src/protocol.ts";
import { openSocket, openStream } from "./awaiter.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, recordOf, startService, type Answer, type Service } from "./service.ts";
import { eventually, withTime } from "../eventually.ts";

const HOUR_MS = 3_600_000;

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

async function pending(more: object = {}): Promise<string> {
  const id = freshId("extend");
  expect((await service.create(id, { timeout: "1h", ...more })).status).toBe(201);
  return id;
}

const extend = (id: string, timeout: unknown): Promise<Answer> =>
  service.send("PATCH", service.address(id), { body: { timeout } });
const read = async (id: string) => recordOf(await service.read(id));

describe("extending a deadline", () => {
  test("answers 200 with the record, whose tag is another one", async () => {
    const id = await pending({ tags: { a: "b" }, param: { data: 1 } });
    const before = await service.read(id);
    const later = recordOf(before).timeout + 5;
    const answer = await extend(id, later);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers.get("promise-outcome")).toBe("extended");
    expect(recordOf(answer)).toEqual({ ...recordOf(before), timeout: later });
    expect(await read(id)).toEqual(recordOf(answer));
    expect(answer.headers.get("etag")).not.toBe(before.headers.get("etag"));
    const known = { "if-none-match": before.headers.get("etag") ?? "" };
    expect((await service.read(id, known)).status).toBe(200);
  });

  test("takes a duration from now, and a date", async () => {
    const id = await pending();
    const asked = Date.now();
    const { timeout } = recordOf(await extend(id, "2h"));
    expect(timeout).toBeGreaterThanOrEqual(asked + 2 * HOUR_MS);
    expect(timeout).toBeLessThanOrEqual(Date.now() + 2 * HOUR_MS);
    expect(recordOf(await extend(id, "2100-01-01T00:00:00Z")).timeout).toBe(Date.UTC(2100, 0, 1));
  });

  test("repeated with the same instant it is a success, and changes nothing", async () => {
    const id = await pending();
    const later = (await read(id)).timeout + 1;
    const first = await extend(id, later);
    const again = await extend(id, later);
    expect([again.status, again.text]).toEqual([200, first.text]);
    expect(again.headers.get("promise-outcome")).toBe("repeated");
    expect(again.headers.get("etag")).toBe(first.headers.get("etag"));
  });

  test("can be done again and again, and each is another record", async () => {
    const id = await pending();
    const { timeout } = await read(id);
    const tags = [];
    for (const more of [1, 2, 3]) tags.push((await extend(id, timeout + more)).headers.get("etag"));
    expect(new Set(tags).size).toBe(3);
    expect((await read(id)).timeout).toBe(timeout + 3);
  });

  test("may take the deadline away", async () => {
    const id = await pending();
    expect(recordOf(await extend(id, NEVER)).timeout).toBe(NEVER);
    expectRefusal(await extend(id, NEVER - 1), "invalid_request", "timeout");
  });

  test("of twenty at once, the latest stays", async () => {
    const id = await pending();
    const { timeout } = await read(id);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => extend(id, timeout + 1 + index)),
    );
    expect((await read(id)).timeout).toBe(timeout + 20);
    for (const { status } of answers) expect([200, 400]).toContain(status);
    expect(answers.at(-1)?.status).toBe(200);
  });
});

describe("what is refused", () => {
  test("a deadline that is earlier, with the one that stands in the sentence", async () => {
    const id = await pending();
    const before = await read(id);
    const problem = expectRefusal(await extend(id, "30m"), "invalid_request", "timeout");
    expect(problem.detail).toContain(String(before.timeout));
    expect(await read(id)).toEqual(before);
  });

  test("where there is no deadline", async () => {
    const id = freshId("extend");
    await service.create(id);
    const problem = expectRefusal(await extend(id, "1h"), "invalid_request", "timeout");
    expect(problem.detail).toMatch(/no deadline/);
    expect((await read(id)).timeout).toBe(NEVER);
  });

  test.each([
    ["RESOLVED", "already_resolved"],
    ["REJECTED", "already_rejected"],
    ["REJECTED_CANCELED", "already_canceled"],
  ] as const)("what is %s, with its record", async (state, code) => {
    const id = await pending();
    await service.settle(id, { state });
    const problem = expectRefusal(await extend(id, "2h"), code);
    expect(problem.promise).toEqual(await read(id));
  });

  test("what has timed out, though nobody has looked since", async () => {
    const id = await pending({ timeout: 1 });
    expectRefusal(await extend(id, "2h"), "already_timedout");
    expect((await read(id)).state).toBe("REJECTED_TIMEDOUT");
  });

  test("what is not there", async () => {
    expectRefusal(await extend(freshId("none"), "1h"), "not_found");
  });

  test.each([
    ["null", { timeout: null }, "timeout"],
    ["not an instant", { timeout: "soon" }, "timeout"],
    ["a half", { timeout: 1.5 }, "timeout"],
    ["with a state", { timeout: "2h", state: "RESOLVED" }, "timeout"],
    ["another id", { timeout: "2h", id: "other" }, "id"],
    ["with something else", { timeout: "2h", tags: {} }, "tags"],
    ["nothing", {}, "state"],
  ])("%s", async (_, body, field) => {
    const id = await pending();
    const before = await read(id);
    const answer = await service.send("PATCH", service.address(id), { body });
    expectRefusal(answer, "invalid_request", field);
    expect(await read(id)).toEqual(before);
  });
});

describe("who waits", () => {
  test("on a socket is told the new deadline, and its end at that and not before", async () => {
    const { socket, createdOn, later } = await withTime(400, async (ms) => {
      const id = await pending({ timeout: `${ms}ms` });
      const socket = await openSocket(service, id);
      expect((await socket.next())?.type).toBe("pending");
      const { timeout, createdOn } = await read(id);
      const later = timeout + 300;
      expect((await extend(id, later)).status).toBe(200);
      return { socket, createdOn, later };
    });
    expect(await socket.next()).toMatchObject({ type: "pending", promise: { timeout: later } });
    const end = await socket.next();
    expect(Date.now()).toBeGreaterThanOrEqual(later);
    expect(end).toMatchObject({
      type: "settled",
      promise: { state: "REJECTED_TIMEDOUT", timeout: later, completedOn: later, createdOn },
    });
    expect(socket.unread()).toBe(0);
    socket.close();
  });

  test("on an event stream hears of it once, and not of a repetition", async () => {
    const id = await pending();
    const stream = await openStream(service, id);
    expect((await stream.next())?.type).toBe("pending");
    const later = (await read(id)).timeout + 1;
    await extend(id, later);
    await extend(id, later);
    await service.settle(id, { state: "RESOLVED" });
    const told = await stream.next();
    expect([told?.type, JSON.parse(told?.data ?? "{}").timeout]).toEqual(["pending", later]);
    expect((await stream.next())?.type).toBe("settled");
    stream.close();
  });

  test("on a long poll waits on", async () => {
    const { id, timeout, waiting } = await withTime(300, async (ms) => {
      const id = await pending({ timeout: `${ms}ms` });
      const { timeout } = await read(id);
      const waiting = service.send("GET", `${service.address(id)}?wait=20s`);
      expect((await extend(id, timeout + HOUR_MS)).status).toBe(200);
      return { id, timeout, waiting };
    });
    await eventually(async () => expect(Date.now()).toBeGreaterThan(timeout + 100));
    await service.settle(id, { state: "RESOLVED", value: { data: "in time" } });
    const answer = await waiting;
    expect([answer.status, recordOf(answer).value.data]).toEqual([200, "in time"]);
  });
});

describe("what hangs on the deadline", () => {
  test("a timer resolves at the new one", async () => {
    const { id, later } = await withTime(200, async (ms) => {
      const id = await pending({ timeout: `${ms}ms`, tags: { "resonate:timer": "true" } });
      const later = (await read(id)).timeout + 200;
      expect((await extend(id, later)).status).toBe(200);
      return { id, later };
    });
    const record = recordOf(await service.send("GET", `${service.address(id)}?wait=10s`));
    expect(record).toMatchObject({ state: "RESOLVED", completedOn: later });
  });

  test("a step of the escalation that the old deadline came before happens", async () => {
    const settle = { state: "REJECTED", value: { data: "nobody" } };
    const { id, due } = await withTime(250, async (ms) => {
      const after = 2 * ms;
      const id = await pending({ timeout: `${ms}ms`, escalation: [{ after, settle }] });
      const { createdOn } = await read(id);
      expect((await extend(id, "1h")).status).toBe(200);
      return { id, due: createdOn + after };
    });
    const record = recordOf(await service.send("GET", `${service.address(id)}?wait=10s`));
    expect(record).toMatchObject({ ...settle, completedOn: due });
  });

  test("a step that has moved it counts from there", async () => {
    const id = await pending({ timeout: "1h", escalation: [{ after: 0, extend: "1h" }] });
    const { timeout, createdOn } = await read(id);
    expect(timeout).toBeGreaterThan(createdOn + 1.9 * HOUR_MS);
    expectRefusal(await extend(id, timeout - 1), "invalid_request", "timeout");
    expect(recordOf(await extend(id, timeout + 1))).toMatchObject({
      timeout: timeout + 1,
      escalation: [{ done: true }],
    });
  });
});
