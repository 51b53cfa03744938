// Random lives of one promise with a task, drawn from a seed: same seed, same steps, same trace. It
// plays everybody else: workers (some of them stale), awaited promises (task-others.ts), and a clock
// that likes the instants where tasks go wrong. It aims commands with a look at the record, so that
// most of them mean something.

import { createRandom, type Random } from "../model/seeded.ts";
import { NEVER } from "../../client/src/protocol.ts";
import { decide, project } from "../../src/machine/promise.ts";
import type { Command, PromiseRecord } from "../../src/machine/promise.ts";
import type { TaskCommand } from "../../src/machine/task-command.ts";
import { decideTask, taskWakeAt } from "../../src/machine/task.ts";
import { INVARIANTS, isOver } from "./task-invariants.ts";
import type { Answer, Turn } from "./task-invariants.ts";
import { Others } from "./task-others.ts";

export type DecideTask = typeof decideTask;

export interface Walk {
  seed: number;
  steps: number;
  /** The last steps, one line each: what was asked, what was answered. */
  trace: string[];
  /** Every pair "command status" that happened. */
  pairs: Set<string>;
  /** The rules that the last step broke, with a sentence each; empty when the walk went well. */
  broken: { rule: string; sentence: string }[];
}

const RETRY_MS = 20;
const TRACE_MAX = 25;
/** The more often a kind stands here, the more often it is drawn. */
const BY_HOLDER = [
  "release",
  "fulfill",
  "heartbeat",
  "guard",
  "suspend",
  "suspend",
  "fence",
] as const;
const BY_OTHERS = [
  "create",
  "acquire",
  "acquire",
  "halt",
  "continue",
  "callback",
  "tick",
  "poke",
  "park",
] as const;
type Kind = (typeof BY_HOLDER)[number] | (typeof BY_OTHERS)[number];

export function walk(seed: number, stepsMax: number, machine: DecideTask = decideTask): Walk {
  const lives = new Lives(createRandom(seed), machine);
  const result: Walk = { seed, steps: 0, trace: [], pairs: new Set(), broken: [] };
  while (result.steps < stepsMax && result.broken.length === 0) {
    const { command, now, turn } = lives.step();
    result.steps += 1;
    result.trace.push(`${now} ${JSON.stringify(command)} -> ${JSON.stringify(turn.answer)}`);
    if (result.trace.length > TRACE_MAX) result.trace.shift();
    if (command.kind.startsWith("task.")) result.pairs.add(`${command.kind} ${turn.answer.status}`);
    result.broken = Object.entries(INVARIANTS).flatMap(([rule, holds]) => {
      const sentence = holds(turn);
      return sentence === null ? [] : [{ rule, sentence }];
    });
  }
  return result;
}

export function explain({ seed, steps, trace, broken }: Walk): string {
  const rules = broken.map(({ rule, sentence }) => `  ${rule}: ${sentence}`);
  return [`SEED=${seed} broke in step ${steps}, the last of these:`, ...trace, ...rules].join("\n");
}

class Lives {
  readonly #random: Random;
  readonly #machine: DecideTask;
  readonly #others: Others;
  #stored: PromiseRecord | null = null;
  #now = 1_000;
  #said: PromiseRecord | null = null;
  #awaiting: Record<string, string> = {};
  #resumes: string[] = [];

  constructor(random: Random, machine: DecideTask) {
    this.#random = random;
    this.#machine = machine;
    this.#others = new Others(random);
  }

