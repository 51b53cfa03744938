/**
 * Figures as Prometheus reads them: the text format, version 0.0.4. Pure; where the figures come from
 * is metrics.ts's matter.
 *
 * All are of the whole deployment, counted by the index, so it does not matter which isolate is asked:
 * the totals go on where the one before stopped.
 */
import {
  LATENCY_BOUNDS_MS,
  TASK_STATES,
  type Activity,
  type State,
  type Stats,
} from "../../client/src/protocol.ts";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export interface ShardFigures {
  promises: number;
  followers: number;
  indexedAt: number;
}

export interface WebhookFigures {
  endpoints: number;
  disabled: number;
  waiting: number;
  dead: number;
}

export interface MetricFigures {
  stats: Stats;
  total: Activity["total"];
  shards: readonly ShardFigures[];
  /** `undefined` where there are too many to ask them all. */
  webhooks: WebhookFigures | undefined;
}

type Labels = Record<string, string | number>;
type Sample = readonly [labels: Labels, value: number, suffix?: string];

export function metricsText({ stats, total, shards, webhooks }: MetricFigures): string {
  const { at, promises, oldestPendingOn, tasks } = stats;
  const oldestMs = oldestPendingOn === undefined ? 0 : Math.max(at - oldestPendingOn, 0);
  const perShard = (of: (shard: ShardFigures) => number): Sample[] =>
    shards.map((shard, index) => [{ shard: index }, of(shard)]);
  return [
    family("durable_promises", "gauge", "Promises that there are, by state.", byState(promises)),
    family("durable_promises_created_total", "counter", "Promises created.", [[{}, total.created]]),
    family(
      "durable_promises_settled_total",
      "counter",
      "Promises settled, by the state that they got.",
      byState(total.settled),
    ),
    family(
      "durable_promise_settle_seconds",
      "histogram",
      "From the creation of a promise to its settlement.",
      buckets(total),
    ),
    family(
      "durable_oldest_pending_seconds",
      "gauge",
      "Age of the promise that is pending for the longest time; 0 when none is.",
      [[{}, oldestMs / 1000]],
    ),
    family(
      "durable_tasks",
      "gauge",
      "Tasks that there are, by state.",
      TASK_STATES.map((state): Sample => [{ state }, tasks[state]]),
    ),
    ...(webhooks ? webhookFamilies(webhooks) : []),
    family(
      "durable_index_promises",
      "gauge",
      "Promises in a shard of the index.",
      perShard((shard) => shard.promises),
    ),
    family(
      "durable_index_followers",
      "gauge",
      "Live lists that follow a shard of the index.",
      perShard((shard) => shard.followers),
    ),
    family(
      "durable_index_age_seconds",
      "gauge",
      "How far a shard of the index is behind what it has been told of.",
      perShard((shard) => Math.max(at - shard.indexedAt, 0) / 1000),
    ),
  ].join("");
}

function webhookFamilies({ endpoints, disabled, waiting, dead }: WebhookFigures): string[] {
  return [
    family("durable_webhooks", "gauge", "Webhook endpoints.", [
      [{ disabled: "false" }, endpoints - disabled],
      [{ disabled: "true" }, disabled],
    ]),
    family("durable_webhook_events_waiting", "gauge", "Events that are still to be delivered.", [
      [{}, waiting],
    ]),
    family("durable_webhook_dead_letters", "gauge", "Events that were given up.", [[{}, dead]]),
  ];
}

function byState(counts: Partial<Record<State, number>>): Sample[] {
  return Object.entries(counts).map(([state, count]) => [{ state: state.toLowerCase() }, count]);
}

/** Cumulative, as the format wants them; the counts of `latency` are not. */
function buckets({ latency, latencySum }: Activity["total"]): Sample[] {
  let count = 0;
  const samples: Sample[] = [];
  for (const [index, within] of latency.entries()) {
    count += within;
    const bound = LATENCY_BOUNDS_MS[index];
    const le = bound === undefined ? "+Inf" : String(bound / 1000);
    samples.push([{ le }, count, "_bucket"]);
  }
  return [...samples, [{}, latencySum / 1000, "_sum"], [{}, count, "_count"]];
}

function family(
  name: string,
  type: "counter" | "gauge" | "histogram",
  help: string,
  samples: readonly Sample[],
): string {
  const lines = samples.map(
    ([labels, value, suffix = ""]) => `${name}${suffix}${labelText(labels)} ${value}\n`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

/** Ours are words and numbers; nothing in them needs an escape. */
function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
