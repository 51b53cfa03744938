// Takes the measured cases to whatever speaks the protocol, and writes down what came of each. Cases
// that are asked at one instant share a clock and a tick, so that the whole table is few sweeps.

import type { Case, Outcome } from "../conformance/measured.ts";
import type { Response } from "./protocol-history.ts";
import { ask } from "./protocol-request.ts";
import type { TaskRecord } from "./protocol-state.ts";
import type { Snapshot, Subject } from "./subject.ts";

export interface Found extends Outcome {
  /** The state in the answer, null where it shows no promise. */
  returned: string | null;
}

const DUE = 500;

export async function measure(
  subject: Subject,
  cases: Case[],
  base: number,
): Promise<Map<Case, Found>> {
  const sweeps = Map.groupBy(cases, ({ at, isSwept }) => `${at} ${isSwept}`);
  const found = new Map<Case, Found>();
  for (const sweep of sweeps.values()) {
    await subject.reset();
    await begin(subject, sweep, base);
    await finish(subject, sweep, base, found);
  }
  return found;
}

async function begin(subject: Subject, sweep: Case[], base: number): Promise<void> {
  for (const at of [base, base + 1, base + 2]) {
    await inParallel(sweep, async ({ before, start, operation }) => {
      for (const [, request] of before.filter(([when]) => when === at)) {
        const { status } = await subject.ask(request, at);
        if (status !== 200) {
          throw new Error(`${start}, ${operation}: ${request.kind} was answered with ${status}`);
        }
      }
    });
    await subject.tick(at);
  }
  if (sweep[0]?.isSwept) await subject.tick(base + DUE);
}

async function finish(
  subject: Subject,
  sweep: Case[],
  base: number,
  found: Map<Case, Found>,
): Promise<void> {
  const at = sweep[0]?.at ?? base;
  const looks = new Map<string, Response[]>();
  await inParallel(sweep, async (one) => {
    const answer = one.asked && (await subject.ask(one.asked, at));
    const returned = answer?.body.promise?.state ?? null;
    found.set(one, { returned, status: answer?.status ?? 200, promise: "none", task: null });
  });
  // Where a deadline has passed unnoticed, whoever looks must see it before time does its work.
  const isLate = sweep.every(({ start }) => /^expired| late$/.test(start));
  if (!isLate) await subject.tick(at);
  await inParallel(sweep, async ({ id }) => {
    looks.set(id, [await subject.ask(ask.get(id), at), await subject.ask(ask.taskGet(id), at)]);
  });
  if (isLate) await subject.tick(at);
  const shown = await subject.snap();
  for (const one of sweep) {
    const [promise, task] = looks.get(one.id) ?? [];
    Object.assign(found.get(one) ?? {}, {
      promise: promise?.body.promise?.state ?? "none",
      task: taskWords(task?.body.task),
      ...hidden(one, shown, base),
    });
  }
}

function taskWords(task: TaskRecord | undefined): string | null {
  if (!task) return null;
  const resumes = task.resumes > 0 ? ` resumes ${task.resumes}` : "";
  return `${task.state}@${task.version}${resumes}`;
}

/** Only what the case was measured with. */
function hidden({ id, measured }: Case, shown: Snapshot, base: number): Partial<Outcome> {
  const [kind, at = 0] = shown.timers.get(id) ?? [];
  const timer = kind === undefined ? null : `${kind} ${at - base}`;
  return {
    ...("timer" in measured && { timer }),
    ...("execute" in measured && { execute: shown.offers.get(id) ?? null }),
    ...("callbacks" in measured && { callbacks: shown.callbacks.get(id)?.length ?? 0 }),
    ...("listeners" in measured && { listeners: shown.listeners.get(id)?.length ?? 0 }),
  };
}

/** A few at a time: a test server has one core. */
export async function inParallel<One>(
  all: readonly One[],
  work: (one: One) => Promise<unknown>,
  width = 8,
): Promise<void> {
  const rest = all.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const one of rest) await work(one);
    }),
  );
}
