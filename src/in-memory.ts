/**
 * Which promises are in memory, where a server is one process. workerd holds three files open for each
 * object, until ten seconds after it was last asked. When it may open no more, it answers with 500, and
 * at the next connection it ends (workerd of 2026-08-15). So whoever asks for one that is not there
 * waits while there are as many as may be. On Cloudflare nothing of this is counted.
 */
import { readConfig, type Env } from "./env.ts";

/** Ten seconds, and what workerd may be late. */
const KEPT_MS = 12_000;
const LOOK_MS = 100;
/** By then all have left that were there, unless they are asked on and on. */
const WAIT_MS_MAX = 20_000;

/** By id, and when it was last asked: the longest ago first. Some may be gone. */
const askedAt = new Map<string, number>();
/** When somebody last found it full: who comes later is not let in before those who wait. */
let fullAt = 0;

/** Too many promises were asked for, for too long. */
export class NoRoomError extends Error {}

/** Of an object, whenever it does something. */
export function noteInMemory(id: string, now: number): void {
  askedAt.delete(id);
  askedAt.set(id, now);
  forget(now);
}

/** @returns `undefined` where nobody has to wait @throws {@link NoRoomError} after 20 s */
export function roomFor(env: Env, id: string): Promise<void> | undefined {
  if (env.FILES_MAX === undefined || askedAt.has(id)) return undefined;
  const { inMemoryMax } = readConfig(env);
  const now = Date.now();
  // A clock may go back.
  if (Math.abs(now - fullAt) < LOOK_MS || isFull(inMemoryMax, now)) {
    return roomInTime(inMemoryMax, id, now + WAIT_MS_MAX);
  }
  noteInMemory(id, now);
  return undefined;
}

async function roomInTime(max: number, id: string, until: number): Promise<void> {
  for (;;) {
    await scheduler.wait(LOOK_MS);
    const now = Date.now();
    if (askedAt.has(id) || !isFull(max, now)) return noteInMemory(id, now);
    if (now > until) throw new NoRoomError("more promises are asked for than may be in memory");
  }
}

function isFull(max: number, now: number): boolean {
  forget(now);
  if (askedAt.size < max) return false;
  fullAt = now;
  return true;
}

function forget(now: number): void {
  for (const [id, at] of askedAt) {
    if (Math.abs(now - at) < KEPT_MS) return;
    askedAt.delete(id);
  }
}
