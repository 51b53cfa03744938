/**
 * Rows as a table: columns as wide as what stands in them, and no wider in all than the terminal. In
 * a pipe nothing is cut. Pure.
 */
export interface Column {
  title: string;
  /** Gives up room where there is too little, and is cut there: an id differs at both of its ends. */
  shrinks?: "middle" | "end";
}

const GAP = 2;
const SHRUNK_MIN = 12;

/**
 * @param paint colours a cell that has its width already; -1 is the row of the titles
 * @param widthMax `Infinity`: nothing is cut
 * @returns the lines, the titles first
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  widthMax: number,
  paint: (text: string, row: number, column: number) => string = (text) => text,
): string[] {
  const widths = columns.map(({ title }, index) =>
    rows.reduce((width, row) => Math.max(width, widthOf(row[index] ?? "")), widthOf(title)),
  );
  shrink(columns, widths, widthMax);
  const lineOf = (cells: readonly string[], row: number) => {
    const last = columns.length - 1;
    return columns
      .map((_, index) => {
        const width = widths[index]!;
        const cell = cut(cells[index] ?? "", width, columns[index]!.shrinks === "middle");
        const room = index === last ? "" : " ".repeat(width - widthOf(cell) + GAP);
        return paint(cell, row, index) + room;
      })
      .join("")
      .trimEnd();
  };
  const titles = columns.map(({ title }) => title);
  return [lineOf(titles, -1), ...rows.map((row, index) => lineOf(row, index))];
}

function shrink(columns: readonly Column[], widths: number[], widthMax: number): void {
  const total = () => widths.reduce((sum, width) => sum + width, 0) + GAP * (widths.length - 1);
  // The last column first: it is what one can do without.
  const order = columns
    .map((column, index) => ({ index, shrinks: column.shrinks !== undefined }))
    .toReversed()
    .filter(({ shrinks, index }) => shrinks || index === columns.length - 1);
  for (const { index } of order) {
    const over = total() - widthMax;
    if (over <= 0) return;
    widths[index] = Math.max(Math.min(widths[index]!, SHRUNK_MIN), widths[index]! - over);
  }
}

const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}|[\u{20000}-\u{3FFFD}]/u;
const segments = new Intl.Segmenter();

/** How many columns of a terminal a text takes (Unicode TR11, the usual approximation). */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segments.segment(text)) {
    if (!/^\p{M}+$/u.test(segment)) width += WIDE.test(segment) ? 2 : 1;
  }
  return width;
}

/** A text of at most so many columns; what is left out shows as `…`. */
export function cut(text: string, width: number, inTheMiddle = false): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return "";
  const parts = Array.from(segments.segment(text), ({ segment }) => segment);
  const tailRoom = inTheMiddle ? Math.floor((width - 1) / 2) : 0;
  const tail = taken(parts.toReversed(), tailRoom).toReversed().join("");
  const head = taken(parts, width - 1 - widthOf(tail)).join("");
  return `${head}…${tail}`;
}

function taken(parts: readonly string[], room: number): string[] {
  let left = room;
  const end = parts.findIndex((part) => (left -= widthOf(part)) < 0);
  return parts.slice(0, end === -1 ? parts.length : end);
}
