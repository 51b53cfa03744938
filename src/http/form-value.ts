/**
 * Whether a value is what a promise's schema asks for, and where it is not: RFC 6901 pointers with
 * a short sentence each, the same for a form and for an API call. The judging is done by
 * @cfworker/json-schema, which interprets (the runtime forbids generated code); here its findings
 * become ours, and what it may be given is bounded first. Knows no page and no language but English.
 */
import { validate, type OutputUnit, type Schema } from "@cfworker/json-schema";
import { PATTERN_LIMITS } from "./form-pattern.ts";
import type { FormSchema } from "./form-schema.ts";

/** What can be wrong with a value; a page has its own words for each. */
export type Keyword = keyof typeof MESSAGES;

export interface ValueFault {
  /** Where in the value; "" is the whole. */
  pointer: string;
  /** What is wrong there, to follow the pointer in a sentence. */
  message: string;
  keyword: Keyword;
  /** What the schema asks for under that keyword. */
  expected?: unknown;
}

export const VALUE_LIMITS = {
  /** Every value below the top, each judged by itself; a list without repeats is quadratic. */
  valuesMax: 10_000,
  /** A list of ten thousand faults helps nobody. */
  faultsMax: 100,
} as const;

/** Every place at fault, one fault for each; none when the value is valid. */
export function validateValue(schema: FormSchema, value: unknown): ValueFault[] {
  if (value === undefined) return [faultAt("", "required")];
  const shape = faultOfShape(value, VALUE_LIMITS);
  if (shape) return [{ ...shape, keyword: "shape" }];
  const tooLong = textsTooLong(schema, value, "");
  if (tooLong.length > 0) return tooLong;
  // A copy, for the validator writes its own properties into the schema.
  const copy = JSON.parse(JSON.stringify(schema)) as Schema;
  const { errors } = validate(value, copy, "2020-12", undefined, false);
  const faults = new Map<string, ValueFault>();
  for (const fault of errors.flatMap((error) => faultsOf(error, schema, value))) {
    if (faults.size < VALUE_LIMITS.faultsMax && !faults.has(fault.pointer)) {
      faults.set(fault.pointer, fault);
    }
  }
  return Array.from(faults.values());
}

/** A pointer to what is below another. RFC 6901, 3. */
export function pointerTo(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/**
 * What no JSON text says, or says too much of. Without recursion, so that no nesting is too deep to
 * be refused; keys that are not well-formed would make the validator throw.
 */
export function faultOfShape(
  value: unknown,
  { valuesMax, depthMax = Infinity }: { valuesMax: number; depthMax?: number },
): { pointer: string; message: string } | undefined {
  const open = [{ value, depth: 1 }];
  let values = 1;
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, depth } = next;
    if (depth > depthMax) return { pointer: "", message: "must not be nested so deeply" };
    if (typeof value === "object" && value !== null) {
      const isArray = Array.isArray(value);
      const names = isArray ? [] : Object.keys(value);
      values += isArray ? value.length : names.length;
      if (values > valuesMax) {
        return { pointer: "", message: `must have ${valuesMax} values at most` };
      }
      if (!names.every((name) => name.isWellFormed())) {
        return { pointer: "", message: "must have names in Unicode" };
      }
      for (const child of Object.values(value)) open.push({ value: child, depth: depth + 1 });
    } else if (value !== null && !["string", "number", "boolean"].includes(typeof value)) {
      return { pointer: "", message: "must be JSON" };
    }
  }
  return undefined;
}

/** Texts that must not even be matched against their pattern. As deep as the schema: five. */
function textsTooLong(schema: FormSchema, value: unknown, pointer: string): ValueFault[] {
  if (typeof value === "string") {
    const max = PATTERN_LIMITS.textMax;
    const isTooLong = schema.pattern !== undefined && value.length > max;
    return isTooLong ? [faultAt(pointer, "maxLength", Math.min(max, schema.maxLength ?? max))] : [];
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    if (!items?.pattern) return [];
    return value.flatMap((item, index) => textsTooLong(items, item, pointerTo(pointer, index)));
  }
  if (typeof value !== "object" || value === null) return [];
  // SAFETY: an object by the two lines before.
  const entries = Object.entries(schema.properties ?? {}).map(([key, child]) => ({
    child,
    key,
    value: Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined,
  }));
  return entries.flatMap(({ child, key, value }) =>
    textsTooLong(child, value, pointerTo(pointer, key)),
  );
}

/** Those that only say that something below them is wrong; what is wrong follows by itself. */
const WRAPPERS = new Set(["properties", "items", "additionalProperties"]);

function faultsOf(error: OutputUnit, schema: FormSchema, value: unknown): ValueFault[] {
  const { keyword, keywordLocation, instanceLocation } = error;
  // Of alternatives only the whole says something: that none fits.
  if (WRAPPERS.has(keyword) || keywordLocation.includes("/oneOf/")) return [];
  const pointer = decodeURIComponent(instanceLocation.slice(1));
  if (keyword === "false") return [faultAt(pointer, "additionalProperties")];
  const expected = valueAt(schema, decodeURIComponent(keywordLocation.slice(1)));
  if (keyword === "required") {
    // The validator names what is missing only within its sentence.
    const there = Object(valueAt(value, pointer)) as object;
    const missing = (expected as string[]).filter((name) => !Object.hasOwn(there, name));
    return missing.map((name) => faultAt(pointerTo(pointer, name), "required"));
  }
  if (keyword === "oneOf") {
    const options = (expected as { const: unknown }[]).map((option) => option.const);
    return [faultAt(pointer, "enum", options)];
  }
  // SAFETY: no other keyword is in the subset; the table in the tests has them all.
  return [faultAt(pointer, keyword as Keyword, expected)];
}

/** What a pointer points at. Only own properties: nothing is found on a prototype. */
function valueAt(root: unknown, pointer: string): unknown {
  let value = root;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function faultAt(pointer: string, keyword: Keyword, expected?: unknown): ValueFault {
  const message = MESSAGES[keyword].replace("{}", () => briefly(expected));
  return { pointer, message, keyword, ...(expected !== undefined && { expected }) };
}

function briefly(expected: unknown): string {
  const text = Array.isArray(expected)
    ? expected.map((each) => JSON.stringify(each)).join(", ")
    : String(expected);
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`;
}

const MESSAGES = {
  required: "is required",
  type: "must be of type {}",
  const: "must be {}",
  enum: "must be one of {}",
  format: "must be in the format {}",
  pattern: "must match the pattern {}",
  minLength: "must have {} characters at least",
  maxLength: "must have {} characters at most",
  minimum: "must be {} or more",
  maximum: "must be {} or less",
  exclusiveMinimum: "must be more than {}",
  exclusiveMaximum: "must be less than {}",
  multipleOf: "must be a multiple of {}",
  minItems: "must have {} items at least",
  maxItems: "must have {} items at most",
  uniqueItems: "must not have an item twice",
  additionalProperties: "is not asked for",
  shape: "is not a value that can be checked",
} as const;
