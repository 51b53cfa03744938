/**
 * The keys of the list: j, k and the arrows move the active row, Home and End go to its ends, Enter
 * opens it. They work from everywhere on the page, but not while somebody types.
 */
import { isCommand } from "../layout/shortcuts.ts";
import { go } from "../live/route.ts";
import { promiseHref } from "../places.ts";
import type { ShownInbox } from "./inbox-store.ts";
import { scrollTopFor, type Sight } from "./window.ts";

type Move = (index: number, sight: Sight) => number;

const MOVES: Readonly<Record<string, Move>> = {
  j: (index) => index + 1,
  ArrowDown: (index) => index + 1,
  k: (index) => index - 1,
  ArrowUp: (index) => index - 1,
  Home: () => 0,
  End: (_, { count }) => count - 1,
  PageDown: (index, sight) => index + rowsOfPage(sight),
  PageUp: (index, sight) => index - rowsOfPage(sight),
};

/** @returns how to stop */
export function followGridKeys(
  inbox: ShownInbox,
  grid: { current: HTMLElement | null },
  sightOf: () => Sight,
): () => void {
  function onKey(event: KeyboardEvent): void {
    if (!isCommand(event)) return;
    const { rows } = inbox.list.state.value;
    const move = MOVES[event.key];
    const onControl = document.activeElement?.closest("a, button, summary");
    if (move) {
      // An arrow on a link or a button is the browser's.
      if (onControl && event.key.length > 1) return;
      event.preventDefault();
      moveTo(move);
    } else if (event.key === "Enter" && !onControl) {
      const id = inbox.active.value;
      if (id !== undefined && rows.length > 0) go(promiseHref(id));
    }
  }
  function moveTo(move: Move): void {
    const { rows } = inbox.list.state.value;
    if (rows.length === 0) return;
    const sight = sightOf();
    const index = Math.min(Math.max(move(activeIndex(), sight), 0), rows.length - 1);
    inbox.active.set(rows[index]?.id);
    inbox.activeIndex = index;
    grid.current?.focus({ preventScroll: true });
    grid.current?.scrollTo(0, scrollTopFor(index, sight));
  }
  /** Of one that has left the list, just before the row that stands there now. */
  function activeIndex(): number {
    const id = inbox.active.value;
    const index = id === undefined ? -1 : inbox.list.indexOf(id);
    return index === -1 ? inbox.activeIndex - 1 : index;
  }
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}

function rowsOfPage({ height, rowHeight }: Sight): number {
  return Math.max(1, Math.floor(height / rowHeight) - 1);
}
