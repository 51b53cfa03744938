/**
 * Bindings and configuration of a deployment, read once per isolate. Every variable is optional; a
 * value that makes no sense is an error that names it, not a default.
 */
import { LIMITS } from "../client/src/protocol.ts";
import { parseDurationMs } from "./duration.ts";
import type { InboxObject } from "./object/inbox-object.ts";
import type { IndexObject } from "./object/index-object.ts";
import type { PromiseObject } from "./object/promise-object.ts";
import type { ScheduleObject } from "./object/schedule-object.ts";

export interface Env {
  PROMISES: DurableObjectNamespace<PromiseObject>;
  SCHEDULES: DurableObjectNamespace<ScheduleObject>;
  INBOXES: DurableObjectNamespace<InboxObject>;
  INDEX: DurableObjectNamespace<IndexObject>;
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
  openOnLoopback: boolean;
}

const configs = new WeakMap<Env, Config>();

export function readConfig(env: Env): Config {
  const known = configs.get(env);
  if (known) return known;
  const config: Config = {
    keys: listOf(env.API_KEYS) ?? [],
    allowedOrigins: listOf(env.ALLOWED_ORIGINS),
    publicUrl: readPublicUrl(env.PUBLIC_URL),
    retentionMs: readRetentionMs(env.RETENTION),
    awaitersMax: readAwaitersMax(env.AWAITERS_MAX),
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

function readRetentionMs(text: string | undefined): number | undefined {
  if (!text) return undefined;
  try {
    return parseDurationMs(text);
  } catch (error) {
    throw new RangeError(`RETENTION: ${(error as RangeError).message}`, { cause: error });
  }
}

function readAwaitersMax(text: string | undefined): number {
  if (!text) return LIMITS.awaitersMax;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > LIMITS.awaitersMax) {
    throw new RangeError(`AWAITERS_MAX must be 1 to ${LIMITS.awaitersMax}, not "${text}"`);
  }
  return number;
}
