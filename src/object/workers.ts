/**
 * The connected workers of one group: hibernating WebSockets, one for each pid, so that being
 * connected costs nothing. It knows who is there and whose turn it is; what they are told is somebody
 * else's matter.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import type { Addressee } from "../machine/address.ts";
import { closeQuietly } from "./sockets.ts";

/** What a socket remembers through hibernation. */
interface Attachment {
  pid: string;
  /** Of two sockets of one worker the later one counts. */
  number: number;
}

export interface Worker {
  pid: string;
  socket: WebSocket;
}

export class Workers {
  #ctx: DurableObjectState;
  /** By pid, in the order of their turns. Empty-handed after hibernation, so it is made anew. */
  #sockets: Map<string, WebSocket> | undefined;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  get pids(): string[] {
    return [...this.#connected.keys()];
  }

  /** Whether this worker is connected, or there is room for one more. */
  hasRoom(pid: string): boolean {
    return this.#connected.has(pid) || this.#connected.size < LIMITS.pollersMax;
  }

  /**
   * Takes a worker in. Its older socket, if it has one, is closed with 1000, which says that another
   * took its place: every other end of a line means to come again.
   */
  accept(pid: string, number: number): { client: WebSocket; worker: Worker; replaced?: WebSocket } {
    const { 0: client, 1: socket } = new WebSocketPair();
    const replaced = this.#connected.get(pid);
    this.#ctx.acceptWebSocket(socket);
    socket.serializeAttachment({ pid, number } satisfies Attachment);
    this.#connected.set(pid, socket);
    if (replaced) closeQuietly(replaced, 1000, "replaced");
    return { client, worker: { pid, socket }, ...(replaced && { replaced }) };
  }

  /** Sends to one who may take it. @returns to whom; `undefined` when nobody is there */
  send(addressee: Addressee, text: string): Worker | undefined {
    for (;;) {
      const worker = this.find(addressee);
      if (!worker || tell(worker.socket, text)) return worker;
      this.remove(worker.socket);
    }
  }

  /** The one by name; of any, the one preferred or the next in turn. */
  find({ cast, pid }: Addressee): Worker | undefined {
    const socket = pid === undefined ? undefined : this.#connected.get(pid);
    if (socket) return { pid: pid!, socket };
    return cast === "any" ? this.next() : undefined;
  }

  /** The next in turn, of whom it is the turn no longer. */
  next(): Worker | undefined {
    const first = this.#connected.entries().next().value;
    if (!first) return undefined;
    const [pid, socket] = first;
    this.#connected.delete(pid);
    this.#connected.set(pid, socket);
    return { pid, socket };
  }

  /** The worker of a socket, unless another socket took its place. */
  of(socket: WebSocket): Worker | undefined {
    const { pid } = attachmentOf(socket);
    return this.#connected.get(pid) === socket ? { pid, socket } : undefined;
  }

  remove(socket: WebSocket): void {
    const worker = this.of(socket);
    if (worker) this.#connected.delete(worker.pid);
  }

  get #connected(): Map<string, WebSocket> {
    if (this.#sockets) return this.#sockets;
    const latest = new Map<string, { socket: WebSocket; number: number }>();
    for (const socket of this.#ctx.getWebSockets()) {
      // Some stay in the list after their end (workerd#2569).
      if (socket.readyState !== WebSocket.OPEN) continue;
      const { pid, number } = attachmentOf(socket);
      if (number > (latest.get(pid)?.number ?? 0)) latest.set(pid, { socket, number });
    }
    // From a random one on, or the first would get the first task of every life of the object.
    const all = Array.from(latest, ([pid, { socket }]) => [pid, socket] as const);
    const start = Math.floor(Math.random() * all.length);
    this.#sockets = new Map([...all.slice(start), ...all.slice(0, start)]);
    return this.#sockets;
  }
}

/** @returns whether the runtime took it */
export function tell(socket: WebSocket, text: string): boolean {
  try {
    socket.send(text);
    return true;
  } catch {
    // Closed by the other side a moment ago, or a ghost.
    return false;
  }
}

function attachmentOf(socket: WebSocket): Attachment {
  // SAFETY: every socket of this object was accepted above, with an attachment.
  return socket.deserializeAttachment() as Attachment;
}
