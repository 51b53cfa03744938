/**
 * The traps of the steps that take more than one object, one case each: the shortest schedule in which
 * a tempting shortcut gives a wrong answer, played against the real objects. Each is played twice: as
 * the code is, which must give the right answer, and with the shortcut planted, which must not.
 */
import { afterEach, describe, expect, it } from "vitest";
import { ask, createAction, settleAction, settlement } from "../model/protocol-request.ts";
import { objectionTo } from "./across/abstract.ts";
import { external, held } from "./across/caller.ts";
import { FAULTS, uproot, type Fault, type FaultName } from "./across/faults.ts";
import { Play } from "./across/play.ts";
import { playWorlds } from "./across/world.ts";

playWorlds();

afterEach(uproot);

interface Trap {
  fault: FaultName;
  /** What goes wrong, where the fault is not the whole of it. */
  when?: string;
  play: (play: Play) => Promise<unknown>;
  right: unknown;
}

const FENCED_CREATE = ask.fence("t", 1, createAction(external("c")));
const FENCED_SETTLE = ask.fence("t", 1, settleAction(settlement("c", "rejected")));

const TRAPS: Trap[] = [
  {
    fault: 'store "suspended" first, register after',
    play: async (play) => {
      await held(play.callers, ["a"]);
      await play.done(ask.settle(settlement("a")));
      const suspend = await play.ask(ask.suspend("t", 1, ["a"]));
      const get = await play.ask(ask.taskGet("t"));
      await play.rest();
      return [suspend, get].map(({ returned }) => returned?.response).map(shown);
    },
    right: ["300", "200 acquired 0"],
  },
  {
    fault: "check, commit, then register without waiting",
    play: async (play) => {
      await held(play.callers, ["a"]);
      const suspend = await play.ask(ask.suspend("t", 1, ["a"]));
      await play.there("a");
      await play.back("a");
      await play.ask(ask.settle(settlement("a")));
      await play.rest();
      return [shown(suspend.returned?.response), await taskAtRest(play)];
    },
    right: ["200", "200 pending 1"],
  },
  {
    fault: 'answer "not awaiting" to a resume inside the window',
    play: async (play) => {
      await held(play.callers, ["a"]);
      const suspend = await play.ask(ask.suspend("t", 1, ["a"]));
      await play.there("a");
      await play.ask(ask.settle(settlement("a")));
      const resume = play.letter("t");
      await play.deliver(resume);
      await play.rest();
      return [shown(suspend.returned?.response), await taskAtRest(play)];
    },
    right: ["300", "200 acquired 0"],
  },
  {
    fault: "let task.get through a suspend",
    play: async (play) => {
      await held(play.callers, ["a"]);
      const suspend = await play.ask(ask.suspend("t", 1, ["a"]));
      await play.there("a");
      const settle = await play.ask(ask.settle(settlement("a")));
      const get = await play.ask(ask.taskGet("t"));
      await play.back("a");
      return [suspend, settle, get].map(({ returned }) => shown(returned?.response));
    },
    right: ["200", "200", "200 suspended 0"],
  },
  {
    fault: "no confirm with two awaited",
    play: async (play) => {
      await held(play.callers, ["a"]);
      const suspend = await play.ask(ask.suspend("t", 1, ["a", "b"]));
      await play.there("a");
      await play.back("a");
      await play.ask(ask.settle(settlement("a")));
      const resume = play.letter("t");
      await play.ask(ask.create(external("b")));
      await play.there("b");
      await play.back("b");
      for (const id of ["a", "b"]) {
        if (suspend.returned) break;
        await play.there(id);
        await play.back(id);
      }
      const answer = shown(suspend.returned?.response);
      await play.deliver(resume);
      await play.rest();
      return answer;
    },
    right: "300",
  },
  {
    fault: "take a resume without awaiting",
    when: "the row of a suspend that was refused",
    play: async (play) => {
      await held(play.callers, ["a"]);
      const suspend = await play.done(ask.suspend("t", 1, ["a", "missing"]));
      await play.done(ask.settle(settlement("a")));
      return [shown(suspend), await taskAtRest(play)];
    },
    right: ["422", "200 acquired 0"],
  },
  {
    fault: "take a resume without awaiting",
    when: "the row of a suspend that went on",
    play: async (play) => {
      await held(play.callers, ["a", "b"]);
      await play.done(ask.settle(settlement("b")));
      const suspend = await play.done(ask.suspend("t", 1, ["a", "b"]));
      await play.done(ask.settle(settlement("a")));
      return [shown(suspend), await taskAtRest(play)];
    },
    right: ["300", "200 acquired 0"],
  },
  {
    fault: "take a resume without awaiting",
    when: "it comes again after it was seen",
    play: async (play) => {
      await held(play.callers, ["a"]);
      await play.done(ask.suspend("t", 1, ["a"]));
      await play.ask(ask.settle(settlement("a")));
      const copy = play.world.double(play.letter("t"));
      await play.there("t");
      await play.ask(ask.acquire("t", 1, "worker", 1e9));
      await play.deliver(copy);
      return taskAtRest(play);
    },
    right: "200 acquired 0",
  },
  {
    fault: "the attempt decides",
    play: async (play) => {
      await held(play.callers, ["a"]);
      await play.done(ask.callback("a", "t"));
      await play.done(ask.suspend("t", 1, ["a", "missing"]));
      await play.done(ask.settle(settlement("a")));
      return taskAtRest(play);
    },
    right: "200 acquired 1",
  },
  {
    fault: "the task's version decides",
    play: async (play) => {
      await held(play.callers, ["a", "b"]);
      await play.done(ask.suspend("t", 1, ["a", "b"]));
      await play.done(ask.settle(settlement("a")));
      await play.done(ask.acquire("t", 1, "worker", 1e9));
      await play.done(ask.settle(settlement("b")));
      return taskAtRest(play);
    },
    right: "200 acquired 1",
  },
  {
    fault: "delete the row when sending",
    play: async (play) => {
      await held(play.callers, ["a"]);
      await play.done(ask.suspend("t", 1, ["a"]));
      await play.ask(ask.settle(settlement("a")));
      await play.lose(play.letter("t"));
      await play.rest();
      return taskAtRest(play);
    },
    right: "200 pending 1",
  },
  {
    fault: "no lane, no guard after the await",
    play: async (play) => {
      await held(play.callers, ["a"]);
      const suspend = await play.ask(ask.suspend("t", 1, ["a"]));
      const halt = await play.ask(ask.halt("t"));
      const isHalted = halt.returned !== undefined;
      await play.ask(ask.settle(settlement("a")));
      await play.there("a");
      await play.back("a");
      return [isHalted, shown(suspend.returned?.response), await taskAtRest(play)];
    },
    right: [false, "300", "200 halted 0"],
  },
  {
    fault: "no lane",
    when: "the lease ends and another takes it inside the window",
    play: async (play) => {
      await held(play.callers, ["a"]);
      const suspend = await play.ask(ask.suspend("t", 1, ["a"]));
      const release = await play.ask(ask.release("t", 1));
      await play.there("a");
      await play.back("a");
      return [suspend, release].map(({ returned }) => shown(returned?.response));
    },
    right: ["200", "409"],
  },
  {
    fault: "resume without looking at the own deadline",
    play: async (play) => {
      await held(play.callers, ["a"], play.world.now + 1000);
      await play.done(ask.suspend("t", 1, ["a"]));
      await play.ask(ask.settle(settlement("a")));
      await play.pass(1000);
      await play.there("t");
      await play.rest();
      return play.world.offers;
    },
    right: [],
  },
  {
    fault: "no birth in resume",
    play: async (play) => {
      await held(play.callers, ["a"]);
      await play.done(ask.suspend("t", 1, ["a"]));
      await play.ask(ask.settle(settlement("a")));
      const copy = play.world.double(play.letter("t"));
      await play.there("t");
      await play.back("t");
      await play.ask(ask.acquire("t", 1, "worker", 1e9));
      await tell(play, "a", "purge");
      await play.ask(ask.create(external("a")));
      const suspend = await play.ask(ask.suspend("t", 2, ["a"]));
      await play.there("a");
      await play.deliver(copy);
      await play.back("a");
      return [shown(suspend.returned?.response), await taskAtRest(play)];
    },
    right: ["200", "200 suspended 0"],
  },
  {
    fault: "let a resume in while its callback is being registered",
    play: async (play) => {
      await held(play.callers, ["a"]);
      const callback = await play.ask(ask.callback("a", "t"));
      await play.there("a");
      await play.ask(ask.settle(settlement("a")));
      await play.deliver(play.world.letters.find(({ method }) => method === "resume")!);
      await play.rest();
      return [callback.returned?.response.body.promise?.state, await taskAtRest(play)];
    },
    right: ["pending", "200 acquired 1"],
  },
  {
    fault: "fence: guard, then write without a window",
    play: async (play) => {
      await held(play.callers, []);
      const fence = await play.ask(FENCED_CREATE);
      const release = await play.ask(ask.release("t", 1));
      const isReleased = release.returned !== undefined;
      const before = await play.ask(ask.get("c"));
      await play.there("c");
      await play.back("c");
      return [
        isReleased,
        ...[before, fence, release].map(({ returned }) => shown(returned?.response)),
      ];
    },
    right: [false, "404", "200", "200"],
  },
  {
    fault: "fence without `notAfter`",
    when: "its sender crashed, and the lease is over",
    play: async (play) => {
      await held(play.callers, []);
      await play.ask(FENCED_CREATE);
      const write = play.letter("c");
      await play.crash("t");
      const release = await play.ask(ask.release("t", 1));
      await play.pass(8000);
      const before = await play.ask(ask.get("c"));
      await play.deliver(write);
      const after = await play.ask(ask.get("c"));
      return [release, before, after].map(({ returned }) => shown(returned?.response));
    },
    right: ["200", "404", "404"],
  },
  {
    fault: "fence without `notAfter`",
    when: "the holder's own deadline passes",
    play: async (play) => {
      await held(play.callers, [], play.world.now + 1000);
      await play.ask(FENCED_CREATE);
      const write = play.letter("c");
      play.world.now += 1000;
      play.callers.happened({ kind: "deadline", data: { id: "t", at: play.world.now } });
      const own = await play.ask(ask.get("t"));
      const before = await play.ask(ask.get("c"));
      await play.deliver(write);
      const after = await play.ask(ask.get("c"));
      return [own.returned?.response.body.promise?.state, ...[before, after].map(statusOf)];
    },
    right: ["rejected_timedout", 404, 404],
  },
  {
    fault: "`notAfter`, but the horizon only in memory",
    play: async (play) => {
      await held(play.callers, []);
      // What came with the lease is over: this fence needs a horizon of its own.
      await play.pass(20_000);
      await play.ask(FENCED_CREATE);
      const write = play.letter("c");
      await play.crash("t");
      const release = await play.ask(ask.release("t", 1));
      const isReleased = release.returned !== undefined;
      const before = await play.ask(ask.get("c"));
      await play.deliver(write);
      const after = await play.ask(ask.get("c"));
      await play.rest();
      return [isReleased, ...[before, after, release].map(statusOf)];
    },
    right: [false, 404, 200, 200],
  },
  {
    fault: "`notAfter`, but the horizon only in memory",
    when: "and the first fence has it from the lease",
    play: async (play) => {
      await held(play.callers, []);
      await play.ask(FENCED_CREATE);
      const write = play.letter("c");
      await play.crash("t");
      const halt = await play.ask(ask.halt("t"));
      const isHalted = halt.returned !== undefined;
      await play.deliver(write);
      await play.rest();
      return [isHalted, statusOf(halt)];
    },
    right: [false, 200],
  },
  {
    fault: "no clock margin",
    play: async (play) => {
      await held(play.callers, []);
      play.world.setAhead("c", -900);
      const fence = await play.ask(FENCED_CREATE);
      const write = play.letter("c");
      await play.pass(3500);
      const release = await play.ask(ask.release("t", 1));
      const isReleased = release.returned !== undefined;
      const before = await play.ask(ask.get("c"));
      await play.deliver(write);
      await play.rest();
      return [isReleased, ...[fence, before, release].map(statusOf)];
    },
    right: [false, undefined, 404, 200],
  },
  {
    fault: "a write without an answer closes the window",
    when: "late is no answer",
    play: async (play) => {
      await held(play.callers, []);
      // One clock ahead calls the first copy late; a second copy would still be in time.
      play.world.setAhead("c", 5000);
      const fence = await play.ask(FENCED_CREATE);
      await play.there("c");
      await play.back("c");
      const release = await play.ask(ask.release("t", 1));
      return [statusOf(fence), statusOf(release)];
    },
    right: [undefined, undefined],
  },
  {
    fault: "resend a fenced create without a key",
    play: async (play) => {
      await held(play.callers, []);
      const fence = await play.ask(FENCED_CREATE);
      await play.there("c");
      await play.lose(play.reply("c"));
      await play.ask(ask.settle(settlement("c")));
      await play.pass(50);
      await play.there("c");
      await play.back("c");
      return fence.returned?.response.body.action?.promise?.state;
    },
    right: "pending",
  },
  {
    fault: "believe `missing` after a lost try",
    play: async (play) => {
      await held(play.callers, []);
      const fence = await play.ask(FENCED_SETTLE);
      const copy = play.world.double(play.letter("c"));
      await play.lose(play.letter("c"));
      await play.pass(50);
      const again = play.world.letters.find((letter) => letter !== copy)!;
      await play.deliver(again);
      await play.back("c");
      const answer = fence.returned?.response.body.action?.status;
      await play.ask(ask.create(external("c")));
      const left = play.world.letters.find((letter) => letter === copy);
      if (left) await play.deliver(left);
      await play.rest();
      return answer;
    },
    right: undefined,
  },
  {
    fault: "the edge repeats what had no answer",
    play: async (play) => {
      await held(play.callers, []);
      await play.done(ask.release("t", 1));
      const { world, callers } = play;
      const acquire = await callers.ask(ask.acquire("t", 1, "worker", 1e9));
      await world.deliver(world.letters[0]!);
      await world.lose(world.letters[0]!);
      await world.deliverAll();
      return [statusOf(acquire), await taskAtRest(play)];
    },
    right: [undefined, "200 acquired 0"],
  },
];

