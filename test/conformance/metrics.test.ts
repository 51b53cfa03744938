/** `GET /metrics`: the format to the letter, and figures that are those of what was done. */
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LATENCY_BOUNDS_MS, STATES, TASK_STATES } from "../../client/src/protocol.ts";
import { metricsText, type MetricFigures } from "../../src/http/metrics-text.ts";
import { startServer } from "../../src/local/server.ts";
import { temporaryData } from "../local/command.ts";
import { parseMetrics, type Family } from "./prometheus.ts";
import { expectRefusal } from "./refusal.ts";
import { freshId, startService, type Service } from "./service.ts";
import { eventually } from "../eventually.ts";

type Metrics = Map<string, Family>;

function valueOf(metrics: Metrics, name: string, labels: Record<string, string> = {}): number {
  const family = metrics.get(name.replace(/_(?:bucket|sum|count)$/, "")) ?? metrics.get(name);
  const found = (family?.samples ?? []).filter(
    (sample) =>
      sample.name === name &&
      Object.keys(labels).length === Object.keys(sample.labels).length &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  expect(found, `${name} ${JSON.stringify(labels)}`).toHaveLength(1);
  return found[0]!.value;
}

describe("the reader of the format", () => {
  const GOOD = '# HELP a_total x\n# TYPE a_total counter\na_total{b="c"} 1\n';

  test("takes what is good", () => {
    expect(parseMetrics(GOOD).get("a_total")?.samples).toEqual([
      { name: "a_total", labels: { b: "c" }, value: 1 },
    ]);
  });

  test.each([
    ["no last line feed", GOOD.slice(0, -1)],
    ["an empty line", `${GOOD}\n`],
    ["a sample without a family", "a 1\n"],
    ["no type", '# HELP a_total x\na_total{b="c"} 1\n'],
    ["a family in two pieces", `${GOOD}${GOOD}`],
    ["a series twice", `${GOOD}a_total{b="c"} 2\n`],
    ["different labels", `${GOOD}a_total{d="c"} 2\n`],
    ["a bad name", GOOD.replaceAll("a_total", "a-total")],
    ["a bad label", GOOD.replace("b=", "1b=")],
    ["an unescaped quote", GOOD.replace('"c"', '"c"d"')],
    ["a value that is none", GOOD.replace(" 1\n", " one\n")],
    ["a negative count", GOOD.replace(" 1\n", " -1\n")],
    ["a counter without total", GOOD.replaceAll("a_total", "a")],
    ["a windows line", GOOD.replace(" 1\n", " 1\r\n")],
    [
      "a histogram that is not cumulative",
      "# HELP h x\n# TYPE h histogram\n" +
        'h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
    ],
    [
      "a histogram that ends too early",
      '# HELP h x\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 1\nh_count 2\n',
    ],
  ])("refuses %s", (_, text) => {
    expect(() => parseMetrics(text)).toThrow(/./);
  });
});

describe("the text", () => {
  const count = fc.nat(1_000_000_000);
  function counts<Name extends string>(names: readonly Name[]): fc.Arbitrary<Record<Name, number>> {
    const numbers = fc.array(count, { minLength: names.length, maxLength: names.length });
    // SAFETY: a number for each name.
    return numbers.map(
      (given) => Object.fromEntries(names.map((name, at) => [name, given[at]])) as never,
    );
  }
  const settledStates = STATES.filter((state) => state !== "PENDING");
  const figures: fc.Arbitrary<MetricFigures> = fc.record({
    stats: fc.record({
      at: fc.constant(1_800_000_000_000),
      promises: counts(STATES),
      oldestPendingOn: fc.integer({ min: 0, max: 1_800_000_000_500 }),
      tasks: counts(TASK_STATES),
    }),
    total: fc.record({
      created: count,
      settled: counts(settledStates),
      latency: fc.array(count, {
        minLength: LATENCY_BOUNDS_MS.length + 1,
        maxLength: LATENCY_BOUNDS_MS.length + 1,
      }),
      latencySum: count,
    }),
    shards: fc.array(
      fc.record({
        promises: count,
        followers: count,
        indexedAt: fc.integer({ min: 1_799_999_990_000, max: 1_800_000_000_100 }),
      }),
      { minLength: 1, maxLength: 64 },
    ),
    webhooks: fc.option(
      fc.record({ endpoints: fc.constant(7), disabled: fc.nat(7), waiting: count, dead: count }),
      { nil: undefined },
    ),
  });

  test("is of the format and says the figures, whatever they are", () => {
    fc.assert(
      fc.property(figures, (given) => {
        const metrics = parseMetrics(metricsText(given));
        const { stats, total, shards, webhooks } = given;
        for (const state of STATES) {
          const labels = { state: state.toLowerCase() };
          expect(valueOf(metrics, "durable_promises", labels)).toBe(stats.promises[state]);
          if (state === "PENDING") continue;
          expect(valueOf(metrics, "durable_promises_settled_total", labels)).toBe(
            total.settled[state],
          );
        }
        expect(valueOf(metrics, "durable_promises_created_total")).toBe(total.created);
        const all = total.latency.reduce((sum, n) => sum + n, 0);
        expect(valueOf(metrics, "durable_promise_settle_seconds_count")).toBe(all);
        expect(valueOf(metrics, "durable_promise_settle_seconds_sum")).toBe(
          total.latencySum / 1000,
        );
        const first = { le: "0.01" };
        expect(valueOf(metrics, "durable_promise_settle_seconds_bucket", first)).toBe(
          total.latency[0],
        );
        expect(valueOf(metrics, "durable_oldest_pending_seconds")).toBeGreaterThanOrEqual(0);
        expect(metrics.get("durable_index_promises")?.samples).toHaveLength(shards.length);
        expect(metrics.has("durable_webhooks")).toBe(webhooks !== undefined);
      }),
    );
  });
});

describe("the figures", () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.stop());

  async function metrics(): Promise<Metrics> {
    const answer = await service.send("GET", "/metrics");
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    return parseMetrics(answer.text);
  }

  test("are nothing before there is anything", async () => {
    const before = await metrics();
    expect(valueOf(before, "durable_promises_created_total")).toBe(0);
    expect(valueOf(before, "durable_promises", { state: "pending" })).toBe(0);
    expect(valueOf(before, "durable_oldest_pending_seconds")).toBe(0);
    expect(valueOf(before, "durable_promise_settle_seconds_count")).toBe(0);
    expect(valueOf(before, "durable_webhook_dead_letters")).toBe(0);
  });

  test("are those of what was done", async () => {
    const created = Date.now();
    const ids = Array.from({ length: 9 }, () => freshId("metric"));
    for (const id of ids) await service.create(id);
    const ends = ["RESOLVED", "RESOLVED", "REJECTED", "REJECTED_CANCELED"];
    for (const [at, state] of ends.entries()) await service.settle(ids[at]!, { state });
    await service.create(ids[8]! + "/late", { timeout: 1 });
    await service.create(freshId("task"), { tags: { "resonate:target": "poll://any@nobody" } });
    await eventually(async () => {
      const now = await metrics();
      const states = { pending: 6, resolved: 2, rejected: 1, rejected_canceled: 1 };
      for (const [state, count] of Object.entries(states)) {
        expect(valueOf(now, "durable_promises", { state })).toBe(count);
      }
      expect(valueOf(now, "durable_promises", { state: "rejected_timedout" })).toBe(1);
      expect(valueOf(now, "durable_promises_created_total")).toBe(11);
      expect(valueOf(now, "durable_promises_settled_total", { state: "resolved" })).toBe(2);
      expect(valueOf(now, "durable_promise_settle_seconds_count")).toBe(5);
      expect(valueOf(now, "durable_tasks", { state: "pending" })).toBe(1);
      const age = valueOf(now, "durable_oldest_pending_seconds");
      expect(age).toBeGreaterThan(0);
      expect(age).toBeLessThanOrEqual((Date.now() - created + 1000) / 1000);
      const shards = now.get("durable_index_promises")?.samples ?? [];
      expect(shards.reduce((sum, { value }) => sum + value, 0)).toBe(11);
    });
  });

  test("have the webhooks, what waits for them and what was given up", async () => {
    const body = { url: "http://127.0.0.1:9/nobody", filter: { prefix: freshId("hook") } };
    const made = await service.send("POST", "/webhooks", { body: { ...body, retry: ["1h"] } });
    expect(made.status, made.text).toBe(201);
    await service.send("POST", "/webhooks", { body: { ...body, disabled: true } });
    await eventually(async () => {
      await service.create(`${body.filter.prefix}/${freshId("x")}`);
      const now = await metrics();
      expect(valueOf(now, "durable_webhooks", { disabled: "false" })).toBe(1);
      expect(valueOf(now, "durable_webhooks", { disabled: "true" })).toBe(1);
      expect(valueOf(now, "durable_webhook_events_waiting")).toBeGreaterThan(0);
    });
  });

  test("take no parameters", async () => {
    expectRefusal(await service.send("GET", "/metrics?since=1"), "invalid_request", "since");
  });
});

