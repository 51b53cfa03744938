/**
 * Whether a browser's request comes from our own pages. A cookie is sent by the browser, whoever made
 * it ask; so what comes with one must show where it comes from. Pure: it knows headers and nothing of
 * keys.
 */

/** Methods that change nothing (RFC 9110, 9.2.1). */
const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);
/** Who asks there is given work, which others wait for. */
const TAKING = "/poll/";

/**
 * For a request that a cookie lets in. What changes something, and a WebSocket, must prove that it is
 * ours; what only looks must not show that it is not. A page elsewhere may be the reason of a
 * navigation: it does not see the answer.
 */
export function isFromOurPages(request: Request, publicUrl: string | undefined): boolean {
  const { method, headers, url } = request;
  const takes = new URL(url).pathname.startsWith(TAKING);
  const mustProve = !SAFE.has(method) || headers.has("upgrade") || takes;
  const isNavigation = headers.get("sec-fetch-mode") === "navigate";
  const shown = shownOrigin(request, publicUrl);
  if (mustProve) return shown === "ours";
  return shown !== "other" || isNavigation;
}

/** For signing in: curl may do it without a word, a page elsewhere may not. */
export function isNotFromElsewhere(request: Request, publicUrl: string | undefined): boolean {
  return shownOrigin(request, publicUrl) !== "other";
}

/**
 * `Sec-Fetch-Site` first: no script can set it, and proxies leave it alone. Browsers leave it out
 * where there is neither TLS nor loopback, and on WebSockets; then `Origin` counts, which is `null`
 * with a form of a page without referrer.
 */
function shownOrigin(
  { url, headers }: Request,
  publicUrl: string | undefined,
): "ours" | "other" | "unknown" {
  const site = headers.get("sec-fetch-site");
  // `none`: typed, or a bookmark. Nobody's page did it.
  if (site !== null) return site === "same-origin" ? "ours" : site === "none" ? "unknown" : "other";
  const origin = headers.get("origin");
  if (origin === null) return "unknown";
  const { protocol, host } = new URL(url);
  // Where a proxy ends TLS, the page's address has it and ours has not.
  const ours = [publicUrl, `${protocol}//${host}`, `https://${host}`];
  return ours.includes(origin) ? "ours" : "other";
}
