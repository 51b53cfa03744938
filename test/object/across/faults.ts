/**
 * The shortcuts that the protocol across objects forbids, each planted into the real classes from
 * outside: a method bent, a call bent, or what one turn sees and stores. They exist to prove that the
 * schedules which find nothing would have found them.
 */
import { NEVER } from "../../../client/src/protocol.ts";
import type { PromiseRecord } from "../../../src/machine/promise.ts";
import type { Task } from "../../../src/machine/task-state.ts";
import { CLOCK_MARGIN_MS, type Write } from "../../../src/object/across.ts";
import { Lane } from "../../../src/object/lane.ts";
import { Offers } from "../../../src/object/offers.ts";
import { PromiseObject } from "../../../src/object/promise-object.ts";
import { PromiseStore } from "../../../src/object/promise-store.ts";
import type { BendAsk } from "./caller.ts";
import type { BendCall } from "./world.ts";

export interface Fault {
  plant?: () => void;
  call?: () => BendCall;
  ask?: BendAsk;
}

const undoings: (() => void)[] = [];

export function uproot(): void {
  for (const undo of undoings.splice(0).toReversed()) undo();
}

export function bend<C extends object, K extends keyof C>(
  target: C,
  method: K,
  bent: (original: C[K]) => C[K],
): void {
  const original = target[method];
  target[method] = bent(original);
  undoings.push(() => {
    target[method] = original;
  });
}

const lane = Lane.prototype;
const object = PromiseObject.prototype;

