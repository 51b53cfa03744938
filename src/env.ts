/**
 * Bindings and configuration of a deployment, read once per isolate. Every variable is optional; a
 * value that makes no sense is an error that names it, not a default.
 */
import { LIMITS } from "../client/src/protocol.ts";
import { parseDurationMs } from "./duration.ts";
import { logAs } from "./log.ts";
import type { AuditObject } from "./object/audit-object.ts";
import type { DebugObject } from "./object/debug-object.ts";
import type { InboxObject } from "./object/inbox-object.ts";
import type { IndexObject } from "./object/index-object.ts";
import type { KeyObject } from "./object/key-object.ts";
import type { PromiseObject } from "./object/promise-object.ts";
import type { ScheduleObject } from "./object/schedule-object.ts";
import type { WebhookObject } from "./object/webhook-object.ts";
import type { WebhookRegistryObject } from "./object/webhook-registry.ts";

const INDEX_SHARDS = 8;
/** A search asks all of them. */
const INDEX_SHARDS_MAX = 64;

export interface Env {
  PROMISES: DurableObjectNamespace<PromiseObject>;
  SCHEDULES: DurableObjectNamespace<ScheduleObject>;
  INBOXES: DurableObjectNamespace<InboxObject>;
  INDEX: DurableObjectNamespace<IndexObject>;
  DEBUG: DurableObjectNamespace<DebugObject>;
  WEBHOOKS: DurableObjectNamespace<WebhookObject>;
  WEBHOOK_REGISTRY: DurableObjectNamespace<WebhookRegistryObject>;
  KEYS: DurableObjectNamespace<KeyObject>;
  AUDIT: DurableObjectNamespace<AuditObject>;
  /** How often one principal may ask; a `[[ratelimits]]` of wrangler.toml. Absent: no limit. */
  RATE_LIMIT?: RateLimit;
  /** The files of `.build/assets`. */
  ASSETS: Fetcher;
  /** Bearer keys that may do everything, comma-separated. A secret. */
  API_KEYS?: string;
  /** Where the public keys of JWTs are: a JWKS, by https. Asks for JWT_ISSUER and JWT_AUDIENCE too. */
  JWT_JWKS_URL?: string;
  /** The way to JWT_JWKS_URL, which may be on this machine or in its network. Set by `npm start`. */
  JWKS?: Fetcher;
  /** Public keys of JWTs, as a JWKS. */
  JWT_KEYS?: string;
  /** The `iss` that a JWT must have. */
  JWT_ISSUER?: string;
  /** The `aud` that a JWT must have. Without it, one that names an audience is refused. */
  JWT_AUDIENCE?: string;
  /** Keys of links, `id:base64` comma-separated: the first signs, all verify. A secret. */
  LINK_KEYS?: string;
  /** Ed25519 keys of receipts, `id:base64 of PKCS#8`, the first signs. A secret. */
  RECEIPT_KEYS?: string;
  /** Browser origins that may call, comma-separated. Default with keys: `*`. */
  ALLOWED_ORIGINS?: string;
  /** Where callers reach us, when a proxy changes the host. Default: the request's own origin. */
  PUBLIC_URL?: string;
  /** How long settled promises are kept, unless they say otherwise: "30d". Default: for ever. */
  RETENTION?: string;
  /** How many may await one promise at once. Default and maximum: 32,768. */
  AWAITERS_MAX?: string;
  /** Over how many objects the index is spread, 1 to 64. Fixed at the first deployment. Default: 8. */
  INDEX_SHARDS?: string;
  /** How long a task that was offered and not taken waits for the next offer: "5s", the default. */
  TASK_RETRY?: string;
  /** How long entries of the audit log are kept: "90d", the default. */
  AUDIT_RETENTION?: string;
  /** Which requests are logged: `off`, `errors` (the default), `all`. */
  LOG?: string;
  /** `on`: spans of our own in the traces, where the runtime takes them. Default: `off`. */
  TRACE?: string;
  /** `lines`: entries as lines of JSON. Set by `npm start` only. */
  LOG_FORMAT?: string;
  /** `true` lets test tools drive the clock (`debug.*`), for holders of a key or on loopback only. */
  DEBUG_SURFACE?: string;
  /** Names the process, where a server is one: set by `npm start`. Another one, and the index checks itself. */
  RUN?: string;
  /** How many files the process may have open. Set by `npm start` only, which raises it first. */
  FILES_MAX?: string;
  /** `true` lets webhooks, workers and listeners be called on this machine, also where there are keys. */
  ALLOW_LOOPBACK?: string;
  /** `loopback` lets this machine in without a key. Set by `npm start` and `npm run dev` only. */
  OPEN?: string;
}

