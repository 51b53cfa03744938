/** What the dashboard shows of lists, trees and figures, worked out: pure functions, without a browser. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ListEvent, PromiseSummary, Sort } from "../../client/src/protocol.ts";
import { NEVER, SORTS, type Activity, type PromiseRecord } from "../../client/src/protocol.ts";
import { treeOf } from "../../client/src/tree.ts";
import {
  bucketsOf,
  latencyOf,
  percentileOf,
  RANGES,
} from "../../src/http/pages/browser/dashboard/activity/series.ts";
import { compareBy, ListModel } from "../../src/http/pages/browser/dashboard/inbox/list-model.ts";
import { rowsInSight, scrollTopFor } from "../../src/http/pages/browser/dashboard/inbox/window.ts";
import { placeOf, promiseHref } from "../../src/http/pages/browser/dashboard/places.ts";
import { timelineOf } from "../../src/http/pages/browser/dashboard/promise/timeline.ts";
import {
  graphOf,
  NODE,
  waterfallOf,
} from "../../src/http/pages/browser/dashboard/promise/tree-layout.ts";

function summary(id: string, more: Partial<PromiseSummary> = {}): PromiseSummary {
  return { id, state: "PENDING", timeout: NEVER, tags: {}, createdOn: 0, url: "", ...more };
}

describe("a live list", () => {
  const change = fc.record({
    id: fc.integer({ min: 0, max: 30 }).map((n) => `p${n}`),
    kind: fc.constantFrom("added", "changed", "removed"),
    createdOn: fc.integer({ min: 0, max: 9 }),
    completedOn: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
    timeout: fc.integer({ min: 0, max: 9 }),
  });

  it("is at every moment the beginning of what the whole list is", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SORTS),
        fc.array(change, { minLength: 10, maxLength: 30 }),
        fc.array(change, { minLength: 12, maxLength: 40 }),
        fc.integer({ min: 1, max: 12 }),
        (sort: Sort, before, after, limit) => {
          const whole = new Map<string, PromiseSummary>();
          const put = ({ id, kind, createdOn, completedOn, timeout }: (typeof before)[number]) => {
            if (kind === "removed") whole.delete(id);
            else {
              const settled = completedOn === undefined ? {} : { completedOn };
              whole.set(id, summary(id, { createdOn, timeout, ...settled }));
            }
          };
          const sorted = () => [...whole.values()].toSorted(compareBy(sort));
          for (const one of before) put(one);
          const model = new ListModel(sort);
          const first = sorted().slice(0, limit);
          const cursor = sorted().length > limit ? "more" : null;
          const page = {
            type: "page",
            at: "",
            promises: first,
            cursor,
            count: whole.size,
          } as const;
          model.apply(page);
          let loading: { next: PromiseSummary[]; isLast: boolean } | undefined;
          let horizon = cursor === null ? undefined : first.at(-1);
          for (const [n, one] of after.entries()) {
            put(one);
            const promise = whole.get(one.id);
            const event: ListEvent = promise
              ? { type: one.kind === "added" ? "added" : "changed", at: "", promise }
              : { type: "removed", at: "", id: one.id };
            model.apply(event);
            if (n === 5 && model.cursor !== null) {
              // The next page is cut here, and comes later.
              const rest = sorted().filter((p) => compareBy(sort)(p, horizon!) > 0);
              loading = { next: rest.slice(0, limit), isLast: rest.length <= limit };
              model.expectPage();
            }
            if (n === 10 && loading) {
              const { next, isLast } = loading;
              model.addPage(next, isLast ? null : "more");
              horizon = isLast ? undefined : (next.at(-1) ?? horizon);
            }
            const expected = sorted().filter(
              (p) => horizon === undefined || compareBy(sort)(p, horizon) <= 0,
            );
            expect(model.rows).toEqual(expected);
            for (const [index, row] of model.rows.entries()) {
              expect(model.indexOf(row.id)).toBe(index);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("begins anew with another page", () => {
    const model = new ListModel("-created");
    model.apply({ type: "page", at: "", promises: [summary("a")], cursor: "x", count: 9 });
    model.apply({ type: "page", at: "", promises: [summary("b")], cursor: null, count: 1 });
    expect(model.rows.map(({ id }) => id)).toEqual(["b"]);
    expect([model.cursor, model.indexOf("a")]).toEqual([null, -1]);
  });
});

describe("the rows in sight", () => {
  const sight = { height: 800, rowHeight: 40, count: 10_000 };

  it("are all that can be seen, and few more", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 400_000, noNaN: true }), (scrollTop) => {
        const { first, end } = rowsInSight({ ...sight, scrollTop });
        expect(first * 40).toBeLessThanOrEqual(Math.min(scrollTop, 10_000 * 40));
        expect(end === 10_000 || end * 40 >= scrollTop + 800).toBe(true);
        expect(end - first).toBeLessThanOrEqual(20 + 2 * 12 + 2 * 8 + 2);
      }),
    );
  });

  it("are none of none, and the last ones beyond the end", () => {
    expect(rowsInSight({ ...sight, count: 0, scrollTop: 0 })).toEqual({ first: 0, end: 0 });
    const { first, end } = rowsInSight({ ...sight, count: 50, scrollTop: 1e6 });
    expect([first, end]).toEqual([50, 50]);
  });

  it("scroll as little as need be", () => {
    const at = { ...sight, scrollTop: 1000 };
    expect(scrollTopFor(30, at)).toBe(1000);
    expect(scrollTopFor(10, at)).toBe(400);
    expect(scrollTopFor(50, at)).toBe(51 * 40 - 800);
  });
});

describe("an address", () => {
  it.each(["a", "orders/42", "ü ?#%", "a//b", "/a", "%2F", "<script>"])(
    "of the promise %j leads back to it",
    (id) => {
      const url = new URL(promiseHref(id), "http://localhost");
      expect(placeOf(url)).toEqual({ page: "promise", id });
    },
  );

  it("that is none of the dashboard's is no place", () => {
    for (const path of ["/docs", "/dashboard", "/dashboard/promises/", "/dashboard/promises/%E0"]) {
      expect(placeOf(new URL(path, "http://localhost")), path).toBeUndefined();
    }
  });
});

describe("a tree", () => {
  const family = [
    summary("f", { createdOn: 0 }),
    summary("f/a", { createdOn: 10, completedOn: 30 }),
    summary("f/b", { createdOn: 20 }),
    summary("f/a/1", { createdOn: 11, completedOn: 20 }),
    summary("f/a/2", { createdOn: 12, completedOn: 30 }),
  ];

  it("is drawn with children in order, parents beside their middle, and nobody over another", () => {
    const { nodes, edges, width, height } = graphOf(treeOf("f", family));
    const at = new Map(nodes.map(({ node, x, y }) => [node.id, { x, y }]));
    expect(edges).toHaveLength(family.length - 1);
    expect(at.get("f")!.x).toBeLessThan(at.get("f/a")!.x);
    expect(at.get("f/a")!.y).toBe((at.get("f/a/1")!.y + at.get("f/a/2")!.y) / 2);
    expect(at.get("f/a/1")!.y).toBeLessThan(at.get("f/a/2")!.y);
    const columns = Map.groupBy(nodes, ({ x }) => x);
    for (const column of columns.values()) {
      const ys = column.map(({ y }) => y).toSorted((a, b) => a - b);
      for (const [n, y] of ys.entries()) {
        if (n > 0) expect(y - ys[n - 1]!).toBeGreaterThanOrEqual(NODE.height);
      }
    }
    for (const { x, y } of nodes) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + NODE.width).toBeLessThanOrEqual(width);
      expect(y + NODE.height).toBeLessThanOrEqual(height);
    }
  });

  it("takes any depth", () => {
    const chain = Array.from({ length: 5000 }, (_, n) => summary(`c${"/x".repeat(n)}`));
    expect(graphOf(treeOf("c", chain)).nodes).toHaveLength(5000);
  });

  it("falls over time, what is pending up to now", () => {
    const { bars, spanMs } = waterfallOf(treeOf("f", family), 100);
    expect(spanMs).toBe(100);
    const bar = Object.fromEntries(bars.map((one) => [one.node.id, one]));
    expect(bar["f"]).toMatchObject({ left: 0, width: 100, ms: 100 });
    expect(bar["f/a"]).toMatchObject({ left: 10, width: 20, ms: 20 });
    expect(bar["f/b"]).toMatchObject({ left: 20, width: 80 });
  });
});

describe("a timeline", () => {
  const record: PromiseRecord = {
    id: "p",
    state: "PENDING",
    param: {},
    value: {},
    timeout: 1000,
    tags: {},
    createdOn: 0,
    requestedBy: "bob",
    votes: [{ by: "ada", approves: true, at: 50 }],
    escalation: [
      { after: 100, done: true, notify: "https://x.example" },
      { after: 200, done: false, extend: 3_600_000 },
    ],
    url: "",
  };

  it("says what was, what is and what will be, in this order", () => {
    const task = { state: "acquired", version: 3, pid: "w1" } as const;
    const moments = timelineOf(record, task).map(({ title, detail, isAhead }) => [
      title,
      detail,
      isAhead === true,
    ]);
    expect(moments).toEqual([
      ["Created", "asked by bob", false],
      ["Vote for it", "by ada", false],
      ["Escalation", "tells https://x.example", false],
      ["Running", "taken 3 times, by w1", false],
      ["Escalation", "extends the deadline by 1h", true],
      ["Deadline", undefined, true],
    ]);
  });

  it("ends with the end, and who made it, and forgets what did not come", () => {
    const settledBy = { how: "link", who: "Ada" } as const;
    const value = { data: { message: "too dear" } };
    const settled = { ...record, state: "REJECTED", completedOn: 120, settledBy, value } as const;
    const moments = timelineOf(settled);
    expect(moments.at(-1)).toMatchObject({
      title: "Rejected",
      at: 120,
      detail: "by Ada, a link: too dear",
    });
    expect(moments.some(({ isAhead }) => isAhead)).toBe(false);
  });
});

describe("the figures", () => {
  const minute = 60_000;
  const at = 1_000_000 * minute + 5000;
  const activity: Activity = {
    at,
    minutes: [
      { at: at - 5000 - 70 * minute, created: 9, settled: 9, latency: latency(9, 9) },
      { at: at - 5000 - 2 * minute, created: 3, settled: 2, latency: latency(0, 2) },
      { at: at - 5000, created: 1, settled: 1, latency: latency(2, 1) },
    ],
    total: {
      created: 13,
      settled: { RESOLVED: 12, REJECTED: 0, REJECTED_CANCELED: 0, REJECTED_TIMEDOUT: 0 },
      latency: latency(9, 9),
      latencySum: 0,
    },
  };

  it("fall into buckets without gaps", () => {
    const buckets = bucketsOf(activity, RANGES[0]!);
    expect(buckets).toHaveLength(60);
    expect(buckets.at(-1)).toEqual({ at: at - 5000, created: 1, settled: 1 });
    expect(buckets.at(-3)).toMatchObject({ created: 3, settled: 2 });
    expect(buckets.reduce((sum, { created }) => sum + created, 0)).toBe(4);
    const long = bucketsOf(activity, RANGES[1]!);
    expect(long).toHaveLength(72);
    expect(long.reduce((sum, { created }) => sum + created, 0)).toBe(13);
  });

  it("say what most were quicker than", () => {
    const sums = latencyOf(activity, RANGES[0]!);
    expect(percentileOf(sums, 50)).toBe(10);
    expect(percentileOf(sums, 95)).toBe(1000);
    expect(percentileOf(latencyOf(activity, RANGES[1]!), 95)).toBeUndefined();
    expect(percentileOf([], 50)).toBeUndefined();
  });
});

/** So many of that step, and none of the others. */
function latency(index: number, count: number): number[] {
  return Array.from({ length: 10 }, (_, n) => (n === index ? count : 0));
}