describe.each(
  TRAPS.map((trap) => [[trap.fault, trap.when].filter(Boolean).join(": "), trap] as const),
)("%s", (_, { fault, play: playOut, right }) => {
  it("is not what is done", async () => {
    const play = new Play();
    expect(await playOut(play)).toEqual(right);
    expect(objectionTo(play.callers.history)).toBeUndefined();
  });

  it("would go wrong", async () => {
    expect(await playOut(new Play(FAULTS[fault] as Fault))).not.toEqual(right);
  });
});

describe("the end of a life", () => {
  it("by a purge waits until who awaited it knows", async () => {
    const play = new Play();
    await held(play.callers, ["a"]);
    await play.done(ask.suspend("t", 1, ["a"]));
    await play.ask(ask.settle(settlement("a")));
    await play.lose(play.letter("t"));
    await tell(play, "a", "purge");
    expect(await taskAtRest(play)).toBe("200 pending 1");
  });

  it("by a dispose wakes who awaits it", async () => {
    const play = new Play();
    await held(play.callers, ["a"]);
    await play.done(ask.suspend("t", 1, ["a"]));
    await tell(play, "a", "dispose");
    expect(await taskAtRest(play)).toBe("200 pending 1");
  });

  it("by a dispose wakes who awaits it, though the message is lost", async () => {
    const play = new Play();
    await held(play.callers, ["a"]);
    await play.done(ask.suspend("t", 1, ["a"]));
    await tell(play, "a", "dispose");
    await play.lose(play.letter("t"));
    expect(await taskAtRest(play)).toBe("200 pending 1");
  });

  it("leaves the rows of the next one alone, when its message is acknowledged late", async () => {
    const play = new Play();
    await held(play.callers, ["a"]);
    await play.done(ask.suspend("t", 1, ["a"]));
    await play.ask(ask.settle(settlement("a")));
    await play.there("t");
    const acknowledgement = play.reply("t");
    await tell(play, "a", "dispose");
    await play.ask(ask.acquire("t", 1, "worker", 1e9));
    await play.ask(ask.create(external("a")));
    const suspend = await play.ask(ask.suspend("t", 2, ["a"]));
    await play.there("a");
    await play.back("a");
    expect(statusOf(suspend)).toBe(200);
    await play.deliver(acknowledgement);
    await play.done(ask.settle(settlement("a")));
    expect(await taskAtRest(play)).toBe("200 pending 1");
  });
});

