/**
 * What the objects of one isolate have to say to the index, said together: a shard that is told of
 * fifty promises at once writes one transaction instead of fifty, and is called once.
 *
 * Only values are shared between objects, never a promise: one that an object awaits would hang when
 * the other is evicted. So each looks for itself whether it was heard, and one of them speaks; should
 * that one end in the middle, another takes over.
 */
import { readConfig, type Env } from "../env.ts";
import type { IndexEntry } from "../machine/index-entry.ts";
import { indexShardOf, shardName } from "../machine/query.ts";

/** So long it waits for others to join: a create and its settle are often within it. */
const GATHER_MS = 50;
/** Who speaks for longer than this is not there any more. */
const SPEAKING_MS = 5000;

type Fate = { is: "waiting" | "said" | "heard" | "failed"; entry: IndexEntry };

const fates = new Map<string, Fate>();
let speakingUntil = 0;

/** Resolves when the index has it. @throws when it could not be told */
export async function gathered(env: Env, entry: IndexEntry): Promise<void> {
  const key = `${entry.kind === "removed" ? entry.of : entry.kind} ${entry.id}`;
  const fate: Fate = { is: "waiting", entry };
  fates.set(key, fate);
  try {
    while (fate.is === "waiting" || fate.is === "said") {
      if (Date.now() < speakingUntil) await scheduler.wait(GATHER_MS);
      else await speak(env);
    }
  } finally {
    if (fates.get(key) === fate) fates.delete(key);
  }
  if (fate.is === "failed") throw new Error(`the index was not told of ${key}`);
}

/** For all who wait, whoever they are. */
async function speak(env: Env): Promise<void> {
  speakingUntil = Date.now() + SPEAKING_MS;
  try {
    await scheduler.wait(GATHER_MS);
    const shards = new Map<string, Fate[]>();
    for (const fate of fates.values()) {
      // One that was said by who is gone may have been heard: it is said again, which changes nothing.
      if (fate.is !== "waiting" && fate.is !== "said") continue;
      fate.is = "said";
      const name = shardName(indexShardOf(fate.entry.id, readConfig(env).indexShards));
      shards.set(name, [...(shards.get(name) ?? []), fate]);
    }
    await Promise.all(Array.from(shards, ([name, said]) => tell(env, name, said)));
  } finally {
    speakingUntil = 0;
  }
}

async function tell(env: Env, shard: string, said: Fate[]): Promise<void> {
  try {
    await env.INDEX.getByName(shard).put(said.map(({ entry }) => entry));
    for (const fate of said) fate.is = "heard";
  } catch (error) {
    console.error(error);
    for (const fate of said) fate.is = "failed";
  }
}
