/**
 * Which JSON Schemas may come with a promise: the subset (draft 2020-12) that a person can be asked
 * by a form and that the validator checks in bounded time. Whatever is not listed here is refused
 * by name at creation, so that no keyword is silently without effect. Draws and validates nothing.
 */
import type { Json } from "../../client/src/protocol.ts";
import { faultOfPattern, PATTERN_LIMITS } from "./form-pattern.ts";
import { faultOfShape, pointerTo, validateValue } from "./form-value.ts";
import { utf8Length } from "./schemas.ts";

export type Scalar = string | number | boolean;

/** A schema in which `faultOfSchema` finds nothing. */
export interface FormSchema {
  type?: FormType;
  title?: string;
  description?: string;
  default?: Json;
  const?: Scalar;
  enum?: Scalar[];
  /** An enum whose members have names for people. */
  oneOf?: { const: Scalar; title?: string }[];
  format?: (typeof FORMATS)[number];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  items?: FormSchema;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  properties?: Record<string, FormSchema>;
  required?: string[];
  additionalProperties?: boolean;
}

export interface SchemaFault {
  /** Where in the schema (RFC 6901); "" is the whole. */
  pointer: string;
  /** What is wrong there, to follow the pointer in a sentence. */
  message: string;
}

export const SCHEMA_LIMITS = {
  /** Kept with every promise, and read for every answer. */
  bytesMax: 32 * 1024,
  /** Deeper, nobody finds the way through the form. */
  depthMax: 5,
  /** As many questions as a page can ask. */
  fieldsMax: 100,
  optionsMax: 200,
  titleCharactersMax: 200,
  descriptionCharactersMax: 2000,
} as const;

export const FORMATS = ["date", "date-time", "email", "uri"] as const;

type FormType = "string" | "number" | "integer" | "boolean" | "array" | "object";

