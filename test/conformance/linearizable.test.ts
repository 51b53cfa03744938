/**
 * Eight clients at once on a handful of promises, against a real server on the real clock, with
 * deadlines and leases so far away that time does nothing: for all that they were told, some order
 * of whole steps must explain it (CROSS-OBJECT.md). A 503 or a lost connection leaves it open
 * whether, and when, its request has happened.
 *
 * SEED=<number> draws one seed again; who comes first is then still the server's affair.
 */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Contention } from "../model/contention.ts";
import { inParallel } from "../model/measure.ts";
import { objectionTo, recordsOf, type Call } from "../model/protocol-history.ts";
import { ask, settlement, type Request } from "../model/protocol-request.ts";
import { createRandom } from "../model/seeded.ts";
import { rpcClient, type RpcClient } from "./rpc-client.ts";
import { MEMORY, startService, type Service } from "./service.ts";

const CLIENTS = 8;
const OPERATIONS = 150;
const given = process.env["SEED"];
// Fresh seeds beside the fixed ones, so that every run also looks where nobody has looked.
const FRESH = [0, 1, 2, 3].map((place) => (Date.now() + place) >>> 0);
const SEEDS = given === undefined ? [1, 2, 3, 5, 8, 13, ...FRESH] : [Number(given)];

let service: Service;
let rpc: RpcClient;

beforeAll(async () => {
  service = await startService({ dir: MEMORY });
  rpc = rpcClient(service.url);
});

afterAll(async () => {
  await service.stop();
});

test.each(SEEDS)("seed %i: some order explains what eight clients were told", async (seed) => {
  const clients = new Contention(createRandom(seed), `lin${seed}`);
  const history: Call[] = [];
  let clock = 0;

  async function exchange(client: number, request: Request): Promise<void> {
    const call: Call = { client, invokedAt: (clock += 1), request };
    history.push(call);
    const response = await rpc.ask(request);
    if (!response) return;
    clients.learn(request, response);
    call.returned = { at: (clock += 1), response };
  }

  await inParallel(clients.creations(), (request) => exchange(0, request));
  const turns = Array.from({ length: CLIENTS }, (_, client) => client);
  await inParallel(turns, async (client) => {
    for (let turn = 0; turn < OPERATIONS / CLIENTS; turn += 1) {
      await exchange(client, clients.draw(client, history.length));
    }
  });
  for (const id of clients.ids) await exchange(0, ask.settle(settlement(id)));
  await inParallel(clients.ids, (id) => exchange(0, ask.get(id)));

  const unknown = history.filter(({ returned }) => !returned);
  expect(unknown.map(({ request }) => request.kind).slice(3), "hardly any outcome is open").toEqual(
    [],
  );
  expect(objectionTo(history), `SEED=${seed}`).toBeUndefined();
  expect(instantsOf(history), "one promise was made and settled once").toEqual([]);
});

test("whoever sleeps is woken by each that it waits for, and by nothing else", async () => {
  const ids = Array.from({ length: 20 }, (_, place) => `sleeper${place}`);
  await inParallel(ids, async (id) => {
    const awaited = [`${id}.a`, `${id}.b`];
    const tags = { "resonate:external": "true" };
    for (const other of awaited) {
      await rpc.ask(ask.create({ id: other, timeoutAt: FAR, param: {}, tags }));
    }
    await rpc.ask(ask.taskCreate({ id, timeoutAt: FAR, param: {}, tags: WORKERS }, "w", 600_000));
    // Each settlement overtakes the suspend, or is overtaken, or meets it half way.
    const [suspended] = await Promise.all([
      rpc.ask(ask.suspend(id, 1, awaited)),
      ...awaited.map((other) => rpc.ask(ask.settle(settlement(other)))),
    ]);
    const isAsleep = suspended?.status === 200;
    expect(suspended?.status).toBe(isAsleep ? 200 : 300);
    await vi.waitFor(
      async () =>
        expect(await rpc.ask(ask.taskGet(id))).toMatchObject({
          body: { task: isAsleep ? { state: "pending", resumes: 2 } : { state: "acquired" } },
        }),
      { timeout: 5_000, interval: 20 },
    );
  });
});

const FAR = Number.MAX_SAFE_INTEGER;
const WORKERS = { "resonate:target": "poll://any@workers" };

/** @returns whichever instant somebody was told otherwise than somebody else */
function instantsOf(history: Call[]): string[] {
  const byPromise = Map.groupBy(recordsOf(history), ({ id }) => id);
  return [...byPromise].flatMap(([id, records]) => {
    const made = new Set(records.map(({ createdAt }) => createdAt));
    const settled = new Set(records.flatMap(({ settledAt }) => settledAt ?? []));
    return made.size > 1 || settled.size > 1 ? [`${id}: ${[...made, ...settled].join()}`] : [];
  });
}
