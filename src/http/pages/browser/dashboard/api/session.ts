/**
 * Who is signed in, and what they may do: asked once, and again when the page is looked at after a
 * while, so that a key that has ended is noticed. Decides nothing: the server refuses what may not be.
 */
import type { Scope } from "../../../../../../client/src/protocol.ts";
import { learnTime } from "../live/clock.ts";
import { Store } from "../live/store.ts";
import { ask } from "./ask.ts";

export interface Session {
  name: string;
  kind: "key" | "jwt" | "loopback" | "secret";
  scopes: Scope[];
  prefixes: string[];
  /** ms since the epoch. */
  at: number;
}

/** A key that ended is believed for 5 s; what is open stays open. */
const ASK_AGAIN_MS = 60_000;

export const session = new Store<Session | undefined>(undefined);

export function followSession(): void {
  let askedAt = 0;
  function check(): void {
    if (document.hidden || Date.now() - askedAt < 1000) return;
    askedAt = Date.now();
    void refresh();
  }
  check();
  setInterval(check, ASK_AGAIN_MS);
  document.addEventListener("visibilitychange", check);
  addEventListener("focus", check);
}

export async function signOut(): Promise<void> {
  await ask("/session", { method: "DELETE" }).catch(() => {});
  // Everything that was shown goes with the page.
  location.assign("/dashboard/sign-in");
}

/** `undefined` before it is known: then nothing is hidden that may be theirs. */
export function may(session: Session | undefined, scope: Scope): boolean {
  return !session || session.scopes.includes(scope) || session.scopes.includes("admin");
}

async function refresh(): Promise<void> {
  try {
    const known = await ask<Session>("/session");
    learnTime(known.at);
    if (JSON.stringify({ ...session.value, at: 0 }) !== JSON.stringify({ ...known, at: 0 })) {
      session.set(known);
    }
  } catch {
    // Not let in: on the way to sign in. Not reached: what is shown says so itself.
  }
}
