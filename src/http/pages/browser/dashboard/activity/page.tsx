/** What happens here: how much is created and settled, how quickly, and how long the rest has waited. */
import { useState } from "hono/jsx/dom";
import type { Activity, Stats } from "../../../../../../client/src/protocol.ts";
import { ask } from "../api/ask.ts";
import { promises } from "../api/promises.ts";
import { isForbidden } from "../format/fault.ts";
import { useAgain } from "../live/again.ts";
import { useLoad } from "../live/load.ts";
import { Fault, Skeleton } from "../parts/notice.tsx";
import { Bars } from "./bars.tsx";
import { LATENCY_NAMES } from "./bounds.ts";
import { countAges } from "./pending-age.ts";
import { bucketsOf, latencyOf, RANGES, type Range } from "./series.ts";
import { LatencyWords, Tiles } from "./tiles.tsx";
import { Throughput } from "./throughput.tsx";

const ASK_AGAIN_MS = 10_000;

interface Figures {
  stats: Stats;
  ages: { name: string; count: number }[];
  /** Only for who may see all promises. */
  activity: Activity | undefined;
}

export function ActivityPage() {
  const [range, setRange] = useState<Range>(RANGES[0]!);
  const { data, error, reload } = useLoad(loadFigures, []);
  useAgain(reload, ASK_AGAIN_MS);
  return (
    <div class="page">
      <header class="page-head">
        <div class="page-title">
          <h1 tabindex={-1}>Activity</h1>
          <p class="page-lead">What happens here, and how quickly.</p>
        </div>
        <div class="choices" role="group" aria-label="How far back">
          {RANGES.map((one) => (
            <button
              key={one.name}
              type="button"
              class="button small"
              aria-pressed={one === range ? "true" : "false"}
              onClick={() => setRange(one)}
            >
              {one.name}
            </button>
          ))}
        </div>
      </header>
      {error !== undefined && <Fault error={error} onRetry={reload} />}
      {!data && error === undefined && <Skeleton lines={8} />}
      {data && <Charts figures={data} range={range} />}
    </div>
  );
}

function Charts({ figures: { stats, ages, activity }, range }: { figures: Figures; range: Range }) {
  const latency = activity && latencyOf(activity, range);
  return (
    <>
      <Tiles stats={stats} activity={activity} />
      {activity && (
        <section class="panel">
          <h2>Throughput</h2>
          <Throughput
            buckets={bucketsOf(activity, range)}
            every={range.bucketMinutes === 1 ? "minute" : `${range.bucketMinutes} minutes`}
          />
        </section>
      )}
      <div class="pair">
        {latency && (
          <section class="panel">
            <h2>From creation to settlement</h2>
            <LatencyWords sums={latency} range={range} />
            <Bars
              caption="Settled promises by how long they took"
              rows={latency.map((count, index) => ({ name: LATENCY_NAMES[index]!, count }))}
            />
          </section>
        )}
        <section class="panel">
          <h2>Waiting now, by age</h2>
          <p class="quiet chart-words">Of all that is pending at this moment.</p>
          <Bars caption="Pending promises by how long they have waited" rows={ages} />
        </section>
      </div>
      {!activity && (
        <p class="quiet">
          Throughput and latency are of the whole deployment: they need a key for all ids.
        </p>
      )}
    </>
  );
}

async function loadFigures(signal: AbortSignal): Promise<Figures> {
  const [stats, ages, activity] = await Promise.all([
    promises.stats({ signal }),
    countAges(signal),
    ask<Activity>("/activity", { signal }).catch((error: unknown) => {
      if (isForbidden(error)) return undefined;
      throw error;
    }),
  ]);
  return { stats, ages, activity };
}
