/**
 * Eight clients at once, what they asked and what they were told, and whether some order of whole
 * steps explains it. A client whose request came to nothing that it could see goes on to the next.
 */
import { vi } from "vitest";
import { Contention } from "../model/contention.ts";
import { inParallel } from "../model/measure.ts";
import { objectionTo, recordsOf, type Call, type Response } from "../model/protocol-history.ts";
import { ask, settlement, type Request } from "../model/protocol-request.ts";
import { createRandom } from "../model/seeded.ts";
import type { RpcClient } from "./rpc-client.ts";

/** After a crash a task may keep everybody waiting for 11 s (CROSS-OBJECT.md, 2F + e). */
const WAKE_MS_MAX = 30_000;
const CLIENTS = [0, 1, 2, 3, 4, 5, 6, 7];

export class Overlapping {
  readonly clients: Contention;
  readonly calls: Call[] = [];
  readonly #rpc: RpcClient;
  #clock = 0;

  constructor(rpc: RpcClient, seed: number, name: string) {
    this.#rpc = rpc;
    this.clients = new Contention(createRandom(seed), name);
  }

  async exchange(client: number, request: Request): Promise<Response | undefined> {
    const call: Call = { client, invokedAt: (this.#clock += 1), request };
    this.calls.push(call);
    const response = await this.#rpc.ask(request);
    if (!response) return undefined;
    this.clients.learn(request, response);
    call.returned = { at: (this.#clock += 1), response };
    return response;
  }

  async race(operations: number): Promise<void> {
    await inParallel(this.clients.creations(), (request) => this.exchange(0, request));
    await inParallel(CLIENTS, async (client) => {
      for (let turn = 0; turn < operations / CLIENTS.length; turn += 1) {
        await this.exchange(client, this.clients.draw(client, this.calls.length));
      }
    });
  }

  /** All that the first task may wait for is settled, and then it must not sleep for long. */
  async wakeUp(): Promise<void> {
    const { tasks, ids } = this.clients;
    const [first = ""] = tasks;
    for (const id of ids.filter((id) => id !== first)) {
      await this.exchange(0, ask.settle(settlement(id)));
    }
    await vi.waitUntil(
      async () => {
        const seen = await this.exchange(0, ask.taskGet(first));
        return seen !== undefined && seen.body.task?.state !== "suspended";
      },
      { timeout: WAKE_MS_MAX, interval: 50 },
    );
    await inParallel(ids, (id) => this.exchange(0, ask.get(id)));
  }

  get openOutcomes(): number {
    return this.calls.filter(({ returned }) => !returned).length;
  }

  /** @returns why no order explains what everybody was told, or nothing */
  objection(): string | undefined {
    const byPromise = Map.groupBy(recordsOf(this.calls), ({ id }) => id);
    for (const [id, records] of byPromise) {
      const made = new Set(records.map(({ createdAt }) => createdAt));
      const settled = new Set(records.flatMap(({ settledAt }) => settledAt ?? []));
      if (made.size > 1) return `${id} was made at ${[...made].join()}`;
      if (settled.size > 1) return `${id} was settled at ${[...settled].join()}`;
    }
    return objectionTo(this.calls);
  }
}
