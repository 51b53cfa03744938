/**
 * JSON as text, to the letter: what is shown is cut out of the answer and indented, never parsed, so
 * that `12345678901234567890` and `1.0` stay what they are. Without recursion: how deep it goes is the
 * sender's choice. Only for text that a parser has taken before: nothing is checked here.
 */

export type TokenKind = "key" | "string" | "number" | "word" | "mark";

export interface Token {
  kind: TokenKind;
  text: string;
}

export interface Line {
  depth: number;
  tokens: Token[];
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/gy;
const SPACE = /\s*/y;

/**
 * The text of the value at a path of member names.
 *
 * @returns `undefined` when there is no such value; of doubled names the last, as parsers have it
 * @example textAt('{"value":{"data":1.0}}', ["value", "data"]) // "1.0"
 */
export function textAt(text: string, path: readonly string[]): string | undefined {
  let start = skipSpace(text, 0);
  let end = text.length;
  for (const name of path) {
    const found = text[start] === "{" ? memberOf(text, start, name) : undefined;
    if (!found) return undefined;
    [start, end] = found;
  }
  return text.slice(start, end).trimEnd();
}

/** Indented lines of tokens; at most so many of them. */
export function linesOf(text: string, linesMax = Number.POSITIVE_INFINITY): Line[] {
  const tokens = tokensOf(text);
  const lines: Line[] = [];
  let depth = 0;
  let line: Line = { depth, tokens: [] };
  const endLine = () => {
    if (line.tokens.length > 0) lines.push(line);
    line = { depth, tokens: [] };
  };
  // As far as it is shown: the rest of a megabyte is not looked at.
  let token = tokens.next().value;
  while (token && lines.length < linesMax) {
    let next = tokens.next().value;
    if (token.text === "{" || token.text === "[") {
      line.tokens.push(token);
      if (next?.text === "}" || next?.text === "]") {
        // Nothing between them stays on one line.
        line.tokens.push(next);
        next = tokens.next().value;
      } else {
        depth += 1;
        endLine();
      }
    } else if (token.text === "}" || token.text === "]") {
      depth -= 1;
      endLine();
      line.tokens.push(token);
    } else if (token.text === ",") {
      line.tokens.push(token);
      endLine();
    } else if (token.text === ":") line.tokens.push({ kind: "mark", text: ": " });
    else line.tokens.push(next?.text === ":" ? { ...token, kind: "key" } : token);
    token = next;
  }
  if (lines.length < linesMax) endLine();
  return lines;
}

/** The same as one text, for an editor or the clipboard. */
export function prettyText(text: string): string {
  return linesOf(text)
    .map(({ depth, tokens }) => "  ".repeat(depth) + tokens.map(({ text }) => text).join(""))
    .join("\n");
}

function* tokensOf(text: string): Generator<Token, undefined> {
  let at = skipSpace(text, 0);
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const [token] = TOKEN.exec(text) ?? [];
    if (token === undefined) {
      // What is no JSON is shown as it stands.
      yield { kind: "word", text: text.slice(at) };
      return undefined;
    }
    yield { kind: kindOf(token), text: token };
    at = skipSpace(text, at + token.length);
  }
  return undefined;
}

function kindOf(token: string): TokenKind {
  if (token.startsWith('"')) return "string";
  if (/^[{}[\],:]$/.test(token)) return "mark";
  return /^-?\d/.test(token) ? "number" : "word";
}

function memberOf(text: string, open: number, name: string): [number, number] | undefined {
  let found: [number, number] | undefined;
  let at = skipSpace(text, open + 1);
  while (at < text.length && text[at] !== "}") {
    const nameEnd = skipString(text, at);
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, start);
    if (JSON.parse(text.slice(at, nameEnd)) === name) found = [start, end];
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return found;
}

function skipValue(text: string, from: number): number {
  let at = from;
  let depth = 0;
  do {
    const character = text[at]!;
    if (character === '"') at = skipString(text, at);
    else {
      if (character === "{" || character === "[") depth += 1;
      if (character === "}" || character === "]") depth -= 1;
      at += 1;
    }
  } while (at < text.length && (depth > 0 || !isEnd(text, at, from)));
  return at;
}

/** A string, an object or a list ends by itself; a number or a word before one of these. */
function isEnd(text: string, at: number, from: number): boolean {
  return '"{['.includes(text[from]!) || ",]} \n\r\t".includes(text[at]!);
}

function skipString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

function skipSpace(text: string, from: number): number {
  SPACE.lastIndex = from;
  SPACE.exec(text);
  return SPACE.lastIndex;
}
