// Machines with one planted fault each: the mistakes that a task server really makes (most of them
// stand in the specification's list of implementations that made them). They exist to prove that the
// random walk can fail. Each wraps the real decideTask and bends one thing; none may survive a walk.

import { NEVER } from "../../client/src/protocol.ts";
import { isSettled } from "../../src/machine/promise.ts";
import type { PromiseRecord } from "../../src/machine/promise.ts";
import type { TaskCommand, TaskDecision } from "../../src/machine/task-command.ts";
import type { Task } from "../../src/machine/task-state.ts";
import { decideTask } from "../../src/machine/task.ts";
import type { DecideTask } from "./task-walk.ts";

type Kind = TaskCommand["kind"];
type Of<K extends Kind> = Extract<TaskCommand, { kind: K }>;
type Bend<Asked> = (
  record: PromiseRecord | null,
  command: Asked,
  now: number,
  settings: { retryMs: number },
) => TaskDecision;

export const FAULTS: Record<string, DecideTask> = {
  "an acquire ignores the version": anyVersion("task.acquire"),
  "a release ignores the version": anyVersion("task.release"),
  "a suspend ignores the version": anyVersion("task.suspend"),
  "a guard ignores the version": anyVersion("task.guard"),
  "a heartbeat ignores the pid": faulty("task.heartbeat", (record, command, ...rest) => {
    const task = record?.task;
    const pid = task?.state === "acquired" ? task.pid : command.pid;
    return decideTask(record, { ...command, pid }, ...rest);
  }),

  "a heartbeat keeps a dead task alive": undying("task.heartbeat"),
  "a resume raises a dead task": undying("task.resume"),
  "a tick offers a dead task": undying("task.tick"),
  "a dead task can be halted": undying("task.halt"),
  "a dead task can be continued": undying("task.continue"),
  "a dead task can be acquired": undying("task.acquire"),
  "a create leases a dead task": undying("task.create"),
  "a fulfill settles a dead promise": undying("task.fulfill"),

  "an acquire does not raise the version": faulty("task.acquire", (record, ...rest) =>
    changed(decideTask(record, ...rest), ({ version }) => ({ version: version - 1 })),
  ),
  "an acquire takes what is halted": faulty("task.acquire", (record, ...rest) => {
    const { task } = record ?? {};
    if (!record || task?.state !== "halted") return decideTask(record, ...rest);
    return decideTask({ ...record, task: { ...task, state: "pending", retryAt: 0 } }, ...rest);
  }),
  "an acquire forgets what is awaited": faulty("task.acquire", (...asked) =>
    changed(decideTask(...asked), () => ({ awaiting: {} })),
  ),
  "an acquire forgets the fences of the last holder": faulty("task.acquire", (...asked) =>
    changed(decideTask(...asked), () => ({ fenceUntil: 0 })),
  ),
  "an acquire keeps what has been seen": faulty("task.acquire", (record, ...rest) =>
    changed(decideTask(record, ...rest), () => ({ resumes: record?.task?.resumes ?? [] })),
  ),
  "a fence leaves no trace": faulty("task.fence", (...asked) => {
    const { status, record, write } = decideTask(...asked);
    return { status, record: write ? asked[0] : record };
  }),

  "a resume counts though nobody asked": faulty("task.resume", (record, command, ...rest) => {
    if (!record?.task) return decideTask(record, command, ...rest);
    const awaiting = { ...record.task.awaiting, [command.awaited]: command.birth };
    return decideTask({ ...record, task: { ...record.task, awaiting } }, command, ...rest);
  }),
  "a resume counts for another life": faulty("task.resume", (record, command, ...rest) => {
    const birth = record?.task?.awaiting?.[command.awaited] ?? command.birth;
    return decideTask(record, { ...command, birth }, ...rest);
  }),
  "a resume that comes twice counts twice": faulty("task.resume", (record, command, ...rest) => {
    const decision = decideTask(record, command, ...rest);
    const { task, state } = record ?? {};
    if (!record || state !== "pending" || !task?.resumes.includes(command.awaited)) return decision;
    const doubled = { ...task, resumes: [...task.resumes, command.awaited] };
    return {
      ...decision,
      record: { ...record, task: doubled },
      write: { ...record, task: doubled },
    };
  }),
  "a resume takes the task from its holder": faulty("task.resume", (...asked) =>
    changed(decideTask(...asked), ({ state }) => ({
      ...(state === "acquired" && { state: "pending", retryAt: asked[2] }),
    })),
  ),
  "a suspend forgets what it awaits": faulty("task.suspend", (record, ...rest) =>
    changed(decideTask(record, ...rest), () => ({ awaiting: {} })),
  ),
  "a suspended task keeps its lease": faulty("task.suspend", (record, ...rest) => {
    const lease = record?.task?.state === "acquired" && { pid: record.task.pid };
    return changed(decideTask(record, ...rest), () => ({ ...lease }));
  }),
  "a suspend does not listen to those who answered settled": faulty(
    "task.suspend",
    (record, command, ...rest) => decideTask(record, { ...command, outcome: "suspended" }, ...rest),
  ),

  "an offer names the next version": always((decision) =>
    decision.offer ? { ...decision, offer: { version: decision.offer.version + 1 } } : decision,
  ),
  "a task that comes free is not offered": faulty("task.release", (...asked) => {
    const { offer: _, ...decision } = decideTask(...asked);
    return decision;
  }),
  "a tick does not move the retry instant": faulty(
    "task.tick",
    (record, command, now, settings) => {
      const decision = decideTask(record, command, now, settings);
      return decision.offer ? changed(decision, () => ({ retryAt: now })) : decision;
    },
  ),
  "a tick ends a lease a millisecond early": faulty(
    "task.tick",
    (record, command, now, settings) => {
      if (record?.task?.state !== "acquired") return decideTask(record, command, now, settings);
      const { expiresAt } = record.task;
      return decideTask(record, command, now + 1 === expiresAt ? expiresAt : now, settings);
    },
  ),
  "a timer's task is offered": faulty("task.release", (record, ...rest) => {
    if (!record) return decideTask(record, ...rest);
    const { "resonate:timer": _, ...tags } = record.tags;
    return restored(decideTask({ ...record, tags }, ...rest), { tags: record.tags });
  }),
  "a release forgets when the promise was made": faulty("task.release", (...asked) =>
    restored(decideTask(...asked), { createdAt: 0 }),
  ),

  "a fulfilled task keeps its holder": faulty("task.fulfill", (record, ...rest) => {
    const decision = decideTask(record, ...rest);
    const { task } = record ?? {};
    return decision.status === 200 && task ? changed(decision, () => ({ ...task })) : decision;
  }),
  "a second fulfill wins": faulty("task.fulfill", (record, command, ...rest) => {
    if (!record || !isSettled(record)) return decideTask(record, command, ...rest);
    const { settle, version } = command;
    const write = { ...record, state: settle.state, value: { data: "2" } };
    return record.task?.version === version
      ? { status: 200, record: write, write }
      : decideTask(record, command, ...rest);
  }),
  "a refused release frees the task all the same": faulty(
    "task.release",
    (record, command, ...rest) => {
      const decision = decideTask(record, command, ...rest);
      const freed = anyVersion("task.release")(record, command, ...rest);
      return decision.status === 409 ? { ...freed, status: 409 } : decision;
    },
  ),
  "a refusal shows what is stored": always((decision, record) =>
    decision.status === 409 ? { ...decision, record } : decision,
  ),
};

