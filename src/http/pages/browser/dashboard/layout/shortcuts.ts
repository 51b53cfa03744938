/**
 * Keys that work everywhere: `?` for help, `g` and a letter for a section. Never while somebody types,
 * nor over a dialog, nor together with a key that belongs to the browser.
 */
import { go } from "../live/route.ts";
import { SECTIONS } from "../places.ts";

/** What `g` is followed by. */
export const SECTION_KEYS = {
  inbox: "i",
  schedules: "s",
  groups: "w",
  webhooks: "h",
  activity: "a",
};

/** How long a `g` waits for its letter. */
const SECOND_KEY_MS = 1500;

/** @returns how to stop */
export function followShortcuts(onHelp: () => void): () => void {
  let leaderAt = 0;
  function onKey(event: KeyboardEvent): void {
    if (!isCommand(event)) return;
    if (event.key === "?") {
      event.preventDefault();
      onHelp();
      return;
    }
    if (event.key === "g") {
      leaderAt = performance.now();
      return;
    }
    const isSecond = leaderAt > 0 && performance.now() - leaderAt < SECOND_KEY_MS;
    leaderAt = 0;
    const section = SECTIONS.find(({ page }) => SECTION_KEYS[page] === event.key);
    if (!isSecond || !section) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    go(section.path);
  }
  addEventListener("keydown", onKey, { capture: true });
  return () => removeEventListener("keydown", onKey, { capture: true });
}

export function isCommand(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (document.querySelector("dialog[open]")) return false;
  const { target } = event;
  return !(target instanceof HTMLElement && target.matches("input, textarea, select"));
}
