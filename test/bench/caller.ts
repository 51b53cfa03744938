/**
 * A connection that is made anew when the server has closed it: after a silence of five seconds, or
 * when it was too busy to read for as long. What was on its way is sent again, and counted.
 */
import { Line } from "./line.ts";

const ATTEMPTS_MAX = 5;
const SILENCE_MS_MAX = 3000;

export class Caller {
  /** How often a request was cut off. */
  cuts = 0;
  #port: number;
  #line: Line | undefined;
  #usedAt = 0;
  #turn = Promise.resolve();

  constructor(port: number) {
    this.#port = port;
  }

  /** One after the other, as the connection takes no more. */
  inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work);
    return this.#turn;
  }

  /** @returns the status, and whether an earlier attempt may have done it already */
  async call(body: string): Promise<{ status: number; again: boolean }> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (!this.#line || performance.now() - this.#usedAt > SILENCE_MS_MAX) {
          this.end();
          this.#line = await Line.open(this.#port);
        }
        const { status } = await this.#line.request("POST", "/", body);
        this.#usedAt = performance.now();
        return { status, again: attempt > 1 };
      } catch (error) {
        this.cuts += 1;
        this.end();
        if (attempt === ATTEMPTS_MAX) throw error;
      }
    }
  }

  end(): void {
    this.#line?.end();
    this.#line = undefined;
  }
}
