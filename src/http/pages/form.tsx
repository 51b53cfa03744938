/**
 * A form from a schema, as HTML that needs no script: a label, help and faults for every control,
 * tied together for screen readers. Decides how each kind of field looks; what is asked where comes
 * from form-fields.ts, what is in it from form-data.ts.
 *
 * No `minlength`, `maxlength` or `pattern`: they count UTF-16 units and cut pasted text silently;
 * the help says what is wanted and the server what is wrong.
 */
import type { Child } from "hono/jsx";
import type { FormSchema } from "../form-schema.ts";
import { isTicked, type FormTexts } from "./form-data.ts";
import type { Field } from "./form-fields.ts";
import { isRadio, optionId, type FaultTexts } from "./form-faults.tsx";
import { helpOf } from "./form-help.ts";
import { WORDS, type Language } from "./texts.ts";

export interface FormState {
  texts: FormTexts;
  faults: FaultTexts;
  language: Language;
}

/** The fields of an answer, without the form around them. As deep as the schema: five. */
export function FormField({ field, state }: { field: Field; state: FormState }): Child {
  switch (field.kind) {
    case "group":
      return <Group field={field} state={state} />;
    case "constant":
      return (
        <div class="field">
          <p class="label" dir="auto">
            {field.label ?? WORDS[state.language].answer}
          </p>
          <p dir="auto">{String(field.value)}</p>
        </div>
      );
    case "checkbox":
      return <Checkbox field={field} state={state} />;
    case "choices":
      return <Options field={field} state={state} type="checkbox" />;
    case "choice":
      if (isRadio(field)) return <Options field={field} state={state} type="radio" />;
      return (
        <Single field={field} state={state} control={<Select field={field} state={state} />} />
      );
    case "lines":
      return <Single field={field} state={state} control={<Lines field={field} state={state} />} />;
    case "text":
    case "number":
      return <Single field={field} state={state} control={<Input field={field} state={state} />} />;
    default:
      return field satisfies never;
  }
}

interface Props<Kind extends Field["kind"] = Field["kind"]> {
  field: Field & { kind: Kind };
  state: FormState;
}

function Group({ field, state }: Props<"group">) {
  const fields = field.fields.map((child) => <FormField field={child} state={state} />);
  // The whole without a title: the page's own heading says what is asked.
  if (field.label === undefined) {
    return (
      <>
        <Below field={field} state={state} />
        {fields}
      </>
    );
  }
  return (
    <fieldset class="group" aria-describedby={describedBy(field, state)}>
      <legend>
        <Label field={field} state={state} />
      </legend>
      <Below field={field} state={state} />
      {fields}
    </fieldset>
  );
}

function Single({ field, state, control }: Props & { control: Child }) {
  return (
    <div class={fieldClass(field, state)}>
      <label for={field.id}>
        <Label field={field} state={state} />
      </label>
      <Below field={field} state={state} />
      {control}
    </div>
  );
}

function Checkbox({ field, state }: Props<"checkbox">) {
  return (
    <div class={fieldClass(field, state)}>
      <div class="option">
        <input
          type="checkbox"
          {...identity(field, state)}
          value="true"
          checked={isTicked(state.texts.get(field.name)?.[0])}
          required={field.isEnforced && field.schema.const === true}
        />
        <label for={field.id} dir="auto">
          {field.label ?? WORDS[state.language].answer}
        </label>
      </div>
      <Below field={field} state={state} />
    </div>
  );
}

/** Radios, or boxes for several. Radios cannot be taken back, so that "no answer" is one of them. */
function Options({
  field,
  state,
  type,
}: Props<"choice" | "choices"> & { type: "radio" | "checkbox" }) {
  const chosen = new Set(state.texts.get(field.name));
  const isRadioGroup = type === "radio";
  const none = { text: "", label: WORDS[state.language].noAnswer };
  const options = isRadioGroup && !field.isEnforced ? [...field.options, none] : field.options;
  const isWrong = state.faults.has(field.pointer) ? "true" : undefined;
  return (
    <fieldset
      class={fieldClass(field, state)}
      role={isRadioGroup ? "radiogroup" : undefined}
      aria-invalid={isRadioGroup ? isWrong : undefined}
      aria-describedby={describedBy(field, state)}
    >
      <legend>
        <Label field={field} state={state} />
      </legend>
      <Below field={field} state={state} />
      {options.map(({ text, label }, index) => (
        <div class="option">
          <input
            type={type}
            id={optionId(field, index)}
            name={field.name}
            value={text}
            checked={chosen.has(text) || (text === "" && chosen.size === 0)}
            required={isRadioGroup && field.isEnforced}
            aria-invalid={isRadioGroup ? undefined : isWrong}
          />
          <label for={optionId(field, index)} dir="auto">
            {label}
          </label>
        </div>
      ))}
    </fieldset>
  );
}

function Select({ field, state }: Props<"choice">) {
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

function Lines({ field, state }: Props<"lines">) {
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

function Input({ field, state }: Props<"text" | "number">) {
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

function Label({ field, state }: Props) {
  const { answer, optional } = WORDS[state.language];
  return (
    <>
      <span dir="auto">{field.label ?? answer}</span>
      {!field.isNeeded && <span class="optional"> ({optional})</span>}
    </>
  );
}

/** Help and faults, where `aria-describedby` finds them. */
function Below({ field, state }: Props) {
  const help = helpOf(field, state.language);
  const faults = state.faults.get(field.pointer);
  const isSummaryOnly = field.kind === "group" && field.label === undefined;
  return (
    <>
      {help.length > 0 && (
        <p class="help" id={`${field.id}-help`} dir="auto">
          {help.join(" ")}
        </p>
      )}
      {faults && !isSummaryOnly && (
        <p class="fault" id={`${field.id}-fault`}>
          {faults.join(" ")}
        </p>
      )}
    </>
  );
}

function identity(field: Field, state: FormState) {
  return {
    id: field.id,
    name: field.name,
    "aria-invalid": state.faults.has(field.pointer) ? "true" : undefined,
    "aria-describedby": describedBy(field, state),
  };
}

function describedBy(field: Field, { faults, language }: FormState): string | undefined {
  const ids = [
    helpOf(field, language).length > 0 && `${field.id}-help`,
    faults.has(field.pointer) && `${field.id}-fault`,
  ].filter((id) => id !== false);
  return ids.length > 0 ? ids.join(" ") : undefined;
}

function fieldClass({ pointer }: Field, { faults }: FormState): string {
  return faults.has(pointer) ? "field wrong" : "field";
}