describe("an offer that waits, because its task came back twice", () => {
  it("is made when its time has come", async () => {
    const play = new Play();
    await bounced(play);
    await play.pass(500);
    expect(play.world.offers.map(({ version }) => version)).toEqual([4]);
  });

  it("is not made after the deadline", async () => {
    const play = new Play();
    await bounced(play, play.world.now + 100);
    await play.pass(500);
    expect(play.world.offers).toEqual([]);
  });

  it("is not made when the task was taken meanwhile, halted, or is over", async () => {
    for (const meanwhile of [
      ask.acquire("t", 4, "worker", 1e9),
      ask.halt("t"),
      ask.settle(settlement("t")),
    ]) {
      const play = new Play();
      await bounced(play);
      await play.done(meanwhile);
      await play.pass(500);
      expect(play.world.offers, meanwhile.kind).toEqual([]);
    }
  });
});

/** Released thrice, without an offer that is on its way. */
async function bounced(play: Play, timeoutAt?: number): Promise<void> {
  await held(play.callers, [], timeoutAt);
  for (const version of [1, 2, 3]) {
    await play.done(ask.release("t", version));
    await play.done(ask.acquire("t", version, "worker", 1e9));
  }
  await play.done(ask.release("t", 4));
  play.world.offers.splice(0);
}

async function taskAtRest(play: Play): Promise<string> {
  await play.rest();
  return shown(await play.done(ask.taskGet("t")));
}

/** Carried at once; other letters stay where they are. */
async function tell(play: Play, id: string, kind: "purge" | "dispose"): Promise<void> {
  const { world } = play;
  await world.run(undefined, () => void world.env.PROMISES.getByName(id).apply({ kind }));
  for (const _ of ["there", "back"]) {
    await world.deliver(world.letters.find(({ from }) => from === undefined)!);
  }
  const isGone = !world.disk(id).rows.has("promise");
  if (isGone) play.callers.happened({ kind: "purge", data: { id, at: world.now } });
}

type Answer = Awaited<ReturnType<Play["done"]>>;

function statusOf({
  returned,
}: {
  returned?: { response: { status: number } };
}): number | undefined {
  return returned?.response.status;
}

/** Status, and the task as it is shown. */
function shown(answer: Answer): string {
  if (!answer) return "unknown";
  const { task } = answer.body;
  return `${answer.status}${task ? ` ${task.state} ${task.resumes}` : ""}`;
}
