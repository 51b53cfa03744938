/**
 * How an object tells the index: a birth by its alarm, the rest beside its work, many together, the last
 * word only, and again until it is heard.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readConfig } from "../../src/env.ts";
import { indexShardOf } from "../../src/machine/ids.ts";
import type { IndexEntry } from "../../src/machine/index-entry.ts";
import { UNTOLD_MS } from "../../src/object/index-gathering.ts";
import { Indexing } from "../../src/object/indexing.ts";
import { IndexObject } from "../../src/object/index-object.ts";
import { eventually } from "../eventually.ts";
import { deployment } from "./runtime.ts";

let number = 0;
let id = "";

beforeEach(() => {
  number += 1;
  id = `told/${number}`;
  // Waits are counted then, and not timed: nobody seems to be gone who is only slow.
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function said(revision: number, tag = String(revision)): IndexEntry {
  return { kind: "schedule", id, revision, tags: { tag } };
}

/** The stamps that a shard is told of, in order; a planted fault keeps it from hearing them. */
function listening(fails: () => boolean = () => false): number[][] {
  const heard: number[][] = [];
  vi.spyOn(IndexObject.prototype, "put").mockImplementation(async (entries) => {
    if (fails()) throw new Error("planted");
    const own = entries.filter((entry) => entry.id.startsWith("told/"));
    heard.push(own.map(({ revision }) => revision));
  });
  return heard;
}

function indexing(): { indexing: Indexing; speaking: Promise<void>[] } {
  const speaking: Promise<void>[] = [];
  return { indexing: new Indexing(deployment(), (work) => speaking.push(work)), speaking };
}

describe("indexing", () => {
  it("says what is said in quick succession once, the last of it", async () => {
    const heard = listening();
    const one = indexing();
    for (const revision of [1, 2, 3]) one.indexing.push(said(revision));
    await one.indexing.tell(() => 0);
    expect(heard).toEqual([[3]]);
    expect(one.indexing.dueAt).toBeNull();
  });

  it("says what many have to say together, and one of them speaks", async () => {
    const heard = listening();
    const many = Array.from({ length: 20 }, () => indexing());
    for (const [n, { indexing: one }] of many.entries()) {
      one.push({ kind: "schedule", id: `told/${number}/${n}`, revision: n, tags: {} });
    }
    await Promise.all(many.flatMap(({ speaking }) => speaking));
    expect(many.flatMap(({ speaking }) => speaking)).toHaveLength(1);
    expect(heard.length).toBeLessThanOrEqual(8);
    expect(heard.flat().toSorted((a, b) => a - b)).toEqual(many.map((_, n) => n));
  });

  it("sends nothing that is no news", async () => {
    const heard = listening();
    const one = indexing();
    one.indexing.push(said(1, "same"));
    await one.indexing.tell(() => 0);
    one.indexing.push(said(2, "same"));
    await one.indexing.tell(() => 0);
    expect(heard).toEqual([[1]]);
  });

  it("leaves a birth to the alarm, and an end that comes before it is said with it", async () => {
    const heard = listening();
    const one = indexing();
    one.indexing.note(said(1), 5000);
    expect(one.indexing.dueAt).toBe(5000 + UNTOLD_MS);
    expect(one.speaking).toHaveLength(0);
    one.indexing.push(said(2));
    expect(one.indexing.dueAt).toBeNull();
    await one.indexing.tell(() => 6000);
    expect(heard).toEqual([[2]]);
  });

  it("waits also for what takes its place while it waits", async () => {
    const heard: number[][] = [];
    vi.spyOn(IndexObject.prototype, "put").mockImplementation(async (entries) => {
      // Longer than who waits looks away.
      await new Promise((go) => setTimeout(go, 300));
      heard.push(entries.map(({ revision }) => revision));
    });
    const one = indexing();
    one.indexing.push(said(1));
    const telling = one.indexing.tell(() => 0);
    one.indexing.push(said(2, "other"));
    await telling;
    expect(heard.flat()).toContain(2);
    expect(one.indexing.dueAt).toBeNull();
  });

  it("leaves a birth that takes its place to the alarm of that", async () => {
    listening();
    const logged = vi.spyOn(console, "error").mockReturnValue();
    const one = indexing();
    one.indexing.push(said(1));
    const telling = one.indexing.tell(() => 0);
    one.indexing.note(said(2), 5000);
    await telling;
    expect(one.indexing.dueAt).toBe(5000 + UNTOLD_MS);
    expect(logged).not.toHaveBeenCalled();
  });

  it("says it again when it was not heard", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    let failures = 2;
    const heard = listening(() => (failures -= 1) >= 0);
    const one = indexing();
    one.indexing.push(said(1));
    await one.indexing.tell(() => 0);
    expect(heard).toEqual([[1]]);
  });

  it("leaves a shard alone that does not hear, and no other", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const { indexShards } = readConfig(deployment());
    const deaf = { ...said(1), id: `told/${number}/deaf` };
    const shard = indexShardOf(deaf.id, indexShards);
    const ids = Array.from({ length: 20 }, (_, n) => `told/${number}/${n}`);
    const other = ids.find((one) => indexShardOf(one, indexShards) !== shard)!;
    const heard: string[] = [];
    let asked = 0;
    vi.spyOn(IndexObject.prototype, "put").mockImplementation(async (entries) => {
      if (entries.some((entry) => entry.id === deaf.id)) {
        asked += 1;
        throw new Error("planted");
      }
      heard.push(...entries.map((entry) => entry.id));
    });
    const one = indexing();
    one.indexing.push(deaf);
    await eventually(() => expect(asked).toBe(4));
    // It is asked next in two seconds.
    const two = indexing();
    two.indexing.push({ ...deaf, id: other });
    await two.indexing.tell(() => 0);
    expect([heard.includes(other), asked]).toEqual([true, 4]);
    vi.restoreAllMocks();
    await Promise.all(one.speaking);
  });

  it("owes what could not be told, and tells it when it is asked again", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    // Waits end at once, but still let the others in.
    vi.spyOn(scheduler, "wait").mockImplementation(() => new Promise((go) => setTimeout(go, 0)));
    let isBroken = true;
    const heard = listening(() => isBroken);
    const one = indexing();
    one.indexing.push(said(1));
    await one.indexing.tell(() => 1000);
    expect(one.indexing.dueAt).toBeGreaterThan(1000);
    isBroken = false;
    await one.indexing.tell(() => 9000);
    expect(one.indexing.dueAt).toBeNull();
    // Perhaps twice: who waits long takes over from a speaker that only seems to be gone.
    expect(new Set(heard.flat())).toEqual(new Set([1]));
  });
});
