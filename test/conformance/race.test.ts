/**
 * A hundred settle one promise at once, from every surface, while others wait for it in every way:
 * exactly one wins, and everybody learns the winner's value (RULES.md section 1, "Settle: the first
 * one wins"; section 4, "every awaiter registered before settlement is told, exactly one value, the
 * winner's").
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { HEADER, type Frame, type PromiseRecord } from "../../client/src/protocol.ts";
import { openSocket, openStream } from "./awaiter.ts";
import {
  freshId,
  problemOf,
  recordOf,
  startService,
  type Answer,
  type Service,
} from "./service.ts";

const SETTLERS = 100;

let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

/** What the example surface says about a settled record. */
function outcomeOf(record: PromiseRecord): unknown {
  if (record.state === "RESOLVED")
    return "data" in record.value ? { value: record.value.data } : {};
  return { error: expect.any(String) };
}

interface Attempt {
  /** What this attempt would have made of the promise. */
  mark: string;
  state: string;
  answer: Answer;
  /** The record that this answer shows, where the surface shows records. */
  record?: PromiseRecord;
  outcome?: unknown;
  /** Whether this surface says who won. */
  won?: boolean;
}

/** The n-th of the settlers; six surfaces take turns. */
async function attempt(id: string, n: number): Promise<Attempt> {
  const mark = `mark-${n}`;
  const states = ["RESOLVED", "REJECTED", "REJECTED_CANCELED"];
  const state = states[n % 3] ?? "";
  if (n % 7 < 3) {
    const answer = await service.settle(id, { state, value: { data: mark } });
    const won = answer.status === 201;
    if (!won) expect(answer.status).toBe(403);
    expect(answer.headers.get(HEADER.outcome)).toBe(won ? "settled" : "lost");
    const record = won ? recordOf(answer) : problemOf(answer).promise;
    if (record === undefined) throw new Error(`no record of the winner in ${answer.text}`);
    return { mark, state, answer, record, won };
  }
  const resolves = n % 2 === 0;
  const operation = resolves ? "resolve" : "reject";
  const said = resolves ? { value: mark } : { errorMessage: mark };
  const wrapped = n % 7 < 5;
  const answer = wrapped
    ? await service.send("POST", `/durablePromiseServer/${operation}`, {
        body: { request: { promiseName: id, ...said } },
      })
    : await service.send("POST", `/promise/${operation}`, { body: { promiseId: id, ...said } });
  expect(answer.status).toBe(200);
  const parsed: unknown = JSON.parse(answer.text);
  // SAFETY: a wrapped answer is an object or the comparison below fails.
  const outcome = wrapped ? (parsed as { response: unknown }).response : parsed;
  return { mark, state: resolves ? "RESOLVED" : "REJECTED", answer, outcome };
}

/** Somebody who waits, and what it hears in the end. */
async function awaiters(id: string): Promise<Promise<PromiseRecord | { outcome: unknown }>[]> {
  const ends: Promise<PromiseRecord | { outcome: unknown }>[] = [];
  for (let n = 0; n < 5; n += 1) {
    const socket = await openSocket(service, id);
    const first = await socket.next();
    expect(["absent", "pending"]).toContain(first?.type);
    ends.push(
      (async () => {
        for (let frame: Frame | undefined; (frame = await socket.next()) !== undefined;) {
          if (frame.type !== "settled") continue;
          // "settled is always the last": nothing follows it but the end of the line.
          expect(socket.unread()).toBe(0);
          return frame.promise;
        }
        throw new Error(`the socket on ${id} ended without an outcome`);
      })(),
    );
    const stream = await openStream(service, id);
    expect(["absent", "pending"]).toContain((await stream.next())?.type);
    ends.push(
      (async () => {
        const settled: PromiseRecord[] = [];
        for (let event; (event = await stream.next()) !== undefined;) {
          if (event.type === "settled") settled.push(JSON.parse(event.data));
        }
        expect(settled).toHaveLength(1);
        return settled[0]!;
      })(),
    );
    ends.push(service.read(id, { [HEADER.prefer]: "wait=20" }).then(recordOf));
    ends.push(
      service
        .send("POST", "/promise/await", { body: { promiseId: id } })
        .then((answer) => ({ outcome: JSON.parse(answer.text) as unknown })),
    );
    ends.push(
      service
        .send("POST", "/durablePromiseServer/await", { body: { request: { promiseName: id } } })
        .then((answer) => ({
          outcome: (JSON.parse(answer.text) as { response: unknown }).response,
        })),
    );
  }
  return ends;
}

