/**
 * What happens to a promise that nobody settles: the deadline moves, it is settled so, somebody is
 * told. Each step happens at its instant, whenever somebody looks (issue 3, section 3).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PromiseRecord } from "../../client/src/protocol.ts";
import { openSocket } from "./awaiter.ts";
import { decide, makeLink, recordAt } from "./link.ts";
import { startReceiver } from "./receiver.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, recordOf, startService, type Service } from "./service.ts";
import { eventually, withTime } from "../eventually.ts";

const SETTLE = { state: "REJECTED", value: { data: "nobody answered" } };

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

/** As the answer has it: a moment later a step may have happened. */
async function ask(escalation: object[], more: object = {}): Promise<PromiseRecord> {
  const created = await service.create(freshId("escalation"), { escalation, ...more });
  expect(created.status, created.text).toBe(201);
  return recordOf(created);
}

const waited = async (id: string) =>
  recordOf(await service.send("GET", `${service.address(id)}?wait=10s`));

describe("a step that settles", () => {
  test("does so at its instant, and says that it was the escalation", async () => {
    const { id, escalation } = await ask([{ after: "300ms", settle: SETTLE }], { timeout: "1h" });
    expect(escalation).toEqual([{ after: 300, done: false, settle: SETTLE }]);
    const record = await waited(id);
    expect(record).toMatchObject({ ...SETTLE, settledBy: { how: "escalation" } });
    expect(record.completedOn).toBe(record.createdOn + 300);
    expect((await recordAt(service, id)).escalation).toMatchObject([{ done: true }]);
  });

  test("is never answered late or early: a look is right without an alarm", async () => {
    // Nobody waits, so no alarm is needed; each look is held against the clock before and after it,
    // and one that is wrong is one too many.
    const { id, createdOn } = await ask([{ after: "250ms", settle: SETTLE }]);
    const due = createdOn + 250;
    const wrong: object[] = [];
    await eventually(async () => {
      const before = Date.now();
      const { state, completedOn } = await recordAt(service, id);
      const after = Date.now();
      const isOver = state === "REJECTED" && completedOn === due;
      if ((after < due && state !== "PENDING") || (before >= due && !isOver)) {
        wrong.push({ state, completedOn, before, after, due });
      }
      expect(before).toBeGreaterThanOrEqual(due);
    });
    expect(wrong).toEqual([]);
  });

  test("comes too late for whoever was first, and first for whoever is late", async () => {
    const { id: early } = await ask([{ after: "1h", settle: SETTLE }]);
    expect((await service.settle(early, { state: "RESOLVED" })).status).toBe(201);
    expect(await recordAt(service, early)).toMatchObject({
      state: "RESOLVED",
      settledBy: { how: "api" },
    });
    const { id: late } = await ask([{ after: 0, settle: SETTLE }]);
    expectRefusal(await service.settle(late, { state: "RESOLVED" }), "already_rejected");
    const link = await makeLink(service, late);
    expect((await decide(service, link)).status).toBe(409);
    expect((await recordAt(service, late)).state).toBe("REJECTED");
  });

  test("keeps its value to the letter", async () => {
    const id = freshId("escalation");
    const data = '{"n":12345678901234567890.10}';
    const step = `{"after":0,"settle":{"state":"resolved","value":{"data":${data}}}}`;
    await service.create(id, `{"escalation":[${step}]}`);
    const { text } = await service.read(id);
    expect(text.split(`"data":${data}`).length).toBe(3);
    expect(recordOf(await service.read(id)).state).toBe("RESOLVED");
  });

  test("is told to who waits on a socket, once", async () => {
    const id = freshId("escalation");
    const socket = await openSocket(service, id);
    expect((await socket.next())?.type).toBe("absent");
    await service.create(id, { escalation: [{ after: "300ms", settle: SETTLE }] });
    expect((await socket.next())?.type).toBe("pending");
    expect(await socket.next()).toMatchObject({ type: "settled", promise: SETTLE });
    // The message is the end; the closing may take its time.
    expect((await recordAt(service, id)).state).toBe("REJECTED");
    expect(socket.unread()).toBe(0);
    socket.close();
  });
});

describe("a step that extends", () => {
  test("moves the deadline, once", async () => {
    const before = await ask([{ after: "200ms", extend: "1h" }], { timeout: "600ms" });
    const { id } = before;
    await eventually(async () => {
      expect((await recordAt(service, id)).escalation?.[0]?.done).toBe(true);
    });
    const after = await recordAt(service, id);
    expect(after.timeout).toBe(before.timeout + 3_600_000);
    expect(Date.now()).toBeGreaterThanOrEqual(before.createdOn + 200);
    // The old deadline passes, and nothing happens.
    await eventually(async () => expect(Date.now()).toBeGreaterThan(before.timeout + 50));
    expect(await recordAt(service, id)).toEqual(after);
    expect(after.state).toBe("PENDING");
    expect((await service.settle(id, { state: "RESOLVED" })).status).toBe(201);
  });

  test("makes another record, which a tag does not hide", async () => {
    const id = freshId("escalation");
    const escalation = [{ after: "150ms", extend: "1h" }];
    const first = await service.create(id, { escalation, timeout: "10s" });
    const known = { "if-none-match": first.headers.get("etag") ?? "" };
    await eventually(async () => {
      expect((await recordAt(service, id)).escalation?.[0]?.done).toBe(true);
    });
    expect((await service.read(id, known)).status).toBe(200);
  });

  test("comes too late after the deadline", async () => {
    const { id } = await ask([{ after: "400ms", extend: "1h" }], { timeout: "150ms" });
    const record = await waited(id);
    expect(record.state).toBe("REJECTED_TIMEDOUT");
    expect(record.completedOn).toBe(record.timeout);
    await eventually(async () => expect(Date.now()).toBeGreaterThan(record.createdOn + 450));
    expect(await recordAt(service, id)).toMatchObject({
      state: "REJECTED_TIMEDOUT",
      timeout: record.timeout,
      escalation: [{ done: false }],
    });
  });

  test("has no deadline to move where there is none", async () => {
    const { id } = await ask([{ after: 0, extend: "1h" }]);
    expect(await recordAt(service, id)).toMatchObject({
      state: "PENDING",
      timeout: Number.MAX_SAFE_INTEGER,
    });
  });
});

