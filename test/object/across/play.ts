/**
 * A play with a script: calls between the edge and the objects travel by themselves, calls between
 * objects wait until they are delivered by hand.
 */
import type { Request } from "../../model/protocol-request.ts";
import { Callers, type Call, type Response } from "./caller.ts";
import { type Fault } from "./faults.ts";
import { World, type Letter } from "./world.ts";

export class Play {
  readonly world: World;
  readonly callers: Callers;

  constructor(fault: Fault = {}) {
    fault.plant?.();
    this.world = new World(fault.call?.());
    this.callers = new Callers(this.world, fault.ask);
  }

  /** Asked; what objects say to each other about it is still to be delivered. */
  async ask(request: Request): Promise<Call> {
    const call = await this.callers.ask(request, this.callers.history.length);
    await this.#carry();
    return call;
  }

  /** Asked, and all letters delivered. */
  done(request: Request): Promise<Response | undefined> {
    return this.callers.done(request);
  }

  /** The first call of another object that is on its way to `to`; no copy. */
  letter(to: string): Letter {
    return this.#find(to, "a call to", ({ answer }) => !answer);
  }

  /** The first answer that is on its way back from `to`. */
  reply(to: string): Letter {
    return this.#find(to, "an answer of", ({ answer }) => answer !== undefined);
  }

  there(to: string): Promise<void> {
    return this.deliver(this.letter(to));
  }

  back(to: string): Promise<void> {
    return this.deliver(this.reply(to));
  }

  async deliver(letter: Letter): Promise<void> {
    await this.world.deliver(letter);
    await this.#carry();
  }

  async lose(letter: Letter): Promise<void> {
    await this.world.lose(letter);
    await this.#carry();
  }

  async crash(id: string): Promise<void> {
    this.world.crash(id);
    await this.#carry();
  }

  async pass(ms: number): Promise<void> {
    const end = this.world.now + ms;
    for (let next = this.world.nextTimer(); next && next.at <= end;) {
      this.world.now = Math.max(this.world.now, next.at);
      await this.world.fire(next);
      await this.#carry();
      next = this.world.nextTimer();
    }
    this.world.now = end;
  }

  /** Nobody asks any more, nothing is lost any more, and time passes. */
  async rest(ms = 60_000): Promise<void> {
    const { world } = this;
    const end = world.now + ms;
    for (let left = 3000; ; left -= 1) {
      if (left === 0) throw new Error(`it never comes to rest; at ${world.now - end} ms`);
      await world.deliverAll();
      const due = world.ids.find((id) => world.isAlarmDue(id));
      if (due !== undefined) {
        await world.alarm(due);
        continue;
      }
      const timer = world.nextTimer();
      const alarms = world.ids.map((id) => world.alarmAt(id));
      const next = Math.min(timer?.at ?? Infinity, ...alarms);
      if (next > end) break;
      world.now = Math.max(world.now, next);
      if (timer && timer.at <= world.now) await world.fire(timer);
    }
    world.now = end;
  }

  async #carry(): Promise<void> {
    for (;;) {
      const letter = this.world.letters.find(({ from }) => from === undefined);
      if (!letter) return;
      await this.world.deliver(letter);
    }
  }

  #find(to: string, what: string, is: (letter: Letter) => boolean): Letter {
    const found = this.world.letters.find(
      (letter) => letter.from && !letter.isCopy && letter.to === to && is(letter),
    );
    if (!found) throw new Error(`there is not ${what} ${to}`);
    return found;
  }
}
