// Machines with one planted fault each: the mistakes that a promise server really makes. They exist
// to prove that the random test can fail. Each wraps the real decide or project and bends one
// thing; none of them may survive a run.

import { isSettled } from "../../src/machine/promise.ts";
import type { Command, Decision, PromiseRecord } from "../../src/machine/promise.ts";
import { MACHINE } from "./lockstep.ts";
import type { Machine } from "./lockstep.ts";

type SettledPromise = Exclude<PromiseRecord, { state: "pending" }>;
type Of<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;
type Bend<Asked> = (record: PromiseRecord | null, command: Asked, now: number) => Decision;

const { decide, project } = MACHINE;

export const FAULTS: Record<string, Machine> = {
  "a settle ignores strict": faulty("settle", (record, command, now) =>
    decide(record, { ...command, strict: false }, now),
  ),
  "a create ignores strict": faulty("create", (record, command, now) =>
    decide(record, { ...command, strict: false }, now),
  ),
  "a read shows what is stored": { ...MACHINE, project: (record) => record },
  "a refused create shows what is stored": faulty("create", (record, command, now) => {
    const decision = decide(record, command, now);
    return decision.outcome === "exists" ? { ...decision, record } : decision;
  }),
  "a settle after the deadline still wins": faulty("settle", (record, command, now) =>
    decide(record, command, record ? Math.min(now, record.timeoutAt - 1) : now),
  ),
  "a caller wins the millisecond of the deadline": faulty("settle", (record, command, now) =>
    decide(record, command, record?.timeoutAt === now ? now - 1 : now),
  ),
  "the second settle wins": faulty("settle", (record, command, now) =>
    decide(record && reopened(record), command, now),
  ),
  "a settle that lost writes its value all the same": faulty("settle", (record, command, now) => {
    const decision = decide(record, command, now);
    if (decision.outcome !== "lost") return decision;
    return changed({ ...decision, write: decision.record }, { value: command.value });
  }),
  "a settle that lost is shown its own value": faulty("settle", (record, command, now) => {
    const decision = decide(record, command, now);
    return decision.outcome === "lost" ? changed(decision, { value: command.value }) : decision;
  }),
  "no key matches no key": faulty("settle", (record, command, now) => {
    const decision = decide(record, command, now);
    const kept = record && isSettled(record) ? record.idempotencyKeyForComplete : undefined;
    const match = decision.outcome === "lost" && command.idempotencyKey === kept;
    return match && !command.strict ? { ...decision, outcome: "repeated" } : decision;
  }),
  "an empty key counts as none": faulty("create", (record, command, now) => {
    const decision = decide(record, command, now);
    const match = decision.outcome === "repeated" && command.idempotencyKey === "";
    return match ? { ...decision, outcome: "exists" } : decision;
  }),
  "a create is repeated with the key of the completion": faulty(
    "create",
    (record, command, now) => {
      const decision = decide(record, command, now);
      const kept = record && isSettled(record) ? record.idempotencyKeyForComplete : undefined;
      const match = kept !== undefined && command.idempotencyKey === kept && !command.strict;
      return match ? { ...decision, outcome: "repeated" } : decision;
    },
  ),
  "an extension reopens what has timed out": faulty("extend", (record, command, now) =>
    decide(record, command, record ? Math.min(now, record.timeoutAt - 1) : now),
  ),
  "a deadline moves earlier": faulty("extend", (record, command, now) => {
    const decision = decide(record, command, now);
    if (decision.outcome !== "earlier" || !decision.record) return decision;
    const sooner = { ...decision.record, timeoutAt: command.timeoutAt };
    return { ...decision, record: sooner, write: sooner };
  }),
  "a settle loses the param": faulty("settle", (record, command, now) => {
    const decision = decide(record, command, now);
    return decision.outcome === "settled" ? changed(decision, { param: {} }) : decision;
  }),
  "a pending promise can be purged": faulty("purge", (record, command, now) => {
    const decision = decide(record, command, now);
    return decision.outcome === "pending"
      ? { ...decision, outcome: "purged", write: null }
      : decision;
  }),
  "a promise born late keeps the clock's createdAt": faulty("create", (record, command, now) => {
    const decision = decide(record, command, now);
    return decision.outcome === "created" ? changed(decision, { createdAt: now }) : decision;
  }),
  "an alarm that rings early settles": faulty("wake", (record, command, now) =>
    decide(record, command, now + 1),
  ),
  "an alarm that rings late writes its own instant": faulty("wake", (record, command, now) =>
    changed(decide(record, command, now), { settledAt: now }),
  ),
  "an alarm answers but does not write": faulty("wake", (record, command, now) => {
    const { outcome, record: shown } = decide(record, command, now);
    return { outcome, record: shown };
  }),
  "an alarm that rings twice reopens": faulty("wake", (record, command, now) => {
    const decision = decide(record, command, now);
    return decision.outcome === "unchanged" && record
      ? { ...decision, write: reopened(record) }
      : decision;
  }),
  "an alarm tells the awaiters of a cancellation": faulty("wake", (record, command, now) => {
    const decision = decide(record, command, now);
    const { record: told } = changed(decision, { state: "rejected_canceled" });
    return decision.outcome === "settled" ? { ...decision, record: told } : decision;
  }),
  "retention counts from the creation": faulty("wake", (record, command, now) => {
    const decision = decide(record, command, now);
    const { record: shown } = decision;
    const { createdAt = now, retentionMs = Infinity } = shown && isSettled(shown) ? shown : {};
    return createdAt + retentionMs <= now
      ? { ...decision, outcome: "purged", write: null }
      : decision;
  }),
  "the tag resonate:timeout is not known": {
    ...MACHINE,
    project: (record, now) => {
      const { "resonate:timeout": _, ...tags } = record.tags;
      return { ...project({ ...record, tags }, now), tags: record.tags };
    },
  },
};

/** The real machine, but for one kind of command. */
function faulty<Kind extends Command["kind"]>(kind: Kind, bend: Bend<Of<Kind>>): Machine {
  const isBent = (command: Command): command is Of<Kind> => command.kind === kind;
  return {
    ...MACHINE,
    decide: (record, command, now) =>
      isBent(command) ? bend(record, command, now) : decide(record, command, now),
  };
}

/** The decision with its settled record changed, in the answer and in what it writes. */
function changed(decision: Decision, change: Partial<SettledPromise>): Decision {
  if (!decision.record || !isSettled(decision.record)) return decision;
  const record = { ...decision.record, ...change };
  return { ...decision, record, ...(decision.write && { write: record }) };
}

/** A settled record with its settlement taken off again. */
function reopened(record: PromiseRecord): PromiseRecord {
  if (!isSettled(record)) return record;
  const { value: _, settledAt: __, idempotencyKeyForComplete: ___, ...rest } = record;
  return { ...rest, state: "pending" };
}
