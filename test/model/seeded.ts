// Chance that can be had again: one number is the seed of a whole run.

export interface Random {
  chance(share: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** Mulberry32: its period is plenty here, and its seed is one number that is easily retyped. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    chance: (share) => next() < share,
    // SAFETY: `next` is below 1 and no list here is empty, so the index is always within.
    pick: <T>(from: readonly T[]) => from[Math.floor(next() * from.length)] as T,
  };
}
