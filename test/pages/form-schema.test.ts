/** The subset of JSON Schema that may come with a promise: what is in it, and why the rest is not. */
import { describe, expect, it } from "vitest";
import { faultOfPattern } from "../../src/http/form-pattern.ts";
import { faultOfSchema, isFormSchema } from "../../src/http/form-schema.ts";

const nested = (depth: number): object =>
  depth === 1 ? { type: "string" } : { type: "object", properties: { a: nested(depth - 1) } };

const names = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`f${index}`, { type: "string" }]),
  );

const deepArray = (depth: number): unknown => {
  let value: unknown = [];
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
};

const property = (schema: unknown) => ({ type: "object", properties: { a: schema } });

describe("accepted", () => {
  it.each<[string, unknown]>([
    [
      "an object of everything",
      {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        title: "Purchase",
        description: "What shall we buy?",
        required: ["amount", "agree"],
        additionalProperties: false,
        properties: {
          amount: {
            type: "number",
            minimum: 0,
            exclusiveMaximum: 1e6,
            multipleOf: 0.01,
            default: 1.5,
          },
          count: { type: "integer", maximum: 9 },
          agree: { type: "boolean", const: true },
          note: { type: "string", minLength: 2, maxLength: 2000 },
          code: { type: "string", pattern: "^[A-Z]{2}-\\d{4}$" },
          when: { type: "string", format: "date", default: "2026-02-28" },
          at: { type: "string", format: "date-time" },
          mail: { type: "string", format: "email" },
          link: { type: "string", format: "uri" },
          size: { type: "string", enum: ["s", "m", "l"] },
          speed: { oneOf: [{ const: "slow", title: "In a week" }, { const: "fast" }] },
          rank: { enum: [1, 2, 3] },
          tags: {
            type: "array",
            items: { type: "string" },
            minItems: 1,
            maxItems: 5,
            uniqueItems: true,
          },
          days: { type: "array", items: { enum: ["mo", "tu"] }, default: ["mo"] },
          version: { type: "integer", const: 3 },
          address: {
            type: "object",
            properties: { "a.b": { type: "string" }, "a/b": { type: "string" } },
          },
        },
      },
    ],
    ["a lone string", { type: "string" }],
    ["five levels", nested(5)],
    ["a hundred fields", { type: "object", properties: names(100) }],
    ["an empty object", { type: "object" }],
    [
      "keys like those of every object",
      { type: "object", properties: { constructor: { type: "string" } } },
    ],
  ])("%s", (_, schema) => {
    expect(faultOfSchema(schema)).toBeUndefined();
    expect(isFormSchema(schema)).toBe(true);
  });
});

