// Draws requests from a seed, aimed at where tasks and promises meet: few ids, mostly the right
// version, deadlines and leases that the clock lands on, beside and behind. It looks at the oracle
// to aim, and judges nothing.

import type { Oracle } from "./oracle.ts";
import { ask, createAction, creation, NEVER } from "./protocol-request.ts";
import { settleAction, settlement, TARGET } from "./protocol-request.ts";
import type { Creation, FencedAction, Request } from "./protocol-request.ts";
import type { Random } from "./seeded.ts";

const NAMES = ["a", "b", "c", "d", "e"] as const;
const TAGS: Record<string, string>[] = [
  {},
  { "resonate:external": "true" },
  { "resonate:external": "true" },
  { "resonate:external": "true" },
  { "resonate:scope": "global" },
  { "resonate:scope": "local", "resonate:external": "false" },
  { "resonate:timer": "true" },
  TARGET,
  TARGET,
  TARGET,
  TARGET,
  { ...TARGET, "resonate:timer": "true" },
];
const KINDS = (
  "create create taskCreate taskCreate acquire acquire acquire suspend suspend suspend suspend " +
  "callback listener fence fence settle settle release fulfill halt continue heartbeat " +
  "get get taskGet taskGet"
).split(" ");
/** The state in which a task can be asked for it. */
const WANTED: Record<string, string> = {
  taskCreate: "pending",
  acquire: "pending",
  suspend: "acquired",
  fence: "acquired",
  fulfill: "acquired",
  release: "acquired",
  callback: "acquired",
  continue: "halted",
};
const STATES = ["resolved", "rejected", "rejected_canceled"] as const;
const ADDRESSES = ["poll://any@listeners", "poll://uni@g/p", "http://127.0.0.1:9/x", "nowhere"];

/** Where a lane's requests live: no other lane has these ids, nor these workers. */
export interface Lane {
  prefix: string;
  oracle: Oracle;
  random: Random;
}

export function drawRequest(lane: Lane, now: number, count: number): Request {
  const { random, oracle } = lane;
  const ttl = random.pick([1, 40, 1_000, 60_000, 60_000]);
  const kind = drawKind(lane);
  const id = drawTaskId(lane, WANTED[kind] ?? "suspended");
  const version = drawVersion(lane, id);
  switch (kind) {
    case "get":
      return ask.get(drawId(lane));
    case "create":
      return ask.create(drawCreation(lane, drawId(lane), now));
    case "settle":
      return ask.settle(drawSettlement(random, drawId(lane), count));
    case "callback":
      return ask.callback(drawOther(lane, id), id);
    case "listener":
      return ask.listener(drawId(lane), random.pick(ADDRESSES));
    case "taskGet":
      return ask.taskGet(drawId(lane));
    case "taskCreate": {
      const asked = drawCreation(lane, drawId(lane), now);
      const tags = random.chance(0.95) ? { ...asked.tags, ...TARGET } : asked.tags;
      return ask.taskCreate({ ...asked, tags }, drawPid(lane), ttl);
    }
    case "acquire":
      return ask.acquire(id, version, drawPid(lane), ttl);
    case "release":
      return ask.release(id, version);
    case "suspend":
      return ask.suspend(id, version, drawAwaited(lane, id));
    case "fulfill": {
      const own = random.chance(0.95) ? id : drawId(lane);
      return ask.fulfill(id, version, drawSettlement(random, own, count));
    }
    case "fence":
      return ask.fence(id, version, drawFenced(lane, id, now, count));
    case "heartbeat": {
      const held = oracle.tasks().filter((task) => task.state === "acquired" && random.chance(0.6));
      return ask.heartbeat(
        drawPid(lane),
        held.map((task) => ({ id: task.id, version: drawVersion(lane, task.id) })),
      );
    }
    case "halt":
      return ask.halt(id);
    case "continue":
      return ask.continue(id);
    default:
      throw new Error(`no such kind: ${kind}`);
  }
}

