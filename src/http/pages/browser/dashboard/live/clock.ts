/**
 * The time, as the server has it, told to components once a second and only while the page is looked
 * at. The difference of the clocks is learned from an answer that says when it was given.
 */
import { Store } from "./store.ts";

const SECOND = 1000;

let skewMs = 0;

/** @param at the server's instant, in an answer that has just come */
export function learnTime(at: number): void {
  skewMs = at - Date.now();
  now.set(serverNow());
}

export function serverNow(): number {
  return Date.now() + skewMs;
}

/** Now, to the second. */
export const now = new Store(serverNow());

function tick(): void {
  if (!document.hidden) now.set(serverNow());
  setTimeout(tick, SECOND - (serverNow() % SECOND));
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) now.set(serverNow());
});
tick();
