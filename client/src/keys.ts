/**
 * API keys that may do less than the one that makes them: for a program, a team, a time. The key
 * itself is shown once.
 */
import { answerOf } from "./calls.ts";
import { type Duration, parseDuration } from "./duration.ts";
import type { CallOptions, Target } from "./options.ts";
import type { ApiKey, Scope } from "./protocol.ts";
import { send, sendDelete, sendOnce } from "./send.ts";

export interface KeyOptions extends CallOptions {
  scopes: readonly Scope[];
  /** Ids, or beginnings of ids and a `*`. @example ["team-a/*"] */
  prefixes: readonly string[];
  /** @default never */
  expiresIn?: Duration;
}

/** The keys of a deployment: `promises.keys`. For keys of the scope `admin`. */
export class Keys {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /**
   * Makes a key. `key` is the secret, and is answered here only. Not repeated when the line breaks:
   * there might be a key that nobody knows of.
   *
   * @throws ApiError with code `forbidden` for prefixes that are not one's own to give.
   * @example
   * const { key } = await promises.keys.create("ci", { scopes: ["create", "read"], prefixes: ["ci/*"] });
   */
  async create(name: string, options: KeyOptions): Promise<ApiKey & { key: string }> {
    const { scopes, prefixes, expiresIn } = options;
    const expiresMs =
      expiresIn === undefined ? undefined : parseDuration(expiresIn, "expiresIn", Date.now());
    const body = JSON.stringify({ name, scopes, prefixes, expiresIn: expiresMs });
    const call = { method: "POST", path: "/keys", body } as const;
    const verdict = await sendOnce(this.#target, call, options);
    return answerOf<ApiKey & { key: string }>(verdict, "a key", "id", "key");
  }

  /** All that are one's own to give, the oldest first. */
  async list(options: CallOptions = {}): Promise<ApiKey[]> {
    const verdict = await send(this.#target, { method: "GET", path: "/keys" }, options);
    return answerOf<{ keys: ApiKey[] }>(verdict, "keys", "keys").keys;
  }

  /** Ends a key, everywhere within 5 s. @throws ApiError with code `key_not_found`. */
  async revoke(id: string, options: CallOptions = {}): Promise<void> {
    await sendDelete(this.#target, `/keys/${encodeURIComponent(id)}`, options, "key_not_found");
  }
}
