/**
 * How the dashboard asks: as everybody does, with the session that the browser sends by itself and a
 * word that it is us. Who is not let in any more is sent to sign in, and comes back to where they were.
 */
import { Store } from "../live/store.ts";
import { SIGN_IN } from "../places.ts";

/** Whether the last question was answered, whatever the answer. */
export const isReachable = new Store(true);

let isLeaving = false;

export const ownFetch: typeof fetch = async (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set("x-client", "dashboard");
  try {
    const response = await fetch(input, { ...init, headers });
    isReachable.set(true);
    if (response.status === 401) signInAgain();
    return response;
  } catch (error) {
    if (!init?.signal?.aborted) isReachable.set(false);
    throw error;
  }
};

export function signInAgain(): void {
  if (isLeaving) return;
  isLeaving = true;
  const next = encodeURIComponent(location.pathname + location.search);
  location.assign(`${SIGN_IN}?next=${next}`);
}
