/**
 * What a command is given to work with: flags and environment made into a client that names itself,
 * gives up early, and keeps numbers to the letter.
 */
import { readFileSync } from "node:fs";
import { DurablePromises, HEADER } from "../index.ts";
import type { Args } from "./args.ts";
import type { Session } from "./command.ts";
import { parseJson } from "./json.ts";
import { Screen } from "./screen.ts";

/** Of the package that this file is in. */
export function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

const DEFAULT_URL = "http://127.0.0.1:8787";
/** Somebody is looking: a second or two is as long as a broken line is interesting. */
const RETRIES = 4;

export function sessionOf(args: Args, signal: AbortSignal): Session {
  const timeout = args.text("timeout");
  const url = args.text("url") ?? (process.env["DURABLE_PROMISES_URL"] || DEFAULT_URL);
  const token = args.text("token") ?? (process.env["DURABLE_PROMISES_TOKEN"] || undefined);
  let made: DurablePromises | undefined;
  return {
    args,
    screen: new Screen(),
    json: args.is("json"),
    url,
    token,
    calls: timeout === undefined ? { signal } : { signal, timeout },
    signal,
    get promises() {
      made ??= new DurablePromises({
        url,
        ...(token !== undefined && { token }),
        fetch: named,
        parse: parseJson,
        retry: { retries: RETRIES },
      });
      return made;
    },
  };
}

let client: string | undefined;

/** `fetch`, saying who calls: the server's audit log tells people from programs. */
export function named(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  client ??= `cli/${version()}`;
  const headers = new Headers(init?.headers);
  headers.set(HEADER.client, client);
  headers.set("user-agent", `durable-promises ${client}`);
  return fetch(input, { ...init, headers });
}
