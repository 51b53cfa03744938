/**
 * JSON on its way through the command line, to the letter: numbers beyond 2^53 and `1.0` stay what
 * they are, where the runtime can say so (Node 22 or newer).
 */
interface Lossless {
  rawJSON(text: string): object;
}

const lossless = "rawJSON" in JSON ? (JSON as unknown as Lossless) : undefined;

/** @throws SyntaxError */
export function parseJson(text: string): unknown {
  if (!lossless) return JSON.parse(text);
  const parse = JSON.parse as (
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ) => unknown;
  return parse(text, (_, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source
      ? lossless.rawJSON(source)
      : value,
  );
}

/** One line. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value);
}

/** For people to look at. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
