/** Endpoints, filters and events as values: who is told, what of, with which signature, in which words. */
import { describe, expect, it } from "vitest";
import { NEVER } from "../../client/src/protocol.ts";
import type { PromiseRecord, SettledPromise } from "../../src/machine/promise.ts";
import { bodyOf, eventOf, idOfEvent, testEvent } from "../../src/machine/webhook-event.ts";
import { matches, type WebhookFilter } from "../../src/machine/webhook-filter.ts";
import {
  changed,
  created,
  gone,
  rotated,
  validSecrets,
  type NewWebhook,
} from "../../src/machine/webhook.ts";

const CREATED_AT = Date.UTC(2030, 0, 1);
const ORIGIN = "https://promises.example.com";

const GIVEN: NewWebhook = {
  id: "wh_1",
  url: "https://example.com/hook",
  events: ["promise.settled"],
  filter: {},
  format: "json",
  retryMs: [5000],
  description: "",
  origin: ORIGIN,
  disabled: false,
};

function promise(rest: Partial<SettledPromise> = {}): SettledPromise {
  return {
    id: 'orders/"42" ü',
    birth: "0123456789abcdef01",
    state: "resolved",
    param: { data: '{"amount": 12345678901234567890}' },
    value: { data: "1.0" },
    tags: { team: "a", kind: "order" },
    timeoutAt: NEVER,
    createdAt: CREATED_AT,
    settledAt: CREATED_AT + 1500,
    ...rest,
  };
}

describe("a filter", () => {
  it.each<[boolean, WebhookFilter]>([
    [true, {}],
    [true, { promise: 'orders/"42" ü' }],
    [false, { promise: "orders/" }],
    [true, { prefix: "orders/" }],
    [true, { prefix: "" }],
    [false, { prefix: "Orders/" }],
    [true, { tags: { team: "a" } }],
    [true, { tags: {} }],
    [true, { tags: { team: "a", kind: "order" } }],
    [false, { tags: { team: "a", kind: "other" } }],
    [false, { tags: { owner: "a" } }],
    [true, { prefix: "orders/", tags: { team: "a" } }],
    [false, { prefix: "users/", tags: { team: "a" } }],
    [false, { prefix: "orders/", tags: { team: "b" } }],
    [true, { promise: undefined, prefix: undefined, tags: undefined }],
  ])("answers %s: %j", (expected, filter) => {
    expect(matches(filter, promise())).toBe(expected);
  });
});

/** The timestamp in the event of a settlement. */
function at(record: PromiseRecord): string {
  const text = bodyOf(eventOf({ type: "promise.settled", record }, ORIGIN), "json", ORIGIN);
  // SAFETY: the tests below look at what it is.
  return (JSON.parse(text) as { timestamp: string }).timestamp;
}

describe("an event", () => {
  const settled = { type: "promise.settled", record: promise() } as const;

  it("has one id, without full stops, for each life of a promise and each thing that happens", () => {
    expect(idOfEvent(settled)).toBe("evt_0123456789abcdef01_settled");
    expect(idOfEvent({ ...settled, type: "promise.created" })).toBe(
      "evt_0123456789abcdef01_created",
    );
  });

  it("says what happened, with the data to the letter", () => {
    const text = bodyOf(eventOf(settled, ORIGIN), "json", ORIGIN);
    expect(text).toContain('"param":{"data":{"amount": 12345678901234567890}}');
    expect(text).toContain('"value":{"data":1.0}');
    expect(JSON.parse(text)).toMatchObject({
      type: "promise.settled",
      timestamp: "2030-01-01T00:00:01.500Z",
      data: {
        id: 'orders/"42" ü',
        state: "RESOLVED",
        url: `${ORIGIN}/promises/orders/%2242%22%20%C3%BC`,
      },
    });
    expect(Object.keys(JSON.parse(text) as object)).toEqual(["type", "timestamp", "data"]);
  });

  it("says it as a CloudEvent where that is asked for", () => {
    const event = eventOf(settled, ORIGIN);
    const { data, ...rest } = JSON.parse(bodyOf(event, "cloudevents", ORIGIN)) as { data: unknown };
    expect(rest).toEqual({
      specversion: "1.0",
      id: "evt_0123456789abcdef01_settled",
      source: ORIGIN,
      type: "promise.settled",
      subject: 'orders/"42" ü',
      time: "2030-01-01T00:00:01.500Z",
      datacontenttype: "application/json",
    });
    expect(data).toEqual(
      (JSON.parse(bodyOf(event, "json", ORIGIN)) as typeof rest & { data: 1 }).data,
    );
  });

  it("of a creation shows the promise as it was born, however late it is told", () => {
    const { type: _, ...rest } = eventOf({ type: "promise.created", record: promise() }, ORIGIN);
    expect(JSON.parse(rest.data)).toMatchObject({ state: "PENDING", value: {} });
    expect(rest.at).toBe(CREATED_AT);
  });

  it("has a date whatever the deadline was", () => {
    const past = promise({ state: "rejected_timedout", value: {}, timeoutAt: -NEVER });
    expect(at({ ...past, settledAt: -NEVER })).toBe("2030-01-01T00:00:00.000Z");
    expect(at({ ...past, settledAt: NEVER })).toBe("+275760-09-13T00:00:00.000Z");
  });

  it("may be a test", () => {
    expect(JSON.parse(bodyOf(testEvent("1", "wh_1", CREATED_AT), "json", ORIGIN))).toEqual({
      type: "webhook.test",
      timestamp: "2030-01-01T00:00:00.000Z",
      data: { webhook: "wh_1" },
    });
  });
});

describe("an endpoint", () => {
  const webhook = created(GIVEN, "one", 1000);

  it("begins enabled, or as it is asked", () => {
    expect(webhook).toMatchObject({ createdAt: 1000, secret: "one", revision: 1 });
    expect(webhook).not.toHaveProperty("disabled");
    expect(created({ ...GIVEN, disabled: true }, "one", 1000).disabled).toEqual({
      at: 1000,
      why: "asked",
    });
  });

  it("changes in what is named, and in nothing else", () => {
    const next = changed(webhook, { url: "https://example.com/2", events: undefined }, 2000);
    expect(next).toEqual({ ...webhook, url: "https://example.com/2", revision: 2 });
  });

  it("is switched off by its owner or by saying that it is no more, and on again", () => {
    const off = changed(webhook, { disabled: true }, 2000);
    expect(off.disabled).toEqual({ at: 2000, why: "asked" });
    expect(changed(off, { description: "still" }, 3000).disabled).toEqual(off.disabled);
    expect(gone(off, 3000).disabled).toEqual(off.disabled);
    expect(gone(webhook, 3000)).toMatchObject({ disabled: { at: 3000, why: "gone" }, revision: 2 });
    expect(changed(gone(webhook, 3000), { disabled: false }, 4000)).not.toHaveProperty("disabled");
  });

  it("has two valid secrets until the older one ends, and never three", () => {
    const next = rotated(webhook, "two", 5000);
    expect(validSecrets(next, 4999)).toEqual(["two", "one"]);
    expect(validSecrets(next, 5000)).toEqual(["two"]);
    expect(validSecrets(rotated(next, "three", 6000), 4000)).toEqual(["three", "two"]);
  });
});
