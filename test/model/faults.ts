// Machines with one planted fault each: the mistakes that a promise server really makes. They exist to
// prove that the random test can fail. Each wraps the real decide or project and bends one thing; none
// of them may survive a run.

import { decide, isSettled, project } from "../../src/machine/promise.ts";
import type { Command, Decision, PromiseRecord } from "../../src/machine/promise.ts";
import { MACHINE } from "./lockstep.ts";
import type { Machine } from "./lockstep.ts";

type Decide = Machine["decide"];

/** A settled record with its settlement taken off again. */
function reopened(record: PromiseRecord): PromiseRecord {
  if (!isSettled(record)) return record;
  const { value: _, settledAt: __, idempotencyKeyForComplete: ___, ...rest } = record;
  return { ...rest, state: "pending" };
}

/** Bends the answers of one kind of command, when the condition holds. */
function faulty(kind: Command["kind"], bend: (...asked: Parameters<Decide>) => Decision): Machine {
  return {
    ...MACHINE,
    decide: (record, command, now) =>
      command.kind === kind ? bend(record, command, now) : decide(record, command, now),
  };
}

export const FAULTS: Record<string, Machine> = {
  "a settle ignores strict": faulty("settle", (record, command, now) =>
    decide(record, { ...command, strict: false } as Command, now),
  ),
  "a create ignores strict": faulty("create", (record, command, now) =>
    decide(record, { ...command, strict: false } as Command, now),
  ),
  "a read shows what is stored": { ...MACHINE, project: (record) => record },
  "a refused create shows what is stored": faulty("create", (record, command, now) => {
    const decision = decide(record, command, now);
    return decision.outcome === "exists" ? { ...decision, record } : decision;
  }),
  "a settle after the deadline still wins": faulty("settle", (record, command, now) =>
    decide(record, command, record?.state === "pending" ? Math.min(now, record.timeoutAt - 1) : now),
  ),
  "a caller wins the millisecond of the deadline": faulty("settle", (record, command, now) =>
    decide(record, command, record?.timeoutAt === now ? now - 1 : now),
  ),
  "the second settle wins": faulty("settle", (record, command, now) =>
    decide(record && reopened(record), command, now),
  ),
  "a lost settle is shown its own value": faulty("settle", (record, command, now) => {
    const { record: shown, ...decision } = decide(record, command, now);
    const isLoser = decision.outcome === "lost" && shown?.state !== "pending" && command.kind === "settle";
    return { ...decision, record: isLoser && shown ? { ...shown, value: command.value } : shown };
  }),
  "no key matches no key": faulty("settle", (record, command, now) => {
    const decision = decide(record, command, now);
    const keyless = command.kind === "settle" && command.idempotencyKey === undefined;
    const settled = decision.record !== null && isSettled(decision.record) ? decision.record : null;
    const match = keyless && settled?.idempotencyKeyForComplete === undefined;
    return match && decision.outcome === "lost" ? { ...decision, outcome: "repeated" } : decision;
  }),
  "an empty key counts as none": faulty("create", (record, command, now) => {
    const decision = decide(record, command, now);
    const empty = command.kind === "create" && command.idempotencyKey === "";
    return empty && decision.outcome === "repeated" ? { ...decision, outcome: "exists" } : decision;
  }),
  "a create is repeated with the key of the completion": faulty("create", (record, command, now) => {
    const decision = decide(record, command, now);
    const key = record !== null && isSettled(record) ? record.idempotencyKeyForComplete : undefined;
    const match = command.kind === "create" && key !== undefined && command.idempotencyKey === key;
    return match && !command.strict ? { ...decision, outcome: "repeated" } : decision;
  }),
  "a pending promise can be purged": faulty("purge", (record, command, now) => {
    const decision = decide(record, command, now);
    return decision.outcome === "pending" ? { ...decision, outcome: "purged", write: null } : decision;
  }),
  "a promise born late keeps the clock's createdAt": faulty("create", (record, command, now) => {
    const decision = decide(record, command, now);
    if (decision.outcome !== "created" || !decision.record) return decision;
    const born = { ...decision.record, createdAt: now };
    return { ...decision, record: born, write: born };
  }),
  "an alarm that rings early settles": faulty("wake", (record, command, now) =>
    decide(record, command, now + 1),
  ),
  "an alarm that rings late writes its own instant": faulty("wake", (record, command, now) => {
    const decision = decide(record, command, now);
    if (decision.outcome !== "settled" || !decision.record) return decision;
    const late = { ...decision.record, settledAt: now } as PromiseRecord;
    return { ...decision, record: late, write: late };
  }),
  "an alarm answers but does not write": faulty("wake", (record, command, now) => {
    const { write: _, ...decision } = decide(record, command, now);
    return decision;
  }),
  "an alarm that rings twice reopens": faulty("wake", (record, command, now) => {
    const decision = decide(record, command, now);
    if (decision.outcome !== "unchanged" || !record || !isSettled(record)) return decision;
    return { ...decision, write: reopened(record) };
  }),
  "retention counts from the creation": faulty("wake", (record, command, now) => {
    const decision = decide(record, command, now);
    const { record: shown } = decision;
    if (!shown || !isSettled(shown) || shown.retentionMs === undefined) return decision;
    const over = shown.createdAt + shown.retentionMs <= now;
    return over ? { outcome: "purged", record: shown, write: null } : decision;
  }),
  "the tag resonate:timeout is not known": {
    ...MACHINE,
    project: (record, now) => {
      const seen = project(record, now);
      const isOld = seen !== record && seen.tags["resonate:timeout"] === "true" && !seen.onTimeout;
      return isOld ? ({ ...seen, state: "rejected_timedout" } as PromiseRecord) : seen;
    },
  },
  "a settle loses the param": faulty("settle", (record, command, now) => {
    const decision = decide(record, command, now);
    if (decision.outcome !== "settled" || !decision.record) return decision;
    const lost = { ...decision.record, param: {} };
    return { ...decision, record: lost, write: lost };
  }),
};