async function round(id: string): Promise<void> {
  const waiting = await awaiters(id);
  const attempts = await Promise.all(Array.from({ length: SETTLERS }, (_, n) => attempt(id, n)));
  const final = await service.read(id);
  const winner = recordOf(final);
  expect(["RESOLVED", "REJECTED", "REJECTED_CANCELED"]).toContain(winner.state);

  // Exactly one attempt made what stands there now, in the state that it wrote.
  const mark =
    winner.state === "RESOLVED" || typeof winner.value.data === "string"
      ? winner.value.data
      : undefined;
  const winners = attempts.filter((one) => one.mark === mark);
  expect(winners).toHaveLength(1);
  expect(winners[0]?.state).toBe(winner.state);
  // Of those who can tell from the answer, the winner alone is told that it won.
  for (const one of attempts) {
    if (one.won !== undefined) expect(one.won).toBe(one.mark === mark);
    if (one.record !== undefined) expect(one.record).toEqual(winner);
    else expect(one.outcome).toEqual(outcomeOf(winner));
  }
  for (const heard of await Promise.all(waiting)) {
    if ("outcome" in heard) expect(heard.outcome).toEqual(outcomeOf(winner));
    else expect(heard).toEqual(winner);
  }
  // And it stays so.
  expect((await service.read(id)).text).toBe(final.text);
}

test.each([1, 2, 3])(
  "one of a hundred wins a created promise, and everybody hears the same (round %i)",
  async () => {
    const id = freshId("race");
    await service.create(id, { param: { data: "who?" } });
    await round(id);
  },
);

test("a hundred creates of one id make one promise, and the others see it", async () => {
  const id = freshId("creation");
  const socket = await openSocket(service, id);
  expect((await socket.next())?.type).toBe("absent");
  const answers = await Promise.all(
    Array.from({ length: SETTLERS }, (_, n) => service.create(id, { param: { data: n } })),
  );
  const made = answers.filter((answer) => answer.status === 201);
  expect(made).toHaveLength(1);
  const first = recordOf(made[0]!);
  for (const answer of answers) {
    if (answer.status === 201) continue;
    expect(answer.status).toBe(409);
    expect(problemOf(answer).promise).toEqual(first);
  }
  expect(await socket.next()).toMatchObject({ type: "pending", promise: first });
  socket.close();
});

test("a hundred creates with one key are all a success, one of them the first", async () => {
  const id = freshId("creation");
  const answers = await Promise.all(
    Array.from({ length: SETTLERS }, () =>
      service.create(id, {}, { [HEADER.idempotencyKey]: "k" }),
    ),
  );
  expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(SETTLERS - 1);
  expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
});

test("on an id that nobody created, a create and forty settlers race, and all see one life", async () => {
  // RULES.md, example surface: resolve and reject create and settle in one step.
  const id = freshId("implicit");
  const waiting = await awaiters(id);
  const [created, ...attempts] = await Promise.all([
    service.create(id, { param: { data: "explicit" } }),
    ...Array.from({ length: 40 }, (_, n) =>
      service.send("POST", "/promise/resolve", { body: { promiseId: id, value: n } }),
    ),
  ]);
  const winner = recordOf(await service.read(id));
  expect(winner.state).toBe("RESOLVED");
  expect([201, 409]).toContain(created.status);
  expect(winner.param).toEqual(created.status === 201 ? { data: "explicit" } : {});
  for (const answer of attempts)
    expect(JSON.parse(answer.text)).toEqual({ value: winner.value.data });
  for (const heard of await Promise.all(waiting)) {
    if ("outcome" in heard) expect(heard.outcome).toEqual({ value: winner.value.data });
    else expect(heard).toEqual(winner);
  }
});

test("purges and creates that race never show one life under the other's tag", async () => {
  const id = freshId("lives");
  const lives = new Map<string, number>();
  for (let n = 0; n < 5; n += 1) {
    await service.create(id, { timeout: Date.now() - 1000 - n });
    await Promise.all([
      service.send("DELETE", service.address(id)),
      ...Array.from({ length: 5 }, () => service.create(id, { timeout: Date.now() - 5000 })),
      ...Array.from({ length: 5 }, async () => {
        const read = await service.read(id);
        if (read.status === 404) return;
        const record = recordOf(read);
        const etag = read.headers.get("etag") ?? "";
        expect(lives.get(etag) ?? record.createdOn).toBe(record.createdOn);
        lives.set(etag, record.createdOn);
      }),
    ]);
    await service.send("DELETE", service.address(id));
  }
});
