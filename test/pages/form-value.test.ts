/** Values against schemas: one fault for each place, found by its pointer. */
import { describe, expect, it } from "vitest";
import type { FormSchema } from "../../src/http/form-schema.ts";
import { validateValue, type Keyword } from "../../src/http/form-value.ts";

const object = (properties: Record<string, FormSchema>, required: string[] = []): FormSchema => ({
  type: "object",
  properties,
  required,
});

describe("a fault", () => {
  it.each<[FormSchema, unknown, string, Keyword, string]>([
    [{ type: "string" }, 1, "", "type", "must be of type string"],
    [{ type: "integer" }, 1.5, "", "type", "must be of type integer"],
    [{ type: "object" }, [], "", "type", "must be of type object"],
    [{ type: "string" }, null, "", "type", "must be of type string"],
    [{ type: "string" }, undefined, "", "required", "is required"],
    [object({ a: { type: "string" } }, ["a"]), {}, "/a", "required", "is required"],
    [object({ "a/b~": { type: "string" } }, ["a/b~"]), {}, "/a~1b~0", "required", "is required"],
    [
      object({ "ä %#?": { type: "string" } }),
      { "ä %#?": 1 },
      "/ä %#?",
      "type",
      "must be of type string",
    ],
    [
      object({ ["constructor" as string]: { type: "string" } }, ["constructor"]),
      {},
      "/constructor",
      "required",
      "is required",
    ],
    [
      object({ a: object({ b: { type: "number" } }, ["b"]) }),
      { a: {} },
      "/a/b",
      "required",
      "is required",
    ],
    [
      { type: "object", additionalProperties: false },
      { a: 1 },
      "/a",
      "additionalProperties",
      "is not asked for",
    ],
    [{ type: "boolean", const: true }, false, "", "const", "must be true"],
    [{ enum: ["a", 2] }, "b", "", "enum", 'must be one of "a", 2'],
    [
      { oneOf: [{ const: "a", title: "A" }, { const: "b" }] },
      "c",
      "",
      "enum",
      'must be one of "a", "b"',
    ],
    [{ type: "string", format: "date" }, "2026-02-30", "", "format", "must be in the format date"],
    [
      { type: "string", format: "date-time" },
      "2026-02-20",
      "",
      "format",
      "must be in the format date-time",
    ],
    [{ type: "string", format: "email" }, "a b@c", "", "format", "must be in the format email"],
    [{ type: "string", format: "uri" }, "example", "", "format", "must be in the format uri"],
    [{ type: "string", pattern: "^a$" }, "b", "", "pattern", "must match the pattern ^a$"],
    [
      { type: "string", pattern: "^a*$" },
      "a".repeat(257),
      "",
      "maxLength",
      "must have 256 characters at most",
    ],
    [{ type: "string", minLength: 2 }, "😀", "", "minLength", "must have 2 characters at least"],
    [{ type: "string", maxLength: 2 }, "abc", "", "maxLength", "must have 2 characters at most"],
    [{ type: "number", minimum: 1 }, 0, "", "minimum", "must be 1 or more"],
    [{ type: "number", maximum: 1 }, 2, "", "maximum", "must be 1 or less"],
    [{ type: "number", exclusiveMinimum: 1 }, 1, "", "exclusiveMinimum", "must be more than 1"],
    [{ type: "number", exclusiveMaximum: 1 }, 1, "", "exclusiveMaximum", "must be less than 1"],
    [{ type: "number", multipleOf: 0.01 }, 0.015, "", "multipleOf", "must be a multiple of 0.01"],
    [
      { type: "array", items: { type: "string" }, minItems: 1 },
      [],
      "",
      "minItems",
      "must have 1 items at least",
    ],
    [
      { type: "array", items: { type: "string" }, maxItems: 0 },
      ["a"],
      "",
      "maxItems",
      "must have 0 items at most",
    ],
    [
      { type: "array", items: { type: "string" }, uniqueItems: true },
      ["a", "a"],
      "",
      "uniqueItems",
      "must not have an item twice",
    ],
    [
      { type: "array", items: { type: "integer" } },
      [1, "x"],
      "/1",
      "type",
      "must be of type integer",
    ],
    [
      object({ "\ud83d\ude00": { type: "string" } }),
      { "\ud83d": 1 },
      "",
      "shape",
      "must have names in Unicode",
    ],
  ])("in %j with %j is at %j: %s", (schema, value, pointer, keyword, message) => {
    expect(validateValue(schema, value)).toEqual([
      expect.objectContaining({ pointer, keyword, message }),
    ]);
  });

  it("is told for every place at once, one for each", () => {
    const schema = object(
      {
        a: { type: "string", minLength: 3, pattern: "^x" },
        b: { type: "integer" },
        c: { type: "string" },
      },
      ["a", "b", "c"],
    );
    const pointers = validateValue(schema, { a: "y", b: "z" }).map(({ pointer }) => pointer);
    expect(pointers.toSorted()).toEqual(["/a", "/b", "/c"]);
  });
});

describe("a valid value", () => {
  it.each<[FormSchema, unknown]>([
    [{ type: "string" }, ""],
    [{ type: "number", multipleOf: 0.1 }, 0.3],
    [{ type: "object" }, { anything: [1, { deep: null }] }],
    [{ oneOf: [{ const: 1, title: "One" }, { const: 2 }] }, 2],
    [{ type: "string", format: "uri" }, "https://example.com/a?b#c"],
    [{ type: "string", format: "date-time" }, "2026-02-20T10:00:00Z"],
  ])("of %j: %j", (schema, value) => {
    expect(validateValue(schema, value)).toEqual([]);
  });

  it("leaves the schema as it was, even a frozen one", () => {
    const schema: FormSchema = Object.freeze({ type: "string" });
    expect(validateValue(schema, "a")).toEqual([]);
    expect(Reflect.ownKeys(schema)).toEqual(["type"]);
  });
});

describe("a hostile value", () => {
  const list: FormSchema = { type: "array", items: { type: "string" }, uniqueItems: true };
  it.each<[string, FormSchema, unknown]>([
    ["a long list of wrong things", list, Array.from({ length: 500_000 }, () => 1)],
    ["a long list without repeats", list, Array.from({ length: 9_000 }, String)],
    [
      "very many names",
      { type: "object", additionalProperties: false },
      Object.fromEntries(Array.from({ length: 9_000 }, (_, i) => [`k${i}`, 1])),
    ],
    [
      "nesting",
      { type: "object" },
      { a: JSON.parse(`${"[".repeat(900)}${"]".repeat(900)}`) as unknown },
    ],
    [
      "a long address",
      { type: "string", format: "uri" },
      `https://${"a".repeat(500_000)}@${"/".repeat(500_000)}\n`,
    ],
    [
      "a long email",
      { type: "string", format: "email" },
      `${"a.".repeat(300_000)}@${"a.".repeat(300_000)}`,
    ],
    [
      "names like those of every object",
      { type: "object" },
      JSON.parse('{"__proto__":{"a":1},"constructor":{}}'),
    ],
  ])("%s is judged in a moment", (_, schema, value) => {
    const started = performance.now();
    expect(validateValue(schema, value).length).toBeLessThanOrEqual(100);
    expect(performance.now() - started).toBeLessThan(4000);
  });
});
