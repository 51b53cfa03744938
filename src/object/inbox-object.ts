/**
 * One worker group: a Durable Object per group that knows who is connected and what waits for them.
 * It hands out and decides nothing: whether a parked task is still to be executed, its promise's
 * object is asked when a worker comes.
 *
 * Sent is not done: a task comes back by its promise's timers, a message by its missing
 * acknowledgement. Between two events it sleeps, however many workers are connected.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "../../client/src/protocol.ts";
import { readConfig, type Env } from "../env.ts";
import { indexShardOf, shardName } from "../machine/ids.ts";
import { logFailure } from "../log.ts";
import { InboxStore, type Offer, type Unblock } from "./inbox-store.ts";
import { Poking } from "./poking.ts";
import { closeQuietly } from "./sockets.ts";
import { Unblocks } from "./unblocks.ts";
import { Workers } from "./workers.ts";

const POKE_AGAIN_MS = 5000;
/**
 * The runtime sees that a worker is gone when it next writes to it (workerd of 2026-08-15), so the
 * message that finds it out is lost with the line, some milliseconds later.
 */
const LOST_MS = 1000;
const SENT_MAX = 1000;

/** All that the edge says, `{"ack":<number>}`: the worker's connection has taken that message. */
const ACKNOWLEDGEMENT = /^\{"ack": ?(\d{1,16})\}$/;

export class InboxObject extends DurableObject<Env> {
  #store = new InboxStore(this.ctx.storage);
  #workers = new Workers(this.ctx);
  #unblocks = new Unblocks(this.#store, this.#workers);
  #poking = new Poking(this.#store, this.#workers, {
    poke: (taskId) => this.env.PROMISES.getByName(taskId).poke(),
    changed: () => this.#arm(),
  });

  #isNoted = false;

  /** Tasks that were handed out a moment ago, oldest first. Memory only: their own timers cover it. */
  #sentLately: { socket: WebSocket; id: string; at: number }[] = [];

  /**
   * A worker, by its edge: a WebSocket upgrade with `?pid=`. 503 when the group is full. What waits for
   * it is on its way before the answer is; parked tasks come later, by their own objects.
   */
  override fetch(request: Request): Response {
    const pid = new URL(request.url).searchParams.get("pid");
    if (!pid || request.headers.get("upgrade") !== "websocket") {
      return new Response(null, { status: 400 });
    }
    if (!this.#workers.hasRoom(pid)) return new Response(null, { status: 503 });
    const { client, worker, replaced } = this.#workers.accept(pid, this.#store.newNumber());
    if (replaced) this.#unblocks.left(replaced);
    this.#unblocks.sendKept(worker);
    this.ctx.waitUntil(this.#poking.start());
    this.ctx.waitUntil(this.#note());
    return new Response(null, { status: 101, webSocket: client });
  }

  /** A task to be executed, at this version. Parked: nobody is there who may take it. */
  offer(offer: Offer): "sent" | "parked" {
    const task = { id: offer.id, version: offer.version };
    const message = JSON.stringify({ kind: "execute", head: {}, data: { task } });
    const worker = this.#workers.send(offer, message);
    if (!worker) {
      this.#store.park(offer);
      return "parked";
    }
    this.#store.unpark(offer.id);
    this.#noteSent(worker.socket, offer.id);
    return "sent";
  }

  /** Who is connected, by pid. */
  connected(): string[] {
    return this.#workers.pids;
  }

  /** The task is not to be handed out any more. */
  forget(taskId: string): void {
    this.#store.unpark(taskId);
  }

  /** A message that must arrive: it has, or it is kept here until it does. */
  async unblock(unblock: Unblock): Promise<"delivered" | "kept"> {
    const wasEmpty = this.#store.oldestKept() === null;
    const outcome = await this.#unblocks.deliver(unblock);
    if (outcome === "kept" && wasEmpty) this.#arm();
    return outcome;
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const number = typeof message === "string" ? ACKNOWLEDGEMENT.exec(message)?.[1] : undefined;
    if (number !== undefined) {
      this.#unblocks.acknowledge(Number(number), this.#workers.of(socket));
      return;
    }
    closeQuietly(socket, 1003, "error");
    this.#left(socket);
  }

  /** The other half of the closing: without it the edge's side waits for it for 10 s. */
  override webSocketClose(socket: WebSocket): void {
    closeQuietly(socket, 1000, "");
    this.#left(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#left(socket);
  }

  /** Right when early, late and twice: drops what is too old, pokes again, looks what is next. */
  override async alarm(): Promise<void> {
    this.#store.dropOlderThan(Date.now() - LIMITS.unblockKeptMsMax);
    await this.#poking.start();
    this.#arm();
  }

  /** So that the group is listed, also while there is nothing for it to do. */
  async #note(): Promise<void> {
    const { name } = this.ctx.id;
    if (this.#isNoted || name === undefined) return;
    this.#isNoted = true;
    try {
      const shard = indexShardOf(name, readConfig(this.env).indexShards);
      await this.env.INDEX.getByName(shardName(shard)).noteGroup(name);
    } catch (error) {
      this.#isNoted = false;
      console.error(error);
    }
  }

  #left(socket: WebSocket): void {
    this.#workers.remove(socket);
    this.#unblocks.left(socket);
    const lost = this.#sentLately.filter((sent) => sent.socket === socket);
    this.#sentLately = this.#sentLately.filter((sent) => sent.socket !== socket);
    for (const { id } of lost) this.ctx.waitUntil(this.#offerAgain(id));
  }

  /** It offers its task to the others, unless somebody has it. If not, its own timer does. */
  async #offerAgain(taskId: string): Promise<void> {
    try {
      await this.env.PROMISES.getByName(taskId).poke();
    } catch (error) {
      logFailure("a lost offer could not be made again", error, { promise: taskId });
    }
  }

  #noteSent(socket: WebSocket, id: string): void {
    const since = Date.now() - LOST_MS;
    if (this.#sentLately.length >= SENT_MAX || (this.#sentLately[0]?.at ?? since) < since) {
      this.#sentLately = this.#sentLately.filter(({ at }) => at >= since).slice(1 - SENT_MAX);
    }
    this.#sentLately.push({ socket, id, at: Date.now() });
  }

  /** Parked tasks alone need no alarm: somebody must come first, and that wakes this object. */
  #arm(): void {
    const oldestAt = this.#store.oldestKept();
    if (this.#poking.owed) void this.ctx.storage.setAlarm(Date.now() + POKE_AGAIN_MS);
    else if (oldestAt === null) void this.ctx.storage.deleteAlarm();
    else void this.ctx.storage.setAlarm(oldestAt + LIMITS.unblockKeptMsMax);
  }
}
