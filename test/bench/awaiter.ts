/** Somebody who waits for a promise on a WebSocket, and notes the instant at which it is told. */
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
  const end = (): void => line.end();
  let tell: (at: number) => void = () => {};
  const told = new Promise<number>((resolve) => {
    tell = resolve;
  });
  return new Promise((resolve, reject) => {
    let frames = 0;
    function onFrame(): void {
      frames += 1;
      if (frames === 1) resolve({ told, end });
      if (frames === 2) {
        tell(performance.now());
        end();
      }
    }
    line.upgrade(path, onFrame).catch(reject);
  });
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
