/**
 * The awaiters of one object: hibernating WebSockets, so that waiting costs nothing. It knows how to
 * take one in, tell all of them, and close quietly; what there is to tell is somebody else's matter.
 *
 * The first frame is the current standing, the settled frame the last: nothing is ever replayed, so
 * whoever lost the line connects again and knows all.
 */
import { PING, PONG, type Frame } from "../../client/src/protocol.ts";

/** What a socket remembers through hibernation. */
interface Attachment {
  /** Where the awaiter reached us, for the `url` in what it is told. */
  origin: string;
  /** It got its last frame. Some sockets never finish closing (workerd#2569): they must not get two. */
  done: boolean;
}

/** Told without a pause, in the slices of a long fan-out. */
const SLICE = 50;

export type FrameFor = (origin: string) => string;

export class Sockets {
  #ctx: DurableObjectState;
  /** How many there may be, at least once in a while; counted anew before anybody is refused. */
  #countAtMost: number | undefined;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  /** Room for one more below `max`? */
  hasRoom(max: number): boolean {
    if (this.#countAtMost === undefined || this.#countAtMost >= max) {
      this.#countAtMost = this.open().length;
    }
    return this.#countAtMost < max;
  }

  /** Those still owed an outcome. */
  open(): WebSocket[] {
    return this.#ctx.getWebSockets().filter((socket) => !attachmentOf(socket).done);
  }

  /** Takes an awaiter in, with its first frame; `last` when there is nothing more to come. */
  accept(origin: string, firstFrame: string, last: boolean): WebSocket {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server);
    this.#ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    server.serializeAttachment({ origin, done: false } satisfies Attachment);
    if (this.#countAtMost !== undefined) this.#countAtMost += 1;
    if (last) tellLast(server, firstFrame);
    else tell(server, firstFrame);
    return client;
  }
}

/** News that is not the end: the promise was created. */
export function tellNews(sockets: WebSocket[], frameFor: FrameFor): void {
  const frames = oncePerOrigin(frameFor);
  for (const socket of sockets) tell(socket, frames(attachmentOf(socket).origin));
}

/**
 * The end, to everyone: the first at once, the others in slices between which the settler gets its
 * answer. The caller arms an alarm while there are others, so that a crash loses nobody.
 *
 * @returns the telling of the others, if there are any
 */
export function tellEnd(
  sockets: WebSocket[],
  frameFor: FrameFor,
  atOnceMax: number,
): Promise<void> | undefined {
  const frames = oncePerOrigin(frameFor);
  const others = sockets.slice(atOnceMax);
  for (const socket of sockets.slice(0, atOnceMax)) {
    tellLast(socket, frames(attachmentOf(socket).origin));
  }
  return others.length > 0 ? tellInSlices(others, frames) : undefined;
}

async function tellInSlices(sockets: WebSocket[], frames: FrameFor): Promise<void> {
  while (sockets.length > 0) {
    await scheduler.wait(0);
    for (const socket of sockets.splice(0, SLICE)) {
      // The alarm may have told it in between.
      const { origin, done } = attachmentOf(socket);
      if (!done) tellLast(socket, frames(origin));
    }
  }
}

/** An awaiter sent something else than a ping: it hears what is wrong and is let go. */
export function refuseFrame(socket: WebSocket, frame: Frame, closeCode: number): void {
  attach(socket, { ...attachmentOf(socket), done: true });
  tell(socket, JSON.stringify(frame));
  closeQuietly(socket, closeCode, "error");
}

function tellLast(socket: WebSocket, frame: string): void {
  attach(socket, { ...attachmentOf(socket), done: true });
  tell(socket, frame);
  closeQuietly(socket, 1000, "done");
}

function tell(socket: WebSocket, frame: string): void {
  try {
    socket.send(frame);
  } catch {
    // Closed by the other side a moment ago, or a ghost: it will connect again if it still cares.
  }
}

export function closeQuietly(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {
    // Closed already.
  }
}

function attach(socket: WebSocket, attachment: Attachment): void {
  socket.serializeAttachment(attachment);
}

function attachmentOf(socket: WebSocket): Attachment {
  // SAFETY: every socket of this object was accepted above, with an attachment.
  return socket.deserializeAttachment() as Attachment;
}

/** A thousand awaiters on one origin are told the same text, made once. */
function oncePerOrigin(frameFor: FrameFor): FrameFor {
  const frames = new Map<string, string>();
  return function frameOnce(origin) {
    const known = frames.get(origin);
    if (known !== undefined) return known;
    const frame = frameFor(origin);
    frames.set(origin, frame);
    return frame;
  };
}
