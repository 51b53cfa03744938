/**
 * Bindings and configuration of a deployment, read once per isolate. Every variable is optional; a
 * value that makes no sense is an error that names it, not a default.
 */
import { LIMITS } from "../client/src/protocol.ts";
import { parseDurationMs } from "./duration.ts";
import type { DebugObject } from "./object/debug-object.ts";
import type { InboxObject } from "./object/inbox-object.ts";
import type { IndexObject } from "./object/index-object.ts";
import type { PromiseObject } from "./object/promise-object.ts";
import type { ScheduleObject } from "./object/schedule-object.ts";

const INDEX_SHARDS = 8;
/** A search asks all of them. */
const INDEX_SHARDS_MAX = 64;

export interface Env {
  PROMISES: DurableObjectNamespace<PromiseObject>;
  SCHEDULES: DurableObjectNamespace<ScheduleObject>;
  INBOXES: DurableObjectNamespace<InboxObject>;
  INDEX: DurableObjectNamespace<IndexObject>;
  DEBUG: DurableObjectNamespace<DebugObject>;
  /** The files of `.build/assets`. */
  ASSETS: Fetcher;
  /** Bearer keys, comma-separated. A secret. */
  API_KEYS?: string;
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
  /** `true` lets test tools drive the clock (`debug.*`), for holders of a key or on loopback only. */
  DEBUG_SURFACE?: string;
  /** `loopback` lets this machine in without a key. Set by `npm start` and `npm run dev` only. */
  OPEN?: string;
}

export interface Config {
  keys: string[];
  /** `undefined` means the default of the mode: everyone with keys, loopback without. */
  allowedOrigins: string[] | undefined;
  publicUrl: string | undefined;
  retentionMs: number | undefined;
  awaitersMax: number;
  indexShards: number;
  taskRetryMs: number;
  debugSurface: boolean;
  openOnLoopback: boolean;
}

const TASK_RETRY_MS = 5000;
const TASK_RETRY_MS_MIN = 100;

const configs = new WeakMap<Env, Config>();

export function readConfig(env: Env): Config {
  const known = configs.get(env);
  if (known) return known;
  const config: Config = {
    keys: listOf(env.API_KEYS) ?? [],
    allowedOrigins: listOf(env.ALLOWED_ORIGINS),
    publicUrl: readPublicUrl(env.PUBLIC_URL),
    retentionMs: readDurationMs("RETENTION", env.RETENTION),
    awaitersMax: readAwaitersMax(env.AWAITERS_MAX),
    indexShards: readIndexShards(env.INDEX_SHARDS),
    taskRetryMs: readTaskRetryMs(env.TASK_RETRY),
    debugSurface: env.DEBUG_SURFACE === "true",
    openOnLoopback: env.OPEN === "loopback",
  };
  configs.set(env, config);
  return config;
}

function listOf(text: string | undefined): string[] | undefined {
  const items = text?.split(",").map((item) => item.trim());
  return items?.filter((item) => item !== "");
}

function readPublicUrl(text: string | undefined): string | undefined {
  if (!text) return undefined;
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) {
    throw new RangeError(`PUBLIC_URL must be like https://promises.example.com, not "${text}"`);
  }
  return new URL(text).origin;
}

function readDurationMs(name: string, text: string | undefined): number | undefined {
  if (!text) return undefined;
  try {
    return parseDurationMs(text);
  } catch (error) {
    throw new RangeError(`${name}: ${(error as RangeError).message}`, { cause: error });
  }
}

function readTaskRetryMs(text: string | undefined): number {
  const retryMs = readDurationMs("TASK_RETRY", text) ?? TASK_RETRY_MS;
  // Each offer costs a row and a wake-up.
  if (retryMs < TASK_RETRY_MS_MIN) throw new RangeError(`TASK_RETRY must be 100ms or more`);
  return retryMs;
}

function readAwaitersMax(text: string | undefined): number {
  if (!text) return LIMITS.awaitersMax;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > LIMITS.awaitersMax) {
    throw new RangeError(`AWAITERS_MAX must be 1 to ${LIMITS.awaitersMax}, not "${text}"`);
  }
  return number;
}

function readIndexShards(text: string | undefined): number {
  if (!text) return INDEX_SHARDS;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > INDEX_SHARDS_MAX) {
    throw new RangeError(`INDEX_SHARDS must be 1 to ${INDEX_SHARDS_MAX}, not "${text}"`);
  }
  return number;
}
