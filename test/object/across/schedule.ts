/**
 * Draws a whole life of a task and three other promises from a seed: who asks for what, and in which
 * order letters, timers and alarms come, are lost, doubled or cut off by a crash. At the end nothing
 * is lost any more and time passes; then everything is looked at.
 *
 * It aims, by looking at what is stored: few ids, mostly the right version, clashes. It judges only
 * what can be seen without knowing the protocol's order of things: {@link objectionsTo} does the rest.
 */
import type { PromiseRecord } from "../../../src/machine/promise.ts";
import { ask } from "../../model/protocol-request.ts";
import { createRandom, type Random } from "../../model/seeded.ts";
import { explains, objectionTo } from "./abstract.ts";
import { held, type Call } from "./caller.ts";
import { bend, uproot, type Fault } from "./faults.ts";
import { Play } from "./play.ts";
import { Offers } from "../../../src/object/offers.ts";
import { PromiseStore } from "../../../src/object/promise-store.ts";
import { drawKind, drawRequest, THEMES, type Theme, type ThemeName } from "./themes.ts";
import type { Letter } from "./world.ts";

export interface Result {
  seed: number;
  theme: ThemeName;
  trace: string[];
  /** What went wrong; empty when all is well. */
  objections: string[];
  history: Call[];
}

const IDS = ["a", "b", "c"];
const CLIENTS = 3;

export async function playOut(seed: number, theme: ThemeName, fault: Fault = {}): Promise<Result> {
  const run = new Run(seed, theme, fault);
  try {
    return await run.play();
  } finally {
    uproot();
  }
}

class Run {
  #random: Random;
  #theme: Theme;
  #play: Play;
  #result: Result;
  /** Clients that wait for an answer. */
  #busy = new Set<number>();
  #asked = 0;
  #askedMax: number;
  #crashesLeft: number;
  /** How often something goes wrong on the way: never, sometimes, often. */
  #trouble: number;
  #slow = new Map<string, boolean>();
  #deadlines = new Map<string, number>();
  #diesAt = Infinity;

  constructor(seed: number, theme: ThemeName, fault: Fault) {
    this.#random = createRandom(seed);
    this.#askedMax = this.#random.pick([4, 7, 11]);
    this.#crashesLeft = this.#random.pick(THEMES[theme].crashes);
    this.#trouble = this.#random.pick(THEMES[theme].trouble);
    this.#theme = THEMES[theme];
    this.#play = new Play(fault);
    this.#result = { seed, theme, trace: [], objections: [], history: [] };
    this.#watchLeases();
  }

