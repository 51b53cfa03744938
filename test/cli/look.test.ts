/** How things look to people: lengths, instants, tables, lists as they change. Pure, so written down. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsed } from "../../client/src/cli/args.ts";
import type { Command } from "../../client/src/cli/command.ts";
import { eventLines } from "../../client/src/cli/following.ts";
import { jsonLine, parseJson } from "../../client/src/cli/json.ts";
import { compare, LiveList } from "../../client/src/cli/live-list.ts";
import { fromNow, instantText, lengthText } from "../../client/src/cli/look.ts";
import { harmless } from "../../client/src/cli/screen.ts";
import { cut, tableLines, widthOf } from "../../client/src/cli/table.ts";
import { parsedValue } from "../../client/src/cli/value.ts";
import { type ListEvent, NEVER, type PromiseSummary, SORTS } from "../../client/src/index.ts";

describe("a length of time", () => {
  test.each([
    [0, "0ms"],
    [-5, "0ms"],
    [999, "999ms"],
    [1000, "1.0s"],
    [9949, "9.9s"],
    [9951, "10s"],
    [59_999, "1m"],
    [61_000, "1m 1s"],
    [3_600_000, "1h"],
    [3_605_000, "1h"],
    [3_660_000, "1h 1m"],
    [90_061_000, "1d 1h"],
    [40 * 86_400_000, "40d"],
  ])("%d ms is %j", (ms, text) => {
    expect(lengthText(ms)).toBe(text);
  });
});

describe("an instant", () => {
  const now = Date.UTC(2026, 10, 24, 12);
  test.each([
    [now, "now"],
    [now + 500, "now"],
    [now + 7_200_000, "in 2h"],
    [now - 61_000, "1m 1s ago"],
    [NEVER, "never"],
    [undefined, "never"],
    [null, "never"],
  ])("%j is %j", (at, text) => {
    expect(fromNow(at, now)).toBe(text);
  });

  test("is shown whole where there is room, also beyond what a Date can hold", () => {
    expect(instantText(now + 60_000, now)).toBe("2026-11-24T12:01:00.000Z (in 1m)");
    expect(instantText(9e15, now)).toMatch(/^9000000000000000 \(in /);
  });
});

describe("a table", () => {
  const columns = [
    { title: "ID", shrinks: "middle" },
    { title: "N" },
    { title: "ABOUT", shrinks: "end" },
  ] as const;

  test("is as wide as what stands in it", () => {
    const rows = [
      ["a", "10", "x"],
      ["longer", "9", ""],
    ];
    expect(tableLines(columns, rows, Infinity)).toEqual([
      "ID      N   ABOUT",
      "a       10  x",
      "longer  9",
    ]);
  });

  test("gives up the room of its last column first, and no more than it must", () => {
    const rows = [["i".repeat(30), "1", "a".repeat(30)]];
    const [, wide] = tableLines(columns, rows, 60);
    expect(wide).toBe(`${"i".repeat(30)}  1  ${"a".repeat(24)}…`);
    const [, narrow] = tableLines(columns, rows, 40);
    expect(narrow).toBe(`${"i".repeat(11)}…${"i".repeat(11)}  1  ${"a".repeat(11)}…`);
  });

  test("of any texts has lines of one width, with room between the columns", () => {
    const texts = fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.string()), {
      minLength: 1,
    });
    fc.assert(
      fc.property(texts, fc.integer({ min: 30, max: 100 }), (drawn, width) => {
        const rows = drawn.map(([id, about]) => [harmless(id), "1", harmless(about)]);
        for (const line of tableLines(columns, rows, width)) {
          expect(widthOf(line)).toBeLessThanOrEqual(width);
        }
      }),
    );
  });

  test.each([
    ["abc", 3, false, "abc"],
    ["abcd", 3, false, "ab…"],
    ["abcdefg", 5, true, "ab…fg"],
    ["日本語", 6, false, "日本語"],
    ["日本語", 5, false, "日本…"],
    ["日本語", 4, false, "日…"],
    ["👩‍👩‍👧‍👦👍🏽x", 4, false, "👩‍👩‍👧‍👦…"],
    ["a", 0, false, ""],
  ])("%j in %d columns is %j", (text, width, inTheMiddle, expected) => {
    expect(cut(text, width, inTheMiddle)).toBe(expected);
    expect(widthOf(expected)).toBeLessThanOrEqual(Math.max(width, 0));
  });
});

describe("text of others", () => {
  test("is harmless to a terminal, and otherwise as it was", () => {
    expect(harmless("ok ünï 日本 👍")).toBe("ok ünï 日本 👍");
    expect(harmless("a\u001B[31mb\u009Bc\nd\u202Ee")).toBe("a\uFFFD[31mb\uFFFDc\uFFFDd\uFFFDe");
  });
});

function summary(id: string, more: Partial<PromiseSummary> = {}): PromiseSummary {
  return {
    id,
    state: "PENDING",
    timeout: NEVER,
    tags: {},
    createdOn: 1000,
    url: `http://a/promises/${id}`,
    ...more,
  };
}

function page(ids: string[], more: { cursor?: string; count?: number } = {}): ListEvent {
  const { cursor = null, count = ids.length } = more;
  return { type: "page", at: "0", promises: ids.map((id) => summary(id)), cursor, count };
}

function happened(type: "added" | "changed", id: string): ListEvent {
  return { type, at: "1", promise: summary(id) };
}

const listed = (list: LiveList) => list.first(100).map(({ id }) => id);

describe("a list as it changes", () => {
  test("has what was added, in order, and not what was removed", () => {
    const list = new LiveList("id");
    const events: ListEvent[] = [
      page(["b", "d"]),
      happened("added", "c"),
      happened("added", "c"),
      happened("changed", "a"),
      { type: "removed", at: "2", id: "d" },
      { type: "removed", at: "2", id: "nobody" },
    ];
    for (const event of events) list.apply(event);
    expect(listed(list)).toEqual(["a", "b", "c"]);
    expect(list.count).toBe(3);
    list.apply(page(["z"]));
    expect(listed(list)).toEqual(["z"]);
    expect(list.count).toBe(1);
  });

  test("of which only a part is known does not count twice", () => {
    const list = new LiveList("id");
    list.apply(page(["a"], { cursor: "more", count: 500 }));
    list.apply(happened("changed", "b"));
    expect(list.count).toBe(500);
    list.apply(happened("added", "c"));
    expect(list.count).toBe(501);
  });

  test("is sorted as the server sorts, ties in the order of ids", () => {
    const [a, b] = [
      summary("a", { createdOn: 1, completedOn: 9, timeout: 5 }),
      summary("b", { createdOn: 2, completedOn: 8, timeout: 5 }),
    ];
    const firsts = SORTS.map((sort) => [sort, compare(a, b, sort) < 0 ? "a" : "b"]);
    expect(Object.fromEntries(firsts)).toEqual({
      created: "a",
      "-created": "b",
      settled: "b",
      "-settled": "a",
      deadline: "a",
      "-deadline": "a",
      id: "a",
      "-id": "b",
    });
  });

  test("is a line for each event in a pipe", () => {
    const now = new Date(0);
    const at = "1970-01-01T00:00:00.000Z";
    expect(eventLines(page(["a", "b"]), now)).toEqual([`${at} = pending  a`, `${at} = pending  b`]);
    expect(eventLines(happened("added", "a"), now)).toEqual([`${at} + pending  a`]);
    const asked = summary("a", { title: "Pay\u001B?" });
    expect(eventLines({ type: "changed", at: "", promise: asked }, now)).toEqual([
      `${at} ~ pending  a  Pay\uFFFD?`,
    ]);
    expect(eventLines({ type: "removed", at: "", id: "a" }, now)).toEqual([`${at} - a`]);
  });
});

describe("JSON", () => {
  test.each(["1", "1.0", "-0", "12345678901234567890", '{"a":[1e400,0.10,null,"1.0"]}', '"ü"'])(
    "%s stays what it is, to the letter",
    (text) => {
      expect(jsonLine(parseJson(text))).toBe(text);
    },
  );

  test.each([
    ["yes", "yes"],
    ["true", true],
    ["null", null],
    ["-5", -5],
    [" padded ", " padded "],
  ])("%j is the value %j", (source, value) => {
    expect(parsedValue(source)).toEqual(value);
  });

  test.each(["{", "[1,", '"open', "007", "", " "])("%j is a mistake", (source) => {
    expect(() => parsedValue(source)).toThrow(/--text takes it as it is/);
  });
});

describe("the words behind a command", () => {
  const command: Command = {
    name: "try",
    takes: "<id> [value]",
    summary: "",
    flags: {
      tag: { takes: "<key=value>", many: true, help: "" },
      after: { takes: "<when>", help: "" },
      sort: { takes: "<order>", oneOf: ["a", "-a"], help: "" },
      yes: { short: "y", help: "" },
    },
    run: async () => {},
  };

  test("are flags in any place, with values that may begin with a dash", () => {
    const args = parsed(command, [
      "--after",
      "-1h",
      "x",
      "--tag=a=b=c",
      "-y",
      "--sort",
      "-a",
      "--",
      "-5",
    ]);
    expect(args.words).toEqual(["x", "-5"]);
    expect(args.text("after")).toBe("-1h");
    expect(args.choice("sort", ["a", "-a"] as const)).toBe("-a");
    expect(args.pairs("tag")).toEqual({ a: "b=c" });
    expect(args.is("yes")).toBe(true);
    expect(args.whole("limit")).toBeUndefined();
  });

  test("may be missing where help is asked for", () => {
    expect(parsed(command, ["--help"]).is("help")).toBe(true);
    expect(() => parsed(command, [])).toThrow("try needs <id>");
  });
});
