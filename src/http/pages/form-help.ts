/**
 * The help under a field: what the schema's author wrote, then what the schema demands, in words,
 * so that nobody learns a rule only by breaking it.
 */
import type { FormSchema } from "../form-schema.ts";
import type { Field } from "./form-fields.ts";
import { fill, numberText, WORDS, type Language, type Words } from "./texts.ts";

export function helpOf({ schema, kind }: Field, language: Language): string[] {
  const words = WORDS[language];
  return [
    schema.description,
    kind === "lines" && words.lines,
    schema.format === "date-time" && words.utc,
    kind === "text" && range(words, language, schema.minLength, schema.maxLength, LENGTH),
    kind === "number" && numbers(words, language, schema),
  ].filter((text): text is string => typeof text === "string" && text !== "");
}

const LENGTH = { both: "lengthBetween", least: "lengthFrom", most: "lengthTo" } as const;
const NUMBERS = { both: "between", least: "from", most: "to" } as const;

function numbers(words: Words, language: Language, schema: FormSchema): string | undefined {
  return range(words, language, sensible(schema.minimum), sensible(schema.maximum), NUMBERS);
}

/** Libraries write ±(2^53 - 1) for "any integer", which tells nobody anything. */
function sensible(limit: number | undefined): number | undefined {
  return limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER ? limit : undefined;
}

/** At least one character is what an answer has anyway. */
function range(
  words: Words,
  language: Language,
  least: number | undefined,
  most: number | undefined,
  names: typeof LENGTH | typeof NUMBERS,
): string | undefined {
  const isFloor = least !== undefined && !(names === LENGTH && least <= 1);
  const gaps = {
    min: least === undefined ? "" : numberText(language, least),
    max: most === undefined ? "" : numberText(language, most),
  };
  if (isFloor && most !== undefined) return fill(words[names.both], gaps);
  if (isFloor) return fill(words[names.least], gaps);
  return most === undefined ? undefined : fill(words[names.most], gaps);
}
