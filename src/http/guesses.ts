/**
 * Who guesses: keys that nobody made, tokens and links that nobody signed, counted by where they come
 * from. Beyond so many in a minute the answer is 429, here and, by the binding RATE_LIMIT, in the whole
 * location. It is asked about what was wrong, never about what was right: a good key is not slowed,
 * whoever guesses beside it. So it keeps nobody out who guesses right; the length of keys does.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import type { Env } from "../env.ts";
import { Refusal } from "./errors.ts";

interface Guesser {
  guesses: number;
  until: number;
}

/** By client, the oldest first. */
const guessers = new WeakMap<Env, Map<string, Guesser>>();

const ANYWHERE = "anywhere";

/** Of the binding, whose period the Worker cannot read: 10 s or 60 s. */
const RETRY_AFTER_S = 10;

/**
 * One more of them.
 *
 * @param refusal of what was guessed
 * @returns what to answer: that, or that it is too many by now
 */
export async function guessed(request: Request, env: Env, refusal: Refusal): Promise<Refusal> {
  const client = clientOf(request);
  const waitMs = counted(env, client, Date.now());
  if (waitMs > 0) return tooMany(Math.ceil(waitMs / 1000));
  if (!env.RATE_LIMIT) return refusal;
  const { success } = await env.RATE_LIMIT.limit({ key: `guess:${client}` });
  return success ? refusal : tooMany(RETRY_AFTER_S);
}

/** @returns how long to stay away; 0 for not yet */
function counted(env: Env, client: string, now: number): number {
  const known = guessers.get(env) ?? new Map<string, Guesser>();
  guessers.set(env, known);
  const before = known.get(client);
  const isOver = !before || before.until <= now;
  const guesser = isOver ? { guesses: 0, until: now + LIMITS.guessesWindowMs } : before;
  guesser.guesses += 1;
  if (isOver) {
    known.delete(client);
    if (known.size >= LIMITS.guessersMax) known.delete(known.keys().next().value!);
    known.set(client, guesser);
  }
  const most = client === ANYWHERE ? LIMITS.guessesFromAnywhereMax : LIMITS.guessesMax;
  return guesser.guesses > most ? guesser.until - now : 0;
}

/**
 * Cloudflare says where a request comes from. Elsewhere such a header is what its sender likes, and all
 * are one: it costs those who are wrong only.
 */
function clientOf({ cf, headers }: Request): string {
  const address = (cf && headers.get("cf-connecting-ip")) ?? ANYWHERE;
  // One household, or one rented machine, has a /64 of them. Cloudflare writes them as RFC 5952 does.
  return address.includes(":") ? address.split("::")[0]!.split(":").slice(0, 4).join(":") : address;
}

function tooMany(retryAfterS: number): Refusal {
  const detail = "Too many wrong keys or links from where you are; try again later";
  return new Refusal("too_many_requests", detail, {
    headers: { "retry-after": String(retryAfterS) },
  });
}
