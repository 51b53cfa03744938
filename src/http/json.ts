/**
 * JSON in, to the letter. Numbers that JavaScript would round or respell (2^53 + 1, 1e400, 1.0) stay
 * as they were written: the reviver keeps their source as a raw value, which `JSON.stringify` writes
 * back unchanged (TC39 "JSON.parse source text access", in workerd since V8 11.4).
 */
import { LIMITS } from "../../client/src/protocol.ts";
import { invalid, Refusal } from "./errors.ts";

declare global {
  interface JSON {
    rawJSON(text: string): unknown;
  }
}

/** Only these can be respelt: many digits, a fraction, an exponent, a minus before a zero. */
const RISKY_NUMBER = /\d{16}|\d[.eE]|-0/;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** The JSON body of a request, within the size limit, sent as JSON. */
export async function readJson(request: Request): Promise<unknown> {
  const mediaType = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (mediaType !== "application/json" && !mediaType.endsWith("+json")) {
    throw new Refusal(
      "unsupported_media_type",
      `The body must be application/json, not ${mediaType === "" ? "untyped" : mediaType}`,
      { field: "content-type", headers: { accept: "application/json" } },
    );
  }
  return parseJson(await readText(request));
}

export function parseJson(text: string): unknown {
  try {
    return RISKY_NUMBER.test(text) ? JSON.parse(text, keepSource as never) : JSON.parse(text);
  } catch (error) {
    const reason = error instanceof RangeError ? "it is nested too deep" : String(error);
    throw invalid("body", `The body is not JSON: ${reason}`);
  }
}

/** Any JSON value back to text. */
export function jsonText(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, null, indent);
  } catch {
    throw invalid("body", "The body is nested too deep"); // The stack ends near 5,000 levels.
  }
}

function keepSource(_key: string, value: unknown, context: { source: string }): unknown {
  if (typeof value !== "number" || String(value) === context.source) return value;
  return JSON.rawJSON(context.source);
}

async function readText(request: Request): Promise<string> {
  const announced = request.headers.get("content-length");
  if (Number(announced) > LIMITS.bodyBytesMax) throw tooLarge();
  // Chunk by chunk costs as much as the rest of a settle, so only where the size is not known.
  const bytes =
    announced === null
      ? await readBytes(request.body)
      : new Uint8Array(await request.arrayBuffer());
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw invalid("body", "The body is not valid UTF-8");
  }
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

function tooLarge(): Refusal {
  return new Refusal("too_large", `The body may have ${LIMITS.bodyBytesMax} bytes at most`, {
    field: "body",
  });
}
