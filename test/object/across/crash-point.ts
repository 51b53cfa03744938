/**
 * A crash at an exact point of a call between two real objects: when it has arrived and is not served,
 * or when it is served, stored, and not answered. Who dies is the caller, the callee, or everybody.
 * It happens once; whoever survives goes on as if nothing were.
 */
import { vi } from "vitest";
import { abortAllDurableObjects } from "../runtime.ts";

export interface Point {
  when: "before" | "after";
  who: "caller" | "callee" | "all";
}

export const POINTS: Point[] = (["before", "after"] as const).flatMap((when) =>
  (["caller", "callee", "all"] as const).map((who) => ({ when, who })),
);

export class CrashPoint {
  /** The object that was called, once it was. */
  callee: string | undefined;
  #point: Point;
  #isReached = false;
  #isDone = false;
  #isOver = false;
  #watching: Promise<void>;

  /**
   * @param matches which of the calls
   * @param crash makes an object crash; `undefined` for the caller
   */
  constructor(
    // The prototype of an object's class: its methods are what is called.
    prototype: object,
    method: string,
    point: Point,
    {
      matches = () => true,
      crash,
    }: {
      matches?: (args: unknown[]) => boolean;
      crash: (callee: string | undefined) => Promise<void>;
    },
  ) {
    this.#point = point;
    this.#plant(prototype as Prototype, method, matches);
    this.#watching = this.#watch(crash);
  }

  /** After the play, when it is still awaited for so long: who is not called then never will be. */
  async over(graceMs = 0): Promise<void> {
    for (let ms = 0; ms < graceMs && this.callee === undefined; ms += 5) await scheduler.wait(5);
    this.#isOver = true;
    await this.#watching;
  }

  #plant(prototype: Prototype, method: string, matches: (args: unknown[]) => boolean): void {
    const original = prototype[method]!;
    const pass = (callee: DurableObjectState, serve: () => Promise<unknown>): Promise<unknown> => {
      this.callee = callee.id.name ?? "";
      return this.#passed(serve, callee.storage);
    };
    const isHere = (args: unknown[]): boolean => this.callee === undefined && matches(args);
    vi.spyOn(prototype, method).mockImplementation(function (this: unknown, ...args: unknown[]) {
      if (!isHere(args)) return original.apply(this, args);
      // SAFETY: every object of the runtime has its state there.
      const { ctx } = this as { ctx: DurableObjectState };
      return pass(ctx, async () => original.apply(this, args));
    });
  }

  async #passed(serve: () => Promise<unknown>, storage: DurableObjectStorage): Promise<unknown> {
    if (this.#point.when === "before") {
      await this.#crashed();
      return serve();
    }
    const answer = await serve();
    await storage.sync();
    await this.#crashed();
    return answer;
  }

  /** Polled, because no object may await what belongs to another's call. */
  async #crashed(): Promise<void> {
    this.#isReached = true;
    while (!this.#isDone) await scheduler.wait(1);
  }

  async #watch(crash: (callee: string | undefined) => Promise<void>): Promise<void> {
    while (!this.#isReached) {
      if (this.#isOver) return;
      await scheduler.wait(1);
    }
    const { who } = this.#point;
    if (who === "all") await abortAllDurableObjects();
    else await crash(who === "callee" ? this.callee : undefined);
    this.#isDone = true;
  }
}

type Prototype = Record<string, (...args: unknown[]) => unknown>;
