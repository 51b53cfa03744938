/** `get`, `wait`, `watch`: how a promise stands, what it becomes, and everything in between. */
import {
  DisposedError,
  type Frame,
  isNotFoundError,
  isTimeoutError,
  NEVER,
  type PromiseRecord,
} from "../../index.ts";
import type { Command, Session } from "../command.ts";
import { EXIT } from "../exit.ts";
import {
  fromNow,
  harmlessLines,
  lengthText,
  rejectionText,
  stateWord,
  valueLine,
  valueText,
} from "../look.ts";
import { progress } from "../progress.ts";
import { harmless } from "../screen.ts";
import { printJson, printRecord } from "../show.ts";

export const get: Command = {
  name: "get",
  takes: "<id>",
  summary: "how a promise stands",
  examples: ["get orders/42/approval", "get orders/42/approval --json | jq .value.data"],
  run: async (session) => {
    const { args, promises, calls } = session;
    printRecord(session, await promises.get(args.word(0), calls));
  },
};

export const wait: Command = {
  name: "wait",
  takes: "<id>",
  summary: "wait for a promise, and print its value",
  notes: [
    "May begin before anybody has created the promise, and survives restarts of the server.",
    "A text is printed bare, any other value as JSON; with --json the whole promise.",
    "A rejection is told on stderr. With --timeout, the promise is as it was when it runs out.",
  ],
  examples: ["wait orders/42/approval", "wait build/77 --timeout 10m && deploy"],
  run: waitFor,
};

export const watch: Command = {
  name: "watch",
  takes: "<id>",
  summary: "how a promise stands, and each change until its end",
  notes: [
    "With --json: a frame a line, as the server sends them. Ends with 0 however the promise ends, with",
    "2 when --timeout is over before.",
  ],
  examples: ["watch orders/42/approval"],
  run: watchPromise,
};

async function waitFor(session: Session): Promise<number> {
  const { screen, json } = session;
  const last = await follow(session, () => {});
  if (!last.isOver) {
    if (json && last.record) printJson(session, last.record);
    return EXIT.timedOut;
  }
  const { state, value } = last.record;
  if (json) printJson(session, last.record);
  else if (state !== "RESOLVED") {
    screen.note(`${stateWord(state)}: ${harmlessLines(rejectionText(state, value.data))}`);
  } else if (value.data !== undefined) {
    const { data } = value;
    screen.print(screen.isTerminal ? harmlessLines(valueText(data)) : valueLine(data));
  }
  if (state === "RESOLVED") return EXIT.ok;
  return state === "REJECTED_TIMEDOUT" ? EXIT.timedOut : EXIT.rejected;
}

async function watchPromise(session: Session): Promise<number> {
  const { screen, json } = session;
  const { isOver } = await follow(session, (frame) =>
    json ? printJson(session, frame) : screen.print(frameLine(frame)),
  );
  return isOver ? EXIT.ok : EXIT.timedOut;
}

/** How a promise stood at last: at its end, or when the time of whoever waited was up. */
type Last = { isOver: true; record: PromiseRecord } | { isOver: false; record?: PromiseRecord };

/** @throws DisposedError, and whatever a watch throws but the end of its own time */
async function follow(session: Session, onFrame: (frame: Frame) => void): Promise<Last> {
  let last: Last = { isOver: false };
  let isHeard = false;
  const heard = () => (isHeard = true);
  try {
    for await (const frame of framesOf(session, session.args.word(0), heard)) {
      onFrame(frame);
      if (frame.type === "disposed") throw new DisposedError();
      if ("promise" in frame) last = { isOver: frame.type === "settled", record: frame.promise };
    }
  } catch (error) {
    // Before the first answer it is the server that is late.
    if (!isTimeoutError(error) || !isHeard) throw error;
    session.screen.note(harmless(error.message));
  }
  return last;
}

/**
 * The frames of a promise, with what one waits for shown meanwhile. Begins with a question that is
 * answered now: who has mistyped the URL should not wait for ever.
 */
async function* framesOf(
  session: Session,
  id: string,
  heard: () => void,
): AsyncGenerator<Frame, void, undefined> {
  const { promises, calls, screen } = session;
  const begunAt = Date.now();
  using line = progress(screen);
  line.says(() => `asking ${session.url}`);
  await promises.get(id, calls).catch((error: unknown) => {
    if (!isNotFoundError(error)) throw error;
  });
  heard();
  const elapsed = () => lengthText(Date.now() - begunAt);
  await using frames = promises.watch(id, calls);
  for await (const frame of frames) {
    line.says(() => `${standing(frame, id)} · ${elapsed()}`);
    yield frame;
  }
}

function standing(frame: Frame, id: string): string {
  if (frame.type === "absent") return `nobody has created ${harmless(id)} yet`;
  if (frame.type !== "pending") return frame.type;
  const { timeout, votes, quorum } = frame.promise;
  const counted = quorum ? ` · ${votes?.length ?? 0} votes of ${quorum.of}` : "";
  const deadline = timeout >= NEVER ? "no deadline" : `deadline ${fromNow(timeout, Date.now())}`;
  return `waiting for ${harmless(id)}${counted} · ${deadline}`;
}

function frameLine(frame: Frame): string {
  const at = new Date().toISOString();
  if (!("promise" in frame)) return `${at}  ${frame.type}`;
  const { state, value, votes, timeout } = frame.promise;
  if (state === "PENDING") {
    const deadline = timeout >= NEVER ? "" : `  deadline ${new Date(timeout).toISOString()}`;
    return `${at}  pending${deadline}${votes ? `  ${votes.length} votes` : ""}`;
  }
  const said = state === "RESOLVED" ? value.data : rejectionText(state, value.data);
  const text = said === undefined ? "" : `  ${harmless(JSON.stringify(said))}`;
  return `${at}  ${stateWord(state)}${text}`;
}
