/**
 * What somebody typed as JSON, as a value that is written as they typed it: numbers too large for
 * JavaScript go through as their own text (JSON.rawJSON, in browsers since 2023). A browser without it
 * refuses such a number rather than change it.
 */

interface RawJson {
  parse(text: string, reviver: (key: string, value: unknown, context: Source) => unknown): unknown;
  rawJSON(text: string): unknown;
}

/** Absent in browsers that do not tell. */
type Source = { source?: string } | undefined;

const hasRaw = "rawJSON" in JSON;

/** @throws SyntaxError in the parser's words; RangeError for a number that would not stay itself */
export function exactJson(text: string): unknown {
  if (!hasRaw) return checkedJson(text);
  // SAFETY: just looked; the types of the language are behind.
  const exact = JSON as unknown as RawJson;
  return exact.parse(text, (_, value, context) =>
    typeof value === "number" && context?.source !== undefined
      ? exact.rawJSON(context.source)
      : value,
  );
}

function checkedJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  for (const [number] of text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/-?\d[\d.eE+-]*/g)) {
    if (!staysItself(number)) {
      throw new RangeError(`This browser would change the number ${number}; send it by the API`);
    }
  }
  return value;
}

function staysItself(number: string): boolean {
  const value = Number(number);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false;
  const digits = /^-?0*([\d.]*?)0*(?:[eE]|$)/.exec(number)?.[1]?.replace(".", "") ?? "";
  return digits.length <= 15;
}
