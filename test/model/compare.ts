// Sends the same requests, under the same clock, to the SDK's own server and to the subject, and
// stops at the first answer that differs in what no ruling allows. Lanes of requests run side by
// side on ids of their own, each with its own oracle, but all under one clock: a tick moves all.

import { isDeepStrictEqual } from "node:util";

import { inParallel } from "./measure.ts";
import { Oracle } from "./oracle.ts";
import type { Response } from "./protocol-history.ts";
import { drawInstant, drawRequest } from "./protocol-random.ts";
import type { Lane } from "./protocol-random.ts";
import { ask } from "./protocol-request.ts";
import type { Asking, Request } from "./protocol-request.ts";
import { isTimer } from "./protocol-state.ts";
import { heard, needsTick, REFUSALS, tickAsWe } from "./rulings.ts";
import { createRandom } from "./seeded.ts";
import type { Subject } from "./subject.ts";

export interface Options {
  seed: number;
  operations: number;
  lanes: number;
  /** How long what was settled may take until it is known where it is awaited. */
  arrivalMs: number;
}

export interface Report {
  /** How often each kind was answered with each status. */
  answers: Map<string, number>;
  /** How often each ruling decided. */
  rulings: Map<string, number>;
}

/** Far ahead of the real clock, where the measured cases are far behind it: both tell on who looks. */
const START = 4_000_000_000_000;
/** After this many requests a lane begins anew: by then most of its promises are settled. */
const LIFE = 60;
const ROUND_MAX = 8;

interface Track extends Lane {
  /** What was asked and answered in this life, for whoever must find out why. */
  story: string[];
}

interface Run extends Options {
  subject: Subject;
  report: Report;
  sent: number;
  now: number;
}

export async function compare(subject: Subject, options: Options): Promise<Report> {
  const report: Report = { answers: new Map(), rulings: new Map() };
  const run: Run = { ...options, subject, report, sent: 0, now: START };
  const random = createRandom(options.seed);
  for (let life = 0; run.sent < options.operations; life += 1) {
    await subject.reset();
    const tracks = Array.from({ length: options.lanes }, (_, lane): Track => {
      const prefix = `s${options.seed}l${life}n${lane}`;
      const own = createRandom(options.seed + life * 1_009 + lane * 7_919);
      return { prefix, oracle: new Oracle(), random: own, story: [] };
    });
    const end = Math.min(options.operations, run.sent + LIFE * options.lanes);
    while (run.sent < end) {
      await moveClock(run, tracks, random);
      const count = 1 + Math.floor(random.pick([0, 0.3, 0.6, 1]) * (ROUND_MAX - 1));
      await inParallel(tracks, (track) => round(run, track, count), options.lanes);
    }
  }
  return report;
}

async function moveClock(run: Run, tracks: Track[], random: Lane["random"]): Promise<void> {
  const before = run.now;
  run.now = drawInstant(random, before, tracks);
  if (run.now === before) return;
  const isNeeded = tracks.some(({ oracle }) => needsTick(oracle, run.now));
  // Otherwise the alarms are late now and then, and nobody may see that they are.
  if (!isNeeded && random.chance(0.5)) return;
  for (const { oracle, story } of tracks) {
    tickAsWe(oracle, run.now);
    story.push(`${run.now} tick`);
  }
  await run.subject.tick(run.now);
  await inParallel(tracks, (track) => settleDown(run, track, isNeeded));
}

async function round(run: Run, track: Track, count: number): Promise<void> {
  for (let step = 0; step < count; step += 1) {
    run.sent += 1;
    await exchange(run, track, drawRequest(track, run.now, run.sent));
  }
}

async function exchange(run: Run, track: Track, request: Request): Promise<void> {
  const { oracle, story } = track;
  const { now, report } = run;
  const ruling = REFUSALS.find(({ holds }) => holds(request, oracle, now));
  const awaiters = awaitersOf(oracle);
  const expected: Response = ruling
    ? { status: ruling.status, body: {} }
    : oracle.ask(heard(request, oracle), now);
  const seen = await run.subject.ask(request, now);
  story.push(`${now} ${request.kind} ${JSON.stringify(request.data)} -> ${JSON.stringify(seen)}`);
  if (ruling) count(report.rulings, ruling.rule);
  count(report.answers, `${request.kind} ${seen.status}`);
  if (!agrees(track, request, expected, seen, now)) fail(run, track, expected, ruling?.rule);
  // What was just settled is on its way to whoever waits for it.
  if (awaitersOf(oracle).length < awaiters.length) {
    for (const id of new Set(awaiters)) await arrival(run, track, id);
  }
  if (request.kind === "task.heartbeat" && request.data.tasks.length === 0) {
    await beat(run, track, request);
  }
}

