/**
 * Lines of JSON, out of a body that is never whole in memory. A line that is too long is passed over,
 * and so is what is no UTF-8: who reads them is told so by the number of the line.
 */
export const NDJSON = "application/x-ndjson";

/** In use for the same. */
const MEDIA_TYPES = new Set([NDJSON, "application/ndjson", "application/jsonl"]);

export interface Line {
  /** From 1; empty lines count, and are left out. */
  number: number;
  /** `undefined`: too long, or not UTF-8. */
  text: string | undefined;
}

const LINE_FEED = 10;

export function isNdjson(mediaType: string): boolean {
  return MEDIA_TYPES.has(mediaType);
}

/** @param bytesMax of one line */
export async function* linesOf(
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<Line> {
  let number = 0;
  let begun = new Gathered(bytesMax);
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      begun.add(chunk.subarray(start, end));
      start = end + 1;
      number += 1;
      yield* begun.line(number);
      begun = new Gathered(bytesMax);
    }
    begun.add(chunk.subarray(start));
  }
  yield* begun.line(number + 1);
}

/** A line that is still coming. */
class Gathered {
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is too much is counted and not kept. */
  add(part: Uint8Array): void {
    this.#bytes += part.byteLength;
    if (this.#bytes > this.#bytesMax) this.#parts = [];
    else if (part.byteLength > 0) this.#parts.push(part);
  }

  *line(number: number): Generator<Line> {
    const text = this.#text();
    if (text === undefined || text.trim() !== "") yield { number, text };
  }

  #text(): string | undefined {
    if (this.#bytes > this.#bytesMax) return undefined;
    try {
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
      const parts = this.#parts.map((part) => decoder.decode(part, { stream: true }));
      return parts.join("") + decoder.decode();
    } catch {
      return undefined;
    }
  }
}