describe("several steps", () => {
  test("happen in order, each at its instant", async () => {
    const { id, timeout } = await ask(
      [
        { after: "150ms", extend: "300ms" },
        { after: "300ms", extend: "1h" },
        { after: "450ms", settle: SETTLE },
        { after: "600ms", extend: "1h" },
      ],
      { timeout: "200ms" },
    );
    const record = await waited(id);
    expect(record).toMatchObject({ ...SETTLE, settledBy: { how: "escalation" } });
    expect(record.completedOn).toBe(record.createdOn + 450);
    expect(record.timeout).toBe(timeout + 300 + 3_600_000);
    const { escalation } = await recordAt(service, id);
    expect(escalation?.map(({ done }) => done)).toEqual([true, true, true, false]);
  });

  test("a deadline before a step ends them all", async () => {
    const { id, timeout } = await ask(
      [
        { after: "100ms", extend: "100ms" },
        { after: "1h", settle: SETTLE },
      ],
      { timeout: "200ms", onTimeout: { state: "RESOLVED", value: { data: "by default" } } },
    );
    const record = await waited(id);
    expect(record).toMatchObject({ state: "RESOLVED", value: { data: "by default" } });
    expect(record.completedOn).toBe(timeout + 100);
  });

  test("two at one instant happen both", async () => {
    const { id } = await ask(
      [
        { after: "200ms", extend: "1h" },
        { after: "200ms", settle: SETTLE },
      ],
      { timeout: "300ms" },
    );
    const record = await waited(id);
    expect(record).toMatchObject(SETTLE);
    expect(record.completedOn).toBe(record.createdOn + 200);
  });

  test.each([
    ["out of order", [{ after: "2h" }, { after: "1h" }], "escalation.1.after"],
    ["without an instant", [{ extend: "1h" }], "escalation.0.after"],
    ["with an instant that is none", [{ after: "soon" }], "escalation.0.after"],
    [
      "with a state that only the deadline writes",
      [{ after: 1, settle: { state: "REJECTED_TIMEDOUT" } }],
      "escalation.0.settle.state",
    ],
    ["with an unknown word", [{ after: 1, shout: true }], "escalation.0.shout"],
    ["with an address that is none", [{ after: 1, notify: "ada" }], "escalation.0.notify"],
    [
      "to an address that is not to be asked",
      [{ after: 1, notify: "https://10.0.0.1/x" }],
      "escalation.0.notify",
    ],
    ["too many", Array.from({ length: 21 }, (_, n) => ({ after: n })), "escalation"],
    ["that do nothing", [{ after: 1 }], /^escalation\.0/],
  ])("%s are refused", async (_name, escalation, field) => {
    expectRefusal(await service.create(freshId("bad"), { escalation }), "invalid_request", field);
  });
});

describe("a step that tells somebody", () => {
  test("tells an address on this machine which promise waits, and the promise stays as it is", async () => {
    const receiver = await startReceiver();
    try {
      const notify = `${receiver.url}/boss`;
      const { id } = await ask([{ after: "100ms", notify }], { timeout: "1h" });
      await eventually(async () => expect(receiver.all.length).toBeGreaterThan(0));
      const [told] = receiver.all;
      expect(told?.method).toBe("POST");
      expect(told?.path).toBe("/boss");
      expect(told?.body).toContain(id);
      expect(await recordAt(service, id)).toMatchObject({
        state: "PENDING",
        escalation: [{ done: true, notify }],
      });
    } finally {
      await receiver.stop();
    }
  });

  test("tells nobody of what was settled before", async () => {
    const receiver = await startReceiver();
    try {
      const { settled, ms } = await withTime(200, async (ms) => {
        const { id } = await ask([{ after: ms, notify: `${receiver.url}/never` }]);
        const answer = await service.settle(id, { state: "RESOLVED" });
        expect(recordOf(answer)).toMatchObject({
          state: "RESOLVED",
          escalation: [{ done: false }],
        });
        return { settled: id, ms };
      });
      const { id: other } = await ask([{ after: ms + 200, notify: `${receiver.url}/yes` }]);
      await eventually(async () => expect(receiver.all.map(({ path }) => path)).toContain("/yes"));
      expect(receiver.all.every(({ body }) => !body.includes(settled))).toBe(true);
      expect(receiver.all.some(({ body }) => body.includes(other))).toBe(true);
    } finally {
      await receiver.stop();
    }
  });
});