/** Mostly what somebody could ask for now: makers at first, then what some task is ready for. */
function drawKind({ oracle, random }: Lane): string {
  const isEarly = oracle.promises().length < 4 && random.chance(0.6);
  if (isEarly) return random.pick(["create", "create", "taskCreate"]);
  const states = new Set<string>(oracle.tasks().map(({ state }) => state));
  const isIdle = (kind: string): boolean => !states.has(WANTED[kind] ?? "none") && kind in WANTED;
  const kind = random.pick(KINDS);
  return isIdle(kind) && random.chance(0.8) ? random.pick(KINDS) : kind;
}

function drawId({ prefix, random }: Lane): string {
  return `${prefix}.${random.pick(NAMES)}`;
}

/** An id that mostly has a task in the state in which it can be asked; the others are refused. */
function drawTaskId(lane: Lane, wanted: string): string {
  const { oracle, random } = lane;
  const tasks = oracle.tasks();
  const fit = tasks.filter(({ state }) => state === wanted);
  const from = fit.length > 0 && random.chance(0.8) ? fit : tasks;
  if (from.length === 0 || random.chance(0.06)) return drawId(lane);
  return random.pick(from).id;
}

/** Mostly another one that is still pending. */
function drawOther(lane: Lane, id: string): string {
  const { oracle, random } = lane;
  const others = oracle.promises().filter((one) => one.state === "pending" && one.id !== id);
  return others.length === 0 || random.chance(0.15) ? drawId(lane) : random.pick(others).id;
}

function drawVersion({ oracle, random }: Lane, id: string): number {
  const { version = 0 } = oracle.task(id) ?? {};
  return random.chance(0.88) ? version : Math.max(0, version + random.pick([-1, 1, 2]));
}

function drawPid({ prefix, random }: Lane): string {
  return `${prefix}-${random.pick(["x", "y"])}`;
}

function drawCreation({ random, prefix }: Lane, id: string, now: number): Creation {
  const delay = random.pick([-5, 0, 1, 2, 20, 500, 500, 5_000, 40_000, 90_000]);
  const timeoutAt = random.chance(0.5) ? NEVER : now + delay;
  const param = random.pick([{}, { data: "p" }, { headers: { h: "1" }, data: "" }]);
  const branch = random.chance(0.3) && { "resonate:branch": prefix };
  return creation(id, { timeoutAt, param, tags: { ...random.pick(TAGS), ...branch } });
}

function drawSettlement(random: Random, id: string, count: number) {
  const state = random.chance(0.94) ? random.pick(STATES) : random.pick(["rejected_timedout"]);
  // Every request's data is its own, so that no loser's value can pass for the winner's.
  const value = random.chance(0.2) ? {} : { data: `v${count}` };
  return settlement(id, state, value);
}

function drawFenced(lane: Lane, own: string, now: number, count: number): FencedAction {
  const id = drawOther(lane, own);
  if (lane.random.chance(0.4)) return createAction(drawCreation(lane, drawId(lane), now));
  return settleAction(drawSettlement(lane.random, id, count));
}

/** Mostly what can be waited for; now and then nothing, one twice, itself, or what is missing. */
function drawAwaited(lane: Lane, own: string): string[] {
  const { random } = lane;
  if (random.chance(0.03)) return [];
  const count = random.pick([1, 1, 1, 2, 2, 3]);
  const awaited = Array.from({ length: count }, () => drawOther(lane, own));
  return random.chance(0.9) ? [...new Set(awaited)] : awaited;
}

/** The clock stands still, steps, or lands beside an instant at which something is due. */
export function drawInstant(random: Random, now: number, lanes: Lane[]): number {
  if (random.chance(0.3)) return now;
  const { oracle } = random.pick(lanes);
  const instants = [
    ...oracle.promises().map(({ timeoutAt }) => timeoutAt),
    ...[...oracle.timers().values()].map(([, at]) => at),
  ].filter((at) => at > now && at < now + 100_000);
  if (instants.length === 0 || random.chance(0.4)) return now + random.pick([1, 1, 3, 30, 700]);
  return Math.max(now, random.pick(instants) + random.pick([-1, 0, 0, 1]));
}
