/**
 * A crash, or an eviction, at every step between a promise's commit and the index: without anybody's
 * help but the alarms', the index comes to say what the promise says.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readConfig } from "../../src/env.ts";
import { indexShardOf } from "../../src/machine/ids.ts";
import { promiseEntry } from "../../src/machine/index-entry.ts";
import type { Command } from "../../src/machine/promise.ts";
import { IndexObject } from "../../src/object/index-object.ts";
import { IndexStore } from "../../src/object/index-store.ts";
import {
  abortAllDurableObjects,
  alarmOf,
  create,
  deployment,
  evictDurableObject,
  indexAt,
  promiseAt,
  resolve,
  ring,
} from "./runtime.ts";
import { eventually } from "../eventually.ts";

const DAY_MS = 86_400_000;
let number = 0;
/** Later each time: who was told something in an earlier test, and died, is not waited for. */
let start = Date.UTC(2030, 0, 1);

beforeEach(() => {
  start += 10 * DAY_MS;
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  vi.spyOn(console, "error").mockReturnValue();
  vi.spyOn(console, "log").mockReturnValue();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const shardOf = (id: string) => indexAt(indexShardOf(id, readConfig(deployment()).indexShards));

/** What is lost when it goes down: everything that is in memory, or one object of it. */
const ENDS = {
  crash: () => abortAllDurableObjects(),
  eviction: (id: string) => evictDurableObject(promiseAt(id)),
} as const;

/** Steps on the way. What stops there goes on when it is let, if it still lives. */
const STEPS: Record<string, () => Called | undefined> = {
  "right after the commit": () => undefined,
  "before the shard hears": () =>
    once(IndexObject.prototype, "put", async () => {
      await stopped();
      throw new Error("the line broke");
    }),
  "before the shard writes": () =>
    once(IndexStore.prototype, "put", () => {
      throw new Error("the disk broke");
    }),
  "after the shard has written, before it is acknowledged": () =>
    once(IndexObject.prototype, "put", async function (this: IndexObject, entries) {
      await putReally.call(this, entries);
      await stopped();
      throw new Error("the line broke");
    }),
};
const putReally = IndexObject.prototype.put;

/** A value and no promise: what an object awaits must be its own. */
const gate = { isOpen: false };

async function stopped(): Promise<void> {
  while (!gate.isOpen) await scheduler.wait(5);
}

type Called = { mock: { calls: unknown[] } };

/** In place of the method the first time that it is called. */
function once<T extends object, Name extends keyof T & string>(
  prototype: T,
  name: Name,
  instead: T[Name],
): Called {
  type Method = (...given: unknown[]) => unknown;
  const original = prototype[name] as Method;
  let isFirst = true;
  const spy = vi.spyOn(prototype as Record<string, Method>, name);
  spy.mockImplementation(function (this: unknown, ...given) {
    const method = isFirst ? (instead as Method) : original;
    isFirst = false;
    return method.apply(this, given);
  });
  return spy;
}

async function waitFor(spy: Called): Promise<void> {
  await eventually(() => expect(spy.mock.calls.length).toBeGreaterThan(0));
}

const CHANGES: Record<string, (id: string) => Command[]> = {
  "a birth": (id) => [create(id, { tags: { of: id }, timeoutAt: start + 10 * DAY_MS })],
  "a birth that is an end": (id) => [create(id, { timeoutAt: start - DAY_MS })],
  "a birth with a task for much later": (id) => [
    create(id, {
      tags: {
        "resonate:target": "poll://any@nobody",
        "resonate:delay": String(start + 5 * DAY_MS),
      },
    }),
  ],
  "a settlement within the second": (id) => [create(id), resolve('"soon"')],
  "a settlement later": (id) => [create(id), resolve('"late"')],
  "a deletion": (id) => [create(id), resolve("1"), { kind: "purge" }],
};

/** What the alarms do by themselves, until nothing is left to do: those of the promise, then the daily ones. */
async function aDayGoesBy(id: string): Promise<void> {
  vi.setSystemTime(start + 2000);
  const alarmAt = await alarmOf(promiseAt(id));
  if (alarmAt !== null && alarmAt <= Date.now()) await ring(() => promiseAt(id));
  vi.setSystemTime(start + DAY_MS + 10_000);
  for (let rings = 0; rings < 20; rings += 1) await ring(() => shardOf(id));
}

async function rowOf(id: string) {
  const search = {
    terms: { pattern: id },
    order: { by: "id", descending: false } as const,
    asOf: start,
    limit: 2,
  };
  return (await shardOf(id).find(search, start + DAY_MS)).found.map(({ entry }) => entry);
}

const COMBINED: [keyof typeof ENDS, string][] = [
  ...Object.keys(STEPS).map((step): [keyof typeof ENDS, string] => ["crash", step]),
  // Later on something is under way, and the runtime waits for that before it evicts.
  ["eviction", "right after the commit"],
];

describe("the index", () => {
  describe.each(COMBINED)("after a %s %s of", (end, step) => {
    it.each(Object.keys(CHANGES))("%s comes to the truth", async (change) => {
      const id = `index-crash/${(number += 1)}`;
      const commands = CHANGES[change]!(id);
      const last = commands.pop()!;
      for (const command of commands) await promiseAt(id).apply(command);
      // What came before the last change was heard, if it is not to be told together with it.
      if (change !== "a settlement within the second" && commands.length > 0) {
        vi.setSystemTime(start + 1000);
        await promiseAt(id).indexed();
      }
      gate.isOpen = false;
      const there = STEPS[step]!();
      await promiseAt(id).apply(last);
      // What is told by an alarm only comes so far when it rings.
      const rung = there && change === "a birth" ? ring(() => promiseAt(id)) : undefined;
      rung?.catch(() => undefined);
      if (there) await waitFor(there);
      await ENDS[end](id);
      gate.isOpen = true;
      await rung;

      await aDayGoesBy(id);
      const record = await promiseAt(id).get();
      const { revision: _, ...expected } = record
        ? promiseEntry(record, { revision: 0 })
        : { revision: 0 };
      expect(await rowOf(id)).toEqual(record ? [expect.objectContaining(expected)] : []);
    });
  });
});
