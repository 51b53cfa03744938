/** The timeline of a promise, drawn: what was is firm, what will be is an outline. */
import type { Moment } from "./timeline.ts";
import { Ago, Left } from "../parts/time.tsx";

export function TimelineList({ moments }: { moments: Moment[] }) {
  return (
    <ol class="timeline">
      {moments.map(({ key, title, detail, tone, at, isAhead }) => (
        <li key={key} class={`moment tone-${tone}${isAhead ? " ahead" : ""}`}>
          <span class="moment-title">{title}</span>
          <span class="moment-time quiet">
            {at === undefined ? "now" : isAhead ? <Left at={at} /> : <Ago at={at} />}
          </span>
          {detail && (
            <span class="moment-detail quiet" dir="auto">
              {detail}
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}
