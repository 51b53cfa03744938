/**
 * Keys as principals. Those of the setting API_KEYS may do everything: they are how a deployment
 * begins. The others are made and revoked at `/keys`, live in a few objects, and may do what was
 * written down for them.
 *
 * A verdict on a key is believed for 5 s, so a call seldom asks for it, and a revoked key has 5 s at
 * most. What began before (an event stream, a worker's poll) goes on until it ends.
 */
import type { ApiKey } from "../../client/src/protocol.ts";
import { readConfig, type Config, type Env } from "../env.ts";
import { fullPrincipal, prefixesOf, type Principal } from "./principal.ts";

const BELIEVED_MS = 5000;
const VERDICTS_MAX = 1000;

/** 32 characters of 62 have 190 bits. */
const KEY = /^dp_[0-9A-Za-z]{22,64}$/;
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const KEY_CHARACTERS = 32;

/** Must never change: a key is found by its hash in the object that it fell to. */
const SHARDS = 4;
/** Enough of a digest to name a key by; it tells nothing of the key. */
const ID_CHARACTERS = 16;

/** The objects that hold keys. */
type Keys = ReturnType<Env["KEYS"]["getByName"]>;

interface Secret {
  digest: ArrayBuffer;
  principal: Principal;
}

interface Verdict {
  key: ApiKey | null;
  until: number;
}

const secrets = new WeakMap<Config, Secret[]>();
const verdicts = new WeakMap<Env["KEYS"], Map<string, Verdict>>();

/** @returns `undefined` for a key that nobody made, or that has ended */
export async function principalOfKey(
  token: string,
  env: Env,
  now: number,
): Promise<Principal | undefined> {
  const digest = await digestOf(token);
  const secret = isOneOf(digest, await secretsOf(readConfig(env)));
  if (secret || !KEY.test(token)) return secret;
  const key = await lookUp(env, hexOf(digest), now);
  if (!key || (key.expiresAt ?? Infinity) <= now) return undefined;
  const { name, scopes, prefixes } = key;
  return { name, kind: "key", scopes: new Set(scopes), prefixes: prefixesOf(prefixes) };
}

/** A new key and the digest by which it will be known. */
export async function drawKey(): Promise<{ text: string; digest: string; id: string }> {
  let text = "dp_";
  while (text.length < "dp_".length + KEY_CHARACTERS) {
    for (const byte of crypto.getRandomValues(new Uint8Array(KEY_CHARACTERS))) {
      // What is beyond the last whole alphabet would make its first letters more likely.
      if (byte < ALPHABET.length * 4) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  text = text.slice(0, "dp_".length + KEY_CHARACTERS);
  const digest = hexOf(await digestOf(text));
  return { text, digest, id: idOf(digest) };
}

export function isKeyId(id: string): boolean {
  return /^[\da-f]{16}$/.test(id);
}

/** The object that has the key of that id, or would. */
export function keysAt(env: Env, id: string): Keys {
  return env.KEYS.getByName(`keys-${Number.parseInt(id[0]!, 16) % SHARDS}`);
}

export function allKeys(env: Env): Keys[] {
  return Array.from({ length: SHARDS }, (_, shard) => keysAt(env, shard.toString(16)));
}

/** At once here, within 5 s elsewhere. */
export function forgetVerdict(env: Env, id: string): void {
  const known = verdicts.get(env.KEYS);
  for (const digest of known?.keys() ?? []) if (idOf(digest) === id) known?.delete(digest);
}

async function lookUp(env: Env, digest: string, now: number): Promise<ApiKey | null> {
  const known = verdicts.get(env.KEYS) ?? new Map<string, Verdict>();
  verdicts.set(env.KEYS, known);
  const verdict = known.get(digest);
  if (verdict && now < verdict.until) return verdict.key;
  const id = idOf(digest);
  const key = await keysAt(env, id).find(id, digest);
  // Whoever tries many keys pushes verdicts out, and memory stays what it is.
  if (known.size >= VERDICTS_MAX) known.clear();
  known.set(digest, { key, until: now + BELIEVED_MS });
  return key;
}

async function secretsOf(config: Config): Promise<Secret[]> {
  const known = secrets.get(config);
  if (known) return known;
  const made = await Promise.all(
    config.keys.map(async (key, index) => ({
      digest: await digestOf(key),
      principal: fullPrincipal(`secret-${index + 1}`, "secret"),
    })),
  );
  secrets.set(config, made);
  return made;
}

/** In constant time: equal-length digests, all keys looked at, no early exit. */
function isOneOf(presented: ArrayBuffer, known: Secret[]): Principal | undefined {
  let found: Principal | undefined;
  for (const { digest, principal } of known) {
    if (crypto.subtle.timingSafeEqual(presented, digest)) found = principal;
  }
  return found;
}

function idOf(digest: string): string {
  return digest.slice(0, ID_CHARACTERS);
}

function digestOf(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}

function hexOf(digest: ArrayBuffer): string {
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
