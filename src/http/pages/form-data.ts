/**
 * A form's body becomes the value that its schema asks for, and a value becomes what a form shows.
 * Between them stand texts: the name of each control with what is in it, kept as typed so that
 * nobody types twice. Decides no validity: what cannot be read as asked stays text, and the
 * validator then says what is wrong, in one place for forms and API calls.
 *
 * Walks the schema, never the body: a name in the body is never used as a key, so that no
 * `__proto__` gets anywhere.
 */
import type { Json } from "../../../client/src/protocol.ts";
import type { FormSchema, Scalar } from "../form-schema.ts";
import { validateValue, type ValueFault } from "../form-value.ts";
import { fieldOf, leavesOf, type Field } from "./form-fields.ts";

/** What is in the controls, by name. A name that is not here is empty, or not ticked. */
export type FormTexts = ReadonlyMap<string, readonly string[]>;

export interface FormAnswer {
  /** Absent when nothing at all was answered. */
  value?: Json;
  /** None: the value is valid. */
  faults: ValueFault[];
  texts: FormTexts;
}

/** Reads, and judges, what was sent. */
export function readForm(schema: FormSchema, body: URLSearchParams): FormAnswer {
  const root = fieldOf(schema);
  const texts = textsOfBody(root, body);
  const { value } = readField(root, texts);
  return { ...(value !== undefined && { value }), faults: validateValue(schema, value), texts };
}

/** What a form shows at first: the defaults. */
export function textsOfDefaults(schema: FormSchema): FormTexts {
  return new Map(entriesOf(fieldOf(schema), undefined, true));
}

/** What a form shows that asks to change a value. */
export function textsOfValue(schema: FormSchema, value: Json): FormTexts {
  return new Map(entriesOf(fieldOf(schema), value, false));
}

/** One pass, however many names somebody sends. */
function textsOfBody(root: Field, body: URLSearchParams): FormTexts {
  const names = new Map(leavesOf(root).map(({ name }): [string, string[]] => [name, []]));
  for (const [name, text] of body) {
    // Forms are sent with CR LF in them, whatever was typed. HTML, 4.10.21.4.
    names.get(name)?.push(text.replaceAll(/\r\n?/g, "\n"));
  }
  return new Map(Array.from(names).filter(([, texts]) => texts.length > 0));
}

interface Reading {
  value?: Json;
  /** Somebody typed, chose or ticked something: reason enough for an optional object to be there. */
  isEntered: boolean;
}

const NOTHING: Reading = { isEntered: false };

function readField(field: Field, texts: FormTexts): Reading {
  if (field.kind === "group") return readGroup(field, field.fields, texts);
  if (field.kind === "constant") return { value: field.value, isEntered: false };
  const sent = texts.get(field.name);
  if (field.kind === "checkbox") return readCheckbox(field, sent?.[0]);
  // A browser sends every text, even the empty one: what is missing was never asked of anybody.
  const fallback = field.schema.default;
  if (!sent && fallback !== undefined && field.kind !== "choices") {
    return { value: fallback, isEntered: false };
  }
  const value = valueOf(field, sent ?? []);
  return value === undefined ? NOTHING : { value, isEntered: !isEmptyList(value) };
}

/** `fromEntries` defines its properties and sets none, whatever they are called. */
function readGroup(field: Field, fields: Field[], texts: FormTexts): Reading {
  const read = fields.map((field) => ({ key: field.key, ...readField(field, texts) }));
  const isEntered = read.some((each) => each.isEntered);
  if (!isEntered && !field.isNeeded) return NOTHING;
  const entries = read.flatMap(({ key, value }): [string, Json][] =>
    value === undefined ? [] : [[key, value]],
  );
  return { value: Object.fromEntries(entries), isEntered };
}

/** A box always answers: not ticked is no. Only a consent that may be left out is left out. */
function readCheckbox({ schema, isNeeded }: Field, sent: string | undefined): Reading {
  const isYes = isTicked(sent);
  if (!isYes && schema.const === true && !isNeeded) return NOTHING;
  return { value: isYes, isEntered: isYes };
}

