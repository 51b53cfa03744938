/**
 * Messages that must arrive: sent to who is connected and over when its edge acknowledges, else kept
 * and sent to who comes. At least once: a message whose acknowledgement is lost is sent again.
 */
import type { InboxStore, Unblock } from "./inbox-store.ts";
import { tell, type Worker, type Workers } from "./workers.ts";

/** The edge acknowledges within milliseconds what the worker's connection takes. */
const ACKNOWLEDGED_MS_MAX = 2000;
/** What may wait for that at once, in memory (2 bytes a character); more is kept before it is sent. */
const WAITING_LENGTH_MAX = 8 * 1024 * 1024;
/** So much of what was kept is on its way to one worker at once: it must not choke on its backlog. */
const BACKLOG_MAX = 20;
const BACKLOG_LENGTH_MAX = 1024 * 1024;

type Fate = "acknowledged" | "gone" | "late" | "unsent";

/** A message on its way. */
interface Sent {
  socket: WebSocket;
  length: number;
  /** Somebody waits for its fate; without it the message is kept already. */
  settle?: (fate: Fate) => void;
}

export class Unblocks {
  #store: InboxStore;
  #workers: Workers;
  /** By number. Forgotten in hibernation, where the worst is that a message is sent twice. */
  #sent = new Map<number, Sent>();
  #waitingLength = 0;

  constructor(store: InboxStore, workers: Workers) {
    this.#store = store;
    this.#workers = workers;
  }

  async deliver(unblock: Unblock): Promise<"delivered" | "kept"> {
    for (;;) {
      const number = this.#store.newNumber();
      const fate = await this.#send(unblock, number);
      // Its socket closed, and another may have come already: who comes later finds it kept.
      if (fate === "gone") continue;
      if (fate === "acknowledged") {
        this.#store.dropKept(unblock);
        return "delivered";
      }
      this.#store.keep(unblock, number);
      if (fate === "unsent") this.#sendKeptTo(unblock);
      return "kept";
    }
  }

  /** @param worker who says so, unless it is no longer one */
  acknowledge(number: number, worker: Worker | undefined): void {
    const sent = this.#sent.get(number);
    this.#sent.delete(number);
    if (sent?.settle) {
      sent.settle("acknowledged");
      return;
    }
    this.#store.drop(number);
    if (worker) this.sendKept(worker);
  }

  /** Sends what is kept for this worker, as much of it as may be on its way; the rest follows. */
  sendKept({ pid, socket }: Worker): void {
    const onTheWay = [...this.#sent.values()].filter(
      (sent) => sent.socket === socket && sent.settle === undefined,
    );
    let room = BACKLOG_MAX - onTheWay.length;
    let length = onTheWay.reduce((sum, sent) => sum + sent.length, 0);
    for (const number of this.#store.keptFor(pid, BACKLOG_MAX + this.#sent.size)) {
      if (room <= 0 || length > BACKLOG_LENGTH_MAX) return;
      if (this.#isOnTheWay(number)) continue;
      const text = this.#store.textOf(number);
      if (!tell(socket, envelope(number, text))) return;
      this.#sent.set(number, { socket, length: text.length });
      room -= 1;
      length += text.length;
    }
  }

  /** A socket is no more: what it has not acknowledged goes to another, or waits for one. */
  left(socket: WebSocket): void {
    let leftKept = false;
    for (const [number, sent] of this.#sent) {
      if (sent.socket !== socket) continue;
      this.#sent.delete(number);
      if (sent.settle) sent.settle("gone");
      else leftKept = true;
    }
    const next = leftKept ? this.#workers.next() : undefined;
    if (next) this.sendKept(next);
  }

  async #send({ text, ...addressee }: Unblock, number: number): Promise<Fate> {
    if (this.#waitingLength > WAITING_LENGTH_MAX) return "unsent";
    const worker = this.#workers.send(addressee, envelope(number, text));
    if (!worker) return "unsent";
    const sent: Sent = { socket: worker.socket, length: text.length };
    this.#sent.set(number, sent);
    this.#waitingLength += text.length;
    const fate = await fateOf(sent);
    this.#waitingLength -= text.length;
    return fate;
  }

  #isOnTheWay(number: number): boolean {
    const sent = this.#sent.get(number);
    return sent !== undefined && this.#workers.of(sent.socket) !== undefined;
  }

  /** There was no room to send it, but perhaps there is a worker. */
  #sendKeptTo({ cast, pid }: Unblock): void {
    const worker = this.#workers.find({ cast, ...(pid !== undefined && { pid }) });
    if (worker) this.sendKept(worker);
  }
}

function fateOf(sent: Sent): Promise<Fate> {
  return new Promise((resolve) => {
    function settle(fate: Fate): void {
      clearTimeout(timer);
      // An acknowledgement that comes after all finds the message kept.
      delete sent.settle;
      resolve(fate);
    }
    const timer = setTimeout(() => settle("late"), ACKNOWLEDGED_MS_MAX);
    sent.settle = settle;
  });
}

/** The number that the edge acknowledges, a line break, the message. */
function envelope(number: number, text: string): string {
  return `${number}\n${text}`;
}
