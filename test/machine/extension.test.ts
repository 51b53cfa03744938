/** What hangs on a deadline moves along with it: the task of a timer, which nobody is to be offered. */
import { describe, expect, test } from "vitest";
import { decide, isSettled, project, type PromiseRecord } from "../../src/machine/promise.ts";
import { decideTask, taskWakeAt } from "../../src/machine/task.ts";

const TAGS = { "resonate:timer": "true", "resonate:target": "poll://any@g" };
const TICK = { kind: "task.tick" } as const;

function born(more: object = {}): PromiseRecord {
  const asked = { id: "p", birth: "b", param: {}, tags: TAGS, timeoutAt: 100, strict: false };
  return decide(null, { kind: "create", ...asked, ...more }, 0).record!;
}

const WAYS: [string, object, (from: PromiseRecord) => PromiseRecord][] = [
  ["by hand", {}, (from) => decide(from, { kind: "extend", timeoutAt: 300 }, 50).record!],
  [
    "by a step of its escalation",
    { escalation: [{ afterMs: 60, extendMs: 200 }] },
    (from) => project(from, 60),
  ],
];

describe("a timer with a target whose deadline moves", () => {
  test.each(WAYS)("%s is offered to nobody at the old one", (_, more, move) => {
    const moved = move(born(more));
    expect(moved.timeoutAt).toBe(300);
    expect(taskWakeAt(moved, 100)).toBeNull();
    const { offer, write } = decideTask(moved, TICK, 100, { retryMs: 30 });
    expect([offer, write]).toEqual([undefined, undefined]);
    expect(isSettled(project(moved, 299))).toBe(false);
    expect(project(moved, 300)).toMatchObject({ state: "resolved", settledAt: 300 });
  });

  test.each(WAYS)("%s changes nothing about a task that is no timer's", (_, more, move) => {
    const before = born({ ...more, tags: { "resonate:target": "poll://any@g" } });
    expect(move(before).task).toEqual(before.task);
  });
});
