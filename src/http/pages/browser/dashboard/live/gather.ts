/** The first of a list that may be long, and whether there is more of it. */

export async function gather<T>(
  list: AsyncIterable<T>,
  max: number,
): Promise<{ items: T[]; hasMore: boolean }> {
  const items: T[] = [];
  for await (const item of list) {
    if (items.length >= max) return { items, hasMore: true };
    items.push(item);
  }
  return { items, hasMore: false };
}
