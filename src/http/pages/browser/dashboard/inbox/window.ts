/**
 * Which rows of a long list are in sight, and how far to scroll to have one in sight. Pure: a handful
 * of lengths in, a handful out. Rows in chunks, so that most scrolling changes nothing.
 */

/** Rows above and below that are there before they are seen. */
const SPARE = 12;
const CHUNK = 8;

export interface Sight {
  scrollTop: number;
  height: number;
  rowHeight: number;
  count: number;
}

/** From `first`, up to `end` without it. */
export function rowsInSight({ scrollTop, height, rowHeight, count }: Sight): {
  first: number;
  end: number;
} {
  const top = Math.max(0, Math.floor(scrollTop / rowHeight) - SPARE);
  const bottom = Math.ceil((scrollTop + height) / rowHeight) + SPARE;
  const first = Math.min(Math.floor(top / CHUNK) * CHUNK, count);
  const end = Math.min(Math.ceil(bottom / CHUNK) * CHUNK, count);
  return { first, end: Math.max(first, end) };
}

/** Where to scroll so that the row is whole in sight, moving as little as possible. */
export function scrollTopFor(index: number, { scrollTop, height, rowHeight }: Sight): number {
  const top = index * rowHeight;
  if (top < scrollTop) return top;
  const bottom = top + rowHeight;
  return bottom > scrollTop + height ? bottom - height : scrollTop;
}