/** Created and resolved in all, and how many of them there are. */
async function totalsAt(url: string): Promise<number[]> {
  const metrics = parseMetrics(await (await fetch(`${url}/metrics`)).text());
  return [
    valueOf(metrics, "durable_promises_created_total"),
    valueOf(metrics, "durable_promises_settled_total", { state: "resolved" }),
    valueOf(metrics, "durable_promises", { state: "resolved" }),
  ];
}

test("the totals go on where they were, after a restart and after what they count is gone", async () => {
  const { data, remove } = temporaryData();
  const json = { "content-type": "application/json" };
  try {
    const first = await startServer({ data });
    for (const id of ["a", "b", "c"]) {
      const at = `${first.url}/promises/${id}`;
      await fetch(at, { method: "PUT", headers: json, body: "{}" });
      await fetch(at, { method: "PATCH", headers: json, body: '{"state":"RESOLVED"}' });
    }
    await eventually(async () => expect(await totalsAt(first.url)).toEqual([3, 3, 3]));
    await fetch(`${first.url}/promises/a`, { method: "DELETE" });
    await eventually(async () => expect(await totalsAt(first.url)).toEqual([3, 3, 2]));
    await first.stop();
    const second = await startServer({ data });
    try {
      await eventually(async () => expect(await totalsAt(second.url)).toEqual([3, 3, 2]));
    } finally {
      await second.kill();
    }
  } finally {
    remove();
  }
});
