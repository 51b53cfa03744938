/**
 * The rows of the list, of which only those in sight are in the document: a grid of ten thousand
 * scrolls like one of ten. The keys move one active row, which screen readers are told of; that it is
 * one of how many, they are told too.
 */
import { useLayoutEffect, useRef, useState } from "hono/jsx/dom";
import { useAfterMount } from "../live/after-mount.ts";
import { useStore } from "../live/store.ts";
import { counts } from "./counts.ts";
import { followGridKeys } from "./grid-keys.ts";
import type { ShownInbox } from "./inbox-store.ts";
import { Row, rowDomId } from "./row.tsx";
import { rowsInSight, type Sight } from "./window.ts";

/** So many rows before the end the next page is asked for. */
const AHEAD = 400;

export function Grid({ inbox }: { inbox: ShownInbox }) {
  const { rows, hasMore, isFull } = useStore(inbox.list.state);
  const active = useStore(inbox.active);
  const grid = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ first: 0, end: 40 });
  const rowHeight = useRowHeight();

  function sight(): Sight {
    const { scrollTop, clientHeight } = grid.current ?? { scrollTop: 0, clientHeight: 0 };
    const head = grid.current?.querySelector<HTMLElement>(".grid-head")?.offsetHeight ?? 0;
    return { scrollTop, height: clientHeight - head, rowHeight, count: rows.length };
  }
  function look(): void {
    const seen = sight();
    inbox.scrollTop = seen.scrollTop;
    const index = Math.floor(seen.scrollTop / rowHeight);
    const id = rows[index]?.id;
    inbox.anchor = id === undefined ? undefined : { id, index };
    const next = rowsInSight(seen);
    setRange((before) => (before.first === next.first && before.end === next.end ? before : next));
    if (hasMore && !isFull && next.end + AHEAD >= rows.length) void inbox.list.loadMore();
  }
  const lookNow = useRef(look);
  lookNow.current = look;
  const sightNow = useRef(sight);
  sightNow.current = sight;

  useAfterMount(() => {
    grid.current?.scrollTo(0, inbox.scrollTop);
    const onResize = () => lookNow.current();
    onResize();
    addEventListener("resize", onResize);
    return () => removeEventListener("resize", onResize);
  }, []);
  useAfterMount(() => {
    keepInSight(inbox, grid.current, rowHeight);
    lookNow.current();
  }, [rows, hasMore, rowHeight]);
  useLayoutEffect(() => followGridKeys(inbox, grid, () => sightNow.current()), [inbox]);

  const { first, end } = { first: Math.min(range.first, rows.length), end: range.end };
  const shown = rows.slice(first, end);
  const isActiveShown = active !== undefined && shown.some(({ id }) => id === active);
  return (
    <div
      ref={grid}
      class="grid"
      role="grid"
      tabindex={0}
      data-arrive
      aria-label="Promises"
      aria-rowcount={useTotal(inbox, rows.length, hasMore) + 1}
      aria-colcount={6}
      aria-activedescendant={isActiveShown ? rowDomId(active) : false}
      onScroll={look}
    >
      <div class="grid-head" role="row" aria-rowindex={1}>
        <span role="columnheader">State</span>
        <span role="columnheader">Promise</span>
        <span role="columnheader">Tags</span>
        <span role="columnheader">Who</span>
        <span role="columnheader">Created</span>
        <span role="columnheader">Due or settled</span>
      </div>
      <div class="grid-space" role="rowgroup" style={{ height: `${rows.length * rowHeight}px` }}>
        <div class="grid-shown" role="presentation" style={{ top: `${first * rowHeight}px` }}>
          {shown.map((promise, index) => (
            <Row
              key={promise.id}
              promise={promise}
              rowIndex={first + index + 2}
              isActive={promise.id === active}
            />
          ))}
        </div>
      </div>
      {isFull && hasMore && (
        <p class="grid-end quiet">There are more: narrow the search to see them.</p>
      )}
    </div>
  );
}

/** Who reads in the middle is not pushed down by what comes at the top; who is at the top sees it come. */
function keepInSight(
  { anchor, list }: ShownInbox,
  grid: HTMLElement | null,
  rowHeight: number,
): void {
  if (!grid || !anchor || grid.scrollTop < rowHeight) return;
  const index = list.indexOf(anchor.id);
  if (index !== -1) grid.scrollTop += (index - anchor.index) * rowHeight;
}

/** All that the search finds, as far as it was counted; else what is here. */
function useTotal({ address }: ShownInbox, loaded: number, hasMore: boolean): number {
  const known = useStore(counts);
  if (!hasMore) return loaded;
  const counted = address.text === "" ? known[address.filter.key] : undefined;
  // -1: unknown (WAI-ARIA 1.2, aria-rowcount).
  return counted === undefined ? -2 : Math.max(counted, loaded);
}

/** The height of a row is the style's; on a phone it has two lines. */
function useRowHeight(): number {
  const [height, setHeight] = useState(rowHeightNow());
  useLayoutEffect(() => {
    const onResize = () => setHeight(rowHeightNow());
    addEventListener("resize", onResize);
    return () => removeEventListener("resize", onResize);
  }, []);
  return height;
}

function rowHeightNow(): number {
  const root = getComputedStyle(document.documentElement);
  return Number.parseFloat(root.getPropertyValue("--row")) * Number.parseFloat(root.fontSize);
}
