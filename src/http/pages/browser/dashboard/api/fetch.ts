/**
 * How the dashboard asks: as everybody does, with the session that the browser sends by itself and a
 * word that it is us. Who is not let in any more is sent to sign in, and comes back to where they were.
 */
import { SIGN_IN } from "../places.ts";

let isLeaving = false;

export const ownFetch: typeof fetch = async (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set("x-client", "dashboard");
  const response = await fetch(input, { ...init, headers });
  if (response.status === 401) signInAgain();
  return response;
};

export function signInAgain(): void {
  if (isLeaving) return;
  isLeaving = true;
  const next = encodeURIComponent(location.pathname + location.search);
  location.assign(`${SIGN_IN}?next=${next}`);
}
