/**
 * Ids as the index sees them: which shard has one, in which order they come, which begin alike. Ids are
 * in the order of their code points, which is the byte order of UTF-8 and so the order of SQLite;
 * JavaScript's own is another beyond U+FFFF.
 */

/**
 * FNV-1a over the UTF-16 units, stirred (Murmur3's last step), for its low bits know only the low
 * bits of the id. Must never change: entries would stay behind on shards that nobody asks for them.
 */
export function indexShardOf(id: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) {
    hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % shards;
}

/** The number of shards is not in it: after a change the old ones must be found, to refuse. */
export function shardName(shard: number): string {
  return `shard-${shard}`;
}

export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const difference = rank(a.charCodeAt(at)) - rank(b.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The least id that is greater than all with this prefix; `undefined` when there is none. */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  // Between U+D7FF and U+E000 are the surrogates, which no id has alone.
  return last === undefined
    ? undefined
    : String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}

/** Whether an id is as a pattern says, in which each `*` stands for any text, also none. */
export function idFits(id: string, pattern: string): boolean {
  const pieces = pattern.split("*");
  const first = pieces.shift() ?? "";
  const last = pieces.pop();
  if (last === undefined) return id === pattern;
  if (!id.startsWith(first)) return false;
  let at = first.length;
  for (const piece of pieces) {
    const found = id.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return id.length - last.length >= at && id.endsWith(last);
}

/** A surrogate is half of a code point beyond all others. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Only the last character of such a pattern is special: what a key may is written like that. */
export function covers(pattern: string, id: string): boolean {
  return pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}
