/** How many promises were created and settled, over time: two bars each time, and the same as a table. */
import { clockTime } from "./clock-time.ts";
import type { Bucket } from "./series.ts";
import { TableInstead } from "./table-instead.tsx";

const HEIGHT = 100;
/** Of the room that a time has. */
const BAR_WIDTH = 0.36;

export function Throughput({ buckets, every }: { buckets: Bucket[]; every: string }) {
  const most = Math.max(1, ...buckets.flatMap(({ created, settled }) => [created, settled]));
  const top = niceTop(most);
  const rows = buckets.filter(({ created, settled }) => created + settled > 0).toReversed();
  return (
    <figure class="chart">
      <figcaption class="chart-key">
        <span class="key-created">Created</span>
        <span class="key-settled">Settled</span>
        <span class="faint">per {every}</span>
      </figcaption>
      <div class="plot" aria-hidden="true">
        <span class="plot-top faint">{top.toLocaleString()}</span>
        <svg viewBox={`0 0 ${buckets.length} ${HEIGHT}`} preserveAspectRatio="none">
          <path class="grid-line" d={`M0 ${HEIGHT / 2}H${buckets.length}`} />
          <path class="grid-line" d={`M0 0H${buckets.length}`} />
          <path
            class="bars-created"
            d={barsOf(
              buckets.map(({ created }) => created),
              0.12,
              top,
            )}
          />
          <path
            class="bars-settled"
            d={barsOf(
              buckets.map(({ settled }) => settled),
              0.5,
              top,
            )}
          />
        </svg>
        <div class="plot-foot faint">
          <span>{clockTime(buckets[0]?.at)}</span>
          <span>{clockTime(buckets[Math.floor(buckets.length / 2)]?.at)}</span>
          <span>{clockTime(buckets.at(-1)?.at)}</span>
        </div>
      </div>
      <TableInstead
        caption={`Created and settled per ${every}, the latest first`}
        heads={["From", "Created", "Settled"]}
        rows={rows.map(({ at, created, settled }) => [
          clockTime(at),
          created.toLocaleString(),
          settled.toLocaleString(),
        ])}
      />
    </figure>
  );
}

/** A bar for each value, all of them one path. */
function barsOf(values: number[], offset: number, top: number): string {
  return values
    .map((value, index) => {
      const height = Math.round((value / top) * HEIGHT * 100) / 100;
      return value === 0 ? "" : `M${index + offset} ${HEIGHT}v${-height}h${BAR_WIDTH}v${height}z`;
    })
    .join("");
}

/** 1, 2 or 5 and noughts. */
function niceTop(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= most) ?? most;
}