  step(): { command: TaskCommand | Command; now: number; turn: Turn } {
    this.#now = this.#drawInstant();
    this.#others.live();
    const now = this.#now;
    const command = frozen(this.#drawCommand());
    const before = this.#stored && project(this.#stored, now);
    const answer = this.#ask(command);
    if (answer.write !== undefined) this.#stored = frozen(answer.write);
    const after = this.#stored && project(this.#stored, now);
    this.#expect(command, answer, before, after);
    const turn = {
      now,
      command,
      answer,
      before,
      after,
      said: this.#said,
      awaiting: { ...this.#awaiting },
      resumes: [...this.#resumes],
      canResume: (id: string, birth: string) => this.#others.canResume(id, birth),
      retryMs: RETRY_MS,
      again: this.#machine(this.#stored, { kind: "task.tick" }, now, { retryMs: RETRY_MS }),
      wakeAt: taskWakeAt(this.#stored, now),
    };
    this.#said = answer.write === null ? null : isOver(answer.record) ? answer.record : this.#said;
    return { command, now, turn };
  }

  #ask(command: TaskCommand | Command): Answer {
    if (isOfTask(command)) {
      return this.#machine(this.#stored, command, this.#now, { retryMs: RETRY_MS });
    }
    const { record, write } = decide(this.#stored, command, this.#now);
    return { status: 200, record, ...(write !== undefined && { write }) };
  }

  /** By the rules, what the task then awaits and what has woken it. */
  #expect(
    command: TaskCommand | Command,
    { status }: Answer,
    before: PromiseRecord | null,
    after: PromiseRecord | null,
  ): void {
    if (!after || isOver(after)) {
      [this.#awaiting, this.#resumes] = [{}, []];
      return;
    }
    if (status >= 400 || !after.task) return;
    const { kind } = command;
    if (kind === "task.create" || kind === "task.acquire" || kind === "task.suspend") {
      this.#resumes = [];
    }
    if (kind === "task.suspend" && status === 200) {
      for (const { id, birth } of command.awaited) this.#awaiting[id] = birth;
    }
    if (kind === "task.callback") this.#awaiting[command.awaited] = command.birth;
    if (kind !== "task.resume" || this.#awaiting[command.awaited] !== command.birth) return;
    delete this.#awaiting[command.awaited];
    if (before?.task?.state === "suspended") this.#resumes = [];
    this.#resumes = [...new Set([...this.#resumes, command.awaited])];
  }

  #drawCommand(): TaskCommand | Command {
    const { chance, pick } = this.#random;
    const current = this.#stored && project(this.#stored, this.#now);
    if (chance(0.04)) return { kind: "wake" };
    if (isOver(current) && chance(0.3)) return { kind: "purge" };
    if (!current && chance(0.4)) return this.#drawCreate();
    if (chance(0.015)) return { kind: "settle", state: "rejected", value: {}, strict: false };
    if (chance(0.15)) {
      const { id, birth } = this.#others.send();
      return { kind: "task.resume", awaited: id, birth };
    }
    return this.#drawTaskCommand(chance(0.5) ? pick(BY_HOLDER) : pick(BY_OTHERS), current);
  }

  #drawCreate(): Command & { kind: "create" } {
    const { chance, pick } = this.#random;
    const delay = chance(0.2) && { "resonate:delay": `${this.#now + pick([-5, 3, 60])}` };
    const tags = {
      ...(chance(0.85) && { "resonate:target": pick(["poll://any@g", ""]), ...delay }),
      ...(chance(0.15) && { "resonate:timer": "true" }),
    };
    const lifeMs = pick([-3, 0, 1, 30, 200, 1_000, 5_000]);
    const timeoutAt = chance(0.25) ? NEVER : this.#now + lifeMs;
    const birth = `p${this.#now}`;
    return { kind: "create", id: "p", birth, param: {}, tags, timeoutAt, strict: false };
  }

  #drawTaskCommand(kind: Kind, current: PromiseRecord | null): TaskCommand {
    const { chance, pick } = this.#random;
    const right = current?.task?.version ?? 0;
    const version = chance(0.8) ? right : right + pick([-1, 1]);
    const horizon = chance(0.3) ? { horizonAt: this.#now + 50 } : {};
    const lease = { pid: pick(["w", "x"]), ttlMs: pick([5, 30, 200]), ...horizon };
    switch (kind) {
      case "create":
        return { kind: "task.create", create: this.#drawCreate(), ...lease };
      case "acquire":
        return { kind: "task.acquire", version, ...lease };
      case "release":
      case "guard":
        return { kind: `task.${kind}`, version };
      case "fulfill": {
        const settle = {
          kind: "settle",
          state: "resolved",
          value: { data: "1" },
          strict: false,
        } as const;
        return chance(0.5)
          ? { kind: "task.guard", version }
          : { kind: "task.fulfill", version, settle };
      }
      case "halt":
      case "continue":
      case "tick":
      case "poke":
        return { kind: `task.${kind}` };
      case "park":
        return { kind: "task.park", version };
      case "heartbeat":
        return { kind: "task.heartbeat", version, pid: lease.pid, ...horizon };
      case "suspend":
        return this.#drawSuspend(version);
      case "fence": {
        const notAfter = this.#now + pick([1, 20, 40]);
        const target = pick(["c", "c", "c", "p"]);
        return { kind: "task.fence", version, target, notAfter, horizonAt: this.#now + 50 };
      }
      case "callback": {
        const { awaited, settled } = this.#others.register([pick(["a", "b", "c", "p"])]);
        // There is no callback on what is settled.
        const [{ id, birth } = { id: "p", birth: "p" }] = settled ? [] : awaited;
        return { kind: "task.callback", awaited: id, birth };
      }
      default:
        return kind satisfies never;
    }
  }

  #drawSuspend(version: number): TaskCommand {
    const { pick } = this.#random;
    const ids = pick([["a"], ["b"], ["c"], ["a", "b"], ["b", "c"], ["b", "b"], [], ["a", "p"]]);
    const { awaited, settled } = this.#others.register(ids);
    return { kind: "task.suspend", version, awaited, outcome: settled ? "settled" : "suspended" };
  }

  /** The clock stands still, steps, jumps, or lands beside an instant that matters. */
  #drawInstant(): number {
    const { chance, pick } = this.#random;
    if (chance(0.5)) return this.#now;
    const task = this.#stored?.task;
    const instants = [
      this.#stored?.timeoutAt ?? 0,
      task?.state === "pending" ? task.retryAt : 0,
      task?.state === "acquired" ? task.expiresAt : 0,
    ].filter((at) => at > this.#now && at < this.#now + 3_000);
    if (instants.length === 0 || chance(0.6)) return this.#now + pick([1, 1, 2, 7, 40]);
    return Math.max(this.#now, pick(instants) + pick([-1, 0, 0, 1]));
  }
}

function isOfTask(command: TaskCommand | Command): command is TaskCommand {
  return command.kind.startsWith("task.");
}

/** A machine that changes what it was given would cheat; so it throws. */
function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
