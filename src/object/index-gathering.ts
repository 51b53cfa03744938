/**
 * What the objects of one isolate have to say to the index, said together: a shard that is told of
 * fifty promises at once writes one transaction instead of fifty, and is called once. One object
 * speaks for all; the others go their way.
 *
 * Only values are shared between objects, never a promise: one that an object awaits would hang when
 * the other is evicted. Should the speaker end in the middle, whoever has something to say next goes on.
 */
import { readConfig, type Env } from "../env.ts";
import { logFailure } from "../log.ts";
import { indexShardOf, shardName } from "../machine/ids.ts";
import type { IndexEntry } from "../machine/index-entry.ts";

/** How long a new promise is not told of, at least: many are settled by then. */
export const UNTOLD_MS = 1000;
/** Those born in one such stretch are told of together: a shard writes them in one transaction. */
export const TOGETHER_MS = 250;
/** So long it waits for others to join, twice; and again, while so many come. */
const GATHER_MS = 25;
const MANY = 16;
const GATHER_MS_MAX = 200;
/** By then most have been heard who began to wait with it. */
const HEARD_MS = 80;
/** A speaker that is so late with its next sign of life is not there any more. */
const LATE_MS = 1000;
/** What cannot be told is tried again, up to a minute; then whoever owes it does, or the index asks. */
const AGAIN_MS = 250;
/** A shard may have to start, and write many entries, before it answers. */
const TELLING_MS_MAX = 5000;
const TRIES_MAX = 9;
/** Whoever has waited so often says it alone. */
const WAITS_MAX = 25;
/** What was not heard is said again with what comes later; more than that would fill the memory. */
const UNHEARD_MAX = 10_000;
/** Of one call, and of one transaction. */
const AT_ONCE = 500;

/** Something said, and whether it was heard. */
export interface Said {
  entry: IndexEntry;
  isHeard: boolean;
  hasFailed: boolean;
}

/** A shard that was not told is left alone for a while, longer each time; in `AGAIN_MS`. */
interface Rest {
  tries: number;
  left: number;
}

/** By id: of what is said of one id only the last matters. */
const waiting = new Map<string, Said>();
/** When the speaker's next sign of life is late. */
let spokenUntil = 0;

/** When an alarm tells of a birth. */
export function birthToldAt(bornAt: number): number {
  return Math.ceil((bornAt + UNTOLD_MS) / TOGETHER_MS) * TOGETHER_MS;
}

/** Returns at once. @param waitUntil of who says it, and may have to speak for all */
export function say(
  env: Env,
  entry: IndexEntry,
  waitUntil: (speaking: Promise<void>) => void,
): Said {
  const said = { entry, isHeard: false, hasFailed: false };
  waiting.set(keyOf(entry), said);
  if (!isSpoken()) waitUntil(speak(env));
  return said;
}

/** Resolves when it was heard. @throws when it could not be told */
export async function heard(env: Env, said: Said): Promise<void> {
  for (let waits = 0; !said.isHeard; waits += 1) {
    if (said.hasFailed) throw new Error(`the index was not told of ${keyOf(said.entry)}`);
    // Another of the same id has taken its place, which is newer.
    if (waiting.get(keyOf(said.entry)) !== said) return;
    if (isSpoken() && waits < WAITS_MAX) await scheduler.wait(HEARD_MS);
    // For itself alone: who speaks for all may never come to an end.
    else if (!(await tell(env, shardOf(env, said), [said]))) said.hasFailed = true;
  }
}

function isSpoken(): boolean {
  return Date.now() < spokenUntil;
}

/** For all who wait, whoever they are, until nobody does. */
async function speak(env: Env): Promise<void> {
  const resting = new Map<string, Rest>();
  try {
    while (isAwaited()) {
      spokenUntil = Date.now() + Math.max(GATHER_MS_MAX, AGAIN_MS) + LATE_MS;
      // While a shard rests there is always something to look through.
      await (resting.size > 0 ? scheduler.wait(AGAIN_MS) : gather());
      spokenUntil = Date.now() + TELLING_MS_MAX;
      await tellAll(env, resting);
      forgetOldest();
    }
  } finally {
    spokenUntil = 0;
  }
}

/** By somebody who has not been told that it failed. */
function isAwaited(): boolean {
  for (const { hasFailed } of waiting.values()) if (!hasFailed) return true;
  return false;
}

function forgetOldest(): void {
  let tooMany = waiting.size - UNHEARD_MAX;
  for (const [key, { hasFailed }] of waiting) {
    if (tooMany <= 0) return;
    if (!hasFailed) continue;
    waiting.delete(key);
    tooMany -= 1;
  }
}

/** The busier it is, the more is said at once: each transaction of a shard holds everybody up. */
async function gather(): Promise<void> {
  const until = Date.now() + GATHER_MS_MAX;
  await scheduler.wait(GATHER_MS);
  let before: number;
  do {
    before = waiting.size;
    await scheduler.wait(GATHER_MS);
  } while (waiting.size - before >= MANY && Date.now() < until);
}

/** Each shard that does not rest. One that does not hear holds up no other. */
async function tellAll(env: Env, resting: Map<string, Rest>): Promise<void> {
  for (const rest of resting.values()) rest.left -= 1;
  const shards = new Map<string, Said[]>();
  for (const said of waiting.values()) {
    const shard = shardOf(env, said);
    if ((resting.get(shard)?.left ?? 0) > 0) continue;
    const same = shards.get(shard);
    if (!same) shards.set(shard, [said]);
    else if (same.length < AT_ONCE) same.push(said);
  }
  const telling = Array.from(shards, async ([shard, said]) => {
    if (await tell(env, shard, said)) return void resting.delete(shard);
    const tries = ((resting.get(shard)?.tries ?? 0) % TRIES_MAX) + 1;
    resting.set(shard, { tries, left: 2 ** (tries - 1) });
    if (tries < TRIES_MAX) return;
    for (const one of waiting.values()) if (shardOf(env, one) === shard) one.hasFailed = true;
  });
  await Promise.all(telling);
}

function shardOf(env: Env, { entry }: Said): string {
  return shardName(indexShardOf(entry.id, readConfig(env).indexShards));
}

async function tell(env: Env, shard: string, told: Said[]): Promise<boolean> {
  try {
    await env.INDEX.getByName(shard).put(told.map(({ entry }) => entry));
  } catch (error) {
    logFailure("a shard of the index was not told", error, { shard, entries: told.length });
    return false;
  }
  for (const said of told) {
    said.isHeard = true;
    const key = keyOf(said.entry);
    if (waiting.get(key) === said) waiting.delete(key);
  }
  return true;
}

function keyOf(entry: IndexEntry): string {
  return `${entry.kind === "removed" ? entry.of : entry.kind} ${entry.id}`;
}
