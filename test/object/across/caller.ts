/**
 * Callers in a world: each request goes through the edge's own kinds to the objects, and what was
 * asked and answered is kept as a history. A 503 or a broken call is an answer that nobody has.
 */
import { fullPrincipal } from "../../../src/http/principal.ts";
import { PROMISE_KINDS } from "../../../src/http/rpc-promises.ts";
import { TASK_KINDS } from "../../../src/http/rpc-tasks.ts";
import type { Operation } from "../../model/linearizable.ts";
import type { Body } from "../../model/protocol-promise.ts";
import { ask, creation, TARGET, type Request } from "../../model/protocol-request.ts";
import type { World } from "./world.ts";

/** What happened to an object without anybody's asking. */
export type Happening =
  | { kind: "expire" | "deadline" | "purge"; data: { id: string; at: number } }
  | { kind: "rest"; data: object };

export interface Response {
  status: number;
  body: Body;
}

export type Call = Operation<Request | Happening, Response>;

const KINDS = { ...PROMISE_KINDS, ...TASK_KINDS };
const ANYBODY = fullPrincipal("test", "loopback");
export const TTL = 1e9;

/** Bends what a caller does with one request, for planted faults. */
export type BendAsk = (send: () => Promise<Response | undefined>) => Promise<Response | undefined>;

export class Callers {
  readonly history: Call[] = [];
  #world: World;
  #bend: BendAsk;

  constructor(world: World, bend: BendAsk = (send) => send()) {
    this.#world = world;
    this.#bend = bend;
  }

  /** Sends it; its letters are the world's to deliver. */
  async ask(request: Request, client = 0, over?: (call: Call) => void): Promise<Call> {
    const call: Call = { client, invokedAt: this.#world.tally(), request };
    this.history.push(call);
    await this.#world.run(undefined, () => {
      void this.#answer(call, request, over);
    });
    return call;
  }

  /** Asks, and lets everything happen that follows; the clock stands still. */
  async done(request: Request): Promise<Response | undefined> {
    const call = await this.ask(request);
    await this.#world.deliverAll();
    return call.returned?.response;
  }

  /** Between two events. */
  happened(happening: Happening): void {
    const invokedAt = this.#world.tally();
    const returned = { at: this.#world.tally(), response: { status: 200, body: {} } };
    this.history.push({ client: -1, invokedAt, request: happening, returned });
  }

  async #answer(call: Call, request: Request, over?: (call: Call) => void): Promise<void> {
    const response = await this.#bend(() => this.#send(request));
    if (response) call.returned = { at: this.#world.tally(), response };
    over?.(call);
  }

  async #send(request: Request): Promise<Response | undefined> {
    const { env } = this.#world;
    const text = JSON.stringify(request);
    try {
      const { data: given } = request;
      const asked = { env, principal: ANYBODY, text, data: given, origin: "http://localhost" };
      const { status, data } = await KINDS[request.kind]!(asked);
      if (status === 503) return undefined;
      return { status, body: status < 400 ? bodyOf(JSON.parse(data)) : {} };
    } catch {
      return undefined;
    }
  }
}

/** A task that somebody holds at version 1, and promises for it to await. */
export async function held(callers: Callers, awaited: string[], timeoutAt?: number): Promise<void> {
  const terms = { tags: TARGET, ...(timeoutAt !== undefined && { timeoutAt }) };
  await callers.done(ask.taskCreate(creation("t", terms), "worker", TTL));
  for (const id of awaited) await callers.done(ask.create(external(id)));
}

export function external(id: string): ReturnType<typeof creation> {
  return creation(id, { tags: { "resonate:external": "true" } });
}

interface WireBody extends Omit<Body, "action"> {
  action?: { kind: string; head: { status: number }; data: Body };
}

/** As the model says it: what a fence did is one body, without its head. */
function bodyOf(wire: WireBody): Body {
  const { action, ...body } = wire;
  if (!action) return body;
  const { kind, head, data } = action;
  return { ...body, action: { kind, status: head.status, ...(head.status === 200 && data) } };
}
