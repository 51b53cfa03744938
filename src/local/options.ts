/**
 * What `npm start` was asked for: flags first, then the environment, then the defaults. Refuses
 * what it does not understand in one line that names the option. Reads no disk and starts nothing.
 */
import { parseArgs } from "node:util";
import { StartError } from "./start-error.ts";

export interface Options {
  data: string;
  port: number;
  host: string;
}

export const HELP = `Durable Promises: a server on this machine.

  npm start -- [--data <folder>] [--port <number>] [--host <address>]

  --data  DATA_DIR  the folder that keeps the promises  (.data)
  --port  PORT      0 picks a free one                  (8787)
  --host  HOST      0.0.0.0 for the whole network       (127.0.0.1)

Also from the environment:
  API_KEYS         who may do everything; without it, only this machine may ask
  JWT_JWKS_URL     whose JWTs are believed, with JWT_ISSUER and JWT_AUDIENCE
  JWT_KEYS         the same as a JWKS, {"keys": [...]}
  ALLOW_LOOPBACK   true: with keys, too, webhooks and workers may be on this machine
  ALLOWED_ORIGINS  web pages that may ask from a browser
  PUBLIC_URL       where others reach this server, for the URLs of promises
  RETENTION        how long settled promises are kept
  AWAITERS_MAX     how many may await one promise
  LOG              which requests are logged: off, errors, all  (errors)`;

/** What to start, or `"help"`. Throws a `StartError` for anything else. */
export function parseOptions(
  args: string[],
  env: Record<string, string | undefined>,
): Options | "help" {
  const flags = parseFlags(args);
  if (flags.help === true) return "help";
  const given = {
    data: pick("--data", flags.data, "DATA_DIR", env, ".data"),
    port: pick("--port", flags.port, "PORT", env, "8787"),
    host: pick("--host", flags.host, "HOST", env, "127.0.0.1"),
  };
  return { data: given.data.value, port: parsePort(given.port), host: given.host.value };
}

function parseFlags(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        data: { type: "string" },
        port: { type: "string" },
        host: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (cause) {
    // Node says "Unknown option '--prot'. To specify …": the first sentence is what matters.
    const message = cause instanceof Error ? cause.message : String(cause);
    const [sentence = message] = message.split(/\.\s|\n/);
    throw new StartError("bad_option", `${sentence}; see --help`, { cause });
  }
}

/** A value, and the flag or variable it came from, for the message when it makes no sense. */
interface Given {
  value: string;
  from: string;
}

/** An empty variable counts as not set; an empty flag was typed by somebody, and is a mistake. */
function pick(
  flag: string,
  value: string | undefined,
  variable: string,
  env: Record<string, string | undefined>,
  fallback: string,
): Given {
  if (value?.trim() === "") throw new StartError("bad_option", `${flag} needs a value; see --help`);
  if (value !== undefined) return { value, from: flag };
  const fromEnv = env[variable]?.trim() ?? "";
  return fromEnv === "" ? { value: fallback, from: flag } : { value: fromEnv, from: variable };
}

function parsePort({ value, from }: Given): number {
  const port = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (port <= 65_535) return port;
  throw new StartError("bad_option", `${from} must be a number from 0 to 65535, not "${value}"`);
}