/**
 * Whose leases an empty heartbeat means is known to a projection, which may be a moment behind
 * (CROSS-OBJECT.md, heartbeat). The worker beats again, and then it must reach them all.
 */
async function beat(run: Run, track: Track, request: Asking<"task.heartbeat">): Promise<void> {
  const named = heard(request, track.oracle);
  const leases = named.kind === "task.heartbeat" ? named.data.tasks : [];
  const isReached = async (): Promise<boolean> => {
    const { timers } = await run.subject.snap();
    const due = track.oracle.timers();
    return leases.every(({ id }) => isDeepStrictEqual(timers.get(id), due.get(id)));
  };
  const end = Date.now() + run.arrivalMs;
  while (leases.length > 0 && !(await isReached())) {
    if (Date.now() > end) fail(run, track, { leases, until: [...track.oracle.timers()] });
    await run.subject.ask(request, run.now);
    count(run.report.answers, "task.heartbeat again");
  }
}

function awaitersOf(oracle: Oracle): string[] {
  return oracle.promises().flatMap(({ callbacks }) => Array.from(callbacks));
}

/** After a tick: every task as the oracle has it, and whatever time will do next. */
async function settleDown(run: Run, track: Track, isNeeded: boolean): Promise<void> {
  if (isNeeded) for (const { id } of track.oracle.tasks()) await arrival(run, track, id);
  const shown = await run.subject.snap();
  for (const { id, tags, state, callbacks } of track.oracle.promises()) {
    const [kind, at] = shown.timers.get(id) ?? [];
    const [expected, due] = track.oracle.timers().get(id) ?? [];
    const isOffered = shown.offers.has(id);
    // A retry counts from the offer; when that left is not the oracle's business.
    if (kind !== expected || (kind === "lease" && at !== due)) {
      // A timer is never offered (RULES 1, Timer and target), so that a retry means nothing there.
      const isIdle = isTimer(tags) && kind !== "lease" && expected !== "lease";
      if (!isIdle) fail(run, track, `timer of ${id}: ${expected} ${due}, not ${kind} ${at}`);
    }
    if (isTimer(tags) && isOffered) fail(run, track, `no offer of the timer ${id}`);
    const awaiting = [...callbacks].filter((awaiter) => shown.callbacks.get(id)?.includes(awaiter));
    if (state === "pending" && awaiting.length < callbacks.size) {
      fail(run, track, `callbacks of ${id}: ${[...callbacks].join()}`);
    }
  }
}

/** Waits until a task is as the oracle has it: a resume takes its time, but it comes. */
async function arrival(run: Run, track: Track, id: string): Promise<void> {
  const { now, subject } = run;
  const expected = track.oracle.ask(ask.taskGet(id), now);
  const end = Date.now() + run.arrivalMs;
  for (;;) {
    const seen = await subject.ask(ask.taskGet(id), now);
    if (agrees(track, ask.taskGet(id), expected, seen, now)) return;
    if (Date.now() < end) continue;
    track.story.push(`${now} task.get ${id} -> ${JSON.stringify(seen)}, and stays so`);
    fail(run, track, expected);
  }
}

/** Records are equal to the letter; what is preloaded is settled, as it is, and of the branch. */
function agrees(
  { oracle }: Track,
  { data }: Request,
  expected: Response,
  seen: Response,
  now: number,
): boolean {
  const { preload: _, ...wanted } = expected.body;
  const { preload = [], ...shown } = seen.body;
  const own = "id" in data ? data.id : "action" in data ? data.action.data.id : "";
  const branch = oracle.promise(own)?.tags["resonate:branch"];
  const isSound = preload.every((record) => {
    const known = oracle.ask(ask.get(record.id), now).body.promise;
    const isOfBranch = branch !== undefined && record.tags["resonate:branch"] === branch;
    return isOfBranch && record.state !== "pending" && isDeepStrictEqual(record, known);
  });
  return expected.status === seen.status && isSound && isDeepStrictEqual(wanted, shown);
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function fail(run: Run, { story }: Track, expected: unknown, rule?: string): never {
  const why = rule === undefined ? "" : ` by the rule: ${rule}`;
  const lines = [`SEED=${run.seed}`, ...story, `expected${why} ${JSON.stringify(expected)}`];
  throw new Error(lines.join("\n"));
}
