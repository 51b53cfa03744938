/**
 * A URL as it may be logged: without what gives somebody a right. Tokens stand in the path of links
 * and callbacks (`/l/…`, `/c/…`), and a careless caller puts a key into the query.
 */
const TOKEN_IN_PATH = /^\/(?:l|c)\/./;

/** The origin and the path, or as much of it as is no secret; of a query that there is one. */
export function redactedUrl(url: string): string {
  if (!URL.canParse(url)) return "<no URL>";
  const { protocol, host, pathname, search } = new URL(url);
  const path = TOKEN_IN_PATH.test(pathname) ? `${pathname.slice(0, 3)}<token>` : pathname;
  return `${protocol}//${host}${path}${search === "" ? "" : "?<query>"}`;
}
