// The requests of protocol 2026-04-01 that concern promises and tasks, as they go over the wire, and
// a short word to spell each. Whoever draws, sends or judges requests shares these; nothing here
// knows what they do.

export interface Value {
  headers?: Record<string, string>;
  data?: unknown;
}

export interface Creation {
  id: string;
  timeoutAt: number;
  param: Value;
  tags: Record<string, string>;
}

export interface Settlement {
  id: string;
  /** Any word: a wrong one is a 400, and that is for others to say. */
  state: string;
  value: Value;
}

export interface Subscription {
  awaited: string;
  awaiter: string;
}

interface TaskRef {
  id: string;
  version: number;
}

/** A request that is a part of another; its head is the caller's own. */
export interface Action<Kind extends string, Data> {
  kind: Kind;
  head: object;
  data: Data;
}

export type FencedAction =
  | Action<"promise.create", Creation>
  | Action<"promise.settle", Settlement>;

export type PromiseRequest =
  | { kind: "promise.get"; data: { id: string } }
  | { kind: "promise.create"; data: Creation }
  | { kind: "promise.settle"; data: Settlement }
  | { kind: "promise.register_callback"; data: Subscription }
  | { kind: "promise.register_listener"; data: { awaited: string; address: string } };

export type TaskRequest =
  | { kind: "task.get"; data: { id: string } }
  | { kind: "task.halt"; data: { id: string } }
  | { kind: "task.continue"; data: { id: string } }
  | {
      kind: "task.create";
      data: { pid: string; ttl: number; action: Action<"promise.create", Creation> };
    }
  | { kind: "task.acquire"; data: TaskRef & { pid: string; ttl: number } }
  | { kind: "task.release"; data: TaskRef }
  | {
      kind: "task.suspend";
      data: TaskRef & { actions: Action<"promise.register_callback", Subscription>[] };
    }
  | { kind: "task.fulfill"; data: TaskRef & { action: Action<"promise.settle", Settlement> } }
  | { kind: "task.fence"; data: TaskRef & { action: FencedAction } }
  | { kind: "task.heartbeat"; data: { pid: string; tasks: TaskRef[] } };

export type Request = PromiseRequest | TaskRequest;

export type Asking<Kind extends Request["kind"]> = Extract<Request, { kind: Kind }>;

/** What a request of this kind says. */
export type Asked<Kind extends Request["kind"]> = Asking<Kind>["data"];

/** An inner request's head; the SDK sends one, and one server insists on it. */
const HEAD = { corrId: "inner", version: "2026-04-01" };

export const NEVER = Number.MAX_SAFE_INTEGER;
export const TARGET = { "resonate:target": "poll://any@workers" };

export function creation(id: string, rest: Partial<Creation> = {}): Creation {
  return { id, timeoutAt: NEVER, param: {}, tags: {}, ...rest };
}

export function settlement(id: string, state = "resolved", value: Value = {}): Settlement {
  return { id, state, value };
}

export function createAction(data: Creation): Action<"promise.create", Creation> {
  return { kind: "promise.create", head: HEAD, data };
}

export function settleAction(data: Settlement): Action<"promise.settle", Settlement> {
  return { kind: "promise.settle", head: HEAD, data };
}

/** One word a kind. */
export const ask = {
  get: (id: string): Request => ({ kind: "promise.get", data: { id } }),
  create: (data: Creation): Request => ({ kind: "promise.create", data }),
  settle: (data: Settlement): Request => ({ kind: "promise.settle", data }),
  callback: (awaited: string, awaiter: string): Request => ({
    kind: "promise.register_callback",
    data: { awaited, awaiter },
  }),
  listener: (awaited: string, address: string): Request => ({
    kind: "promise.register_listener",
    data: { awaited, address },
  }),
  taskGet: (id: string): Request => ({ kind: "task.get", data: { id } }),
  taskCreate: (data: Creation, pid: string, ttl: number): Request => ({
    kind: "task.create",
    data: { pid, ttl, action: createAction(data) },
  }),
  acquire: (id: string, version: number, pid: string, ttl: number): Request => ({
    kind: "task.acquire",
    data: { id, version, pid, ttl },
  }),
  release: (id: string, version: number): Request => ({
    kind: "task.release",
    data: { id, version },
  }),
  suspend: (id: string, version: number, awaited: string[]): Request => ({
    kind: "task.suspend",
    data: {
      id,
      version,
      actions: awaited.map((awaited) => ({
        kind: "promise.register_callback",
        head: HEAD,
        data: { awaited, awaiter: id },
      })),
    },
  }),
  fulfill: (id: string, version: number, data: Settlement): Request => ({
    kind: "task.fulfill",
    data: { id, version, action: settleAction(data) },
  }),
  fence: (id: string, version: number, action: FencedAction): Request => ({
    kind: "task.fence",
    data: { id, version, action },
  }),
  heartbeat: (pid: string, tasks: TaskRef[]): Request => ({
    kind: "task.heartbeat",
    data: { pid, tasks },
  }),
  halt: (id: string): Request => ({ kind: "task.halt", data: { id } }),
  continue: (id: string): Request => ({ kind: "task.continue", data: { id } }),
};
