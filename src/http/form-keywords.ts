/**
 * The keywords of a schema, each by itself: which belong to which type, and whether what stands
 * under one makes sense. Knows nothing of what is nested in what.
 */
import { faultOfPattern, PATTERN_LIMITS } from "./form-pattern.ts";

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

export const FORM_TYPES = ["string", "number", "integer", "boolean", "array", "object"] as const;
export type FormType = (typeof FORM_TYPES)[number];

/** What is wrong with what stands under a keyword, to follow its pointer in a sentence. */
export function faultOfKeyword(
  type: FormType,
  keyword: string,
  schema: Record<string, unknown>,
): string | undefined {
  if (![...ALWAYS, ...KEYWORDS[type]].includes(keyword)) {
    return `is not supported in a schema of type ${type}`;
  }
  return CHECKS[keyword]?.(schema[keyword], schema);
}

const ALWAYS = ["type", "title", "description", "default"];
const SCALAR = ["const", "enum", "oneOf"];
const LIMITED = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const KEYWORDS: Record<FormType, string[]> = {
  string: [...SCALAR, "format", "pattern", "minLength", "maxLength"],
  number: [...SCALAR, ...LIMITED],
  integer: [...SCALAR, ...LIMITED],
  boolean: ["const"],
  array: ["items", "minItems", "maxItems", "uniqueItems"],
  object: ["properties", "required", "additionalProperties"],
};

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
  if (texts.some((each) => each.trim() === "" || /\p{Cc}|\p{Cs}/u.test(each))) {
    return "must not have an empty option or one with control characters";
  }
  return new Set(texts).size === texts.length ? undefined : "must not have an option twice";
}

function isScalarOf(type: unknown, value: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === undefined) return typeof value === "string" || typeof value === "number";
  return typeof value === type;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
