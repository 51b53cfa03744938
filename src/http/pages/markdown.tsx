/**
 * Markdown from strangers, as elements. A safe subset: paragraphs, headings, lists, code, emphasis
 * and links to the web or to mail. Everything else, and all HTML, is text. Nothing here writes
 * markup, so that there is nothing to escape; one pass over the text, whatever it is.
 */
import type { Child } from "hono/jsx";
import { inlineMarkdown } from "./markdown-inline.tsx";

/** The text as blocks. Headings begin at the third level: the page has two above. */
export function Markdown({ text }: { text: string }) {
  return <div class="markdown">{blocksOf(text).map(draw)}</div>;
}

type Block =
  | { kind: "paragraph"; lines: string[] }
  | { kind: "heading"; level: number; lines: string[] }
  | { kind: "code"; lines: string[] }
  | { kind: "list"; isOrdered: boolean; items: string[][] };

const FENCE = /^ {0,3}```/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(\S.*)$/;
const ITEM = /^ {0,6}(?:([-*+])|\d{1,9}[.)])[ \t]+(\S.*)$/;

/** Line by line; each belongs to the block before it or begins one. */
function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  const begin = (block: Block): void => void blocks.push((open = block));
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (open?.kind === "code") {
      if (FENCE.test(line)) open = undefined;
      else open.lines.push(line);
      continue;
    }
    const heading = HEADING.exec(line);
    const item = ITEM.exec(line);
    if (line.trim() === "") open = undefined;
    else if (FENCE.test(line)) begin({ kind: "code", lines: [] });
    else if (heading) {
      begin({ kind: "heading", level: heading[1]!.length, lines: [heading[2]!] });
      open = undefined;
    } else if (item) {
      const isOrdered = item[1] === undefined;
      if (open?.kind !== "list" || open.isOrdered !== isOrdered) {
        begin({ kind: "list", isOrdered, items: [] });
      }
      // SAFETY: begun, or found to be a list, by the lines above.
      (open as Block & { kind: "list" }).items.push([item[2]!]);
    } else if (open?.kind === "list") open.items.at(-1)!.push(line.trim());
    else if (open?.kind === "paragraph") open.lines.push(line.trim());
    else begin({ kind: "paragraph", lines: [line.trim()] });
  }
  return blocks;
}

function draw(block: Block): Child {
  switch (block.kind) {
    case "paragraph":
      return <p dir="auto">{inlineMarkdown(block.lines.join("\n"))}</p>;
    case "heading": {
      const Heading = block.level === 1 ? "h3" : block.level === 2 ? "h4" : "h5";
      return <Heading dir="auto">{inlineMarkdown(block.lines.join("\n"))}</Heading>;
    }
    case "code":
      return (
        <pre tabindex={0}>
          <code>{block.lines.join("\n")}</code>
        </pre>
      );
    case "list": {
      const List = block.isOrdered ? "ol" : "ul";
      return (
        <List>
          {block.items.map((lines) => (
            <li dir="auto">{inlineMarkdown(lines.join("\n"))}</li>
          ))}
        </List>
      );
    }
    default:
      return block satisfies never;
  }
}
