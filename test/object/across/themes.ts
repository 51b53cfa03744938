/**
 * What a random schedule is mostly about: the fewer kinds of requests, the more of their clashes. A
 * theme draws requests and says how rough its world is; it knows no order of things.
 */
import {
  ask,
  createAction,
  settleAction,
  settlement,
  type Request,
} from "../../model/protocol-request.ts";
import type { Random } from "../../model/seeded.ts";
import { external, TTL } from "./caller.ts";

export interface Theme {
  /** Drawn evenly; the first one often comes first. */
  kinds: string;
  /** Promises that are there from the beginning, at most. */
  born: string[];
  suspends: string[][];
  settles: string[];
  creates: string[];
  /** How many crashes, how often letters are lost, how often the task's own deadline is near. */
  crashes: number[];
  trouble: number[];
  mortal: number;
  /** How often a fenced write is cut off from who waits for it. */
  cutOff: number;
  /** How far the clocks of the others may be ahead. */
  aheadMs: number[];
  /** What time may pass at once. */
  skipsMs: number[];
}

const USUAL = {
  born: ["a", "b", "c"],
  suspends: [["a"], ["a"], ["b"], ["a", "b"], ["b", "a"], ["a", "b", "c"]],
  settles: ["a", "a", "b"],
  creates: ["a", "b", "b", "c"],
  crashes: [0, 0, 1, 3],
  trouble: [0, 0.5, 1],
  mortal: 0.2,
  cutOff: 0.3,
  aheadMs: [0, 0, 0, -900, -400, 400, 900],
  skipsMs: [1, 40, 60, 300, 1000, 1100, 3000, 3600],
} satisfies Omit<Theme, "kinds">;

/** Where order alone is enough for what can go wrong. */
const CALM = { ...USUAL, crashes: [0], trouble: [0], mortal: 0 };

const LATE = {
  ...CALM,
  born: ["a"],
  cutOff: 0.7,
  aheadMs: [-900],
  skipsMs: [60, 300, 300, 1000],
};

export const THEMES = {
  suspend: {
    ...USUAL,
    kinds:
      "suspend suspend settle create taskGet taskGet halt continue acquire release release callback",
  },
  peek: { ...CALM, kinds: "suspend settle taskGet taskGet", suspends: [["a"]], settles: ["a"] },
  pair: {
    ...CALM,
    kinds: "suspend settle create",
    born: ["a"],
    suspends: [["a", "b"]],
    settles: ["a"],
    creates: ["b"],
  },
  lives: {
    ...USUAL,
    kinds: "suspend suspend settle purge purge create acquire acquire taskGet",
    suspends: [["a"]],
    settles: ["a"],
    creates: ["a"],
  },
  callback: {
    ...USUAL,
    kinds: "callback callback suspend settle settle taskGet acquire release create",
  },
  fence: {
    ...USUAL,
    kinds: "fence fence fence release release halt continue acquire getC getC createC settleC getT",
    born: ["a"],
  },
  create: { ...USUAL, kinds: "fenceCreate settleC getC", born: ["a"] },
  settle: { ...USUAL, kinds: "fenceSettle createC getC", born: ["a"], cutOff: 0.5 },
  late: { ...LATE, kinds: "fence release getC getC" },
  crash: { ...LATE, kinds: "fence release getC getC", crashes: [1, 2], cutOff: 0, aheadMs: [0] },
  mortal: { ...CALM, kinds: "suspend settle", mortal: 1, skipsMs: [300, 1000] },
  all: {
    ...USUAL,
    kinds:
      "suspend suspend callback settle settle fence fence getC createC settleC release halt " +
      "continue acquire acquire heartbeat taskGet getT create fulfill taskCreate",
  },
} as const satisfies Record<string, Theme>;

export type ThemeName = keyof typeof THEMES;

/** The state of the task in which such a request can do something. */
const WANTED: Record<string, string> = {
  suspend: "acquired",
  fence: "acquired",
  fenceCreate: "acquired",
  fenceSettle: "acquired",
  release: "acquired",
  fulfill: "acquired",
  heartbeat: "acquired",
  acquire: "pending",
  taskCreate: "pending",
  continue: "halted",
};

/** @param state of the task, as it is stored */
export function drawKind(theme: Theme, random: Random, state: string, isFirst: boolean): string {
  const kinds = theme.kinds.split(" ");
  if (isFirst && random.chance(0.7)) return kinds[0]!;
  const apt = kinds.filter((kind) => (WANTED[kind] ?? state) === state);
  return random.pick(random.chance(0.9) && apt.length > 0 ? apt : kinds);
}

/** @param number the request's own, so that no two write the same */
export function drawRequest(
  kind: string,
  theme: Theme,
  random: Random,
  { version, number }: { version: number; number: number },
): Request {
  const value = { data: `${number}` };
  switch (kind) {
    case "suspend":
      return ask.suspend("t", version, random.pick(theme.suspends));
    case "callback":
      return ask.callback(random.pick(theme.settles), "t");
    case "settle":
      return ask.settle(settlement(random.pick(theme.settles), "resolved", value));
    case "create":
      return ask.create(external(random.pick(theme.creates)));
    case "taskGet":
      return ask.taskGet("t");
    case "getT":
      return ask.get("t");
    case "getC":
      return ask.get("c");
    case "createC":
      return ask.create(external("c"));
    case "settleC":
      return ask.settle(settlement("c", "resolved", value));
    case "fence":
      return drawRequest(random.pick(["fenceCreate", "fenceSettle"]), theme, random, {
        version,
        number,
      });
    case "fenceCreate":
      return ask.fence("t", version, createAction(external("c")));
    case "fenceSettle":
      return ask.fence("t", version, settleAction(settlement("c", "rejected", value)));
    case "acquire":
      return ask.acquire("t", version, "worker", random.pick([TTL, TTL, TTL, 1500]));
    case "taskCreate":
      return ask.taskCreate({ ...external("t"), tags: { "resonate:target": "x" } }, "w", TTL);
    case "heartbeat":
      return ask.heartbeat("worker", [{ id: "t", version }]);
    case "release":
      return ask.release("t", version);
    case "fulfill":
      return ask.fulfill("t", version, settlement("t", "resolved", value));
    case "halt":
      return ask.halt("t");
    default:
      return ask.continue("t");
  }
}
