/** From a form's body to a value and back. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../../client/src/protocol.ts";
import { faultOfSchema, type FormSchema } from "../../src/http/form-schema.ts";
import { validateValue } from "../../src/http/form-value.ts";
import { approvalPage } from "../../src/http/pages/approval.tsx";
import {
  readForm,
  textsOfDefaults,
  textsOfValue,
  type FormTexts,
} from "../../src/http/pages/form-data.ts";
import { anyCase } from "./form-arbitrary.ts";
import { submittedBody } from "./read-html.ts";

const object = (properties: Record<string, FormSchema>, required: string[] = []): FormSchema => ({
  type: "object",
  properties,
  required,
});

function pageOf(schema: FormSchema, values?: FormTexts): Promise<string> {
  return approvalPage({
    language: "en",
    now: 0,
    promise: { id: "p", state: "pending" },
    choice: { kind: "choose", schema },
    csrf: "token",
    action: "/l/x",
    ...(values && { values }),
  });
}

describe("value → form → value", () => {
  it("is the same value, for every schema and value", async () => {
    await fc.assert(
      fc.asyncProperty(anyCase, async ({ schema, value }) => {
        expect(faultOfSchema(schema)).toBeUndefined();
        expect(validateValue(schema, value)).toEqual([]);
        const body = submittedBody(await pageOf(schema, textsOfValue(schema, value!)));
        const answer = readForm(schema, body);
        expect(answer.value).toEqual(value);
        expect(answer.faults).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it("shows what was typed again, whatever it was", async () => {
    const typed = fc
      .string({ unit: "binary" })
      .filter((text) => !/\p{Cc}/u.test(text) && text.isWellFormed());
    const schema = object({
      a: { type: "string" },
      n: { type: "number" },
      l: { type: "array", items: { type: "integer" } },
    });
    await fc.assert(
      fc.asyncProperty(typed, typed, typed, async (a, n, l) => {
        const sent = new URLSearchParams({ "value/a": a, "value/n": n, "value/l": l });
        const first = readForm(schema, sent);
        const second = readForm(schema, submittedBody(await pageOf(schema, first.texts)));
        expect(second).toEqual(first);
      }),
      { numRuns: 200 },
    );
  });
});

describe("reading a body", () => {
  it.each<[string, FormSchema, string, Json | undefined]>([
    ["a number", object({ n: { type: "number" } }), "value/n=+1.50e1", { n: 15 }],
    ["a number with spaces", object({ n: { type: "number" } }), "value/n=%20.5%20", { n: 0.5 }],
    ["not hexadecimal", object({ n: { type: "number" } }), "value/n=0x10", { n: "0x10" }],
    ["not infinity", object({ n: { type: "number" } }), "value/n=1e999", { n: "1e999" }],
    [
      "not an integer that would be rounded",
      object({ n: { type: "integer" } }),
      "value/n=9007199254740993",
      { n: "9007199254740993" },
    ],
    [
      "nothing for an empty field",
      object({ n: { type: "number" }, s: { type: "string" } }),
      "value/n=&value/s=++",
      {},
    ],
    ["an unticked box as no", object({ b: { type: "boolean" } }), "", { b: false }],
    ["a ticked box", object({ b: { type: "boolean" } }), "value/b=on", { b: true }],
    [
      "a box that a program sends",
      object({ b: { type: "boolean" } }),
      "value/b=false",
      { b: false },
    ],
    ["an optional consent left out", object({ b: { type: "boolean", const: true } }), "", {}],
    [
      "a default for what was not sent",
      object({ n: { type: "number", default: 7 } }),
      "",
      { n: 7 },
    ],
    [
      "no default for what was emptied",
      object({ n: { type: "number", default: 7 } }),
      "value/n=",
      {},
    ],
    [
      "a local time as UTC",
      object({ t: { type: "string", format: "date-time" } }),
      "value/t=2026-08-31T10:30",
      { t: "2026-08-31T10:30:00Z" },
    ],
    [
      "an instant as it is",
      object({ t: { type: "string", format: "date-time" } }),
      "value/t=2026-08-31T10:30:00%2B02:00",
      { t: "2026-08-31T10:30:00+02:00" },
    ],
    [
      "lines",
      { type: "array", items: { type: "string" } },
      "value=a%0D%0A%0D%0A+b%0Dc%0A",
      ["a", "b", "c"],
    ],
    [
      "lines and repeated fields",
      { type: "array", items: { type: "integer" } },
      "value=1%0A2&value=3",
      [1, 2, 3],
    ],
    ["a choice of numbers", { enum: [1, 2] }, "value=2", 2],
    [
      "choices in the schema's order",
      { type: "array", items: { enum: ["a", "b", "c"] } },
      "value=c&value=a",
      ["a", "c"],
    ],
    [
      "a constant that nobody sent",
      object({ v: { type: "integer", const: 3 } }),
      "value/v=4",
      { v: 3 },
    ],
    [
      "no optional object in which nothing is",
      object({ o: object({ s: { type: "string" }, b: { type: "boolean" } }) }),
      "value/o/s=",
      {},
    ],
    [
      "a required one all the same",
      object({ o: object({ s: { type: "string" } }) }, ["o"]),
      "",
      { o: {} },
    ],
    [
      "keys with dots, slashes and tildes",
      object({
        "a.b": { type: "string" },
        "a/b": { type: "string" },
        a: object({ b: { type: "string" } }),
      }),
      "value/a.b=1&value/a~1b=2&value/a/b=3",
      { "a.b": "1", "a/b": "2", a: { b: "3" } },
    ],
    ["a lone text", { type: "string" }, "value=x", "x"],
    ["nothing at all", { type: "string" }, "", undefined],
    ["the first of two", object({ s: { type: "string" } }), "value/s=1&value/s=2", { s: "1" }],
  ])("gives %s", (_, schema, body, value) => {
    expect(readForm(schema, new URLSearchParams(body)).value).toEqual(value);
  });

  it.each<[string, FormSchema, string, string[]]>([
    ["a required text", object({ s: { type: "string" } }, ["s"]), "value/s=", ["/s"]],
    ["a lone text", { type: "string" }, "value=", [""]],
    ["a word for a number", object({ n: { type: "number" } }), "value/n=many", ["/n"]],
    ["a wrong line", { type: "array", items: { type: "integer" } }, "value=1%0Atwo", ["/1"]],
    ["a choice that was not offered", object({ c: { enum: ["a"] } }), "value/c=b", ["/c"]],
    [
      "one of several that was not",
      { type: "array", items: { enum: ["a"] } },
      "value=a&value=b",
      ["/1"],
    ],
    [
      "a consent that was not given",
      object({ b: { type: "boolean", const: true } }, ["b"]),
      "",
      ["/b"],
    ],
    [
      "half an optional object",
      object({ o: object({ a: { type: "string" }, b: { type: "string" } }, ["a", "b"]) }),
      "value/o/a=1",
      ["/o/b"],
    ],
  ])("finds fault with %s", (_, schema, body, pointers) => {
    const { faults } = readForm(schema, new URLSearchParams(body));
    expect(faults.map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it("lets no name of the body become a key", () => {
    const schema = object({
      ["constructor" as string]: { type: "string" },
      a: object({ b: { type: "string" } }),
    });
    const body = new URLSearchParams([
      ["__proto__", "1"],
      ["value/__proto__", "1"],
      ["value/__proto__/polluted", "1"],
      ["value/constructor/prototype/polluted", "1"],
      ["value/constructor", "mine"],
      ["value/a/__proto__/polluted", "1"],
      ["value/unknown", "1"],
    ]);
    const { value, texts } = readForm(schema, body);
    expect(JSON.stringify(value)).toBe('{"constructor":"mine"}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect("polluted" in {}).toBe(false);
    expect(Array.from(texts.keys())).toEqual(["value/constructor"]);
  });

  it("takes a moment, however much is sent", () => {
    const schema = object(
      Object.fromEntries(
        Array.from({ length: 99 }, (_, i) => [`f${i}`, { type: "string" } as const]),
      ),
    );
    const body = new URLSearchParams("value/f1=x&".repeat(80_000));
    const started = performance.now();
    readForm(schema, body);
    expect(performance.now() - started).toBeLessThan(4000);
  });
});

describe("the first form", () => {
  it("has the defaults in it, the outer before the inner", () => {
    const schema = object({
      n: { type: "integer", default: 0 },
      b: { type: "boolean", default: true },
      l: { type: "array", items: { type: "string" }, default: ["x", "y"] },
      t: { type: "string", format: "date-time", default: "2026-08-31T12:30:00+02:00" },
      o: {
        ...object({
          a: { type: "string", default: "inner" },
          c: { type: "string", default: "own" },
        }),
        default: { a: "outer" },
      },
    });
    expect(Object.fromEntries(textsOfDefaults(schema))).toEqual({
      "value/n": ["0"],
      "value/b": ["true"],
      "value/l": ["x\ny"],
      "value/t": ["2026-08-31T10:30"],
      "value/o/a": ["outer"],
      "value/o/c": ["own"],
    });
  });
});
