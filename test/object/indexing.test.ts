/** How an object tells the index: beside its work, the last word only, and again until it is heard. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { IndexEntry } from "../../src/machine/index-entry.ts";
import { Indexing } from "../../src/object/indexing.ts";
import { deployment } from "./runtime.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

function said(revision: number, tag = String(revision)): IndexEntry {
  return { kind: "schedule", id: "x", revision, tags: { tag } };
}

/** An index whose answers are given by the test, one at a time. */
function world() {
  const sent: number[] = [];
  const waits: number[] = [];
  const answers: ((ok: boolean) => void)[] = [];
  const indexing = new Indexing(
    deployment(),
    (entry) => {
      sent.push(entry.revision);
      return new Promise((resolve, reject) => {
        answers.push((ok) => (ok ? resolve() : reject(new Error("planted"))));
      });
    },
    async (ms) => {
      waits.push(ms);
    },
  );
  return { indexing, sent, waits, answers };
}

describe("indexing", () => {
  it("sends at once, and of what comes meanwhile the last", async () => {
    const { indexing, sent, answers } = world();
    expect(indexing.dirty).toBe(false);
    for (const revision of [1, 2, 3]) indexing.push(said(revision));
    expect(sent).toEqual([1]);
    expect(indexing.dirty).toBe(true);
    answers.shift()!(true);
    await vi.waitFor(() => expect(sent).toEqual([1, 3]));
    answers.shift()!(true);
    await indexing.idle();
    expect(indexing.dirty).toBe(false);
    indexing.push(said(4));
    expect(sent).toEqual([1, 3, 4]);
  });

  it("sends nothing that is no news", async () => {
    const { indexing, sent, answers } = world();
    indexing.push(said(1, "same"));
    indexing.push(said(2, "same"));
    answers.shift()!(true);
    await indexing.idle();
    indexing.push(said(3, "same"));
    expect(sent).toEqual([1]);
    expect(indexing.dirty).toBe(false);
  });

  it("says it again when it was not heard, later each time, and the newest by then", async () => {
    const { indexing, sent, waits, answers } = world();
    indexing.push(said(1));
    answers.shift()!(false);
    await vi.waitFor(() => expect(sent).toEqual([1, 1]));
    indexing.push(said(2));
    answers.shift()!(false);
    await vi.waitFor(() => expect(sent).toEqual([1, 1, 2]));
    answers.shift()!(true);
    await indexing.idle();
    expect(indexing.dirty).toBe(false);
    expect(waits).toHaveLength(2);
    expect(waits[0]).toBeLessThanOrEqual(250);
    expect(waits[1]).toBeGreaterThanOrEqual(250);
  });

  it("gives up after a minute, stays dirty, and goes on when it is told to", async () => {
    const error = vi.spyOn(console, "error").mockReturnValue();
    const { indexing, sent, waits, answers } = world();
    indexing.push(said(1));
    for (let tries = 1; tries <= 9; tries += 1) {
      await vi.waitFor(() => expect(sent).toHaveLength(tries));
      answers.shift()!(false);
    }
    await indexing.idle();
    expect(indexing.dirty).toBe(true);
    expect(error).toHaveBeenCalledTimes(1);
    const waited = waits.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeGreaterThan(30_000);
    expect(waited).toBeLessThan(65_000);
    indexing.retry();
    indexing.retry();
    expect(sent).toHaveLength(10);
    answers.shift()!(true);
    await indexing.idle();
    expect(indexing.dirty).toBe(false);
    indexing.retry();
    expect(sent).toHaveLength(10);
  });

  it("never throws, whatever is broken", async () => {
    vi.spyOn(console, "error").mockReturnValue();
    const broken = { ...deployment(), INDEX_SHARDS: "none" };
    const indexing = new Indexing(broken, undefined, async () => {});
    expect(() => indexing.push(said(1))).not.toThrow();
    await indexing.idle();
    expect(indexing.dirty).toBe(true);
  });
});
