/**
 * Who follows a search live at one shard of the index: hibernating WebSockets, so that following costs
 * nothing while nothing happens. Each has the terms of its search with it, and is told of every change
 * that makes a promise be found, be found otherwise, or not be found any more.
 *
 * Time changes promises too: one whose deadline passes is timed out, though nobody writes that.
 */
import { LIMITS } from "../../client/src/protocol.ts";
import type { PromiseEntry } from "../machine/index-entry.ts";
import { idMatches, projectEntry, promiseMatches, type PromiseTerms } from "../machine/query.ts";
import type { IndexLook } from "./index-look.ts";
import type { Change } from "./index-store.ts";
import { closeQuietly } from "./sockets.ts";

/**
 * What a follower is told, as JSON text. `seq`: all changes with a stamp up to it have been told; who
 * comes again with the last one that it has heard misses nothing, though it may hear some twice.
 */
export type Told =
  | { is: "open"; seq: number }
  /** Too much is forgotten to say what happened since: look anew. */
  | { is: "gap"; seq: number }
  | { is: "added" | "changed"; seq: number; entry: PromiseEntry }
  | { is: "removed"; seq: number; id: string };

/** A follower's search. */
export interface Following {
  terms: PromiseTerms;
  /** What it has heard up to; absent: nothing. */
  since?: number;
  /** Whose share it takes; absent: nobody's. At most 256 characters, a tag of the socket. */
  who?: string;
}

interface Follower {
  socket: WebSocket;
  terms: PromiseTerms;
}

/** An alarm may come so late (Cloudflare docs, Alarms); who hears twice that time passed takes no harm. */
const ALARM_LATE_MS = 2 * 60 * 1000;

export class Followers {
  #ctx: DurableObjectState;
  #look: IndexLook;
  #seq: (now: number) => number;
  #followers: Follower[] | undefined;
  /** All deadlines up to it have been told of. An earlier life has told of what was due in it. */
  #toldUntil: number | undefined;
  /** The next deadline of all; `undefined` when it is to be looked for. */
  #nextAt: number | undefined;

  /** @param seq a stamp for all that has changed until then */
  constructor(ctx: DurableObjectState, look: IndexLook, seq: (now: number) => number) {
    this.#ctx = ctx;
    this.#look = look;
    this.#seq = seq;
  }

  get size(): number {
    return this.#all.length;
  }

  /** @param who has a share only; `undefined`: may take all there is */
  hasRoomFor(who: string | undefined): boolean {
    if (this.size >= LIMITS.listFollowersMax) return false;
    return who === undefined || this.#ctx.getWebSockets(who).length < LIMITS.listFollowersOfOneMax;
  }

  /** @param forgotten changes with a stamp up to it may be forgotten */
  accept({ terms, since, who }: Following, forgotten: number, now: number): WebSocket {
    const { 0: client, 1: socket } = new WebSocketPair();
    this.#ctx.acceptWebSocket(socket, who === undefined ? [] : [who]);
    socket.serializeAttachment(terms);
    const seq = this.#seq(now);
    const hasGap = since !== undefined && since <= forgotten;
    if (since !== undefined && !hasGap) this.#replay({ socket, terms }, since, now);
    send(socket, { is: hasGap ? "gap" : "open", seq });
    this.#followers = undefined;
    return client;
  }

  /** What was written at `now`. */
  tell(changes: readonly Change[], now: number): void {
    if (changes.length === 0) return;
    for (const follower of this.#all) {
      for (const { id, seq, before, after } of changes) {
        tellOne(follower, { id, seq, before, after, was: now, now });
      }
    }
    for (const { after } of changes) {
      if (after?.state === "pending" && this.#nextAt !== undefined) {
        this.#nextAt = Math.min(this.#nextAt, after.timeoutAt);
      }
    }
  }

