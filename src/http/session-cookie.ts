/**
 * The cookie of a signed-in browser, as text: its name, how it is set, read and ended. It carries the
 * caller's own key or token, which no script can read, no other site sends along, and no server keeps.
 * Knows nothing of whether the key is good.
 */
import type { Config } from "../env.ts";

const NAME = "dp_session";

/** Browsers drop a cookie above 4,096 bytes, name and value together, and say nothing. */
export const COOKIE_VALUE_MAX = 4000;

/** `__Host-`: set over TLS, by this host, for all of it; no neighbour of the domain can set one. */
export function cookieNameOf(isSecure: boolean): string {
  return isSecure ? `__Host-${NAME}` : NAME;
}

/** Whether browsers reach us by TLS. A proxy may end it: then PUBLIC_URL says so. */
export function isSecureAt(url: string, { publicUrl }: Pick<Config, "publicUrl">): boolean {
  return (publicUrl ?? url).startsWith("https:");
}

/** @returns the key or token in it; `undefined` without one, or with one that nobody of us has set */
export function readSession(cookies: string, isSecure: boolean): string | undefined {
  const name = cookieNameOf(isSecure);
  for (const pair of cookies.split(";")) {
    const [key = "", value = ""] = pair.trim().split("=", 2);
    if (key === name && value !== "") return decoded(value);
  }
  return undefined;
}

/** Until the browser is closed. A key may have any characters, a cookie may not. */
export function sessionCookie(key: string, isSecure: boolean): string {
  return cookieText(encodeURIComponent(key), isSecure);
}

export function endedCookie(isSecure: boolean): string {
  return `${cookieText("", isSecure)}; Max-Age=0`;
}

export function fitsCookie(key: string): boolean {
  return encodeURIComponent(key).length <= COOKIE_VALUE_MAX;
}

/** Strict: a link from elsewhere opens the empty page, whose own calls bring the cookie. */
function cookieText(value: string, isSecure: boolean): string {
  const secure = isSecure ? "; Secure" : "";
  return `${cookieNameOf(isSecure)}=${value}; Path=/; HttpOnly; SameSite=Strict${secure}`;
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
