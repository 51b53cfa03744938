/**
 * Ids on their way into paths and headers, which take fewer characters than an id may have.
 */
import { shown } from "./duration.ts";
import { LIMITS } from "./protocol.ts";

/**
 * The path of a promise: `/` stays as it is, so that an id reads like a path.
 *
 * @throws TypeError or RangeError for what cannot be an id, or cannot be said in a URL.
 * @example promisePath("purchase/user 7") // "/promises/purchase/user%207"
 */
export function promisePath(id: string): string {
  return `/promises/${percentEncoded(checkId(id)).replaceAll("%2F", "/")}`;
}

/** The id itself, where it is not a path. @throws as {@link promisePath}. */
export function checkId(id: string): string {
  if (typeof id !== "string" || id === "") {
    throw new TypeError(`id must be a string that is not empty, got ${shown(id)}`);
  }
  const bytes = new TextEncoder().encode(id).length;
  if (bytes > LIMITS.idBytesMax) {
    throw new RangeError(`id must have ${LIMITS.idBytesMax} bytes or less, got ${bytes}`);
  }
  // WHATWG URL, 4.4: every parser takes these for steps, percent-encoded ones too, so that "a/../b"
  // would reach promise "b". The server refuses them for the same reason.
  if (id.split("/").some((segment) => segment === "." || segment === "..")) {
    throw new RangeError(`id must not have "." or ".." between slashes, got ${shown(id)}`);
  }
  return id;
}

function percentEncoded(id: string): string {
  try {
    return encodeURIComponent(id);
  } catch (cause) {
    throw new TypeError(`id must be well-formed Unicode, got ${shown(id)}`, { cause });
  }
}

/**
 * The idempotency key of a create that names none: the same in every process for the same id, so that
 * creating is "get or create". Keys are compared within one promise only, hence cutting does no harm.
 */
export function createKey(id: string): string {
  return encodeURIComponent(id).replaceAll("%2F", "/").slice(0, LIMITS.idempotencyKeyBytesMax);
}

/** A key that the caller chose: it must fit into a header. */
export function checkKey(key: string): string {
  if (typeof key !== "string" || !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key)) {
    throw new TypeError(`idempotencyKey must be printable ASCII, got ${shown(key)}`);
  }
  if (key.length > LIMITS.idempotencyKeyBytesMax) {
    throw new RangeError(
      `idempotencyKey must have ${LIMITS.idempotencyKeyBytesMax} bytes or less, got ${key.length}`,
    );
  }
  return key;
}

/** 128 random bits, as hex. `crypto.randomUUID` is missing on pages that came over plain HTTP. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
