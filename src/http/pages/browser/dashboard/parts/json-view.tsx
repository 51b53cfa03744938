/**
 * A JSON text, indented and with its parts in colour, to the letter. Of a long one only as many lines
 * as anybody reads, until asked for all.
 */
import { useMemo, useState } from "hono/jsx/dom";
import { linesOf, type Line } from "../format/json-text.ts";
import { CopyButton } from "./copy.tsx";

const LINES_SHOWN = 60;
/** A novel in one string; all of it is copied. */
const TEXT_SHOWN_MAX = 10_000;
/** Elements of a page: with more of them it is slow everywhere. */
const LINES_MAX = 2000;

interface JsonView {
  text: string;
  /** What it is: "the value". */
  what: string;
}

export function JsonView({ text, what }: JsonView) {
  const [isWhole, setWhole] = useState(false);
  const max = isWhole ? LINES_MAX : LINES_SHOWN;
  const lines = useMemo(() => linesOf(text, max + 1), [text, max]);
  const isCut = lines.length > max;
  return (
    <div class="json">
      <div class="json-tools">
        <CopyButton text={text} what={what} />
      </div>
      <pre tabindex={0} aria-label={what}>
        <code>
          {lines.slice(0, max).map((line, number) => (
            <JsonLine key={number} line={line} />
          ))}
        </code>
      </pre>
      {isCut && !isWhole && (
        <button type="button" class="button ghost" onClick={() => setWhole(true)}>
          Show all
        </button>
      )}
      {isCut && isWhole && (
        <p class="quiet">
          Only the first {LINES_MAX.toLocaleString()} lines are shown: copy it to see all of them.
        </p>
      )}
    </div>
  );
}

function JsonLine({ line: { depth, tokens } }: { line: Line }) {
  return (
    <span class="json-line">
      {"  ".repeat(depth)}
      {tokens.map(({ kind, text }, number) => (
        <span key={number} class={`json-${kind}`}>
          {shownText(text)}
        </span>
      ))}
      {"\n"}
    </span>
  );
}

function shownText(text: string): string {
  if (text.length <= TEXT_SHOWN_MAX) return text;
  return `${text.slice(0, TEXT_SHOWN_MAX)}… (${text.length.toLocaleString()} characters)`;
}