export const FAULTS = {
  'store "suspended" first, register after': {
    plant: () => {
      const isSuspending = knowWindows();
      bend(
        object,
        "look",
        (look) =>
          async function (this: PromiseObject, at?: number) {
            if (!isSuspending(this)) return look.call(this, at);
            return withTask(this.get(at), ({ version, resumes }) => ({
              state: "suspended",
              version,
              resumes,
            }));
          },
      );
    },
  },
  "check, commit, then register without waiting": {
    call: () => (call) => async (to, method, args) => {
      if (method !== "register") return call(to, method, args);
      const standing = await call(to, "confirm", []);
      call(to, method, args).catch(() => undefined);
      return standing;
    },
  },
  'answer "not awaiting" to a resume inside the window': {
    plant: () => {
      const isSuspending = knowWindows();
      bend(
        object,
        "resume",
        (resume) =>
          function (this: PromiseObject, ...args) {
            return isSuspending(this) ? undefined : resume.apply(this, args);
          },
      );
    },
  },
  "let task.get through a suspend": {
    plant: () => {
      bend(
        object,
        "look",
        () =>
          function (this: PromiseObject, at?: number) {
            return this.get(at);
          },
      );
    },
  },
  "no confirm with two awaited": {
    call: () => (call) => {
      const told = new Map<string, unknown>();
      return async (to, method, args) => {
        if (method === "confirm" && told.has(to)) return told.get(to);
        const standing = await call(to, method, args);
        if (method === "register") told.set(to, standing);
        return standing;
      };
    },
  },
  "take a resume without awaiting": {
    plant: () => bendResume(({ awaited, birth }, awaiting) => ({ ...awaiting, [awaited]: birth })),
  },
  "the attempt decides": {
    plant: () => {
      bend(PromiseStore.prototype, "recall", () => PromiseStore.prototype.load);
      bend(
        object,
        "suspend",
        (suspend) =>
          function (this: PromiseObject, version, ids, at) {
            const { kv } = storageOf(this);
            const stored = JSON.parse(kv.get<string>("promise") ?? "null") as {
              record?: PromiseRecord;
            } | null;
            for (const id of ids) delete stored?.record?.task?.awaiting?.[id];
            if (stored) kv.put("promise", JSON.stringify(stored));
            return suspend.call(this, version, ids, at);
          },
      );
    },
  },
  "the task's version decides": {
    plant: () => bendTurn("task.acquire", { store: (task) => without(task, "awaiting") }),
  },
  "delete the row when sending": {
    call: () => (call) => async (to, method, args) => {
      if (method !== "resume") return call(to, method, args);
      call(to, method, args).catch(() => undefined);
      return undefined;
    },
  },
  "no lane, no guard after the await": {
    plant: () => {
      let asked = 0;
      bend(
        object,
        "suspend",
        (suspend) =>
          function (this: PromiseObject, version, ...rest) {
            asked = version;
            return suspend.call(this, version, ...rest);
          },
      );
      bend(lane, "run", () => (_, work) => work());
      bend(lane, "open", () => (_, work) => work());
      bendTurn("task.suspend", {
        see: (record) =>
          withTask(record, (task) => ({
            ...task,
            version: asked,
            state: "acquired",
            pid: "",
            ttlMs: 1,
            expiresAt: NEVER,
          })),
      });
    },
  },
  "no lane": {
    plant: () => {
      bend(lane, "run", () => (_, work) => work());
      bend(lane, "open", () => (_, work) => work());
    },
  },
  "resume without looking at the own deadline": {
    plant: () => {
      let timeoutAt = 0;
      bendTurn("task.resume", {
        see: (record) => {
          if (!record) return record;
          timeoutAt = record.timeoutAt;
          return { ...record, timeoutAt: NEVER };
        },
        keep: (record) => ({ ...record, timeoutAt }),
      });
    },
  },
  "no birth in resume": {
    plant: () =>
      bendResume(({ awaited, birth }, awaiting) =>
        awaited in awaiting ? { ...awaiting, [awaited]: birth } : awaiting,
      ),
  },
  "let a resume in while its callback is being registered": {
    plant: () => {
      const isSuspending = knowWindows();
      bend(
        object,
        "resume",
        (resume) =>
          function (this: PromiseObject, ...args) {
            if (isSuspending(this)) return resume.apply(this, args);
            let served: void | Promise<void> = undefined;
            const { run } = lane;
            lane.run = (_, work) => work();
            served = resume.apply(this, args);
            lane.run = run;
            return served;
          },
      );
    },
  },
  "fence: guard, then write without a window": {
    plant: () => {
      bend(
        lane,
        "open",
        (open) =>
          function <T>(this: Lane, ...[window, work]: Opening<T>) {
            return window.kind === "fence"
              ? work()
              : open.call<Lane, Opening<T>, Promise<T>>(this, window, work);
          },
      );
    },
  },
  "fence without `notAfter`": {
    plant: () => {
      bend(
        object,
        "write",
        (write) =>
          function (this: PromiseObject, asked, _, at) {
            return write.call(this, asked, Infinity, at);
          },
      );
    },
  },
  "`notAfter`, but the horizon only in memory": {
    plant: () => {
      bend(
        PromiseStore.prototype,
        "save",
        (save) =>
          function (this: PromiseStore, record) {
            const kept = withTask(record, (task) => without(task, "fenceUntil"));
            return save.call(this, kept ?? record);
          },
      );
    },
  },
  "no clock margin": {
    plant: () => {
      bend(
        lane,
        "keepFence",
        (keep) =>
          function (this: Lane, ms) {
            return keep.call(this, ms - CLOCK_MARGIN_MS);
          },
      );
    },
  },
  "a write without an answer closes the window": {
    plant: () => bend(lane, "keepFence", () => () => undefined),
  },
  "resend a fenced create without a key": {
    call: () => (call) => (to, method, args) => {
      if (method !== "write") return call(to, method, args);
      const [write, ...rest] = args as [Write, ...unknown[]];
      const command = { ...write.command, birth: crypto.randomUUID() };
      return call(to, method, [{ ...write, command }, ...rest]);
    },
  },
  "believe `missing` after a lost try": {
    call: () => (call) => async (to, method, args) => {
      if (method !== "write") return call(to, method, args);
      for (let tries = 0; ; tries += 1) {
        try {
          return await call(to, method, args);
        } catch (error) {
          if (tries === 3) throw error;
        }
      }
    },
  },
  "the edge repeats what had no answer": {
    ask: async (send) => (await send()) ?? send(),
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

type Opening<T> = [window: Parameters<Lane["open"]>[0], work: () => Promise<T>];

/** @returns whether an object is inside the window of a suspend */
function knowWindows(): (one: PromiseObject) => boolean {
  const inside = new Set<PromiseObject>();
  let asked: PromiseObject | undefined;
  bend(
    object,
    "suspend",
    (suspend) =>
      function (this: PromiseObject, ...args) {
        asked = this; // oxlint-disable-line typescript/no-this-alias
        return suspend.apply(this, args);
      },
  );
  bend(
    lane,
    "open",
    (open) =>
      function <T>(this: Lane, ...[window, work]: Opening<T>) {
        const who = asked;
        const watched = async (): Promise<T> => {
          if (who) inside.add(who);
          try {
            return await work();
          } finally {
            if (who) inside.delete(who);
          }
        };
        const opened = window.kind === "suspend" ? watched : work;
        return open.call<Lane, Opening<T>, Promise<T>>(this, window, opened);
      },
  );
  return (one) => inside.has(one);
}

interface BentTurn {
  see?: (record: PromiseRecord | null) => PromiseRecord | null;
  keep?: (record: PromiseRecord) => PromiseRecord;
  store?: (task: Task) => object;
}

/** What one kind of turn on a task sees, and what it stores. */
function bendTurn(kind: string, { see = (record) => record, keep, store }: BentTurn): void {
  let now: string | undefined;
  bend(
    Offers.prototype,
    "heard",
    (heard) =>
      function (this: Offers, asked) {
        now = asked;
        queueMicrotask(() => {
          now = undefined;
        });
        heard.call(this, asked);
      },
  );
  for (const reading of ["recall", "load"] as const) {
    bend(
      PromiseStore.prototype,
      reading,
      (read) =>
        function (this: PromiseStore) {
          const record = read.call(this);
          return now === kind ? see(record) : record;
        },
    );
  }
  bend(
    PromiseStore.prototype,
    "save",
    (save) =>
      function (this: PromiseStore, record) {
        if (now !== kind) return save.call(this, record);
        const kept = keep ? keep(record) : record;
        return save.call(this, (store && withTask(kept, store)) ?? kept);
      },
  );
}

interface Resume {
  awaited: string;
  birth: string;
}

/** What the turn of a resume takes for awaited. */
function bendResume(
  awaitingFor: (resume: Resume, awaiting: Record<string, string>) => Record<string, string>,
): void {
  let asked: Resume | undefined;
  let current: Resume | undefined;
  bend(
    object,
    "resume",
    (resume) =>
      function (this: PromiseObject, awaited, birth, at) {
        asked = { awaited, birth };
        return resume.call(this, awaited, birth, at);
      },
  );
  bend(
    lane,
    "run",
    (run) =>
      function <T>(this: Lane, ...[step, work]: [Step, () => T]) {
        const mine = asked;
        const known = (): T => {
          current = mine;
          return work();
        };
        return run.call<Lane, [Step, () => T], T | Promise<T>>(
          this,
          step,
          step.kind === "resume" ? known : work,
        );
      },
  );
  bendTurn("task.resume", {
    see: (record) =>
      withTask(record, (task) => ({
        ...task,
        ...(current && { awaiting: awaitingFor(current, task.awaiting ?? {}) }),
      })),
  });
}

type Step = Parameters<Lane["run"]>[0];

function withTask(
  record: PromiseRecord | null,
  change: (task: Task) => object,
): PromiseRecord | null {
  if (!record?.task) return record;
  // SAFETY: a planted fault stores what it likes.
  return { ...record, task: change(record.task) as Task };
}

function without(task: Task, field: "awaiting" | "fenceUntil"): object {
  const { [field]: _, ...rest } = task;
  return rest;
}

function storageOf(one: PromiseObject): DurableObjectStorage {
  // SAFETY: a simulated object shows its state.
  return (one as unknown as { ctx: DurableObjectState }).ctx.storage;
}