describe("refused", () => {
  it.each<[string, unknown, string]>([
    ["no object", "string", ""],
    ["null", null, ""],
    ["an array", [], ""],
    ["true", true, ""],
    ["undefined", undefined, ""],
    ["no type", {}, "/type"],
    ["an unknown type", { type: "null" }, "/type"],
    ["a type of the prototype", { type: "constructor" }, "/type"],
    ["several types", { type: ["string", "null"] }, "/type"],
    ["a reference", property({ $ref: "https://evil.example/schema" }), "/properties/a/type"],
    ["a reference beside a type", property({ type: "string", $ref: "#" }), "/properties/a/$ref"],
    ["an id", { $id: "https://example.com", type: "string" }, "/$id"],
    ["definitions", { type: "object", $defs: {} }, "/$defs"],
    ["allOf", { type: "string", allOf: [] }, "/allOf"],
    ["not", { type: "string", not: {} }, "/not"],
    ["if", { type: "string", if: {} }, "/if"],
    [
      "patternProperties",
      { type: "object", patternProperties: { "(a+)+": {} } },
      "/patternProperties",
    ],
    ["a keyword of another type", { type: "string", minimum: 1 }, "/minimum"],
    [
      "a key with a slash",
      property({ type: "object", properties: { "a/~": {} } }),
      "/properties/a/properties/a~1~0/type",
    ],
    ["an unknown format", { type: "string", format: "regex" }, "/format"],
    ["a long title", { type: "string", title: "x".repeat(201) }, "/title"],
    ["a title that is no text", { type: "string", title: { isEscaped: true } }, "/title"],
    ["a description that is no text", { type: "string", description: ["<b>"] }, "/description"],
    ["no items", { type: "array" }, ""],
    ["items of objects", { type: "array", items: { type: "object" } }, "/items/type"],
    ["items of booleans", { type: "array", items: { type: "boolean" } }, "/items/type"],
    ["a list of items", { type: "array", items: [{ type: "string" }] }, "/items"],
    ["an enum of objects", { type: "string", enum: [{}] }, "/enum"],
    ["an enum of another type", { type: "integer", enum: [1, 1.5] }, "/enum"],
    ["an enum whose texts are equal", { enum: [1, "1"] }, "/enum"],
    ["an empty option", { enum: ["a", " "] }, "/enum"],
    ["an option in two lines", { enum: ["a\nb"] }, "/enum"],
    ["an empty enum", { enum: [] }, "/enum"],
    ["a oneOf of schemas", { oneOf: [{ type: "string" }] }, "/oneOf"],
    ["enum and const", { type: "string", enum: ["a"], const: "a" }, ""],
    ["a const of another type", { type: "string", const: 1 }, "/const"],
    ["a negative length", { type: "string", minLength: -1 }, "/minLength"],
    ["a limit in text", { type: "number", minimum: "1" }, "/minimum"],
    ["a step of nothing", { type: "number", multipleOf: 0 }, "/multipleOf"],
    ["limits the wrong way round", { type: "number", minimum: 2, maximum: 1 }, "/minimum"],
    [
      "additional properties by schema",
      { type: "object", additionalProperties: {} },
      "/additionalProperties",
    ],
    ["required without property", { type: "object", required: ["a"] }, "/required"],
    ["required of the prototype", { type: "object", required: ["toString"] }, "/required"],
    [
      "__proto__",
      JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}'),
      "/properties",
    ],
    [
      "a name with a line break",
      { type: "object", properties: { "a\nb": { type: "string" } } },
      "/properties",
    ],
    [
      "a name that is no Unicode",
      { type: "object", properties: { "\ud800": { type: "string" } } },
      "",
    ],
    [
      "a default that is not valid",
      property({ type: "integer", default: 1.5 }),
      "/properties/a/default",
    ],
    [
      "a default with a wrong part",
      { type: "array", items: { type: "integer" }, default: [1, "x"] },
      "/default/1",
    ],
    ["six levels", nested(6), "/properties/a/properties/a/properties/a/properties/a/properties/a"],
    ["a hundred and one fields", { type: "object", properties: names(101) }, ""],
    [
      "more than 32 KiB",
      {
        type: "array",
        items: { enum: Array.from({ length: 200 }, (_, i) => `${i}${"x".repeat(190)}`) },
      },
      "",
    ],
    ["a default nested beyond the stack", { type: "string", default: deepArray(100_000) }, ""],
    ["a function", { type: "string", default: () => 1 }, ""],
  ])("%s", (_, schema, pointer) => {
    const fault = faultOfSchema(schema);
    expect(fault?.pointer).toBe(pointer);
    expect(fault?.message).toMatch(/^(?:must|is|of) /);
  });

  it("within a moment, however large", () => {
    const large = [
      { type: "object", properties: names(100_000) },
      { type: "string", enum: Array.from({ length: 300_000 }, String) },
    ];
    const started = performance.now();
    for (const schema of large) expect(faultOfSchema(schema)).toBeDefined();
    expect(performance.now() - started).toBeLessThan(4000);
  });
});

describe("a pattern", () => {
  it.each([
    "^[A-Z]{2}-\\d{4}$",
    "^\\+?[0-9 ]{6,20}$",
    "^(?:red|green|blue)$",
    "^[a-z]+-[a-z]+$",
    "^\\p{Lu}\\p{L}*$",
    "^[A-Z]{2}\\d{2}[A-Z0-9]{11,30}$",
    "^\\d{1,3}(?:,\\d{3})*$",
    "[0-9]",
    "",
    "^[\\]a-z]+$",
    "^(?:\\d{3}-){2}\\d{4}$",
  ])("%s may be asked for", (pattern) => {
    expect(faultOfPattern(pattern, 256)).toBeUndefined();
  });

  it.each([
    "^(a+)+$",
    "^(a|a)*$",
    "^(a*)*$",
    "^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*@",
    "a*a*a*a*b",
    `^${"a?".repeat(30)}${"a".repeat(30)}$`,
    `^${"(a|a)".repeat(25)}$`,
    "^(?:a?){40}$",
    "^(a|ab)(c|bcd)(d*)(d*)(d*)$",
    "(?=a)b",
    "(?!a)b",
    "(?<=a)b",
    "(?<name>a)",
    "(a)\\1",
    "(?i:a)",
    "[",
    "a{2,1}",
    "\\",
    "(?:(?:a{250}){250}){250}",
    "(?:(?:){256}){256}",
    "x".repeat(201),
  ])("%s is refused", (pattern) => {
    expect(faultOfPattern(pattern, 256)).toMatch(/^(?:must|could) /);
  });

  it("may be more open for shorter texts", () => {
    expect(faultOfPattern("^.+@.+\\..+$", 256)).toBeDefined();
    expect(faultOfPattern("^.+@.+\\..+$", 64)).toBeUndefined();
  });

  // The limit is only worth something if what stays below it is quick.
  it.each([
    ["^[^x]*[^x]*y$", "a".repeat(256)],
    [
      "^(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)a*$",
      `${"a".repeat(255)}b`,
    ],
    ["a*b", "a".repeat(256)],
    ["a{1,60}a{1,60}b", "a".repeat(256)],
  ])("%s is quick on what was made to be slow", (pattern, text) => {
    expect(faultOfPattern(pattern, 256)).toBeUndefined();
    const started = performance.now();
    expect(new RegExp(pattern, "u").test(text)).toBe(false);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
