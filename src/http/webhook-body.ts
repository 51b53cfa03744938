/**
 * What is said of an endpoint, and to it: the validators, which are the schemas of the OpenAPI document
 * too, and what they cannot say. Touches no object.
 */
import * as v from "valibot";
import { LIMITS, WEBHOOK_EVENTS, WEBHOOK_FORMATS } from "../../client/src/protocol.ts";
import { invalid } from "./errors.ts";
import { duration, fields, promiseId, tags, utf8Length } from "./schemas.ts";
import { durationOf } from "./values.ts";

const MANY_TAGS = `must have ${LIMITS.webhookFilterTagsMax} entries at most`;
const LONG_TAGS = `must have ${LIMITS.webhookFilterTagsBytesMax} bytes of keys and values at most`;

const filter = v.pipe(
  fields({
    promise: v.optional(promiseId),
    prefix: v.optional(
      v.pipe(
        v.string("must be a string"),
        v.check(
          (text) => text.isWellFormed() && utf8Length(text) <= LIMITS.idBytesMax,
          `must be well-formed Unicode of ${LIMITS.idBytesMax} bytes at most`,
        ),
        v.description("How the ids of promises begin."),
      ),
    ),
    tags: v.optional(
      v.pipe(
        tags,
        v.check((map) => Object.keys(map).length <= LIMITS.webhookFilterTagsMax, MANY_TAGS),
        v.check((map) => bytesIn(map) <= LIMITS.webhookFilterTagsBytesMax, LONG_TAGS),
      ),
    ),
  }),
  v.check(
    ({ promise, prefix, ...more }) => promise === undefined || !(prefix ?? more.tags),
    "must name one promise, or a prefix and tags, not both",
  ),
);

const events = v.pipe(
  v.array(
    v.picklist(WEBHOOK_EVENTS, `must be one of ${WEBHOOK_EVENTS.join(", ")}`),
    "must be a list",
  ),
  v.minLength(1, "must have one event at least"),
  v.maxLength(WEBHOOK_EVENTS.length, "must have each event once"),
);

const entries = {
  url: v.pipe(
    v.string("must be a string"),
    v.maxLength(
      LIMITS.webhookUrlCharactersMax,
      `must have ${LIMITS.webhookUrlCharactersMax} characters at most`,
    ),
    v.description("https only, on the public internet; a local server may call this machine."),
  ),
  events,
  filter,
  format: v.picklist(WEBHOOK_FORMATS, `must be one of ${WEBHOOK_FORMATS.join(", ")}`),
  retry: v.pipe(
    v.array(duration, "must be a list of durations"),
    v.maxLength(LIMITS.webhookRetriesMax, `must have ${LIMITS.webhookRetriesMax} waits at most`),
    v.description("The waits between attempts; by default ten of them, three days in all."),
  ),
  description: v.pipe(
    v.string("must be a string"),
    v.maxLength(1000, "must have 1000 characters at most"),
  ),
  disabled: v.boolean("must be true or false"),
};

export const webhookBody = fields({
  url: entries.url,
  events: v.optional(entries.events, [...WEBHOOK_EVENTS]),
  filter: v.optional(entries.filter, {}),
  format: v.optional(entries.format, "json"),
  retry: v.optional(entries.retry),
  description: v.optional(entries.description, ""),
  disabled: v.optional(entries.disabled, false),
});

/** What is left out stays as it is. */
export const webhookChange = fields({
  url: v.optional(entries.url),
  events: v.optional(entries.events),
  filter: v.optional(entries.filter),
  format: v.optional(entries.format),
  retry: v.optional(entries.retry),
  description: v.optional(entries.description),
  disabled: v.optional(entries.disabled),
});

export const rotateBody = fields({ overlap: v.optional(duration, "24h") });

export const redeliverBody = v.union(
  [fields({ event: v.pipe(v.string(), v.maxLength(200)) }), fields({ all: v.literal(true) })],
  'must be {"event": "evt_…"} or {"all": true}',
);

/** @throws Refusal that names the wait */
export function waitsOf(retry: (number | string)[]): number[] {
  return retry.map((wait, n) => bounded(`retry.${n}`, wait, LIMITS.webhookRetryMsMax));
}

export function overlapOf(overlap: number | string): number {
  return bounded("overlap", overlap, LIMITS.webhookOverlapMsMax);
}

function bounded(field: string, given: number | string, msMax: number): number {
  const ms = durationOf(given, field, 0);
  if (ms > msMax) throw invalid(field, `${field} may be ${msMax} ms at most`);
  return ms;
}

function bytesIn(map: Record<string, string>): number {
  return utf8Length(Object.entries(map).flat().join(""));
}
