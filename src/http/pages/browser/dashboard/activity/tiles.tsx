/** A few figures to begin with, and what the latencies say in words. */
import type { Child } from "hono/jsx/dom";
import type { Activity, Stats } from "../../../../../../client/src/protocol.ts";
import { Age } from "../parts/time.tsx";
import { boundName } from "./bounds.ts";
import { percentileOf, type Range } from "./series.ts";

interface TilesProps {
  stats: Stats;
  activity: Activity | undefined;
}

export function Tiles({ stats: { promises, oldestPendingOn, tasks }, activity }: TilesProps) {
  const failed = promises.REJECTED + promises.REJECTED_CANCELED + promises.REJECTED_TIMEDOUT;
  return (
    <dl class="tiles">
      <Tile name="Pending" href="/">
        {promises.PENDING.toLocaleString()}
      </Tile>
      <Tile name="Longest wait" href="/?sort=created">
        {oldestPendingOn === undefined ? "none" : <Age at={oldestPendingOn} />}
      </Tile>
      <Tile name="Resolved" href="/?filter=all&q=is%3Aresolved">
        {promises.RESOLVED.toLocaleString()}
      </Tile>
      <Tile name="Failed" href="/?filter=failed">
        {failed.toLocaleString()}
      </Tile>
      <Tile name="Tasks running" href="/dashboard/groups">
        {(tasks.acquired ?? 0).toLocaleString()}
      </Tile>
      {activity && <Tile name="Created in all">{activity.total.created.toLocaleString()}</Tile>}
    </dl>
  );
}

function Tile({ name, href, children }: { name: string; href?: string; children: Child }) {
  return (
    <div class="tile">
      <dt>{href === undefined ? name : <a href={href}>{name}</a>}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function LatencyWords({ sums, range }: { sums: readonly number[]; range: Range }) {
  const total = sums.reduce((sum, count) => sum + count, 0);
  const [half, most] = [percentileOf(sums, 50), percentileOf(sums, 95)];
  if (total === 0)
    return <p class="quiet chart-words">Nothing was settled in the last {range.last}.</p>;
  return (
    <p class="quiet chart-words">
      {total.toLocaleString()} settled in the last {range.last}
      {half !== undefined && `: half within ${boundName(half)}`}
      {most !== undefined && `, 95 % within ${boundName(most)}`}.
    </p>
  );
}
