/**
 * JSON in, to the letter. What we look at is parsed; `data`, which is not ours to read, is cut out of
 * the body as it was written, so that big numbers, spaces, escapes and doubled keys stay.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import { invalid, Refusal } from "./errors.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** A body, read twice: as values to be checked, as text to be kept. */
export interface Body {
  text: string;
  value: unknown;
}

/** The JSON body of a request, within the size limit, sent as JSON. */
export async function readJson(request: Request): Promise<Body> {
  const mediaType = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (mediaType !== "application/json" && !mediaType.endsWith("+json")) {
    throw new Refusal(
      "unsupported_media_type",
      `The body must be application/json, not ${mediaType === "" ? "untyped" : mediaType}`,
      { field: "content-type", headers: { accept: "application/json" } },
    );
  }
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new Refusal("unsupported_media_type", "The body must not be compressed", {
      field: "content-encoding",
    });
  }
  const text = await readText(request);
  try {
    return { text, value: JSON.parse(text) };
  } catch (error) {
    throw invalid("body", `The body is not JSON: ${(error as Error).message}`);
  }
}

/**
 * The text of the value at `path`, as it was written.
 *
 * @param text JSON that has been parsed before: nothing is checked again
 * @returns `undefined` when there is no such value; of doubled keys the last, as `JSON.parse` has it
 * @example textAt('{"a": {"b": [1.0]}}', ["a", "b", "0"]) // "1.0"
 */
export function textAt(text: string, path: string[]): string | undefined {
  let start = skipSpace(text, 0);
  let end = path.length === 0 ? skipValue(text, start) : start;
  for (const key of path) {
    const found =
      text[start] === "{"
        ? memberOf(text, start, key)
        : text[start] === "["
          ? itemOf(text, start, /^(?:0|[1-9]\d*)$/.test(key) ? Number(key) : -1)
          : undefined;
    if (!found) return undefined;
    [start, end] = found;
  }
  return text.slice(start, end);
}

/** Where the last member named `key` of the object at `open` begins and ends. */
function memberOf(text: string, open: number, key: string): [number, number] | undefined {
  let found: [number, number] | undefined;
  let at = skipSpace(text, open + 1);
  while (text[at] !== "}") {
    const nameEnd = skipString(text, at);
    const name: unknown = JSON.parse(text.slice(at, nameEnd));
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, start);
    if (name === key) found = [start, end];
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return found;
}

/** Where the item of the list at `open` with that index begins and ends. */
function itemOf(text: string, open: number, index: number): [number, number] | undefined {
  let at = skipSpace(text, open + 1);
  for (let item = 0; text[at] !== "]"; item += 1) {
    const end = skipValue(text, at);
    if (item === index) return [at, end];
    const after = skipSpace(text, end);
    at = text[after] === "," ? skipSpace(text, after + 1) : after;
  }
  return undefined;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at += 1;
  return at;
}

function skipString(text: string, from: number): number {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** No recursion: how deep it goes is the sender's choice. */
function skipValue(text: string, from: number): number {
  let at = from;
  let depth = 0;
  do {
    const character = text[at];
    if (character === '"') {
      at = skipString(text, at);
      continue;
    }
    if (character === "{" || character === "[") {
      depth += 1;
      if (depth > LIMITS.dataDepthMax) throw tooDeep();
    } else if (character === "}" || character === "]") depth -= 1;
    at += 1;
  } while (at < text.length && (depth > 0 || !isEndOfValue(text, at, from)));
  return at;
}

/** A string, an object or a list has ended by itself; a number or a word ends before one of these. */
function isEndOfValue(text: string, at: number, from: number): boolean {
  return '"{['.includes(text[from]!) || ",]} \n\r\t".includes(text[at]!);
}

async function readText(request: Request): Promise<string> {
  try {
    return strictUtf8.decode(await readBody(request));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw invalid("body", "The body is not valid UTF-8");
  }
}

/** The body as it came, within the size limit. */
export async function readBody(request: Request): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (Number(announced) > LIMITS.bodyBytesMax) throw tooLarge();
  // Chunk by chunk costs as much as the rest of a settle, so only where the size is not known.
  if (announced === null) return readBytes(request.body);
  return new Uint8Array(await request.arrayBuffer());
}

/** Stops at the limit: a body without a length could go on for ever. */
async function readBytes(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  if (!body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > LIMITS.bodyBytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

function tooDeep(): Refusal {
  return invalid("body", `The body may be nested ${LIMITS.dataDepthMax} levels deep at most`);
}

function tooLarge(): Refusal {
  return new Refusal("too_large", `The body may have ${LIMITS.bodyBytesMax} bytes at most`, {
    field: "body",
  });
}
