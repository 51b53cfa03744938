/**
 * A promise as its callers see it: the REST resource and the frames of an awaiter, as JSON text.
 * Text, because `data` was never parsed and must not be: it is spliced in as it came.
 */
import type { Frame } from "../../client/src/protocol.ts";
import { encoded } from "./encoded.ts";
import {
  isSettled,
  settlerOf,
  type Payload,
  type PromiseRecord,
  type SettledPromise,
} from "./promise.ts";
import { shownVotes } from "./quorum.ts";
import { taskRecord } from "./task.ts";

/**
 * The address of an id below `origin`: `/` stays as it is, so that an id reads like a path.
 *
 * @example promiseUrl("https://host", "purchase/user 7") // "https://host/promises/purchase/user%207"
 */
export function promiseUrl(origin: string, id: string): string {
  return `${origin}/promises/${encodeURIComponent(id).replaceAll("%2F", "/")}`;
}

/** The REST resource: shape in `PromiseRecord` of protocol.ts. */
export function resourceText(record: PromiseRecord, origin: string): string {
  const { votes } = record;
  const parts = partsOf(record, votes && shownVotes(votes));
  parts.push(`"url":${JSON.stringify(promiseUrl(origin, record.id))}`);
  return `{${parts.join(",")}}`;
}

/**
 * The promise as it is taken elsewhere: the resource with all that it takes to go on there, and without
 * what is of this place, its address and who holds its task. Shape in `ExportedPromise` of protocol.ts.
 */
export function exportText(record: PromiseRecord): string {
  const parts = partsOf(record, record.votes);
  if (record.internal) parts.push(`"internal":true`);
  if (record.overProtocol) parts.push(`"protocol":true`);
  if (record.task?.state === "halted") parts.push(`"halted":true`);
  return `{${parts.join(",")}}`;
}

function partsOf(record: PromiseRecord, votes: readonly object[] | undefined): string[] {
  const settled = isSettled(record) ? record : undefined;
  const parts = [
    `"id":${JSON.stringify(record.id)}`,
    `"state":"${record.state.toUpperCase()}"`,
    `"param":${payloadText(record.param)}`,
    `"value":${payloadText(settled ? settled.value : {})}`,
    `"timeout":${record.timeoutAt}`,
    `"tags":${JSON.stringify(record.tags)}`,
    `"createdOn":${record.createdAt}`,
  ];
  if (settled) parts.push(`"completedOn":${settled.settledAt}`);
  if (record.idempotencyKeyForCreate !== undefined) {
    parts.push(`"idempotencyKeyForCreate":${JSON.stringify(record.idempotencyKeyForCreate)}`);
  }
  if (settled?.idempotencyKeyForComplete !== undefined) {
    parts.push(`"idempotencyKeyForComplete":${JSON.stringify(settled.idempotencyKeyForComplete)}`);
  }
  if (record.onTimeout) {
    const { state, value } = record.onTimeout;
    parts.push(`"onTimeout":{"state":"${state.toUpperCase()}","value":${payloadText(value)}}`);
  }
  if (record.retentionMs !== undefined) parts.push(`"retention":${record.retentionMs}`);
  if (record.form !== undefined) parts.push(`"form":${record.form}`);
  if (record.requestedBy !== undefined) {
    parts.push(`"requestedBy":${JSON.stringify(record.requestedBy)}`);
  }
  if (record.quorum) parts.push(`"quorum":${JSON.stringify(record.quorum)}`);
  if (votes) parts.push(`"votes":${JSON.stringify(votes)}`);
  if (record.escalation) parts.push(`"escalation":${escalationText(record)}`);
  const settledBy = settled && settlerOf(settled);
  if (settledBy) parts.push(`"settledBy":${JSON.stringify(settledBy)}`);
  return parts;
}

function escalationText({ escalation = [], escalated = 0 }: PromiseRecord): string {
  const steps = escalation.map(({ afterMs, notify, extendMs, settle }, index) => {
    const parts = [`"after":${afterMs}`, `"done":${index < escalated}`];
    if (notify !== undefined) parts.push(`"notify":${JSON.stringify(notify)}`);
    if (extendMs !== undefined) parts.push(`"extend":${extendMs}`);
    if (settle) {
      const { state, value } = settle;
      parts.push(`"settle":{"state":"${state.toUpperCase()}","value":${payloadText(value)}}`);
    }
    return `{${parts.join(",")}}`;
  });
  return `[${steps.join(",")}]`;
}

/** The same promise as Resonate's protocol of 2026-04-01 has it. */
export function protocolText(record: PromiseRecord): string {
  const settled = isSettled(record) ? record : undefined;
  return (
    `{"id":${JSON.stringify(record.id)},"state":"${record.state}",` +
    `"param":${payloadText(record.overProtocol ? record.param : encoded(record.param))},` +
    `"value":${payloadText(settled ? valueOf(settled) : {})},` +
    `"tags":${JSON.stringify(record.tags)},"timeoutAt":${record.timeoutAt},` +
    `"createdAt":${record.createdAt}${settled ? `,"settledAt":${settled.settledAt}` : ""}}`
  );
}

/** What a worker or a client of the protocol has written is in its own encoding. */
function valueOf({ value, settledBy, onTimeout }: SettledPromise): Payload {
  const how = settledBy?.how;
  if (how === "protocol" || how === "worker") return value;
  return how === undefined && !onTimeout ? value : encoded(value);
}

/** Its task in that protocol; `undefined` where there is none. */
export function taskText(record: PromiseRecord | null): string | undefined {
  const task = taskRecord(record);
  return task ? JSON.stringify(task) : undefined;
}

export function payloadText({ headers, data }: Payload): string {
  const parts = [];
  if (headers) parts.push(`"headers":${JSON.stringify(headers)}`);
  if (data !== undefined) parts.push(`"data":${data}`);
  return `{${parts.join(",")}}`;
}

/** The frame that says how a projected promise stands, `null` for an id that nobody has created. */
export function standingFrame(record: PromiseRecord | null, id: string, origin: string): string {
  if (!record) return JSON.stringify({ type: "absent", id } satisfies Frame);
  const type = isSettled(record) ? "settled" : "pending";
  return `{"type":"${type}","etag":"${entityTag(record)}","promise":${resourceText(record, origin)}}`;
}

/** A frame taken apart without reading the promise in it: {@link standingFrame} backwards. */
export function splitFrame(text: string): { type: string; etag?: string; promise?: string } {
  const typeEnd = text.indexOf('"', 9);
  const type = text.slice(9, typeEnd);
  if (!text.startsWith(',"etag":"', typeEnd + 1)) return { type };
  const etagEnd = text.indexOf('"', typeEnd + 10);
  return { type, etag: text.slice(typeEnd + 10, etagEnd), promise: text.slice(etagEnd + 12, -1) };
}

/**
 * The strong entity tag (RFC 9110, 8.8.3) of the JSON resource, without quotes: one for each life of
 * the id and each of its standings. A projected settlement and the stored one are the same bytes.
 */
export function entityTag(record: PromiseRecord): string {
  if (isSettled(record)) return `${record.birth}.settled`;
  const { birth, votes = [], escalated = 0, extended = 0 } = record;
  const counts = [votes.length, escalated, extended];
  return `${birth}.pending${counts.some((count) => count > 0) ? `.${counts.join(".")}` : ""}`;
}
