/**
 * A call to an object that moves, or has too much to do, once more after a moment. Only for what can be
 * done twice, and where nobody is there who could try again better: in the middle of a stream.
 */
const TRIES_MAX = 4;
const PAUSE_MS = 100;

export async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries >= TRIES_MAX) throw error;
      await scheduler.wait(PAUSE_MS * 2 ** tries);
    }
  }
}
