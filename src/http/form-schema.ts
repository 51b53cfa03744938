/**
 * Which JSON Schemas may come with a promise: the subset (draft 2020-12) that a person can be asked
 * by a form and that the validator checks in bounded time. Whatever is not listed here is refused
 * by name at creation, so that no keyword is silently without effect. Draws and validates nothing.
 */
import type { Json } from "../../client/src/protocol.ts";
import {
  faultOfKeyword,
  FORM_TYPES,
  isObject,
  SCHEMA_LIMITS,
  type FORMATS,
  type FormType,
} from "./form-keywords.ts";
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
    return { pointer: `${pointer}/type`, message: `must be one of ${FORM_TYPES.join(", ")}` };
  }
  if (isItem && !["string", "number", "integer"].includes(type)) {
    return { pointer: `${pointer}/type`, message: "of items must be string, number or integer" };
  }
  for (const keyword of Object.keys(schema)) {
    // What zod, valibot and typebox write at the top; it changes nothing.
    if (keyword === "$schema" && pointer === "") continue;
    const message = faultOfKeyword(type, keyword, schema);
    if (message !== undefined) return { pointer: pointerTo(pointer, keyword), message };
  }
  if (type === "array" && schema["items"] === undefined) {
    return { pointer, message: 'must say what its "items" are' };
  }
  return faultBetween(schema, pointer);
}

/** An enum says its type by its members. */
function typeOf(schema: Record<string, unknown>): FormType | undefined {
  const { type, enum: options, oneOf } = schema;
  const known = FORM_TYPES.find((each) => each === type);
  if (known || type !== undefined || !(Array.isArray(options) || Array.isArray(oneOf)))
    return known;
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

function faultOfDefaults(places: Place[]): SchemaFault | undefined {
  for (const { schema, pointer } of places) {
    // SAFETY: every place was found without fault before.
    const known = schema as FormSchema;
    const [fault] = known.default === undefined ? [] : validateValue(known, known.default);
    if (fault) return { pointer: `${pointer}/default${fault.pointer}`, message: fault.message };
  }
  return undefined;
}
