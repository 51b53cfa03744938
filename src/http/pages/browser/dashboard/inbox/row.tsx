/** One promise as a row: how it stands, what it is, with whom it is, since when and until when. */
import { memo } from "hono/jsx/dom";
import { NEVER, type PromiseSummary } from "../../../../../../client/src/protocol.ts";
import { TASK_NAMES } from "../format/state.ts";
import { go } from "../live/route.ts";
import { IdText } from "../parts/id.tsx";
import { StateMark } from "../parts/state.tsx";
import { TagChips } from "../parts/tags.tsx";
import { Age, Ago, Left } from "../parts/time.tsx";
import { promiseHref } from "../places.ts";

interface RowProps {
  promise: PromiseSummary;
  /** Of all, counted from 1, the head included. */
  rowIndex: number;
  isActive: boolean;
}

const TAGS_SHOWN = 2;

export const Row = memo(function Row({ promise, rowIndex, isActive }: RowProps) {
  const { id, state, title, tags, createdOn, completedOn, timeout } = promise;
  const href = promiseHref(id);
  return (
    <div
      class="grid-row"
      role="row"
      id={rowDomId(id)}
      aria-rowindex={rowIndex}
      aria-selected={isActive ? "true" : "false"}
      onClick={(event: MouseEvent) => {
        // The link in it follows itself, and may be opened beside.
        if (event.defaultPrevented || event.target instanceof HTMLAnchorElement) return;
        if (getSelection()?.isCollapsed ?? true) go(href);
      }}
    >
      <span role="gridcell" class="cell-state">
        <StateMark state={state} />
      </span>
      <span role="gridcell" class="cell-promise">
        <a href={href} tabindex={-1} class="row-link" dir="auto" aria-label={id}>
          <IdText id={id} />
        </a>
        {title !== undefined && (
          <span class="row-title" dir="auto">
            {title}
          </span>
        )}
      </span>
      <span role="gridcell" class="cell-tags">
        <TagChips tags={tags} max={TAGS_SHOWN} />
      </span>
      <span role="gridcell" class="cell-with clip">
        {withWhom(promise)}
      </span>
      <span role="gridcell" class="cell-created">
        <Age at={createdOn} />
      </span>
      <span role="gridcell" class="cell-end">
        {completedOn !== undefined ? (
          <Ago at={completedOn} />
        ) : timeout === NEVER ? (
          <span class="faint">none</span>
        ) : (
          <Left at={timeout} />
        )}
      </span>
    </div>
  );
});

/** An id may have any characters; this one has only those that are safe in an attribute. */
export function rowDomId(id: string): string {
  return `row-${encodeURIComponent(id)}`;
}

function withWhom({ task, requestedBy, state }: PromiseSummary): string {
  if (task && state === "PENDING") {
    return task.pid !== undefined && task.state === "acquired" ? task.pid : TASK_NAMES[task.state];
  }
  return requestedBy ?? "";
}
