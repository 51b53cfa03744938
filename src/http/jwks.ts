/**
 * Where the keys of JWTs come from: a setting, or a URL that is asked now and then. An unknown key is
 * looked for once more, for it may be new; but seldom, for whoever sends junk must not make us ask.
 *
 * Each request asks for itself. To wait for the fetch of another would be to wait for ever when that
 * one is hung up (workerd binds I/O to its request); what was fetched is data, and is shared.
 */
import type { JwtSettings } from "../env.ts";
import { log } from "../log.ts";
import { Refusal } from "./errors.ts";
import { importKey, keysFor, type TokenHeader, type VerifyKey } from "./jwt.ts";

const FRESH_MS = 10 * 60_000;
/** So long keys are believed while their issuer does not answer. */
const STALE_MS = 24 * 60 * 60_000;
/** Between two looks for a key that is not there; after a failure, between two tries. */
const UNKNOWN_MS = 30_000;
const FAILED_MS = 5000;
const FETCH_MS = 5000;
const AT_ONCE_MAX = 4;
const BYTES_MAX = 256 * 1024;
const KEYS_MAX = 100;

interface Known {
  keys: VerifyKey[];
  fetchedAt: number;
  /** Not asked again before. */
  askAt: number;
  asking: number;
}

const remote = new Map<string, Known>();
const fixed = new WeakMap<JwtSettings, VerifyKey[]>();

/**
 * The keys that may have signed a token with that header.
 *
 * @throws Refusal when they cannot be had now: nothing is known of the token then
 */
export async function signersOf(
  header: TokenHeader,
  settings: JwtSettings,
  now: number,
): Promise<VerifyKey[]> {
  const own = keysFor(header, await fixedKeys(settings));
  if (own.length > 0 || settings.jwksUrl === undefined) return own;
  const known = knownAt(settings.jwksUrl);
  const found = keysFor(header, known.keys);
  const isFresh = now - known.fetchedAt < FRESH_MS;
  if ((found.length > 0 && isFresh) || now < known.askAt || known.asking >= AT_ONCE_MAX) {
    return believed(found, known, now);
  }
  await refresh(settings.jwksUrl, settings.jwksNetwork ?? globalThis, known, now);
  return believed(keysFor(header, known.keys), known, now);
}

function believed(found: VerifyKey[], { fetchedAt }: Known, now: number): VerifyKey[] {
  if (now - fetchedAt < STALE_MS) return found;
  throw new Refusal("unavailable", "The keys of the issuer cannot be had at the moment", {
    headers: { "retry-after": String(FAILED_MS / 1000) },
  });
}

function knownAt(url: string): Known {
  let known = remote.get(url);
  if (!known) {
    known = { keys: [], fetchedAt: -Infinity, askAt: 0, asking: 0 };
    remote.set(url, known);
  }
  return known;
}

type Network = Pick<Fetcher, "fetch">;

async function refresh(url: string, network: Network, known: Known, now: number): Promise<void> {
  known.asking += 1;
  try {
    known.keys = await imported(await fetchKeys(url, network));
    known.fetchedAt = now;
    known.askAt = now + UNKNOWN_MS;
  } catch (error) {
    known.askAt = now + FAILED_MS;
    log("warn", "the keys at JWT_JWKS_URL cannot be had", { error: String(error) });
  } finally {
    known.asking -= 1;
  }
}

async function fetchKeys(url: string, network: Network): Promise<unknown[]> {
  const response = await network.fetch(url, {
    headers: { accept: "application/json" },
    redirect: "manual",
    signal: AbortSignal.timeout(FETCH_MS),
  });
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  const { keys } = JSON.parse(await textOf(response)) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error("no list of keys");
  return keys;
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > BYTES_MAX) throw new Error("too long");
  }
  return text + decoder.decode();
}

async function fixedKeys(settings: JwtSettings): Promise<VerifyKey[]> {
  const known = fixed.get(settings);
  if (known) return known;
  const keys = await imported(settings.keys);
  fixed.set(settings, keys);
  return keys;
}

async function imported(jwks: readonly unknown[]): Promise<VerifyKey[]> {
  const keys = await Promise.all(jwks.slice(0, KEYS_MAX).map(importKey));
  return keys.filter((key) => key !== undefined);
}
