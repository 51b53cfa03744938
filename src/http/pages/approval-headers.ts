/**
 * The headers of the page that a link opens, and nothing else. The address is a secret that lets its
 * holder decide: no other site may learn it, frame it or run anything beside it, and no cache keep it.
 */

/**
 * `require-trusted-types-for`: no script of ours writes markup, so that none could be made to.
 * `form-action` covers the redirects after a form, too.
 */
const CSP = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** What a page could be tempted to ask a phone for. */
const FEATURES =
  "accelerometer autoplay browsing-topics camera display-capture encrypted-media fullscreen geolocation gyroscope " +
  "hid magnetometer microphone midi payment publickey-credentials-get screen-wake-lock serial usb xr-spatial-tracking";

/**
 * Beware of `no-referrer`: browsers then send `Origin: null` with the page's own form (Fetch, 3.2,
 * "append a request Origin header"). Tell a form of ours by its token and `Sec-Fetch-Site`.
 */
export function approvalHeaders(): Record<string, string> {
  return {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    vary: "accept, accept-language",
    "content-security-policy": CSP,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "permissions-policy": FEATURES.replaceAll(" ", "=(), ").concat("=()"),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
  };
}
