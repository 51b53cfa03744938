/**
 * Which question a schema asks where: the one walk from schema to fields that drawing a form and
 * reading it back share, so that they cannot disagree. The name of a control is `value` and the
 * JSON pointer of what it gives, therefore unambiguous whatever the keys are, and the name by which
 * a fault is found. Knows no HTML and no language.
 */
import type { FormSchema, Scalar } from "../form-schema.ts";
import { pointerTo } from "../form-value.ts";

export interface Option {
  value: Scalar;
  /** As it comes back from a form. */
  text: string;
  label: string;
}

/** How it is asked. */
export type Control =
  | { kind: "group"; fields: Field[] }
  | { kind: "text"; input: "text" | "multiline" | "email" | "url" | "date" | "datetime-local" }
  | { kind: "number" }
  | { kind: "checkbox" }
  | { kind: "choice"; options: Option[] }
  | { kind: "choices"; options: Option[] }
  | { kind: "lines" }
  /** Asks nothing: there is only one answer. */
  | { kind: "constant"; value: Scalar };

export type Field = Control & {
  id: string;
  /** Of the control in the form. */
  name: string;
  /** In the value. */
  pointer: string;
  /** In the object above; "" for the whole. */
  key: string;
  /** Absent for the whole when it has no title. */
  label?: string;
  /** Its object is not valid without it. */
  isNeeded: boolean;
  /** So is every object above: the form cannot be sent without it. */
  isEnforced: boolean;
  schema: FormSchema;
};

/** The field of the whole; a group when an object is asked for. As deep as the schema: five. */
export function fieldOf(schema: FormSchema): Field {
  return fieldAt(schema, {
    id: "answer",
    pointer: "",
    key: "",
    isNeeded: true,
    isEnforced: true,
    ...(schema.title !== undefined && { label: schema.title }),
  });
}

/** All fields that have a control or stand for one, groups after nothing, in reading order. */
export function leavesOf(field: Field): Field[] {
  return field.kind === "group" ? field.fields.flatMap(leavesOf) : [field];
}

/** Above this a text is asked for in several lines. */
const LINE_CHARACTERS_MAX = 200;

const INPUTS = {
  date: "date",
  "date-time": "datetime-local",
  email: "email",
  uri: "url",
} as const;

type Position = Omit<Field, "name" | "schema" | keyof Control>;

function fieldAt(schema: FormSchema, position: Position): Field {
  const name = `value${position.pointer}`;
  return { ...position, name, schema, ...controlOf(schema, position) };
}

function controlOf(schema: FormSchema, position: Position): Control {
  const options = optionsOf(schema);
  if (options) return { kind: "choice", options };
  // One must be able to refuse a consent, so that `const: true` is a question.
  if (schema.const !== undefined && schema.const !== true) {
    return { kind: "constant", value: schema.const };
  }
  switch (schema.type) {
    case "number":
    case "integer":
      return { kind: "number" };
    case "boolean":
      return { kind: "checkbox" };
    case "array": {
      const each = optionsOf(schema.items ?? {});
      return each ? { kind: "choices", options: each } : { kind: "lines" };
    }
    case "object":
      return { kind: "group", fields: fieldsOf(schema, position) };
    case "string":
    case undefined:
      return { kind: "text", input: inputOf(schema) };
    default:
      return schema.type satisfies never;
  }
}

function fieldsOf(schema: FormSchema, { id, pointer, isEnforced }: Position): Field[] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).map(([key, child], index) =>
    fieldAt(child, {
      id: `${id}-${index}`,
      pointer: pointerTo(pointer, key),
      key,
      label: child.title ?? labelOf(key),
      isNeeded: required.has(key),
      isEnforced: isEnforced && required.has(key),
    }),
  );
}

function inputOf({ format, maxLength = 0 }: FormSchema) {
  if (format) return INPUTS[format];
  return maxLength > LINE_CHARACTERS_MAX ? "multiline" : "text";
}

function optionsOf(schema: FormSchema): Option[] | undefined {
  const named = schema.oneOf ?? schema.enum?.map((value) => ({ const: value }));
  return named?.map((option: { const: Scalar; title?: string }) => {
    const text = String(option.const);
    return { value: option.const, text, label: option.title ?? text };
  });
}

/** `shipTo_country` is read as "Ship to country". */
function labelOf(key: string): string {
  const words = key
    .replaceAll(
      /(\p{Ll})(\p{Lu})/gu,
      (_, end: string, start: string) => `${end} ${start.toLowerCase()}`,
    )
    .replaceAll(/[_-]+/g, " ")
    .trim();
  if (words === "") return key === "" ? "—" : key;
  return words.replace(/^\p{Ll}/u, (first) => first.toUpperCase());
}
