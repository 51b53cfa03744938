/**
 * A form from a schema, as HTML that needs no script: a label, help and faults for every control,
 * tied together for screen readers. Decides how each kind of field looks; what is asked where comes
 * from form-fields.ts, what is in it from form-data.ts.
 */
import type { Child } from "hono/jsx";
import {
  describedBy,
  identity,
  Input,
  Lines,
  Select,
  type FormState,
  type Props,
} from "./form-controls.tsx";
import { isTicked } from "./form-data.ts";
import { isRadio, optionId } from "./form-faults.tsx";
import type { Field } from "./form-fields.ts";
import { helpOf } from "./form-help.ts";
import { WORDS } from "./texts.ts";

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
    <fieldset
      class={field.pointer === "" ? "group whole" : "group"}
      aria-describedby={describedBy(field, state)}
    >
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

function fieldClass({ pointer }: Field, { faults }: FormState): string {
  return faults.has(pointer) ? "field wrong" : "field";
}
