/**
 * The controls of a form, each by itself: what a browser offers for a text, a number, a date, a
 * choice from a list. Decides types and attributes; label, help and faults are around it (form.tsx).
 *
 * No `minlength`, `maxlength` or `pattern`: they count UTF-16 units and cut pasted text silently;
 * the help says what is wanted and the server what is wrong.
 */
import type { FormSchema } from "../form-schema.ts";
import type { FormTexts } from "./form-data.ts";
import type { FaultTexts } from "./form-faults.tsx";
import type { Field } from "./form-fields.ts";
import { helpOf } from "./form-help.ts";
import { WORDS, type Language } from "./texts.ts";

export interface FormState {
  texts: FormTexts;
  faults: FaultTexts;
  language: Language;
}

export interface Props<Kind extends Field["kind"] = Field["kind"]> {
  field: Field & { kind: Kind };
  state: FormState;
}

export function Select({ field, state }: Props<"choice">) {
  const [chosen] = state.texts.get(field.name) ?? [];
  const { choose, noAnswer } = WORDS[state.language];
  return (
    <select {...identity(field, state)} required={field.isEnforced}>
      <option value="">{field.isEnforced ? choose : noAnswer}</option>
      {field.options.map(({ text, label }) => (
        <option value={text} selected={text === chosen}>
          {label}
        </option>
      ))}
    </select>
  );
}

export function Lines({ field, state }: Props<"lines">) {
  const text = (state.texts.get(field.name) ?? []).join("\n");
  return <TextArea field={field} state={state} text={text} />;
}

function TextArea({ field, state, text }: Props & { text: string }) {
  // A parser drops the first line break of a textarea: this one, not the reader's.
  return (
    <textarea
      {...identity(field, state)}
      required={field.isEnforced && field.kind === "text"}
      rows={4}
      dir="auto"
    >{`\n${text}`}</textarea>
  );
}

export function Input({ field, state }: Props<"text" | "number">) {
  const [text = ""] = state.texts.get(field.name) ?? [];
  // A control for one line would lose the others.
  if (field.kind === "text" && (field.input === "multiline" || text.includes("\n"))) {
    return <TextArea field={field} state={state} text={text} />;
  }
  const more =
    field.kind === "number" ? numberAttributes(field.schema, text) : { type: field.input };
  return (
    <input
      {...identity(field, state)}
      {...more}
      step={field.kind === "text" && field.input === "datetime-local" ? "any" : more.step}
      value={text}
      required={field.isEnforced}
      autocomplete={AUTOCOMPLETE[field.key.toLowerCase()] ?? "off"}
      dir="auto"
    />
  );
}

/** What a browser may know of the person, by the customary names of such fields. */
const AUTOCOMPLETE: Record<string, string | undefined> = Object.assign(
  Object.create(null) as Record<string, string>,
  { name: "name", email: "email", phone: "tel", telephone: "tel", company: "organization" },
);

interface NumberAttributes {
  type: string;
  step?: string;
  min?: number;
  max?: number;
  inputmode?: "numeric" | "decimal";
}

/**
 * What is no number is shown as text, for a number's control would show nothing. Steps are counted
 * from `min` or from the value shown, so that they are only asked for where both are whole.
 */
function numberAttributes(schema: FormSchema, text: string): NumberAttributes {
  if (text !== "" && !Number.isFinite(Number(text))) return { type: "text", inputmode: "decimal" };
  const { minimum, maximum, type } = schema;
  const isWhole =
    type === "integer" && Number.isInteger(Number(text)) && Number.isInteger(minimum ?? 0);
  return {
    type: "number",
    step: isWhole ? "1" : "any",
    ...(minimum !== undefined && { min: minimum }),
    ...(maximum !== undefined && { max: maximum }),
    // A phone's digits have no minus.
    ...((minimum ?? -1) >= 0 && { inputmode: type === "integer" ? "numeric" : "decimal" }),
  };
}

/** What ties a control to its label, its help and its faults. */
export function identity(field: Field, state: FormState) {
  return {
    id: field.id,
    name: field.name,
    "aria-invalid": state.faults.has(field.pointer) ? "true" : undefined,
    "aria-describedby": describedBy(field, state),
  };
}

export function describedBy(field: Field, { faults, language }: FormState): string | undefined {
  const ids = [
    helpOf(field, language).length > 0 && `${field.id}-help`,
    faults.has(field.pointer) && `${field.id}-fault`,
  ].filter((id) => id !== false);
  return ids.length > 0 ? ids.join(" ") : undefined;
}