/** A key by its public name. */
export interface SigningKey {
  id: string;
  /** base64 */
  secret: string;
}

/** Whose JWTs are believed. */
export interface JwtSettings {
  jwksUrl: string | undefined;
  /** Other than everybody's. */
  jwksNetwork?: Fetcher;
  /** JWKs. */
  keys: readonly unknown[];
  issuer: string | undefined;
  audience: string | undefined;
}

export interface Config {
  /** Those that may do everything. */
  keys: string[];
  /** `undefined` when no JWT is believed. */
  jwt: JwtSettings | undefined;
  linkKeys: SigningKey[];
  receiptKeys: SigningKey[];
  /** `undefined` means the default of the mode: everyone with keys, loopback without. */
  allowedOrigins: string[] | undefined;
  publicUrl: string | undefined;
  retentionMs: number | undefined;
  awaitersMax: number;
  indexShards: number;
  taskRetryMs: number;
  log: (typeof LOG_SETTINGS)[number];
  trace: boolean;
  auditRetentionMs: number;
  debugSurface: boolean;
  openOnLoopback: boolean;
  /** Whether we may be told to call this machine. */
  callsLoopback: boolean;
  /** How many promises may be in memory at once, where a server is one process. */
  inMemoryMax: number;
}

/** Each holds three files open; the rest is for connections, and for the objects of other kinds. */
const FILES_FOR_EACH = 4;

const LINK_KEY_BYTES_MIN = 32;
const LOG_SETTINGS = ["off", "errors", "all"] as const;
const AUDIT_RETENTION_MS = 90 * 24 * 60 * 60 * 1000;
const TASK_RETRY_MS = 5000;
const TASK_RETRY_MS_MIN = 100;

/** A variable that makes no sense, named. */
export class SettingError extends RangeError {}

const configs = new WeakMap<Env, Config>();

export function readConfig(env: Env): Config {
  const known = configs.get(env);
  if (known) return known;
  logAs(env.LOG_FORMAT);
  const config: Config = {
    keys: listOf(env.API_KEYS) ?? [],
    jwt: readJwt(env),
    linkKeys: readKeys("LINK_KEYS", env.LINK_KEYS, LINK_KEY_BYTES_MIN),
    receiptKeys: readKeys("RECEIPT_KEYS", env.RECEIPT_KEYS, 0),
    allowedOrigins: listOf(env.ALLOWED_ORIGINS),
    publicUrl: readPublicUrl(env.PUBLIC_URL),
    retentionMs: readDurationMs("RETENTION", env.RETENTION),
    awaitersMax: readAwaitersMax(env.AWAITERS_MAX),
    indexShards: readIndexShards(env.INDEX_SHARDS),
    taskRetryMs: readTaskRetryMs(env.TASK_RETRY),
    log: readChoice("LOG", env.LOG, LOG_SETTINGS, "errors"),
    trace: readChoice("TRACE", env.TRACE, ["on", "off"] as const, "off") === "on",
    auditRetentionMs: readDurationMs("AUDIT_RETENTION", env.AUDIT_RETENTION) ?? AUDIT_RETENTION_MS,
    debugSurface: env.DEBUG_SURFACE === "true",
    openOnLoopback: env.OPEN === "loopback",
    callsLoopback: env.OPEN === "loopback" || env.ALLOW_LOOPBACK === "true",
    inMemoryMax: readInMemoryMax(env.FILES_MAX),
  };
  configs.set(env, config);
  return config;
}

function listOf(text: string | undefined): string[] | undefined {
  const items = text?.split(",").map((item) => item.trim());
  return items?.filter((item) => item !== "");
}

