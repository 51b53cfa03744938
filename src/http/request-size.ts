/**
 * How large a request may be before its body: the URL, and all headers together. Bodies have limits
 * of their own, where they are read.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import { Refusal } from "./errors.ts";

/** @throws Refusal when it is too large */
export function refuseLongUrl({ url }: Request): void {
  if (url.length <= LIMITS.urlCharactersMax) return;
  const detail = `The URL may have ${LIMITS.urlCharactersMax} characters at most`;
  throw new Refusal("url_too_long", detail, { field: "url" });
}

/** @throws Refusal when they are too large */
export function refuseLargeHeaders({ headers }: Request): void {
  let size = 0;
  for (const [name, value] of headers) size += name.length + value.length;
  if (size <= LIMITS.headersBytesMax) return;
  const detail = `The headers may have ${LIMITS.headersBytesMax} bytes at most, all together`;
  throw new Refusal("headers_too_large", detail, { field: "headers" });
}