  async play(): Promise<Result> {
    const { world, callers } = this.#play;
    await this.#begin();
    for (let steps = 0; steps < 400; steps += 1) {
      if (this.#asked === this.#askedMax && world.letters.length === 0) break;
      await this.#step();
    }
    await this.#rest();
    const { history } = callers;
    const isExplained = explains(history);
    const objections = [...this.#leftovers(), ...(isExplained ? [] : ["no order explains it"])];
    return { ...this.#result, history, objections };
  }

  async #begin(): Promise<void> {
    const { world, callers } = this.#play;
    const random = this.#random;
    const mortal = random.chance(this.#theme.mortal)
      ? world.now + random.pick([900, 2500, 6000])
      : undefined;
    if (mortal !== undefined) this.#deadlines.set("t", mortal);
    this.#diesAt = mortal ?? Infinity;
    await held(callers, this.#theme.born.slice(0, random.pick([1, 2, 3])), mortal);
    // With an own deadline a skew of clocks shows, as the protocol says that it may.
    if (mortal === undefined && random.chance(0.5)) {
      for (const id of IDS) world.setAhead(id, random.pick(this.#theme.aheadMs));
    }
    if (random.chance(0.3)) await this.#advance(random.pick([20_000, 4000]));
  }

  async #step(): Promise<void> {
    const { world } = this.#play;
    const random = this.#random;
    const quick = world.letters.filter((letter) => !this.#isSlow(letter));
    if (quick.length > 0 && random.chance(0.7)) {
      return this.#handle(random.chance(0.5) ? quick[0]! : random.pick(quick));
    }
    if (world.letters.length > 0 && random.chance(0.1)) {
      return this.#handle(random.pick(world.letters));
    }
    if (this.#asked < this.#askedMax && this.#busy.size < CLIENTS && random.chance(0.5)) {
      return this.#ask();
    }
    const timer = world.nextTimer();
    if (timer && timer.at <= world.now && random.chance(0.8)) {
      this.#note("a timer");
      return world.fire(timer);
    }
    const due = world.ids.filter((id) => world.isAlarmDue(id));
    if (due.length > 0 && random.chance(0.5)) return this.#ring(random.pick(due));
    if (random.chance(0.2) && this.#crashesLeft > 0) {
      this.#crashesLeft -= 1;
      const id = random.pick(["t", "t", ...IDS]);
      this.#note(`crash ${id}`);
      return world.crash(id);
    }
    if (!random.chance(0.35)) return undefined;
    const isNext = timer !== undefined && timer.at > world.now && random.chance(0.6);
    return this.#advance(isNext ? timer.at - world.now : random.pick(this.#theme.skipsMs));
  }

  /** Some letters stay on their way while whole requests come and go. */
  #isSlow(letter: Letter): boolean {
    // What nobody waits for has all the time.
    if (letter.isCopy || letter.from?.isOver) return true;
    const key = `${letter.number} ${letter.answer ? "back" : "there"}`;
    const known = this.#slow.get(key);
    const isSlow = known ?? (letter.from !== undefined && this.#random.chance(0.3));
    if (known === undefined) this.#slow.set(key, isSlow);
    return isSlow;
  }

  async #handle(letter: Letter): Promise<void> {
    const { world } = this.#play;
    const random = this.#random;
    const { from, to, method, answer } = letter;
    const what = `${from?.id ?? "edge"} -> ${to}.${method} ${answer ? "back" : "there"}`;
    const trouble = this.#trouble;
    const cutOff = method === "write" ? this.#theme.cutOff : trouble * (from ? 0.1 : 0.02);
    if (!answer && random.chance(cutOff)) {
      // Its caller hears nothing any more, but it may still arrive.
      this.#note(`cut off: ${what}`);
      world.double(letter);
      await world.lose(letter);
    } else if (
      from &&
      !answer &&
      method !== "write" &&
      random.chance(trouble * (method === "resume" ? 0.4 : 0.1))
    ) {
      this.#note(`doubled: ${what}`);
      world.double(letter);
    } else if (random.chance(trouble * (from ? 0.12 : 0.04))) {
      this.#note(`lost: ${what}`);
      await world.lose(letter);
    } else {
      this.#note(what);
      await world.deliver(letter);
    }
  }

  async #ring(id: string): Promise<void> {
    this.#note(`alarm ${id}`);
    await this.#play.world.alarm(id);
  }

  async #ask(): Promise<void> {
    const random = this.#random;
    const task = this.#stored("t")?.task;
    const isFirst = this.#asked === 0;
    const kind = drawKind(this.#theme, random, task?.state ?? "", isFirst);
    if (kind === "purge") return this.#purge("a");
    const version = Math.max(0, (task?.version ?? 1) - (random.chance(0.08) ? 1 : 0));
    const request = drawRequest(kind, this.#theme, random, { version, number: this.#asked });
    const client = [...Array(CLIENTS).keys()].find((one) => !this.#busy.has(one))!;
    this.#asked += 1;
    this.#busy.add(client);
    this.#note(`${client} asks ${request.kind} ${JSON.stringify(request.data)}`);
    await this.#play.callers.ask(request, client, (call) => {
      this.#busy.delete(client);
      this.#note(`${client} is told ${call.returned?.response.status ?? "nothing"}`);
    });
  }

  /** Only as the protocol allows it: settled, and everyone has been told. */
  async #purge(id: string): Promise<void> {
    const { world, callers } = this.#play;
    const { rows } = world.disk(id);
    const isTold = ![...rows.keys()].some((row) => row.startsWith("subscriber:"));
    if (!isTold || this.#stored(id)?.state !== "resolved") return;
    this.#note(`purge ${id}`);
    const others = world.letters.splice(0);
    await world.run(
      undefined,
      () => void world.env.PROMISES.getByName(id).apply({ kind: "purge" }),
    );
    await world.deliverAll();
    world.letters.push(...others);
    if (!rows.has("promise")) callers.happened({ kind: "purge", data: { id, at: 0 } });
  }

  async #advance(ms: number): Promise<void> {
    const { world, callers } = this.#play;
    world.now += ms;
    this.#note(`${ms} ms pass`);
    for (const [id, at] of this.#deadlines) {
      if (world.clockOf(id) < at) continue;
      this.#deadlines.delete(id);
      callers.happened({ kind: "deadline", data: { id, at } });
    }
  }

  async #rest(): Promise<void> {
    const { world, callers } = this.#play;
    this.#note("rest");
    // At its own instant, should it come only now.
    const deadline = Math.max(0, ...this.#deadlines.values());
    if (deadline > world.now) {
      await this.#play.rest(deadline - world.now - 1);
      await this.#advance(1);
    }
    await this.#play.rest(90_000);
    callers.happened({ kind: "rest", data: {} });
    for (const id of IDS) await callers.done(ask.get(id));
    for (const request of [ask.get("t"), ask.taskGet("t")]) await callers.done(request);
  }

  /** At rest nobody sleeps on a settled promise, and no row is left that nobody needs. */
  #leftovers(): string[] {
    const { world, callers } = this.#play;
    const own = this.#stored("t");
    const awaiting = Object.entries(own?.task?.awaiting ?? {});
    const isLive = own?.state === "pending" && world.clockOf("t") < this.#diesAt;
    const isAsleep = isLive && own.task?.state === "suspended";
    const slept = awaiting.filter(([id, birth]) => {
      const other = this.#stored(id);
      return other?.birth !== birth || other.state !== "pending";
    });
    const stray = IDS.filter((id) => {
      const rows = [...world.disk(id).rows.keys()];
      const isOwed = rows.some((row) => row.startsWith("subscriber:"));
      return isOwed && this.#stored(id)?.state !== "pending";
    });
    // Who is released twice in a row is offered only after a while: see across-traps.test.ts for that.
    const releases = callers.history.filter(({ request }) => request.kind === "task.release");
    const late = releases.length > 1 ? [] : world.offers.filter(({ at }) => at >= this.#diesAt);
    return [
      ...late.map(({ version }) => `version ${version} was offered after the deadline`),
      ...(isAsleep ? slept.map(([id]) => `t sleeps on ${id}, which is settled`) : []),
      ...stray.map((id) => `${id} is settled and still has a row`),
    ];
  }

  /** A lease that ends by itself is nobody's request, so it is noted where it happens. */
  #watchLeases(): void {
    const { callers } = this.#play;
    const stored = () => this.#stored("t");
    let heard = "";
    bend(
      Offers.prototype,
      "heard",
      (original) =>
        function (this: Offers, kind) {
          heard = kind;
          original.call(this, kind);
        },
    );
    bend(
      PromiseStore.prototype,
      "save",
      (original) =>
        function (this: PromiseStore, record) {
          const isEnd = stored()?.task?.state === "acquired" && record.task?.state === "pending";
          if (record.id === "t" && heard === "task.tick" && isEnd) {
            callers.happened({ kind: "expire", data: { id: "t", at: 0 } });
          }
          original.call(this, record);
        },
    );
  }

  #stored(id: string): PromiseRecord | undefined {
    const text = this.#play.world.disk(id).rows.get("promise");
    // SAFETY: what a promise's store writes.
    return typeof text === "string"
      ? (JSON.parse(text) as { record: PromiseRecord }).record
      : undefined;
  }

  #note(line: string): void {
    this.#result.trace.push(`${this.#play.world.tally()} ${line}`);
  }
}

export function explain({ seed, theme, trace, history, objections }: Result): string {
  const story = objectionTo(history) ?? "";
  return [`SEED=${seed} THEME=${theme}`, ...trace, ...objections, story].join("\n");
}