  /** When the next deadline passes of which somebody is told. */
  nextAt(now: number): number {
    if (this.size === 0) return Infinity;
    this.#nextAt ??= this.#look.nextDeadline(this.#toldUntil ?? now) ?? Infinity;
    return this.#nextAt;
  }

  /** What time alone has done until now. */
  tellOfTime(now: number): void {
    if (this.size === 0) {
      // Nobody looks after what is put meanwhile: who comes next begins now.
      this.#toldUntil = now;
      this.#nextAt = undefined;
      return;
    }
    const was = this.#toldUntil ?? now - ALARM_LATE_MS;
    this.#toldUntil = now;
    if (this.#nextAt !== undefined && now < this.#nextAt) return;
    this.#nextAt = undefined;
    const over = stamped([...this.#look.overBetween(was, now)]);
    for (const follower of this.#all) {
      for (const { entry, seq } of over) {
        tellOne(follower, { id: entry.id, seq, before: entry, after: entry, was, now });
      }
    }
  }

  left(socket: WebSocket): void {
    closeQuietly(socket, 1000, "");
    this.#followers = this.#all.filter((follower) => follower.socket !== socket);
  }

  /**
   * In the order in which it happened, so that a line which breaks in the middle has come so far.
   * Whether it was in the list before is not known any more: `removed` may come for what never was.
   */
  #replay({ socket, terms }: Follower, since: number, now: number): void {
    const told: Told[] = [];
    for (const { id, seq, entry } of this.#look.changesSince(since)) {
      // Of others not even the id may be told.
      if (idMatches(id, terms)) told.push(standing(entry, { id, seq, terms, now }));
    }
    for (const { entry, seq } of stamped([...this.#look.overBetween(since / 1000, now)])) {
      const { id } = entry;
      if (idMatches(id, terms)) told.push(standing(entry, { id, seq, terms, now }));
    }
    told.sort((a, b) => a.seq - b.seq);
    for (const one of told) send(socket, one);
  }

  get #all(): Follower[] {
    this.#followers ??= this.#ctx.getWebSockets().map((socket) => ({
      socket,
      // SAFETY: only `accept` writes there.
      terms: socket.deserializeAttachment() as PromiseTerms,
    }));
    return this.#followers;
  }
}

/** How it is found, if it is, whatever it was. */
function standing(
  entry: PromiseEntry | undefined,
  { id, seq, terms, now }: { id: string; seq: number; terms: PromiseTerms; now: number },
): Told {
  return entry && promiseMatches(entry, terms, now)
    ? { is: "changed", seq, entry: projectEntry(entry, now) }
    : { is: "removed", seq, id };
}

interface Happened {
  id: string;
  seq: number;
  before: PromiseEntry | undefined;
  after: PromiseEntry | undefined;
  /** When it still was as before. */
  was: number;
  now: number;
}

function tellOne(
  { socket, terms }: Follower,
  { id, seq, before, after, was, now }: Happened,
): void {
  const found = after !== undefined && promiseMatches(after, terms, now);
  const wasFound = before !== undefined && promiseMatches(before, terms, was);
  if (!found) {
    if (wasFound) send(socket, { is: "removed", seq, id });
    return;
  }
  send(socket, { is: wasFound ? "changed" : "added", seq, entry: projectEntry(after, now) });
}

function send(socket: WebSocket, told: Told): void {
  try {
    socket.send(JSON.stringify(told));
  } catch {
    // It has gone; its close comes, or came.
  }
}

/**
 * In the order of their deadlines, each with its own as its stamp. Of those that pass together only the
 * last has told of all.
 */
function stamped(over: PromiseEntry[]): { entry: PromiseEntry; seq: number }[] {
  const inOrder = over.toSorted((a, b) => a.timeoutAt - b.timeoutAt);
  return inOrder.map((entry, at) => {
    const isLast = inOrder[at + 1]?.timeoutAt !== entry.timeoutAt;
    return { entry, seq: entry.timeoutAt * 1000 - (isLast ? 0 : 1) };
  });
}