function readKeys(name: string, text: string | undefined, bytesMin: number): SigningKey[] {
  return (listOf(text) ?? []).map((item) => {
    const [, id, secret] = /^([\w-]{1,32}):([A-Za-z0-9+/]+={0,2})$/.exec(item) ?? [];
    // The value is a secret, so the message does not repeat it.
    if (id === undefined || secret === undefined || (secret.length * 3) / 4 < bytesMin) {
      throw new SettingError(`${name} must be like k1:<base64 of ${bytesMin || 48} bytes>,k0:…`);
    }
    return { id, secret };
  });
}

function readJwt(env: Env): JwtSettings | undefined {
  if (!env.JWT_JWKS_URL && !env.JWT_KEYS) return undefined;
  // Such a URL may have keys that sign for many: a token for somebody else would be good here.
  if (env.JWT_JWKS_URL && (!env.JWT_ISSUER || !env.JWT_AUDIENCE)) {
    throw new SettingError("JWT_JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE");
  }
  return {
    jwksUrl: readJwksUrl(env.JWT_JWKS_URL),
    ...(env.JWKS && { jwksNetwork: env.JWKS }),
    keys: readJwks(env.JWT_KEYS),
    issuer: env.JWT_ISSUER || undefined,
    audience: env.JWT_AUDIENCE || undefined,
  };
}

/** This machine may be asked without TLS: on Cloudflare nobody is there. */
function readJwksUrl(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const loopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? "");
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && loopback)) {
    throw new SettingError(
      "JWT_JWKS_URL must be like https://issuer.example/.well-known/jwks.json",
    );
  }
  return url.href;
}

function readJwks(text: string | undefined): readonly Record<string, unknown>[] {
  if (!text) return [];
  let keys: unknown;
  try {
    ({ keys } = JSON.parse(text) as { keys?: unknown });
  } catch {
    // The message names the setting; what is wrong in it could be a secret.
  }
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new SettingError('JWT_KEYS must be a JWKS: {"keys": [...]}');
  }
  for (const key of keys as Record<string, unknown>[]) {
    if (!["OKP", "EC", "RSA"].includes(String(key?.["kty"])) || "d" in key) {
      throw new SettingError("JWT_KEYS must have public keys only, of the types OKP, EC or RSA");
    }
  }
  return keys as Record<string, unknown>[];
}

function readPublicUrl(text: string | undefined): string | undefined {
  if (!text) return undefined;
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new SettingError(`PUBLIC_URL must be like https://promises.example.com, not "${text}"`);
  }
  return new URL(text).origin;
}

function readDurationMs(name: string, text: string | undefined): number | undefined {
  if (!text) return undefined;
  try {
    return parseDurationMs(text);
  } catch (error) {
    throw new SettingError(`${name}: ${(error as RangeError).message}`, { cause: error });
  }
}

function readTaskRetryMs(text: string | undefined): number {
  const retryMs = readDurationMs("TASK_RETRY", text) ?? TASK_RETRY_MS;
  // Each offer costs a row and a wake-up.
  if (retryMs < TASK_RETRY_MS_MIN) throw new SettingError(`TASK_RETRY must be 100ms or more`);
  return retryMs;
}

function readChoice<Choice extends string>(
  name: string,
  text: string | undefined,
  choices: readonly Choice[],
  fallback: Choice,
): Choice {
  if (!text) return fallback;
  const choice = choices.find((known) => known === text);
  if (choice !== undefined) return choice;
  throw new SettingError(`${name} must be ${choices.join(" or ")}, not "${text}"`);
}

/** A shell may also say "unlimited". */
function readInMemoryMax(text: string | undefined): number {
  const files = Number(text ?? Number.POSITIVE_INFINITY);
  return files > 0 ? Math.ceil(files / FILES_FOR_EACH) : Number.POSITIVE_INFINITY;
}

function readAwaitersMax(text: string | undefined): number {
  if (!text) return LIMITS.awaitersMax;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > LIMITS.awaitersMax) {
    throw new SettingError(`AWAITERS_MAX must be 1 to ${LIMITS.awaitersMax}, not "${text}"`);
  }
  return number;
}

function readIndexShards(text: string | undefined): number {
  if (!text) return INDEX_SHARDS;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > INDEX_SHARDS_MAX) {
    throw new SettingError(`INDEX_SHARDS must be 1 to ${INDEX_SHARDS_MAX}, not "${text}"`);
  }
  return number;
}