const ALWAYS = ["type", "title", "description", "default"];
const NUMERIC = [
  ...["const", "enum", "oneOf", "minimum", "maximum"],
  ...["exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
];
const KEYWORDS: Record<FormType, string[]> = {
  string: ["const", "enum", "oneOf", "format", "pattern", "minLength", "maxLength"],
  number: NUMERIC,
  integer: NUMERIC,
  boolean: ["const"],
  array: ["items", "minItems", "maxItems", "uniqueItems"],
  object: ["properties", "required", "additionalProperties"],
};

/** What is wrong with a schema, the first thing found; `undefined` when it can be asked. */
export function faultOfSchema(schema: unknown): SchemaFault | undefined {
  // Nesting of the text first: what follows may then write it and walk it.
  const { bytesMax, depthMax } = SCHEMA_LIMITS;
  const shape = faultOfShape(schema, { valuesMax: bytesMax, depthMax: 3 * depthMax });
  if (shape) return shape;
  if (utf8Length(JSON.stringify(schema)) > bytesMax) {
    return { pointer: "", message: `must have ${bytesMax} bytes at most` };
  }
  const places: Place[] = [{ schema, pointer: "", depth: 1 }];
  for (const place of places) {
    const fault = faultOfPlace(place);
    if (fault) return fault;
    places.push(...placesBelow(place));
    const fields = places.filter(({ pointer, isItem }) => pointer !== "" && !isItem);
    if (fields.length > SCHEMA_LIMITS.fieldsMax) {
      return { pointer: "", message: `must ask for ${SCHEMA_LIMITS.fieldsMax} things at most` };
    }
  }
  return faultOfDefaults(places);
}

export function isFormSchema(schema: unknown): schema is FormSchema {
  return faultOfSchema(schema) === undefined;
}

interface Place {
  schema: unknown;
  pointer: string;
  depth: number;
  isItem?: boolean;
}

function placesBelow({ schema, pointer, depth }: Place): Place[] {
  // SAFETY: only asked of a place without fault.
  const { properties, items } = schema as FormSchema;
  const below = Object.entries(properties ?? {}).map(([key, child]) => ({
    schema: child,
    pointer: pointerTo(`${pointer}/properties`, key),
    depth: depth + 1,
  }));
  if (!items) return below;
  // Asked for together with the list: no level and no field of its own.
  return [{ schema: items, pointer: `${pointer}/items`, depth, isItem: true }];
}

function faultOfPlace({ schema, pointer, depth, isItem }: Place): SchemaFault | undefined {
  if (!isObject(schema)) return { pointer, message: "must be an object" };
  if (depth > SCHEMA_LIMITS.depthMax) {
    return { pointer, message: `must not be nested deeper than ${SCHEMA_LIMITS.depthMax}` };
  }
  const type = typeOf(schema);
  if (type === undefined) {
    const types = Object.keys(KEYWORDS).join(", ");
    return { pointer: `${pointer}/type`, message: `must be one of ${types}` };
  }
  if (isItem && !["string", "number", "integer"].includes(type)) {
    return { pointer: `${pointer}/type`, message: "of items must be string, number or integer" };
  }
  for (const [keyword, value] of Object.entries(schema)) {
    // What zod, valibot and typebox write at the top; it changes nothing.
    if (keyword === "$schema" && pointer === "") continue;
    const at = pointerTo(pointer, keyword);
    if (![...ALWAYS, ...KEYWORDS[type]].includes(keyword)) {
      return { pointer: at, message: `is not supported in a schema of type ${type}` };
    }
    const message = CHECKS[keyword]?.(value, schema);
    if (message !== undefined) return { pointer: at, message };
  }
  if (type === "array" && schema["items"] === undefined) {
    return { pointer, message: 'must say what its "items" are' };
  }
  return faultBetween(schema, pointer);
}

/** An enum says its type by its members. */
function typeOf(schema: Record<string, unknown>): FormType | undefined {
  const { type, enum: options, oneOf } = schema;
  if (typeof type === "string") {
    return Object.hasOwn(KEYWORDS, type) ? (type as FormType) : undefined;
  }
  if (type !== undefined || !(Array.isArray(options) || Array.isArray(oneOf))) return undefined;
  return "string";
}

function faultBetween(schema: Record<string, unknown>, pointer: string): SchemaFault | undefined {
  const pairs = [
    ["minLength", "maxLength"],
    ["minimum", "maximum"],
    ["minItems", "maxItems"],
  ] as const;
  for (const [min, max] of pairs) {
    // SAFETY: both were checked to be numbers when there.
    if ((schema[min] as number) > (schema[max] as number)) {
      return { pointer: `${pointer}/${min}`, message: `must not be above ${max}` };
    }
  }
  if (
    [schema["const"], schema["enum"], schema["oneOf"]].filter((v) => v !== undefined).length > 1
  ) {
    return { pointer, message: "must have only one of const, enum and oneOf" };
  }
  return undefined;
}

type Check = (value: unknown, schema: Record<string, unknown>) => string | undefined;

/** By keyword; `type` and `default` are judged with the whole. */
const CHECKS: Record<string, Check> = {
  title: text(SCHEMA_LIMITS.titleCharactersMax),
  description: text(SCHEMA_LIMITS.descriptionCharactersMax),
  const: (value, { type }) => (isScalarOf(type, value) ? undefined : "must be of the type"),
  enum: (value, { type }) => faultOfOptions(type, value, (option) => option),
  oneOf: (value, { type }) =>
    faultOfOptions(type, value, (option) => {
      if (!isObject(option)) return undefined;
      const { const: value, title, ...more } = option;
      const named = title === undefined || !text(SCHEMA_LIMITS.titleCharactersMax)(title, option);
      return named && Object.keys(more).length === 0 ? value : undefined;
    }),
  format: (value) =>
    FORMATS.some((format) => format === value) ? undefined : `must be one of ${FORMATS.join(", ")}`,
  pattern: (value, { maxLength }) => {
    if (typeof value !== "string") return "must be a string";
    return faultOfPattern(value, isCount(maxLength) ? maxLength : PATTERN_LIMITS.textMax);
  },
  ...sameFor(["minLength", "maxLength", "minItems", "maxItems"], (value) =>
    isCount(value) ? undefined : "must be an integer from 0",
  ),
  ...sameFor(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], (value) =>
    Number.isFinite(value) ? undefined : "must be a number",
  ),
  multipleOf: (value) =>
    typeof value === "number" && value > 0 ? undefined : "must be a number above 0",
  ...sameFor(["uniqueItems", "additionalProperties"], (value) =>
    typeof value === "boolean" ? undefined : "must be true or false",
  ),
  properties: (value) => {
    if (!isObject(value)) return "must be an object";
    // Legal JSON, and a trap for whoever copies the answer key by key.
    if (Object.hasOwn(value, "__proto__")) return 'must not have "__proto__"';
    // A browser would send another name than it was given.
    const isOdd = Object.keys(value).some((name) => /\p{Cc}/u.test(name));
    return isOdd ? "must not have names with control characters" : undefined;
  },
  required: (value, { properties }) => {
    if (!Array.isArray(value)) return "must be an array of names";
    const known = isObject(properties) ? properties : {};
    return value.every((name) => typeof name === "string" && Object.hasOwn(known, name))
      ? undefined
      : "must only name what is in properties";
  },
};

function sameFor(keywords: string[], check: Check): Record<string, Check> {
  return Object.fromEntries(keywords.map((keyword) => [keyword, check]));
}

function text(charactersMax: number): Check {
  return (value) => {
    if (typeof value !== "string") return "must be a string";
    return value.length <= charactersMax
      ? undefined
      : `must have ${charactersMax} characters at most`;
  };
}

/** Options come back from a form as text: two of the same text could not be told apart. */
function faultOfOptions(
  type: unknown,
  options: unknown,
  valueOf: (option: unknown) => unknown,
): string | undefined {
  const max = SCHEMA_LIMITS.optionsMax;
  if (!Array.isArray(options) || options.length === 0 || options.length > max) {
    return `must be an array of 1 to ${max} options`;
  }
  const values = options.map(valueOf);
  if (!values.every((value) => isScalarOf(type, value) && typeof value !== "boolean")) {
    return "must only have strings or numbers of the type (in oneOf: {const, title?})";
  }
  const texts = values.map(String);
  if (texts.some((each) => each.trim() === "" || /\p{Cc}/u.test(each))) {
    return "must not have an empty option or one with control characters";
  }
  return new Set(texts).size === texts.length ? undefined : "must not have an option twice";
}

function faultOfDefaults(places: Place[]): SchemaFault | undefined {
  for (const { schema, pointer } of places) {
    // SAFETY: every place was found without fault before.
    const known = schema as FormSchema;
    const [fault] = known.default === undefined ? [] : validateValue(known, known.default);
    if (fault) return { pointer: `${pointer}/default${fault.pointer}`, message: fault.message };
  }
  return undefined;
}

function isScalarOf(type: unknown, value: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === undefined) return typeof value === "string" || typeof value === "number";
  return typeof value === type;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
