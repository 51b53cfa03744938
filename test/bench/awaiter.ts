/** Somebody who waits for a promise on a WebSocket, and notes the instant at which it is told. */
import { EventEmitter, once } from "node:events";
import { Line } from "./line.ts";
import type { Target } from "./target.ts";

export interface Awaiter {
  /** When the settlement was received, by `performance.now()`. The connection is ended by then. */
  told: Promise<number>;
  end(): void;
}

/** Resolves when the first frame has come, which says how the promise stands. */
export async function openAwaiter(target: Target, path: string): Promise<Awaiter> {
  const line = await Line.open(target.port);
  const news = new EventEmitter<{ stood: []; told: [at: number]; error: [Error] }>();
  const stood = once(news, "stood");
  const told = once(news, "told").then(([at]) => Number(at));
  // Whoever asks will hear of a failure; it may happen before anybody does.
  told.catch(() => {});
  let frames = 0;
  function onFrame(): void {
    frames += 1;
    if (frames === 1) news.emit("stood");
    if (frames < 2) return;
    news.emit("told", performance.now());
    line.end();
  }
  await line.upgrade(path, onFrame, (error) => news.emit("error", error));
  await stood;
  return { told, end: () => line.end() };
}

/** Opens many, a few at a time, as a burst of connections would time out on a small backlog. */
export async function openAwaiters(
  target: Target,
  path: string,
  count: number,
): Promise<Awaiter[]> {
  const awaiters: Awaiter[] = [];
  while (awaiters.length < count) {
    const room = Math.min(16, count - awaiters.length);
    awaiters.push(
      ...(await Promise.all(Array.from({ length: room }, () => openAwaiter(target, path)))),
    );
  }
  return awaiters;
}
