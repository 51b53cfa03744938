/**
 * What stands within a line of Markdown: code, emphasis, links. One pass with a stack of what is
 * open, each kind at most once, so that what is never closed is given back as text after a constant
 * number of moves. Linear in the text, however hostile; refuses every address but http, https, mailto.
 */
import type { Child } from "hono/jsx";

type Kind = "strong" | "em" | "link";

interface Open {
  kind: Kind | "root";
  /** What opened it: given back as text when nothing closes it. */
  mark: string;
  children: Child[];
}

export function inlineMarkdown(text: string): Child[] {
  const root: Open = { kind: "root", mark: "", children: [] };
  const stack = [root];
  const lastRuns = lastBackticks(text);
  let at = 0;
  let plain = "";

  const top = (): Open => stack.at(-1)!;
  const isOpen = (kind: Kind, mark: string): boolean =>
    stack.some((open) => open.kind === kind && open.mark === mark);

  function flush(): void {
    if (plain !== "") top().children.push(plain);
    plain = "";
  }

  function begin(kind: Kind, mark: string): void {
    flush();
    stack.push({ kind, mark, children: [] });
    at += mark.length;
  }

  /** Takes the innermost of a kind off the stack; what was opened within it becomes text again. */
  function end(kind: Kind, mark: string): Child[] {
    flush();
    while (top().kind !== kind || top().mark !== mark) unwrap();
    return stack.pop()!.children;
  }

  function unwrap(): void {
    const { mark, children } = stack.pop()!;
    top().children.push(mark);
    for (const child of children) top().children.push(child);
  }

  /** Strong and emphasis: closes what is open, opens before a word, is text otherwise. */
  function emphasis(kind: "strong" | "em", mark: string): void {
    const before = text[at - 1] ?? " ";
    const after = text[at + mark.length] ?? " ";
    // `snake_case_names` are no emphasis.
    const isWithinWord =
      mark.startsWith("_") && /[\p{L}\p{N}]/u.test(before) && /[\p{L}\p{N}]/u.test(after);
    if (!isWithinWord && isOpen(kind, mark) && !/\s/.test(before)) {
      const children = end(kind, mark);
      at += mark.length;
      top().children.push(kind === "em" ? <em>{children}</em> : <strong>{children}</strong>);
    } else if (!isWithinWord && !isOpen(kind, mark) && !/\s/.test(after)) {
      begin(kind, mark);
    } else {
      plain += mark;
      at += mark.length;
    }
  }

  function code(): void {
    const [run] = /`+/y.exec(text.slice(at, at + BACKTICKS_MAX))!;
    const from = at + run.length;
    // Known not to be there: without this, many unequal runs would each search to the end.
    const isClosed = (lastRuns.get(run.length) ?? -1) >= from;
    const to = isClosed ? nextRun(text, run, from) : -1;
    if (to === -1) {
      plain += run;
      at = from;
      return;
    }
    flush();
    top().children.push(<code>{text.slice(from, to).trim()}</code>);
    at = to + run.length;
  }

  function link(): void {
    ADDRESS.lastIndex = at;
    const [whole, url = ""] = ADDRESS.exec(text) ?? [];
    if (whole !== undefined && isSafe(url) && isOpen("link", "[")) {
      const children = end("link", "[");
      at += whole.length;
      top().children.push(
        <a href={url} rel="noopener noreferrer nofollow">
          {children}
        </a>,
      );
      return;
    }
    // No link after all: `[1]`, or an address that nobody should follow. All of it is text.
    flush();
    while (isOpen("link", "[")) unwrap();
    plain = whole ?? "]";
    at += plain.length;
  }

  while (at < text.length) {
    const here = text[at]!;
    const two = text.slice(at, at + 2);
    if (here === "\\" && /[!-/:-@[-`{-~]/.test(two[1] ?? "")) {
      plain += two[1];
      at += 2;
    } else if (here === "`") code();
    // Of `***` after an emphasis within a strong, the first sign closes the emphasis.
    else if (two === "**" && text[at + 2] === "*" && top().mark === "*") emphasis("em", "*");
    else if (two === "**" || two === "__") emphasis("strong", two);
    else if (here === "*" || here === "_") emphasis("em", here);
    else if (here === "[" && !isOpen("link", "[")) begin("link", "[");
    else if (here === "]") link();
    else {
      plain += here;
      at += 1;
    }
  }
  flush();
  while (stack.length > 1) unwrap();
  return root.children;
}

/** `](address)`; an address has neither spaces nor brackets, so that a search ends at the next one. */
const ADDRESS = /\]\(([^\s()<>[\]]{1,2000})\)/y;

const BACKTICKS_MAX = 10;

/** The scheme is all that decides what a browser does with an address. */
export function isSafe(url: string): boolean {
  return /^(?:https?:\/\/|mailto:)[^\s\p{Cc}]+$/iu.test(url) && URL.canParse(url);
}

/** Where the last run of backticks of each length begins. */
function lastBackticks(text: string): Map<number, number> {
  const runs = new Map<number, number>();
  for (const { 0: run, index } of text.matchAll(/`+/g)) runs.set(run.length, index);
  return runs;
}

/** The next run of exactly this length. The search is paid for: what it passes is then code. */
function nextRun(text: string, run: string, from: number): number {
  const runs = /`+/g;
  runs.lastIndex = from;
  for (let next = runs.exec(text); next; next = runs.exec(text)) {
    if (next[0].length === run.length) return next.index;
  }
  return -1;
}
