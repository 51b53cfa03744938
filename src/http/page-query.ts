/** `?limit=&cursor=` of a list in the order of ids; its cursor is the last id, opaque to callers. */
import * as v from "valibot";
import { LIMITS } from "../../client/src/protocol.ts";
import { invalid, type Refusal } from "./errors.ts";
import { queryOf, validate } from "./parse.ts";
import { faultOfId } from "./schemas.ts";
import type { PageAsked } from "./search.ts";

export const limitText = v.pipe(
  v.string(),
  v.regex(/^\d{1,4}$/, `must be 1 to ${LIMITS.searchLimitMax}`),
  v.transform(Number),
  v.minValue(1, `must be 1 to ${LIMITS.searchLimitMax}`),
  v.maxValue(LIMITS.searchLimitMax, `must be 1 to ${LIMITS.searchLimitMax}`),
);

const pageQuery = v.strictObject({
  limit: v.optional(limitText, String(LIMITS.searchLimitDefault)),
  cursor: v.optional(v.string()),
});

/** `?limit=&cursor=` of a list. */
export function parsePage(url: string): PageAsked {
  const query = queryOf(url, Object.keys(pageQuery.entries));
  const { limit, cursor } = validate(pageQuery, Object.fromEntries(query), "");
  return cursor === undefined ? { limit } : { limit, cursor: cursorOf(cursor) };
}

/** Opaque to callers of REST, so that it may hold more one day: base64url. */
export function textOfCursor(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const encoded = btoa(String.fromCharCode(...bytes));
  return encoded.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** {@link textOfCursor} backwards; `undefined` for what is no cursor. */
export function readCursor(encoded: string): string | undefined {
  try {
    const bytes = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)),
    );
  } catch {
    return undefined; // Not base64, or not UTF-8: no page ever ended like this.
  }
}

export function badCursor(): Refusal {
  return invalid("cursor", "cursor must be one that a page ended with");
}

function cursorOf(encoded: string): string {
  const id = readCursor(encoded);
  if (id === undefined || faultOfId(id) !== undefined) throw badCursor();
  return id;
}
