/** What the dashboard makes of texts: JSON to the letter, searches as they are typed, times as people read them. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exactJson } from "../../src/http/pages/browser/dashboard/format/exact-json.ts";
import {
  linesOf,
  prettyText,
  textAt,
} from "../../src/http/pages/browser/dashboard/format/json-text.ts";
import {
  ageText,
  leftText,
  spanText,
  tookText,
} from "../../src/http/pages/browser/dashboard/format/time.ts";
import {
  parseQueryText,
  TERMS,
  withTerm,
} from "../../src/http/pages/browser/dashboard/inbox/query-text.ts";
import { draftOf, fieldsOf } from "../../src/http/pages/browser/dashboard/promise/schema-draft.ts";

describe("JSON, shown", () => {
  it("is indented and stays what it is, to the letter", () => {
    const text =
      '{"n":12345678901234567890,"f":1.0,"e":1E5,"s":"a\\u00e9\\"}{ ","l":[],"o":{},"x":[1,{"y":null}]}';
    expect(prettyText(text)).toBe(
      `{
  "n": 12345678901234567890,
  "f": 1.0,
  "e": 1E5,
  "s": "a\\u00e9\\"}{ ",
  "l": [],
  "o": {},
  "x": [
    1,
    {
      "y": null
    }
  ]
}`,
    );
  });

  it("is the same value as before, whatever it is", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(prettyText(text))).toEqual(JSON.parse(text));
        // Only space is added or taken.
        expect(bare(prettyText(text))).toBe(bare(text));
      }),
    );
  });

  it("tells the name of a member from a string", () => {
    const kinds = linesOf('{"a":"b","c":[true,1]}').map(({ tokens }) =>
      tokens.map(({ kind }) => kind).join(" "),
    );
    expect(kinds).toEqual([
      "mark",
      "key mark string mark",
      "key mark mark",
      "word mark",
      "number",
      "mark",
      "mark",
    ]);
  });

  it("stops at so many lines, and takes any depth and length", () => {
    expect(linesOf(`[${"1,".repeat(1000)}1]`, 10)).toHaveLength(10);
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(linesOf(deep).length).toBe(2 * 100_000 - 1);
    const large = `[${"1,".repeat(5_000_000)}1]`;
    // Engines put a text together only when somebody looks at it.
    large.charCodeAt(large.length - 1);
    const begun = performance.now();
    linesOf(large, 60);
    // All of its lines would take several times as long.
    expect(performance.now() - begun).toBeLessThan(1000);
    const long = JSON.stringify("\\".repeat(1_000_000));
    expect(prettyText(long)).toBe(long);
  });

  it("is cut out of a record as it was written", () => {
    fc.assert(
      fc.property(fc.json(), fc.dictionary(fc.string(), fc.jsonValue()), (data, more) => {
        const inner = JSON.stringify(more).slice(1, -1);
        const text = `{ "value" : {"data": 1, ${inner === "" ? "" : `${inner}, `}"data" :${data} } }`;
        const path = ["value", "data"];
        expect(textAt(text, path)).toBe(data);
        expect(JSON.parse(textAt(text, path)!)).toEqual(JSON.parse(data));
      }),
    );
    expect(textAt('{"value":{}}', ["value", "data"])).toBeUndefined();
    expect(textAt('{"value":1}', ["value", "data"])).toBeUndefined();
  });
});

describe("JSON, typed", () => {
  it("is sent as it was typed, large numbers too", () => {
    const text = '{"n":12345678901234567890,"f":0.10000000000000000001,"l":[1e400,-0]}';
    expect(JSON.stringify(exactJson(text))).toBe(text);
    expect(() => exactJson("{")).toThrow(SyntaxError);
  });
});

describe("a search, typed", () => {
  it.each([
    ["", {}],
    ["  refund   late ", { q: "refund late" }],
    ["is:pending", { state: ["pending"] }],
    ["is:Rejected is:canceled", { state: ["rejected", "REJECTED_CANCELED"] }],
    ["id:orders/*", { id: "orders/*" }],
    ["tag:team=ops tag:a=b=c", { tags: { team: "ops", a: "b=c" } }],
    ["tag:team has:region", { hasTags: ["team", "region"] }],
    ['tag:"full name=Ada Lovelace" order', { tags: { "full name": "Ada Lovelace" }, q: "order" }],
    ["task:acquired", { task: "acquired" }],
    [
      "created:-1h settled:2026-01-31 due:+7d",
      {
        createdAfter: "-1h",
        settledAfter: "2026-01-31",
        deadlineBefore: "+7d",
      },
    ],
    ["at 10:30 http://x.example", { q: "at 10:30 http://x.example" }],
    ["constructor toString is:settled", { q: "constructor toString", state: ["settled"] }],
  ])("%j", (text, query) => {
    expect(parseQueryText(text)).toEqual({ query, faults: [] });
  });

  it.each(["is:", "is:nothing", "is:constructor", "task:mine", "due:soon", "id: x", "created:1h"])(
    "%j says what is wrong with it",
    (text) => {
      const { faults } = parseQueryText(text);
      expect(faults).toHaveLength(1);
      expect(faults[0]).toContain(`${text.split(":")[0]}:`);
    },
  );

  it("takes every example of the help", () => {
    for (const { example } of TERMS) expect(parseQueryText(example).faults).toEqual([]);
  });

  it("takes one more term, once", () => {
    expect(withTerm("late", "is:pending")).toBe("late is:pending");
    expect(withTerm("late is:pending", "is:pending")).toBe("late is:pending");
    const quoted = withTerm("", "tag:name=Ada Lovelace");
    expect(parseQueryText(quoted).query).toEqual({ tags: { name: "Ada Lovelace" } });
  });

  it("never fails, whatever is typed", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseQueryText(text)));
  });
});

describe("a time", () => {
  const [S, M, H, D] = [1000, 60_000, 3_600_000, 86_400_000];

  it.each([
    [0, "now", "0s"],
    [999, "now", "1s"],
    [S, "1s", "1s"],
    [59 * S, "59s", "59s"],
    [M + 5 * S, "1m", "1m 05s"],
    [4 * H + 12 * M, "4h", "4h 12m"],
    [2 * D + 4 * H, "2d", "2d 4h"],
    [13 * D, "1w", "13d"],
    [90 * D, "3mo", "3mo"],
    [-S, "now", "0s"],
  ])("%d ms ago, or from now", (ms, age, left) => {
    expect([ageText(ms), leftText(ms)]).toEqual([age, left]);
  });

  it("that was chosen is said without noughts", () => {
    expect([spanText(D), spanText(H), spanText(90 * M), spanText(60 * D)]).toEqual([
      "1d",
      "1h",
      "1h 30m",
      "2mo",
    ]);
  });

  it("that was taken", () => {
    expect([tookText(12), tookText(1450), tookText(42 * S), tookText(182 * S)]).toEqual([
      "12 ms",
      "1.4 s",
      "42 s",
      "3m 02s",
    ]);
  });
});

describe("a form's schema", () => {
  const schema = {
    type: "object",
    required: ["amount", "method", "to"],
    properties: {
      amount: { type: "integer", title: "How many?", minimum: 1, maximum: 9 },
      method: { enum: ["card", "voucher"] },
      to: { type: "object", required: ["name"], properties: { name: { type: "string" } } },
      note: { type: "string" },
      express: { type: "boolean", default: true },
    },
  };

  it("drafts what must be there, and the defaults", () => {
    expect(draftOf(schema)).toEqual({
      amount: 1,
      method: "card",
      to: { name: "" },
      express: true,
    });
  });

  it("is told field by field", () => {
    expect(fieldsOf(schema).slice(0, 2)).toEqual([
      { name: "amount", kind: "integer 1 to 9", label: "How many?", isRequired: true },
      { name: "method", kind: '"card" | "voucher"', label: "", isRequired: true },
    ]);
  });

  it("that goes round in circles is drafted all the same", () => {
    const circle: { [key: string]: unknown } = { type: "object", required: ["next"] };
    circle["properties"] = { next: circle };
    expect(JSON.stringify(draftOf(circle)).length).toBeLessThan(200);
  });
});

/** Without the space between its parts. */
function bare(json: string): string {
  return json.replaceAll(/"(?:[^"\\]|\\.)*"|\s+/g, (part) => (part.startsWith('"') ? part : ""));
}
