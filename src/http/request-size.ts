/**
 * How large a request may be before its body: the URL, and all headers together. Bodies have limits
 * of their own, where they are read; what is refused unread is heard out here.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import { Refusal } from "./errors.ts";

/** What is on its way is heard out so far, and so long; smaller bodies the runtime takes anyway. */
const HEARD_BYTES_MIN = 64 * 1024;
const HEARD_BYTES_MAX = 16 * 1024 * 1024;
const HEARD_MS_MAX = 1000;

/**
 * Whoever is refused while they still send is heard out, within bounds: a line that is closed before
 * is reset, and the answer that says why is lost with it.
 */
export async function hearOut({ body, headers }: Request): Promise<void> {
  const size = Number(headers.get("content-length") ?? HEARD_BYTES_MAX);
  if (!body || body.locked || size < HEARD_BYTES_MIN || size > HEARD_BYTES_MAX) return;
  const reader = body.getReader();
  const late = scheduler.wait(HEARD_MS_MAX);
  try {
    for (let heard = 0; heard < HEARD_BYTES_MAX;) {
      const chunk = (await Promise.race([reader.read(), late]))?.value;
      if (!chunk) break;
      heard += chunk.length;
    }
  } catch {
    // It hung up.
  }
  // Said whole or not, it is not listened to any more.
  reader.cancel().catch(() => undefined);
}

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
