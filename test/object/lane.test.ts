/**
 * The order of things at one task: who may start at once and who waits for what, in which order those
 * start who waited, and that nobody gets in between the permission and the work.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Lane } from "../../src/object/lane.ts";

const START = Date.UTC(2030, 0, 1);

const STEPS = {
  look: { kind: "look" },
  change: { kind: "change" },
  "resume a": { kind: "resume", awaited: "a" },
  "resume b": { kind: "resume", awaited: "b" },
} as const;

const WINDOWS = {
  suspend: { kind: "suspend" },
  fence: { kind: "fence" },
  "callback a": { kind: "callback", awaited: "a" },
  "callback b": { kind: "callback", awaited: "b" },
} as const;

type Who = keyof typeof STEPS | keyof typeof WINDOWS;

const EVERYBODY = [...Object.keys(STEPS), ...Object.keys(WINDOWS)] as Who[];

/** Timers that fire when the test says so, however early. */
let timers: { at: number; fire: () => void }[] = [];

beforeEach(() => {
  timers = [];
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  vi.stubGlobal("scheduler", {
    wait: (ms: number) => new Promise<void>((fire) => timers.push({ at: Date.now() + ms, fire })),
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function pass(ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  const due = timers.filter(({ at }) => at <= Date.now());
  timers = timers.filter((timer) => !due.includes(timer));
  for (const { fire } of due) fire();
  await quiet();
}

async function quiet(): Promise<void> {
  for (let round = 0; round < 20; round += 1) await Promise.resolve();
}

/** A lane, and the story of who started and who ended, in order. */
class Story {
  readonly lane: Lane;
  readonly started: string[] = [];
  #ends = new Map<string, () => void>();

  constructor(coldUntil = 0) {
    this.lane = new Lane(() => coldUntil);
  }

  /** @param as what the story calls it */
  come(who: Who, as: string = who): void {
    const begin = (): void => void this.started.push(as);
    if (who in STEPS) {
      void this.lane.run(STEPS[who as keyof typeof STEPS], begin);
      return;
    }
    void this.lane.open(WINDOWS[who as keyof typeof WINDOWS], () => {
      begin();
      return new Promise<void>((end) => this.#ends.set(as, end));
    });
  }

  async end(as: string): Promise<void> {
    this.#ends.get(as)!();
    await quiet();
  }
}

describe("who may start at once", () => {
  const CASES: [open: (keyof typeof WINDOWS)[], waits: Who[]][] = [
    [[], []],
    [["suspend"], ["look", "change", "resume a", "resume b", "suspend", "fence"]],
    [["fence"], ["change", "suspend"]],
    [["callback a"], ["resume a"]],
    [
      ["callback a", "callback b"],
      ["resume a", "resume b"],
    ],
    [
      ["fence", "callback a"],
      ["change", "resume a", "suspend"],
    ],
    [
      ["callback a", "suspend"],
      ["look", "change", "resume a", "resume b", "suspend", "fence"],
    ],
  ];

  it.each(CASES)("while there is %j: all but %j", async (open, waits) => {
    for (const who of EVERYBODY) {
      const story = new Story();
      for (const window of open) story.come(window, `open ${window}`);
      story.come(who);
      expect(story.started.includes(who), who).toBe(!waits.includes(who));
      for (const window of open) await story.end(`open ${window}`);
      expect(story.started, who).toContain(who);
    }
  });

  it("while fences of an earlier life may be on their way: all but who ends a lease", async () => {
    for (const who of EVERYBODY) {
      const story = new Story(START + 1000);
      story.come(who);
      const waits = who === "change" || who === "suspend";
      expect(story.started.includes(who), who).toBe(!waits);
      await pass(999);
      expect(story.started.includes(who), who).toBe(!waits);
      await pass(1);
      expect(story.started, who).toContain(who);
      vi.setSystemTime(START);
    }
  });
});

describe("those who wait", () => {
  it("start in the order in which they came", async () => {
    const story = new Story();
    story.come("suspend", "1");
    for (const [n, who] of (
      ["look", "resume a", "change", "resume b", "fence", "look"] as const
    ).entries()) {
      story.come(who, `${n + 2} ${who}`);
    }
    expect(story.started).toEqual(["1"]);
    await story.end("1");
    expect(story.started).toEqual([
      "1",
      "2 look",
      "3 resume a",
      "4 change",
      "5 resume b",
      "6 fence",
      "7 look",
    ]);
  });

  it("are not passed by a fence that came later, so that fences cannot keep them out for ever", async () => {
    const story = new Story();
    story.come("fence", "first");
    story.come("change");
    story.come("fence", "second");
    expect(story.started).toEqual(["first"]);
    await story.end("first");
    expect(story.started).toEqual(["first", "change", "second"]);
  });

  it("do not stop who may go", () => {
    const story = new Story();
    story.come("fence");
    story.come("change");
    story.come("look");
    story.come("resume a");
    expect(story.started).toEqual(["fence", "look", "resume a"]);
  });

  it("wait for all of many fences", async () => {
    const story = new Story();
    story.come("fence", "one");
    story.come("fence", "two");
    story.come("suspend");
    await story.end("one");
    expect(story.started).not.toContain("suspend");
    await story.end("two");
    expect(story.started).toContain("suspend");
  });

  it("for a callback wait for that one, and for each on the same promise", async () => {
    const story = new Story();
    story.come("callback a", "one");
    story.come("callback a", "two");
    story.come("callback b");
    story.come("resume a");
    await story.end("callback b");
    await story.end("one");
    expect(story.started).not.toContain("resume a");
    await story.end("two");
    expect(story.started).toContain("resume a");
  });

  it("wait on when the first of them is a window itself", async () => {
    const story = new Story();
    story.come("suspend", "first");
    story.come("look", "a look");
    story.come("suspend", "second");
    story.come("look", "another");
    await story.end("first");
    expect(story.started).toEqual(["first", "a look", "second"]);
    await story.end("second");
    expect(story.started).toEqual(["first", "a look", "second", "another"]);
  });

  it("go when the time has come, though the timer was early", async () => {
    const story = new Story(START + 1000);
    story.come("change");
    vi.setSystemTime(START + 999);
    for (const { fire } of timers.splice(0)) fire();
    await quiet();
    expect(story.started).toEqual([]);
    await pass(60_000);
    expect(story.started).toEqual(["change"]);
  });
});

describe("between the permission and the work", () => {
  it("nobody gets in, however soon they come", async () => {
    const story = new Story();
    story.come("fence");
    story.come("suspend");
    const end = story.end("fence");
    for (let round = 0; round < 20; round += 1) {
      story.come("change");
      await Promise.resolve();
    }
    await end;
    expect(story.started).toEqual(["fence", "suspend"]);
  });

  it("nobody gets in whom the work itself brings", async () => {
    const { lane, started } = new Story();
    const inside = lane.open({ kind: "suspend" }, async () => {
      void lane.run({ kind: "look" }, () => void started.push("look"));
      await Promise.resolve();
      started.push("end");
    });
    await inside;
    await quiet();
    expect(started).toEqual(["end", "look"]);
  });

  it("is the same turn, and the answer is the work's own", () => {
    const { lane } = new Story();
    expect(lane.run({ kind: "change" }, () => 7)).toBe(7);
    expect(() =>
      lane.run({ kind: "look" }, () => {
        throw new Error("mine");
      }),
    ).toThrow("mine");
  });
});

describe("a window", () => {
  it("closes when its work fails, and the failure is its opener's", async () => {
    const { lane } = new Story();
    const failing = lane.open({ kind: "suspend" }, async () => {
      await Promise.resolve();
      throw new Error("mine");
    });
    const waiting = lane.run({ kind: "look" }, () => 7);
    await expect(failing).rejects.toThrow("mine");
    expect(await waiting).toBe(7);
  });

  it("hands on what they came to who had to wait", async () => {
    const story = new Story();
    story.come("suspend");
    const window = story.lane.open({ kind: "fence" }, async () => 8);
    const failed = story.lane.run({ kind: "change" }, () => {
      throw new Error("theirs");
    });
    const refused = expect(failed).rejects.toThrow("theirs");
    await story.end("suspend");
    expect(await window).toBe(8);
    await refused;
  });

  it("of a fence stays shut for as long as its write may still land", async () => {
    const story = new Story();
    story.lane.keepFence(4000);
    story.come("change");
    story.come("look");
    await pass(3999);
    expect(story.started).toEqual(["look"]);
    await pass(1);
    expect(story.started).toEqual(["look", "change"]);
  });

  it("of a fence is kept from inside of it without a gap", async () => {
    const story = new Story();
    const { promise: isOver, resolve: end } = Promise.withResolvers<void>();
    void story.lane.open({ kind: "fence" }, async () => {
      await isOver;
      story.lane.keepFence(1000);
    });
    story.come("change");
    end();
    await quiet();
    expect(story.started).toEqual([]);
    await pass(1000);
    expect(story.started).toEqual(["change"]);
  });
});
