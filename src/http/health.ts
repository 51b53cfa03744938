/**
 * `GET /health`: the process answers, with settings that make sense. `GET /ready`: it can serve, for
 * what every call needs answers: the settings, a promise's object, the index, the keys.
 *
 * Open to all, so it names the part that is missing and nothing of what is in it. Whoever asks often
 * gets what was found a moment ago: nobody may make the objects work by asking.
 */
import { readConfig, type Env } from "../env.ts";
import { logFailure } from "../log.ts";
import { isGuarded } from "./auth.ts";
import { allKeys } from "./auth-keys.ts";
import type { C } from "./edge.ts";
import { Refusal } from "./errors.ts";
import { refuseQuery } from "./parse.ts";
import { decoyName } from "./permission.ts";
import { allShards } from "./search.ts";

const PARTS = ["settings", "promises", "index", "keys"] as const;
type Part = (typeof PARTS)[number];

/** Far more than a call to an object takes that is awake or not. */
const PATIENCE_MS = 3000;
const BELIEVED_MS = 1000;

const findings = new WeakMap<Env, { at: number; missing: Part[] }>();
let asked = 0;

export function health(c: C): Response {
  readConfig(c.env);
  return c.json({ status: "ok" });
}

export async function ready(c: C): Promise<Response> {
  refuseQuery(c.req.url);
  const missing = await foundLately(c.env, Date.now());
  const headers = { "cache-control": "no-store" };
  if (missing.length === 0) return c.json({ status: "ready" }, 200, headers);
  throw new Refusal("unavailable", `Not ready: ${missing.join(", ")}`, { headers });
}

/** What was found, not the finding out: that ends with the request which it belongs to. */
async function foundLately(env: Env, now: number): Promise<Part[]> {
  const known = findings.get(env);
  if (known && now - known.at < BELIEVED_MS) return known.missing;
  const missing = await missingOf(env);
  findings.set(env, { at: now, missing });
  return missing;
}

async function missingOf(env: Env): Promise<Part[]> {
  // Without them there is nothing that the others could be asked for.
  if (!hasSettings(env)) return ["settings"];
  const shards = allShards(env);
  // Another one each time: they have all answered before long.
  const shard = shards[(asked += 1) % shards.length]!;
  const found = await Promise.all([
    answers("promises", env.PROMISES.getByName(decoyName("ready")).get()),
    answers("index", shard.schedules({ limit: 1 })),
    answers("keys", Promise.all(allKeys(env).map((keys) => keys.get("")))),
  ]);
  return PARTS.filter((part) => found.includes(part));
}

/** Sound, and somebody may ask. */
function hasSettings(env: Env): boolean {
  try {
    const config = readConfig(env);
    return isGuarded(config) || config.openOnLoopback;
  } catch {
    return false;
  }
}

/** @returns the part, if it does not answer in time */
async function answers(part: Part, call: Promise<unknown>): Promise<Part | undefined> {
  const over = new AbortController();
  const late = scheduler.wait(PATIENCE_MS, { signal: over.signal }).then(
    () => part,
    () => part,
  );
  try {
    return await Promise.race([call.then(() => undefined), late]);
  } catch (error) {
    logFailure("a part of the server does not answer", error, { part });
    return part;
  } finally {
    over.abort();
  }
}
