/**
 * Long poll and Server-Sent Events. The stateless Worker holds the caller's request, which costs CPU
 * only, and awaits through a hibernating socket to the promise, which costs nothing; so the object
 * sleeps under every kind of awaiter.
 *
 * When the object moves, crashes or is evicted the line breaks; the Worker connects again and hears
 * the standing anew. The caller notices nothing.
 */
import type { PromiseObject } from "../object/promise-object.ts";
import { splitFrame } from "../machine/resource.ts";
import { Refusal } from "./errors.ts";

type Promises = DurableObjectNamespace<PromiseObject>;

export interface Followed {
  promises: Promises;
  id: string;
  origin: string;
  /** Stops following. */
  signal: AbortSignal;
}

export type SplitFrame = ReturnType<typeof splitFrame>;

/** Keeps proxies from closing a quiet stream. */
const KEEP_ALIVE_MS = 15_000;
const RECONNECT_MS_MAX = 2000;

const LAST_FRAMES = new Set(["settled", "disposed", "error"]);

/** Opens the awaiter's socket at the promise's object. */
export async function openSocket({ promises, id, origin }: Omit<Followed, "signal">) {
  const response = await promises
    .getByName(id)
    .fetch(`${origin}/`, { headers: { upgrade: "websocket" } });
  if (response.webSocket) return response.webSocket;
  if (response.status === 429) {
    throw new Refusal("too_many_awaiters", "This promise has as many awaiters as it may", {
      headers: { "retry-after": "5" },
    });
  }
  throw new Error(`the object answered an upgrade with ${response.status}`);
}

/** Calls `onFrame` with each frame, until the last one or the signal. `opened` is a first socket. */
export async function follow(
  followed: Followed,
  onFrame: (frame: SplitFrame) => void,
  opened?: WebSocket,
): Promise<void> {
  const { signal } = followed;
  let heard = false;
  let next = opened;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const socket = next ?? (await openSocket(followed));
      next = undefined;
      const ended = await listen(socket, signal, (frame) => {
        heard = true;
        failures = 0;
        onFrame(frame);
      });
      if (ended) return;
    } catch (error) {
      // Before the first frame the caller can still be told what is wrong.
      if (!heard && (error instanceof Refusal || failures >= 3)) throw error;
    }
    await pause(Math.min(50 * 2 ** failures, RECONNECT_MS_MAX) * Math.random(), signal);
  }
}

/**
 * How a promise stands after `waitMs`, or as soon as it is settled. The time runs from the first
 * frame, so that however short it is, and however far the object, the caller learns how it stands.
 */
export async function longPoll(
  followed: Followed,
  waitMs: number,
): Promise<SplitFrame | undefined> {
  const over = new AbortController();
  const signal = AbortSignal.any([followed.signal, over.signal]);
  let timer: number | null = null;
  let last: SplitFrame | undefined;
  try {
    await follow({ ...followed, signal }, (frame) => {
      timer ??= setTimeout(() => over.abort(), waitMs);
      last = frame;
    });
  } finally {
    clearTimeout(timer);
  }
  return last;
}

/**
 * A stream of `event: absent | pending | settled | disposed`, ending with the last of them. The event
 * id is the entity tag, so that an `EventSource` which comes back after the end can be let go. The
 * first socket is opened before the answer begins, which can still be a refusal then.
 */
export function eventStream(followed: Followed): Promise<ReadableStream<Uint8Array>> {
  return streamOf(followed, (frame) => eventText(frame, followed.id));
}

/** The same events without the promise: for who may know that something happened, and when. */
export function livenessStream(followed: Followed): Promise<ReadableStream<Uint8Array>> {
  let heard = false;
  return streamOf(followed, ({ type }) => {
    // The first says how it stands; another of the same kind, that somebody has voted, for instance.
    const event = type === "pending" && heard ? "changed" : type;
    heard = true;
    return `event: ${event}\ndata: {}\n\n`;
  });
}

async function streamOf(
  followed: Followed,
  textOf: (frame: SplitFrame) => string,
): Promise<ReadableStream<Uint8Array>> {
  const opened = await openSocket(followed);
  const gone = new AbortController();
  const signal = AbortSignal.any([followed.signal, gone.signal]);
  const encoder = new TextEncoder();
  let keepAlive: number | null = null;
  return new ReadableStream({
    start(stream) {
      keepAlive = setInterval(
        () => stream.enqueue(encoder.encode(": keep-alive\n\n")),
        KEEP_ALIVE_MS,
      );
      void follow(
        { ...followed, signal },
        (frame) => stream.enqueue(encoder.encode(textOf(frame))),
        opened,
      )
        .then(
          () => signal.aborted || stream.close(),
          (error: unknown) => stream.error(error),
        )
        .finally(() => clearInterval(keepAlive));
    },
    cancel() {
      clearInterval(keepAlive);
      gone.abort();
    },
  });
}

function eventText({ type, etag, promise }: SplitFrame, id: string): string {
  const data = promise ?? JSON.stringify({ id });
  // A line break in the text would end the field; each line of it is a field of its own.
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${etag ? `id: ${etag}\n` : ""}event: ${type}\n${lines.join("")}\n`;
}

/** @returns whether the last frame came; `false` when the line broke or the signal stopped it */
function listen(
  socket: WebSocket,
  signal: AbortSignal,
  onFrame: (frame: SplitFrame) => void,
): Promise<boolean> {
  return new Promise((resolve) => {
    function stop(ended: boolean): void {
      signal.removeEventListener("abort", stopByCaller);
      try {
        socket.close(1000);
      } catch {
        // Closed already.
      }
      resolve(ended);
    }
    function stopByCaller(): void {
      stop(false);
    }
    socket.addEventListener("message", ({ data }) => {
      const frame = splitFrame(String(data));
      onFrame(frame);
      if (LAST_FRAMES.has(frame.type)) stop(true);
    });
    socket.addEventListener("close", () => stop(false));
    socket.addEventListener("error", () => stop(false));
    signal.addEventListener("abort", stopByCaller);
    socket.accept();
    if (signal.aborted) stop(false);
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await scheduler.wait(ms, { signal });
  } catch {
    // Stopped; the loop sees the signal.
  }
}
