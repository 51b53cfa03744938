/**
 * Lines of JSON out of bytes that come in pieces, each with the place in the whole where it ends. Pure
 * but for the reading; a line that is too long is passed over and counted.
 */
export interface Line {
  /** From 1; empty lines count, and are left out. */
  number: number;
  /** `undefined`: too long. */
  text: string | undefined;
  /** How many bytes there are up to its end, its line break too. */
  endsAt: number;
}

const LINE_FEED = 10;

/** @param from where the bytes begin in the whole */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
  from: { number: number; endsAt: number } = { number: 0, endsAt: 0 },
): AsyncGenerator<Line, void, undefined> {
  let { number, endsAt } = from;
  let parts: Uint8Array[] = [];
  let bytes = 0;
  const add = (part: Uint8Array) => {
    bytes += part.byteLength;
    if (bytes > bytesMax) parts = [];
    else if (part.byteLength > 0) parts.push(part);
  };
  const taken = (): Line | undefined => {
    const text = bytes > bytesMax ? undefined : Buffer.concat(parts).toString("utf8");
    parts = [];
    bytes = 0;
    return text?.trim() === "" ? undefined : { number, text, endsAt };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      add(chunk.subarray(start, end));
      endsAt += end - start + 1;
      start = end + 1;
      number += 1;
      const line = taken();
      if (line) yield line;
    }
    add(chunk.subarray(start));
    endsAt += chunk.byteLength - start;
  }
  if (bytes === 0) return;
  number += 1;
  const last = taken();
  if (last) yield last;
}
