/**
 * What is wrong with an answer, shown twice: at each field, and in a summary on top whose links lead
 * there. Decides which field a fault belongs to; the words come from texts.ts.
 */
import type { ValueFault } from "../form-value.ts";
import { leavesOf, type Field } from "./form-fields.ts";
import { faultText, fill, WORDS, type Language } from "./texts.ts";

/** Sentences by the pointer of a field. What belongs to no field is at "". */
export type FaultTexts = ReadonlyMap<string, string[]>;

export function faultTextsOf(root: Field, faults: ValueFault[], language: Language): FaultTexts {
  const known = new Map(fieldsOf(root).map((field) => [field.pointer, field]));
  // In the order of the form, whatever was found first.
  const texts = new Map(Array.from(known.keys(), (pointer): [string, string[]] => [pointer, []]));
  for (const fault of faults) {
    const pointer = nearest(fault.pointer, known);
    const field = known.get(pointer);
    const rest = fault.pointer.slice(pointer.length + 1);
    const message = messageOf(field, fault, language);
    const line = Number(rest) + 1;
    const isLine = field?.kind === "lines" && rest !== "";
    const text = isLine ? fill(WORDS[language].line, { line, message }) : message;
    texts.get(pointer)?.push(text);
  }
  return new Map(Array.from(texts).filter(([, found]) => found.length > 0));
}

/**
 * Takes the focus when the page opens, so that keyboard and screen reader begin here; `autofocus`
 * does so without a script.
 */
export function FaultSummary(props: { root: Field; faults: FaultTexts; language: Language }) {
  const { root, faults, language } = props;
  const words = WORDS[language];
  const fields = new Map(fieldsOf(root).map((field) => [field.pointer, field]));
  return (
    <div class="faults" role="alert" tabindex={-1} autofocus={true}>
      <h2>{words.errorHeading}</h2>
      <ul>
        {Array.from(faults, ([pointer, texts]) => {
          const field = fields.get(pointer);
          const label = field?.label ?? "";
          const colon = /[\p{L}\p{N}]$/u.test(label) ? ":" : "";
          const text = `${label}${colon} ${texts.join(" ")}`.trim();
          const target = field && targetOf(field);
          return (
            <li dir="auto">{target === undefined ? text : <a href={`#${target}`}>{text}</a>}</li>
          );
        })}
      </ul>
    </div>
  );
}

/** The id of the control that a link to the field leads to. */
export function targetOf(field: Field): string | undefined {
  const first = leavesOf(field).find(({ kind }) => kind !== "constant");
  return first && (first.kind === "choices" || isRadio(first) ? optionId(first, 0) : first.id);
}

/** Few options are all shown; more fold into a list. */
export function isRadio(field: Field): boolean {
  return field.kind === "choice" && field.options.length <= RADIOS_MAX;
}

export function optionId({ id }: Field, index: number): string {
  return `${id}-${index}`;
}

const RADIOS_MAX = 5;

/** A form offers only what is allowed: whatever is wrong with a choice, choosing mends it. */
function messageOf(field: Field | undefined, fault: ValueFault, language: Language): string {
  const isChoice = field?.kind === "choice" || field?.kind === "choices";
  const isForeign = fault.keyword === "type" || fault.keyword === "enum";
  return isChoice && isForeign ? WORDS[language].enum : faultText(language, fault);
}

function nearest(pointer: string, known: ReadonlyMap<string, unknown>): string {
  let at = pointer;
  while (at !== "" && !known.has(at)) at = at.slice(0, at.lastIndexOf("/"));
  return at;
}

function fieldsOf(field: Field): Field[] {
  return [field, ...(field.kind === "group" ? field.fields.flatMap(fieldsOf) : [])];
}