/** A browser sends `true` or nothing; a program may send what it likes. */
export function isTicked(sent: string | undefined): boolean {
  return sent !== undefined && !["", "false", "0", "off"].includes(sent);
}

type Asking = Exclude<Field, { kind: "group" | "constant" | "checkbox" }>;

function valueOf(field: Asking, sent: readonly string[]): Json | undefined {
  const [text = ""] = sent;
  switch (field.kind) {
    case "text":
      if (text.trim() === "") return undefined;
      return field.schema.format ? instantOf(field, text.trim()) : text;
    case "number":
      return text.trim() === "" ? undefined : numberOf(field.schema, text);
    case "choice":
      if (text === "") return undefined;
      return field.options.find((option) => option.text === text)?.value ?? text;
    case "choices":
      return listOf(field, chosenOf(field.options, sent));
    case "lines":
      return listOf(field, linesOf(field.schema.items ?? {}, sent));
    default:
      return field satisfies never;
  }
}

/** An empty list that nobody asked for is left out. */
function listOf({ isNeeded }: Field, items: Scalar[]): Scalar[] | undefined {
  return items.length === 0 && !isNeeded ? undefined : items;
}

/** In the order of the schema, then what is not among the options, for the validator to refuse. */
function chosenOf(options: { text: string; value: Scalar }[], sent: readonly string[]): Scalar[] {
  const chosen = new Set(sent.filter((text) => text !== ""));
  const known = options.filter(({ text }) => chosen.delete(text));
  return [...known.map(({ value }) => value), ...chosen];
}

function linesOf(items: FormSchema, sent: readonly string[]): Scalar[] {
  const lines = sent.flatMap((text) => text.split("\n")).map((line) => line.trim());
  const isNumeric = items.type === "number" || items.type === "integer";
  return lines
    .filter((line) => line !== "")
    .map((line) => (isNumeric ? numberOf(items, line) : line));
}

/** HTML's valid floating-point number, and a sign. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** An integer that a double would silently round is not read: it stays text, and is refused. */
function numberOf({ type }: FormSchema, text: string): number | string {
  const number = Number(text);
  if (!NUMBER.test(text.trim()) || !Number.isFinite(number)) return text;
  return type === "integer" && Number.isInteger(number) && !Number.isSafeInteger(number)
    ? text
    : number;
}

const LOCAL = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?$/;

/**
 * The page asks for instants in UTC; a browser sends them without a zone, and without seconds or
 * zeros at the end that it finds needless. One instant is written in one way.
 */
function instantOf({ schema }: Field, text: string): string {
  const date = new Date(`${text}Z`);
  if (schema.format !== "date-time" || !LOCAL.test(text) || Number.isNaN(date.getTime()))
    return text;
  return date.toISOString().replace(".000Z", "Z");
}

function isEmptyList(value: Json): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** The texts of a value, or of the defaults where there is none. */
function entriesOf(field: Field, value: unknown, withDefaults: boolean): [string, string[]][] {
  const given = value ?? (withDefaults ? field.schema.default : undefined);
  if (field.kind === "group") {
    const own = isObject(given) ? given : {};
    return field.fields.flatMap((child) => {
      const below = Object.hasOwn(own, child.key) ? own[child.key] : undefined;
      return entriesOf(child, below, withDefaults);
    });
  }
  const texts = given === undefined ? [] : textsOf(field, given);
  return texts.length === 0 ? [] : [[field.name, texts]];
}

function textsOf(field: Field, value: unknown): string[] {
  if (field.kind === "checkbox") return value === true ? ["true"] : [];
  if (field.kind === "lines" && Array.isArray(value)) return [value.map(String).join("\n")];
  if (field.kind === "choices" && Array.isArray(value)) return value.map(String);
  if (field.schema.format === "date-time") return [localOf(String(value))];
  return [String(value)];
}

/** An instant as a browser's control takes it: in UTC, without a zone, no more exact than needed. */
function localOf(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  return date.toISOString().replace(/(?::00)?\.000Z$|Z$/, "");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
