/** Who has settled a promise, as far as the edge knows and may tell: for the record and its receipt. */
import type { By } from "../machine/promise.ts";
import type { Principal } from "./principal.ts";

/** Nobody has a name who comes from this machine without a key. */
export function byOf({ kind, name }: Principal, how: By["how"]): By {
  const isNamed = kind === "key" || kind === "jwt" || kind === "secret";
  return isNamed ? { how, who: name } : { how };
}