/** The real machine, but for one kind of command. */
function faulty<K extends Kind>(kind: K, bend: Bend<Of<K>>): DecideTask {
  const isBent = (command: TaskCommand): command is Of<K> => command.kind === kind;
  return (record, command, now, settings) =>
    isBent(command)
      ? bend(record, command, now, settings)
      : decideTask(record, command, now, settings);
}

function always(
  bend: (decision: TaskDecision, record: PromiseRecord | null) => TaskDecision,
): DecideTask {
  return (record, ...rest) => bend(decideTask(record, ...rest), record);
}

function anyVersion(kind: Kind): DecideTask {
  return faulty(kind, (record, command, now, settings) => {
    const version = record?.task?.version;
    if (version === undefined || !("version" in command)) {
      return decideTask(record, command, now, settings);
    }
    return decideTask(record, { ...command, version }, now, settings);
  });
}

/** The guard looks at what is stored, not at what it is by now. */
function undying(kind: Kind): DecideTask {
  return faulty(kind, (record, ...rest) => {
    if (!record) return decideTask(record, ...rest);
    const { timeoutAt } = record;
    return restored(decideTask({ ...record, timeoutAt: NEVER }, ...rest), { timeoutAt });
  });
}

function restored(decision: TaskDecision, part: Partial<PromiseRecord>): TaskDecision {
  const { record, write } = decision;
  // SAFETY: `part` has fields that a pending and a settled promise share.
  return {
    ...decision,
    record: record && ({ ...record, ...part } as PromiseRecord),
    ...(write && { write: { ...write, ...part } as PromiseRecord }),
  };
}

/** The decision with the task that it writes changed. */
function changed(decision: TaskDecision, change: (task: Task) => object): TaskDecision {
  const { write } = decision;
  if (!write?.task || decision.status >= 400) return decision;
  const record = { ...write, task: { ...write.task, ...change(write.task) } };
  return { ...decision, record, write: record };
}
