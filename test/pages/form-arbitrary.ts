/**
 * Random schemas, each with a random value of it that a form can give: what a person can answer,
 * in the one way of several equal ones that the form chooses (see `readForm`).
 */
import * as fc from "fast-check";
import type { Json } from "../../client/src/protocol.ts";
import type { FormSchema } from "../../src/http/form-schema.ts";

export interface Case {
  schema: FormSchema;
  /** `undefined`: left out, which only something optional can be. */
  value: Json | undefined;
}

/** A thing that may be nothing is chosen to be so by the object around it. */
type Arbitrary = (isRequired: boolean) => fc.Arbitrary<Case>;

const isPlain = (text: string) => !/\p{Cc}/u.test(text) && text.isWellFormed();
const word = fc
  .string({ unit: "binary", minLength: 1, maxLength: 20 })
  .filter((text) => isPlain(text) && text.trim() !== "");
const trimmed = word.map((text) => text.trim());
const hostile = fc.constantFrom(
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "</textarea></select>",
  "&amp;&lt;&#39;",
  "'\"`",
  "__proto__",
  "a,b;c",
  "1e3",
  "true",
);
const text = fc.oneof(word, hostile);

const orNothing = (
  isRequired: boolean,
  arbitrary: fc.Arbitrary<Json>,
): fc.Arbitrary<Json | undefined> =>
  isRequired ? arbitrary : fc.option(arbitrary, { nil: undefined, freq: 4 });

const scalar =
  (schema: FormSchema, values: fc.Arbitrary<Json>): Arbitrary =>
  (isRequired) =>
    orNothing(isRequired, values).map((value) => ({ schema, value }));

const integer = fc.maxSafeInteger();
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const day = fc.date({
  min: new Date("1000-01-01"),
  max: new Date("9999-12-31"),
  noInvalidDate: true,
});
const lines = fc
  .array(fc.oneof(text, fc.constant("")), { minLength: 1, maxLength: 4 })
  .map((all) => all.join("\n"));

const options = fc
  .uniqueArray(fc.oneof(text, integer), { selector: String, minLength: 1, maxLength: 8 })
  .filter((all) => all.every((each) => String(each).trim() !== ""));

const choice: Arbitrary = (isRequired) =>
  fc.tuple(options, fc.boolean()).chain(([values, isNamed]) => {
    const schema: FormSchema = isNamed
      ? { oneOf: values.map((value) => ({ const: value, title: `${value}!` })) }
      : { enum: values };
    return scalar(schema, fc.constantFrom(...values))(isRequired);
  });

const list =
  (items: FormSchema, values: fc.Arbitrary<Json>): Arbitrary =>
  (isRequired) => {
    const all = fc.array(values, { minLength: isRequired ? 0 : 1, maxLength: 5 });
    return scalar({ type: "array", items }, all)(isRequired);
  };

const choices: Arbitrary = (isRequired) =>
  options.chain((values) => {
    // In the order of the schema, for boxes have no other.
    const some = fc.subarray(values, { minLength: isRequired ? 0 : 1 });
    return scalar({ type: "array", items: { enum: values }, uniqueItems: true }, some)(isRequired);
  });

const LEAVES: Arbitrary[] = [
  scalar({ type: "string" }, text),
  scalar({ type: "string", minLength: 1, maxLength: 100 }, text),
  scalar(
    { type: "string", maxLength: 2000 },
    lines.filter((all) => all.trim() !== ""),
  ),
  scalar(
    { type: "string", format: "date" },
    day.map((date) => date.toISOString().slice(0, 10)),
  ),
  scalar(
    { type: "string", format: "date-time" },
    day.map((date) => date.toISOString().replace(".000Z", "Z")),
  ),
  scalar({ type: "string", format: "email" }, fc.emailAddress()),
  scalar({ type: "string", format: "uri" }, fc.webUrl()),
  scalar({ type: "integer" }, integer),
  scalar({ type: "integer", minimum: -5, maximum: 5 }, fc.integer({ min: -5, max: 5 })),
  scalar({ type: "number" }, number),
  // A box is always an answer.
  () => fc.boolean().map((value) => ({ schema: { type: "boolean" }, value })),
  () =>
    fc
      .constantFrom("fix", 3, false)
      .map((value) => ({ schema: { type: typeof value as "string", const: value }, value })),
  choice,
  choices,
  list({ type: "string" }, trimmed),
  list({ type: "integer" }, integer),
  list({ type: "number" }, number),
];

const key = fc.oneof(
  fc.constantFrom(
    "a.b",
    "a/b",
    "a~b",
    "a[b]",
    "a[]",
    "",
    " ",
    "value",
    "constructor",
    "toString",
    "hasOwnProperty",
    "csrf",
    "outcome",
    "é",
    "0",
    "a&b=c",
    "<b>",
  ),
  fc.string({ maxLength: 8 }).filter((name) => isPlain(name) && name !== "__proto__"),
);

function anyAt(depth: number): Arbitrary {
  return (isRequired) => {
    const leaf = fc.constantFrom(...LEAVES).chain((make) => make(isRequired));
    return depth >= 5
      ? leaf
      : fc.oneof(
          { weight: 4, arbitrary: leaf },
          { weight: 1, arbitrary: objectAt(depth)(isRequired) },
        );
  };
}

function objectAt(depth: number): Arbitrary {
  return (isRequired) =>
    fc
      .uniqueArray(fc.tuple(key, fc.boolean()), { selector: ([name]) => name, maxLength: 5 })
      .chain((names) =>
        fc.tuple(
          ...names.map(([name, isNeeded]) =>
            anyAt(depth + 1)(isNeeded).map(({ schema, value }) => ({
              schema,
              value,
              name,
              isNeeded,
            })),
          ),
        ),
      )
      .map((fields) => {
        const schema: FormSchema = {
          type: "object",
          properties: Object.fromEntries(fields.map((field) => [field.name, field.schema])),
          required: fields.filter(({ isNeeded }) => isNeeded).map(({ name }) => name),
          additionalProperties: false,
        };
        const given = fields.filter(({ value }) => value !== undefined);
        // An object that nobody asked for is there when somebody entered something in it.
        if (!isRequired && !given.some(isEntered)) return { schema, value: undefined };
        return {
          schema,
          value: Object.fromEntries(given.map(({ name, value }) => [name, value!])),
        };
      });
}

function isEntered({ schema, value }: Case): boolean {
  if (schema.const !== undefined || value === false || value === undefined) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (schema.type !== "object") return true;
  const own = value as Record<string, Json>;
  return Object.entries(schema.properties ?? {}).some(([name, child]) =>
    isEntered({ schema: child, value: Object.hasOwn(own, name) ? own[name] : undefined }),
  );
}

export const anyCase: fc.Arbitrary<Case> = fc.oneof(
  { weight: 3, arbitrary: objectAt(1)(true) },
  { weight: 1, arbitrary: anyAt(1)(true) },
);
