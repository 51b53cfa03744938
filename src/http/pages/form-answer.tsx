/**
 * An answer read back, question by question, for whoever comes after it was given. What does not
 * fit the schema any more, or never had one, is shown as the JSON that it is.
 */
import type { Json } from "../../../client/src/protocol.ts";
import type { FormSchema } from "../form-schema.ts";
import { validateValue } from "../form-value.ts";
import { textsOfValue } from "./form-data.ts";
import { fieldOf, leavesOf, type Field } from "./form-fields.ts";
import { dateText, instantText, numberText, WORDS, type Language } from "./texts.ts";

interface Props {
  value: Json;
  schema?: FormSchema | undefined;
  language: Language;
}

export function Answer({ value, schema, language }: Props) {
  if (!schema || validateValue(schema, value).length > 0) {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    if (typeof value === "string")
      return (
        <p class="said" dir="auto">
          {text}
        </p>
      );
    return <pre tabindex={0}>{text}</pre>;
  }
  const texts = textsOfValue(schema, value);
  const rows = leavesOf(fieldOf(schema)).flatMap((field) => {
    const text = textOf(field, texts.get(field.name) ?? [], language);
    return text === "" ? [] : [{ label: field.label ?? WORDS[language].answer, text }];
  });
  return (
    <dl class="details">
      {rows.map(({ label, text }) => (
        <div>
          <dt dir="auto">{label}</dt>
          <dd dir="auto">{text}</dd>
        </div>
      ))}
    </dl>
  );
}

function textOf(field: Field, texts: readonly string[], language: Language): string {
  const { yes, no } = WORDS[language];
  if (field.kind === "checkbox") return texts.length > 0 ? yes : no;
  if (texts.length === 0) return "";
  if (field.kind === "choice" || field.kind === "choices") {
    const labels = new Map(field.options.map(({ text, label }) => [text, label]));
    return texts.map((text) => labels.get(text) ?? text).join(", ");
  }
  const [text = ""] = texts;
  if (field.kind === "lines") return text.split("\n").join(", ");
  if (field.kind === "number") return numberText(language, Number(text));
  if (field.schema.format === "date") return dateText(language, text);
  if (field.schema.format === "date-time") {
    return instantText(language, Date.parse(`${text}Z`))?.text ?? text;
  }
  return text;
}
