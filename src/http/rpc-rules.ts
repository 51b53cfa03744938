/**
 * Who may ask for which kind of Resonate's protocol: for each, the scopes that it needs, and where in
 * its data the ids are on which it needs them. A kind that is not in the table cannot be served.
 *
 * - A task is worked on by who may settle its promise; to make one is also to create its promise.
 * - An id beyond the caller's prefixes is answered as one that is not there, but where something
 *   would be made: 403. So a suspend is told 422, as if it awaited what nobody has created.
 * - Beyond what is here: schedules keep to the ids that they will make (schedules.ts), heartbeats and
 *   searches to those that the caller reaches.
 */
import type { Scope } from "../../client/src/protocol.ts";
import { askDecoy } from "./permission.ts";
import { hasScope, isFull, reaches } from "./principal.ts";
import { refusal, type Ask, type Reply } from "./rpc-ask.ts";

/** A scope; where in the data are ids (`*` is every item of a list); what is said if they are not theirs. */
type Need = [scope: Scope | "write", at?: string, outside?: 403 | 404 | 422];

const RULES = {
  "promise.get": [["read", "id"]],
  "promise.create": [["create", "id", 403]],
  "promise.settle": [["settle", "id"]],
  "promise.register_callback": [
    ["await", "awaited"],
    ["settle", "awaiter", 422],
  ],
  "promise.register_listener": [["await", "awaited"]],
  "promise.search": [["read"]],
  "task.get": [["read", "id"]],
  "task.create": [
    ["create", "action.data.id", 403],
    ["settle", "action.data.id", 403],
  ],
  "task.acquire": [["settle", "id"]],
  "task.release": [["settle", "id"]],
  "task.fulfill": [
    ["settle", "id"],
    ["settle", "action.data.id"],
  ],
  "task.halt": [["settle", "id"]],
  "task.continue": [["settle", "id"]],
  "task.heartbeat": [["settle"]],
  "task.suspend": [
    ["settle", "id"],
    ["await", "actions.*.data.awaited", 422],
  ],
  // What is written under the fence: a create or a settle.
  "task.fence": [
    ["settle", "id"],
    ["write", "action.data.id"],
  ],
  "task.search": [["read"]],
  "schedule.get": [["read", "id"]],
  "schedule.create": [["create", "id", 403]],
  "schedule.delete": [["create", "id", 404]],
  "schedule.search": [["read"]],
  "debug.start": [["admin"]],
  "debug.stop": [["admin"]],
  "debug.reset": [["admin"]],
  "debug.tick": [["admin"]],
  "debug.snap": [["admin"]],
} as const satisfies Record<string, readonly Need[]>;

export type KindName = keyof typeof RULES;

export function isKind(kind: string): kind is KindName {
  return Object.hasOwn(RULES, kind);
}

/** What a rule says, for the tests that go through them. */
export function needsOf(kind: KindName): readonly Need[] {
  return RULES[kind];
}

/** @returns the answer to who may not ask that; `undefined` to go on */
export async function deniedBy(kind: KindName, ask: Ask): Promise<Reply | undefined> {
  const { principal } = ask;
  if (isFull(principal)) return undefined;
  // The clock, and what it has touched, are everybody's.
  if (kind.startsWith("debug.") || ask.at !== undefined) {
    return refusal(403, "Only who may do everything may drive the clock");
  }
  const needs = needsOf(kind);
  const missing = needs
    .map(([need]) => scopeOf(need, ask))
    .find((one) => !hasScope(principal, one));
  if (missing) {
    return refusal(403, `This needs the scope "${missing}", which your key does not have`);
  }
  for (const [need, at, said] of needs) {
    const outside = said ?? (scopeOf(need, ask) === "create" ? 403 : 404);
    const id = idsAt(ask.data, at?.split(".") ?? []).find((one) => !reaches(principal, one));
    if (id === undefined) continue;
    if (outside === 403) return refusal(403, `Your key makes nothing under "${id}"`);
    const isSchedule = kind.startsWith("schedule.");
    await askDecoy(ask.env, id, isSchedule ? "no schedule" : "no promise");
    return refusal(outside, outside === 404 ? absent(kind) : "A promise is not there to wait for");
  }
  return undefined;
}

function scopeOf(scope: Need[0], { data }: Ask): Scope {
  if (scope !== "write") return scope;
  const { action } = data as { action?: { kind?: unknown } | null };
  return action?.kind === "promise.create" ? "create" : "settle";
}

/** The texts there. What is no text is no id, and will be refused as that. */
function idsAt(data: unknown, [step, ...rest]: string[]): string[] {
  if (step === undefined) return typeof data === "string" ? [data] : [];
  if (typeof data !== "object" || data === null) return [];
  if (step === "*") return Object.values(data).flatMap((item) => idsAt(item, rest));
  return Object.hasOwn(data, step) ? idsAt((data as Record<string, unknown>)[step], rest) : [];
}

function absent(kind: KindName): string {
  if (kind.startsWith("schedule.")) return "Schedule not found";
  return kind.startsWith("task.") ? "Task not found" : "Promise not found";
}
